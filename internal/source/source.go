// Package source is where definitions come from: directories of Avahi service files, single files, and the groups of
// a configuration file. It watches them, too.
package source

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"announcer/internal/avahixml"
	"announcer/internal/config"
	"announcer/internal/diag"
	"announcer/internal/mdns"
	"announcer/services"
)

// Request says what to read. What it sets takes the place of what the configuration file says.
type Request struct {
	ConfigFile string   // "": none
	Optional   bool     // the configuration file need not exist
	Services   []string // directories and files
	Waits      bool     // what does not exist is waited for: that is worth a warning, not an error
	Interfaces []string // globs
	Engine     string
	Poll       time.Duration   // as in [config.Config]
	Lints      []services.Lint // checks of the groups beside those of [services.Group.Check]
}

// Snapshot is everything that was defined when it was taken.
type Snapshot struct {
	Config       config.Config
	Host         string             // this host's name: one label
	Publications []mdns.Publication // those without an error, in order of precedence
	Findings     diag.Findings      // every error and warning
	Files        int                // how many definition files there are
	Refused      []string           // the files that have an error, that of the configuration included
	BadConfig    diag.Findings      // the errors of the configuration file, whose last good version is in use then
}

// Source reads definitions, again and again, and remembers the last good version of each file.
type Source struct {
	request Request
	config  config.Config      // the last good one
	good    map[string]version // the last good ones, by the name of the file
	parsed  map[string]parsed  // what became of the contents of each file, by its path
	buf     bytes.Buffer       // for the contents of one file after the other
	reads   reading            // what was read last
	news    chan reading       // what is read now, where that is another thing than before
}

// file is where a definition is.
type file struct {
	name string // what makes it the same file as another one: the name in its directory, or the path if given by itself
	path string
}

// version is what a file said at some time.
type version struct {
	path  string
	group services.Group
}

// parsed is what a file's contents say.
type parsed struct {
	sum      [sha256.Size]byte // of the contents; zero where they can't be read
	host     string
	group    services.Group
	findings diag.Findings
}

// New makes a source. Nothing is read before [Source.Load].
func New(request Request) *Source {
	return &Source{request: request, config: config.Default(), news: make(chan reading, 1)}
}

// Load reads everything anew. A file with an error stays what it was when it was last good; where it never was, it is
// left out. An error means that the configuration file is of no use, and nothing else was read; it is of type
// [diag.Findings].
func (s *Source) Load() (Snapshot, error) {
	cfg, findings := s.readConfig()
	if findings.Err() != nil {
		return Snapshot{}, findings
	}
	s.config = cfg
	return s.read(Snapshot{Findings: findings}), nil
}

// Look is [Source.Load] for when files have changed and nobody waits for an answer: a configuration file with an error,
// too, stays what it was when it was last good, so that it keeps no definition from being followed.
func (s *Source) Look() Snapshot {
	cfg, findings := s.readConfig()
	snap := Snapshot{Findings: findings}
	if findings.Err() == nil {
		s.config = cfg
	} else {
		snap.Refused, snap.BadConfig = append(snap.Refused, s.request.ConfigFile), findings.Errors()
		snap.warn(s.request.ConfigFile, "its last good version stays in use")
	}
	return s.read(snap)
}

// read adds to a snapshot what is defined by the configuration and the files that it names.
func (s *Source) read(snap Snapshot) Snapshot {
	snap.Config = s.Override(s.config)
	snap.Host = cmp.Or(snap.Config.Host, HostName())
	s.tell(reading{config: s.request.ConfigFile, services: snap.Config.Services, poll: snap.Config.Poll})
	files := s.files(snap.Config.Services, &snap)
	good, parsed := make(map[string]version, len(files)), make(map[string]parsed, len(files))
	snap.Publications = slices.Grow(snap.Publications, len(files)+len(snap.Config.Groups))
	for _, f := range files {
		snap.Files++
		parsed[f.path] = s.parse(f.path, snap.Host)
		if v, ok := s.take(f, parsed[f.path], &snap); ok {
			good[f.name] = v
			snap.Publications = append(snap.Publications, snap.publication(v))
		}
	}
	s.good, s.parsed = good, parsed
	snap.Publications = append(snap.Publications, snap.Config.Groups...)
	return snap
}

func (s *Source) readConfig() (config.Config, diag.Findings) {
	path := s.request.ConfigFile
	if path == "" {
		return config.Default(), nil
	}
	data, err := ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.request.Optional:
		return config.Default(), nil
	case err != nil:
		return config.Config{}, diag.Findings{{File: path, Severity: diag.Error, Text: err.Error()}}
	}
	return config.Load(path, data, HostName(), s.request.Lints...)
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
	cfg.Poll = cmp.Or(s.request.Poll, cfg.Poll)
	return cfg
}

// files lists the definition files below paths in byte order of their names. Of files with one name in several
// directories the one in the first directory counts, and none if that is a link to /dev/null; a file that is given by
// itself counts in any case.
func (s *Source) files(paths []string, snap *Snapshot) []file {
	taken := map[string]bool{}
	var all []file
	for _, path := range paths {
		found, err := Expand(path, IsService)
		if err != nil {
			found = s.unlisted(path, err, snap)
		}
		for _, f := range found {
			name := filepath.Base(f)
			if f == path {
				name = path
			}
			if !taken[name] && (f == path || !IsMask(f)) {
				all = append(all, file{name, f})
			}
			taken[name] = true
		}
	}
	slices.SortStableFunc(all, func(a, b file) int { return cmp.Compare(filepath.Base(a.path), filepath.Base(b.path)) })
	return all
}

// unlisted tells why the files of a path can't be listed, and gives those to count on: none where the path does not
// exist, else those that were good before, since an unreadable directory says nothing of its files.
func (s *Source) unlisted(path string, err error, snap *Snapshot) []string {
	if !errors.Is(err, errMissing) {
		snap.fault(path, err)
		return s.known(path)
	}
	switch {
	case slices.Equal(snap.Config.Services, config.DefaultServices()):
	case s.request.Waits:
		snap.warn(path, "it does not exist; it is waited for")
	case len(s.request.Services) > 0:
		snap.fault(path, err)
	default:
		snap.warn(path, err.Error())
	}
	return nil
}

// known gives the files below a path that were good when they were last read.
func (s *Source) known(path string) []string {
	var files []string
	for _, v := range s.good {
		if v.path == path || filepath.Dir(v.path) == filepath.Clean(path) {
			files = append(files, v.path)
		}
	}
	slices.Sort(files)
	return files
}

// IsMask says whether a file is a link to /dev/null, which lets no file of that name count. (An empty file is none: a
// full disk or an editor at work can leave one behind.)
func IsMask(path string) bool {
	null, err := os.Stat(os.DevNull)
	if err != nil {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && os.SameFile(info, null)
}

func (s *Snapshot) fault(path string, err error) {
	s.Findings = append(s.Findings, diag.Finding{File: path, Severity: diag.Error, Text: err.Error()})
}

func (s *Snapshot) warn(path, text string) {
	s.Findings = append(s.Findings, diag.Finding{File: path, Severity: diag.Warning, Text: text})
}

// IsService says whether a file in a directory is a service file: its name ends in ".service" and does not start with
// a dot.
func IsService(name string) bool {
	return strings.HasSuffix(name, ".service") && !strings.HasPrefix(name, ".")
}

// errMissing says that there is nothing at a path.
var errMissing = errors.New("it does not exist; want a file, or a directory with files")

// Expand gives the files that a path stands for: the path itself, or those in a directory whose names fit, in byte order.
func Expand(path string, fits func(name string) bool) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errMissing
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

// take gives the definition of a file as it is now or, where it has an error, as it was when it was last good.
func (s *Source) take(f file, p parsed, snap *Snapshot) (v version, ok bool) {
	v, findings := version{f.path, p.group}, p.findings
	if findings.Err() == nil {
		findings = slices.Concat(findings, checkProblem(snap.publication(v)))
	}
	snap.Findings = append(snap.Findings, findings...)
	if findings.Err() == nil {
		return v, true
	}
	snap.Refused = append(snap.Refused, f.path)
	v, ok = s.good[f.name]
	switch {
	case !ok || checkProblem(snap.publication(v)) != nil:
		return v, false
	case v.path == f.path:
		snap.warn(f.path, "its last good version stays announced")
	default:
		snap.warn(f.path, "what "+v.path+" said stays announced")
	}
	return v, true
}

// publication gives what is announced of a file.
func (s *Snapshot) publication(v version) mdns.Publication {
	return s.Config.Overlay(mdns.Publication{ID: v.path, Group: v.group})
}

// parse reads a file. What it says is known where it says the same as before.
func (s *Source) parse(path, host string) parsed {
	data, err := readFile(path, &s.buf)
	if err != nil {
		return parsed{findings: diag.Findings{{File: path, Severity: diag.Error, Text: err.Error()}}}
	}
	p := parsed{sum: sha256.Sum256(data), host: host}
	if before, ok := s.parsed[path]; ok && before.host == host && before.sum == p.sum {
		return before
	}
	p.group, p.findings = avahixml.Decode(path, data, host, s.request.Lints...)
	return p
}
