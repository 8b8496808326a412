// Package config reads announcer.toml: settings of the daemon, groups of services, and rules for
// Avahi files. A file is read strictly into raw structs, which then become typed values.
package config

import (
	"bytes"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/health"
	"announcer/internal/publication"
	"announcer/internal/remote"
)

// The words that a configuration can have; the first of each is the default.
var (
	logLevels  = []string{"info", "debug", "warn", "error"}
	logFormats = []string{"text", "json"}
)

// defaultServices is where definitions are unless the configuration says something else: the admin's own, those of
// programs that run, those of packages. It is the order of precedence, too, as with systemd's units.
var defaultServices = []string{"/etc/announcer/services", "/run/announcer/services", "/usr/lib/announcer/services"}

// DefaultServices returns the directories that need not exist to be read.
func DefaultServices() []string { return slices.Clone(defaultServices) }

// The least and the most time between two looks at the files.
const (
	minPoll = 100 * time.Millisecond
	maxPoll = time.Hour
)

// CheckPoll reports what is wrong with a time between two looks at the files.
func CheckPoll(every time.Duration) error {
	if every < minPoll || every > maxPoll {
		return fmt.Errorf("%v is out of range; want a time from 100ms to 1h", every)
	}
	return nil
}

// Config is a configuration that is free of errors.
type Config struct {
	Services       []string // directories, and URLs of definition files
	Interfaces     []string // globs of interface names; empty: all that are fit
	InterfacesDeny []string // globs of those to leave alone in any case
	Host           string   // this host's name: one label; "": as the system has it
	Engine         string   // one of [publication.Engines]
	OnConflict     publication.Policy
	LogLevel       string        // "debug", "info", "warn" or "error"
	LogFormat      string        // "text" or "json"
	Socket         string        // path of the control socket; "": where the system has a place for it
	HTTP           string        // address of the page and the metrics, "127.0.0.1:9353"; "": there is none
	HTTPHosts      []string      // names by which clients may ask there, besides those of this host
	Poll           time.Duration // between two looks at the files where no event reports a change; 0: as their file system needs it
	Check          health.Settings
	Remote         remote.Settings // how servers of definitions are asked
	Report         bool            // this host reports how it stands to etcd

	Groups []publication.Publication
	Rules  []Rule
}

// Default returns the configuration of an empty file.
func Default() Config {
	return Config{Services: DefaultServices(), Engine: publication.Engines()[0], LogLevel: logLevels[0], LogFormat: logFormats[0], Check: health.DefaultSettings(),
		Remote: remote.Settings{Cache: remote.DefaultCache}}
}

// IsBlank reports whether a file sets nothing: there are only comments and white space.
func IsBlank(data []byte) bool {
	for line := range bytes.Lines(bytes.TrimPrefix(data, []byte("\ufeff"))) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

// Rule sets keys for the Avahi files that it matches.
type Rule struct {
	Match []string     // globs of file names; empty: all
	Type  dnsname.Name // of a service in the file; zero: any

	Interfaces []string            // nil: not set
	OnConflict *publication.Policy // nil: not set
	Check      *publication.Check  // nil: not set

	Line, Column int // where the configuration has it, from 1
}

// Overlay adds to the publication of an Avahi file what the configuration says about it. Of several rules that match
// the file, the first that sets a key decides. The ID of the publication is the path of the file.
func (c Config) Overlay(p publication.Publication) publication.Publication {
	var policy *publication.Policy
	var check *publication.Check
	for _, rule := range c.Rules {
		if !rule.matches(p) {
			continue
		}
		if p.Interfaces == nil {
			p.Interfaces = rule.Interfaces
		}
		if policy == nil {
			policy = rule.OnConflict
		}
		if check == nil {
			check = rule.Check
		}
	}
	p.OnConflict = c.OnConflict
	if policy != nil {
		p.OnConflict = *policy
	}
	if check != nil {
		p.Check = *check
	}
	return p
}

// IdleRules returns the indexes of the rules that match none of the publications of Avahi files.
func (c Config) IdleRules(files []publication.Publication) []int {
	var idle []int
	for i, rule := range c.Rules {
		if !slices.ContainsFunc(files, rule.matches) {
			idle = append(idle, i)
		}
	}
	return idle
}

func (r Rule) matches(p publication.Publication) bool {
	file := filepath.Base(p.ID)
	byName := len(r.Match) == 0 || slices.ContainsFunc(r.Match, func(glob string) bool {
		ok, _ := path.Match(glob, file)
		return ok
	})
	return byName && (r.Type.IsZero() || r.matchesType(p))
}

func (r Rule) matchesType(p publication.Publication) bool {
	for _, s := range p.Group.Services {
		if s.Type.Equal(r.Type) {
			return true
		}
	}
	return false
}
