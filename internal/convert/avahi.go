package convert

import (
	"announcer/internal/avahixml"
	"announcer/internal/definition"
	"announcer/internal/diag"
)

// Avahi is the format of avahi.service(5): one group in a file.
const Avahi Format = "avahi"

func init() {
	register(codec{Avahi, ".service", 1, decodeAvahi, encodeAvahi})
}

func decodeAvahi(file string, data []byte, _ string) *definition.File {
	return avahixml.Decode(file, data)
}

func encodeAvahi(defs []Definition, _ string) ([]File, diag.Findings) {
	var files []File
	var r report
	for _, d := range defs {
		data, findings := avahixml.Encode(d.Group)
		for _, f := range findings {
			f.File = d.Origin
			r.findings = append(r.findings, f)
		}
		r.policies(d, "an Avahi file", "; want a [[rule]] in announcer.toml")
		files = append(files, File{d.Name + ".service", data})
	}
	return files, r.findings
}
