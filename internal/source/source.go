// Package source is where definitions come from: directories of Avahi service files, single files, and the groups of
// a configuration file.
package source

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"announcer/internal/avahixml"
	"announcer/internal/config"
	"announcer/internal/diag"
	"announcer/internal/mdns"
	"announcer/services"
)

// Request says what to read. What it sets takes the place of what the configuration file says.
type Request struct {
	ConfigFile string   // "": none
	Services   []string // directories and files
	Interfaces []string // globs
	Engine     string
}

// Snapshot is everything that was defined when it was taken.
type Snapshot struct {
	Config       config.Config
	Host         string             // this host's name: one label
	Publications []mdns.Publication // those without an error, in order of precedence
	Findings     diag.Findings      // every error and warning
	Files        int                // how many definition files there are
	Refused      []string           // those that have an error
}

// Source reads definitions, again and again, and remembers the last good version of each file.
type Source struct {
	request Request
	good    map[string]services.Group // by path
}

// New makes a source. Nothing is read before [Source.Load].
func New(request Request) *Source {
	return &Source{request: request, good: map[string]services.Group{}}
}

// Load reads everything anew. A file with an error stays what it was when it was last good; where it never was, it
// is left out. An error means that the configuration file is of no use, and nothing else was read; it is of type
// [diag.Findings] where the file has errors.
func (s *Source) Load() (Snapshot, error) {
	cfg, findings, err := s.config()
	if err != nil {
		return Snapshot{}, err
	}
	snap := Snapshot{Config: cfg, Host: cmp.Or(cfg.Host, HostName()), Findings: findings}
	good := map[string]services.Group{}
	for _, path := range s.files(cfg.Services, &snap) {
		snap.Files++
		p, ok := s.read(path, &snap)
		if !ok {
			continue
		}
		good[path] = p.Group
		snap.Publications = append(snap.Publications, p)
	}
	s.good = good
	snap.Publications = append(snap.Publications, cfg.Groups...)
	return snap, nil
}

func (s *Source) config() (config.Config, diag.Findings, error) {
	cfg, findings := config.Default(), diag.Findings(nil)
	if file := s.request.ConfigFile; file != "" {
		data, err := ReadFile(file)
		if err != nil {
			return cfg, nil, diag.Findings{{File: file, Severity: diag.Error, Text: err.Error()}}
		}
		cfg, findings = config.Load(file, data, HostName())
		if err := findings.Err(); err != nil {
			return cfg, nil, findings
		}
	}
	return s.Override(cfg), findings, nil
}

// Override gives a configuration with what the request sets in its place.
func (s *Source) Override(cfg config.Config) config.Config {
	if len(s.request.Services) > 0 {
		cfg.Services = s.request.Services
	}
	if len(s.request.Interfaces) > 0 {
		cfg.Interfaces = s.request.Interfaces
	}
	cfg.Engine = cmp.Or(s.request.Engine, cfg.Engine)
	return cfg
}

// files lists the definition files below paths in byte order of their names. Of files with one name in several
// directories the one in the first directory counts; a file that is given by itself counts in any case.
func (s *Source) files(paths []string, snap *Snapshot) []string {
	taken := map[string]bool{} // names, and paths of files that were given
	var all []string
	for _, path := range paths {
		files, err := Expand(path, IsService)
		if err != nil {
			snap.Findings = append(snap.Findings, diag.Finding{File: path, Severity: diag.Error, Text: err.Error()})
		}
		for _, file := range files {
			name := filepath.Base(file)
			if file == path {
				name = path
			}
			if !taken[name] {
				taken[name] = true
				all = append(all, file)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b string) int { return cmp.Compare(filepath.Base(a), filepath.Base(b)) })
	return all
}

// IsService says whether a file in a directory is a service file: its name ends in ".service" and does not start with
// a dot.
func IsService(name string) bool {
	return strings.HasSuffix(name, ".service") && !strings.HasPrefix(name, ".")
}

// Expand gives the files that a path stands for: the path itself, or those in a directory whose names fit, in byte order.
func Expand(path string, fits func(name string) bool) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("it does not exist; want a file, or a directory with files")
	case err != nil:
		return nil, fmt.Errorf("it can't be read: %w", cause(err))
	case !info.IsDir():
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("the directory can't be read: %w", cause(err))
	}
	var files []string
	for _, e := range entries {
		if fits(e.Name()) {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	return files, nil
}

// read gives the publication of a file as it is now or, where it has an error, as it was when it was last good.
func (s *Source) read(path string, snap *Snapshot) (p mdns.Publication, ok bool) {
	group, findings := readGroup(path, snap.Host)
	p = snap.Config.Overlay(mdns.Publication{ID: path, Group: group})
	if findings.Err() == nil {
		findings = append(findings, checkProblem(p)...)
	}
	snap.Findings = append(snap.Findings, findings...)
	if findings.Err() == nil {
		return p, true
	}
	snap.Refused = append(snap.Refused, path)
	group, ok = s.good[path]
	p = snap.Config.Overlay(mdns.Publication{ID: path, Group: group})
	if !ok || checkProblem(p) != nil {
		return p, false
	}
	snap.Findings = append(snap.Findings, diag.Finding{File: path, Severity: diag.Warning, Text: "its last good version stays announced"})
	return p, true
}

func readGroup(path, host string) (services.Group, diag.Findings) {
	data, err := ReadFile(path)
	if err != nil {
		return services.Group{}, diag.Findings{{File: path, Severity: diag.Error, Text: err.Error()}}
	}
	return avahixml.Decode(path, data, host)
}
