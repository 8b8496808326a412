package convert

import (
	"announcer/internal/config"
	"announcer/internal/definition"
	"announcer/internal/diag"
)

// TOML is the format of the groups of announcer.toml, and of definition files.
const TOML Format = "toml"

func init() {
	register(codec{TOML, ".toml", 2, decodeTOML, encodeTOML})
}

// decodeTOML reads the groups of a definition file, or of a whole configuration.
func decodeTOML(file string, data []byte, _ string) *definition.File {
	cfg, written := config.Load(file, data)
	if len(cfg.Rules) > 0 && written.Found.Errors() == 0 {
		written.Found.Addf(diag.Warning, 0, "rule", "rules are about Avahi files, and define nothing; they are left out")
	}
	return written
}

func encodeTOML(defs []Definition, _ string) ([]File, diag.Findings) {
	return []File{{name(defs) + ".toml", config.EncodeTOML(rawGroups(defs))}}, nil
}
