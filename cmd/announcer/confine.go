package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"announcer/internal/config"
	"announcer/internal/control"
	"announcer/internal/mdns/link"
	"announcer/internal/remote"
	"announcer/internal/sandbox"
	"announcer/internal/source"
	"announcer/internal/sysdb"
)

// alone is whether this process is announcer and nothing else. Only such a process is confined, since that is for good.
var alone bool

// confinement is the result of [confine].
type confinement struct {
	version int // of Landlock
	err     error
}

// confine confines this process to the rules. What the system's databases and /proc hold is read before, as far as it can't be
// read later.
func confine(rules func() sandbox.Rules) (c confinement) {
	switch {
	case !alone:
		c.err = errors.New("this process is not announcer alone")
	case os.Getenv("ANNOUNCER_LANDLOCK") == "off":
		c.err = errors.New("ANNOUNCER_LANDLOCK=off")
	default:
		c.version, c.err = sandbox.Enter(func() sandbox.Rules {
			sysdb.Keep()
			link.Remember()
			return rules()
		})
	}
	return c
}

// log reports whether this process is confined.
func (c confinement) log(log *slog.Logger) {
	if c.err != nil {
		log.Debug("not confined by Landlock", "reason", c.err)
		return
	}
	log.Debug("confined by Landlock", "version", c.version)
}

// daemonRules are those of run: what it is configured to read and, to see what Avahi announces too, Avahi's definitions.
func daemonRules(c *cli.Context, cfg config.Config) sandbox.Rules {
	rules := definitionRules(c.String("config"), cfg)
	rules.Read = append(rules.Read, defaultConfig, avahiServices, "/etc/machine-id") // the last one for [fleet.MachineID]
	rules.Listen, rules.Connect = true, true                                         // at any port: the next configuration may name another one
	sockets := control.Places(cmp.Or(c.String("socket"), cfg.Socket), os.Getenv)
	for _, path := range append(sockets, notes(sockets, os.Getenv)...) {
		rules.Write = append(rules.Write, filepath.Dir(path))
	}
	if slices.ContainsFunc(cfg.Services, remote.IsURL) {
		os.MkdirAll(cfg.Remote.Cache, 0o700) // a failure is reported when something is to be kept there
	}
	rules.Write = append(rules.Write, cfg.Remote.Cache)
	return rules
}

// definitionRules are those for reading a configuration file, "" for none, and what it names.
func definitionRules(file string, cfg config.Config) sandbox.Rules {
	rules := sandbox.Rules{Read: cfg.Remote.Files()}
	if file != "" {
		rules.Read = append(rules.Read, file)
	}
	for _, place := range cfg.Services {
		if remote.IsURL(place) {
			rules.Connect = true
			continue
		}
		rules.Read = append(rules.Read, place)
		rules.Read = append(rules.Read, source.Links(place)...)
	}
	return rules
}

// outOfReach returns an error if a configuration names a file or directory that the first one did not, and that this process, being
// confined, can't read.
func outOfReach(first, cfg config.Config) error {
	known := pathsOf(first)
	for _, path := range pathsOf(cfg) {
		if slices.Contains(known, path) {
			continue
		}
		if err := sandbox.CheckRead(path); err != nil {
			return fmt.Errorf("it is not used: %w", err)
		}
	}
	return nil
}

// pathsOf returns the files and directories that a configuration names.
func pathsOf(cfg config.Config) []string {
	return slices.DeleteFunc(append(slices.Clone(cfg.Services), cfg.Remote.Files()...), remote.IsURL)
}
