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
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"announcer/internal/avahixml"
	"announcer/internal/config"
	"announcer/internal/diag"
	"announcer/internal/mdns"
	"announcer/internal/phones"
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
	Lints      []services.Lint // checks of the groups beside those of [services.Group.Check] and [phones.Lint]
}

// Snapshot is everything that was defined when it was taken.
type Snapshot struct {
	Config       config.Config
	Host         string             // this host's name: one label
	Publications []mdns.Publication // those without an error, in order of precedence
	Findings     diag.Findings      // every error and warning of the files
	Files        int                // how many definition files there are
	Refused      []Refusal          // what is not used because of an error, the configuration file included
	BadConfig    diag.Findings      // the errors of the configuration file, whose last good version is in use then
}

// Refusal is a file, or a directory of files, that is not used because of an error.
type Refusal struct {
	File  string    `json:"file"`
	Since time.Time `json:"since"`         // when an error was first found
	Good  time.Time `json:"good,omitzero"` // when the last good version, which is in use, was first read; zero: none is in use

	Config bool `json:"config,omitempty"` // it is the configuration file
}

// Source reads definitions, again and again, and remembers the last good version of each file.
type Source struct {
	request Request
	lints   []services.Lint
	config  config.Config          // the last good one
	since   time.Time              // when it was first read; zero: there was none
	good    map[string]version     // the last good ones, by the name of the file
	refused map[string]time.Time   // what has an error, by its path, and since when
	full    map[string]bool        // the directories that had files when they were last there
	parsed  map[string]parsed      // what became of the contents of each file, by its path
	buf     bytes.Buffer           // for the contents of one file after the other
	hosts   map[string]string      // the last names of the host that fit, by the ID of the publication
	reads   reading                // what was read last
	news    chan reading           // what is read now, where that is another thing than before
	polled  atomic.Pointer[string] // what [Source.Polled] returns
}

// file is where a definition is.
type file struct {
	name     string // what makes it the same file as another one: the name in its directory, or the path if given by itself
	path     string
	unlisted bool // it was known before; what it is in can't be listed now
}

// version is what a file said at some time.
type version struct {
	path  string
	group services.Group
	since time.Time // when it was first read
}

// parsed is what a file's contents say.
type parsed struct {
	sum      [sha256.Size]byte // of the contents; zero where they can't be read
	since    time.Time         // when they were first read
	host     string
	group    services.Group
	findings diag.Findings
}

// New makes a source. Nothing is read before [Source.Load].
func New(request Request) *Source {
	return &Source{
		request: request, lints: append([]services.Lint{phones.Lint}, request.Lints...), config: config.Default(),
		full: map[string]bool{}, news: make(chan reading, 1),
	}
}

// Load reads everything again. A file with an error stays what it was when it was last good; if it never was, it is
// left out. An error means that the configuration file is unusable, and nothing else was read; it is of type
// [diag.Findings].
func (s *Source) Load() (Snapshot, error) {
	cfg, findings := s.readConfig()
	if findings.Err() != nil {
		return Snapshot{}, findings
	}
	s.use(cfg)
	return s.read(Snapshot{Findings: findings}), nil
}

// Look is [Source.Load] for when files have changed and nobody waits for an answer: a configuration file with an error,
// too, stays what it was when it was last good, so that it keeps no definition from being followed.
func (s *Source) Look() Snapshot {
	cfg, findings := s.readConfig()
	snap := Snapshot{Findings: findings}
	if findings.Err() == nil {
		s.use(cfg)
	} else {
		snap.BadConfig = findings.Errors()
		s.refuse(&snap, Refusal{File: s.request.ConfigFile, Good: s.since, Config: true})
		snap.add(s.request.ConfigFile, diag.Warning, "its last good version stays in use")
	}
	return s.read(snap)
}

// use takes a configuration over, unless it is the one in use.
func (s *Source) use(cfg config.Config) {
	if s.since.IsZero() || !reflect.DeepEqual(cfg, s.config) {
		s.config, s.since = cfg, time.Now()
	}
}

// refuse adds a refusal, and since when it is one.
func (s *Source) refuse(snap *Snapshot, r Refusal) {
	since, known := s.refused[r.File]
	if !known {
		since = time.Now()
	}
	r.Since = since
	snap.Refused = append(snap.Refused, r)
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
	s.good, s.parsed, s.refused = good, parsed, map[string]time.Time{}
	for _, r := range snap.Refused {
		s.refused[r.File] = r.Since
	}
	for _, i := range snap.Config.IdleRules(snap.Publications) {
		snap.Findings = append(snap.Findings, diag.Finding{
			File: s.request.ConfigFile, Element: fmt.Sprintf("rule %d", i+1), Severity: diag.Warning, Text: "it matches no file that is announced",
		})
	}
	snap.Publications = append(snap.Publications, snap.Config.Groups...)
	s.nameAll(&snap)
	return snap
}

// nameAll remembers for each publication the last name of the host with which its own is short enough, and reports those
// that keep it.
func (s *Source) nameAll(snap *Snapshot) {
	hosts := map[string]string{}
	for i := range snap.Publications {
		p := &snap.Publications[i]
		switch {
		case !p.Group.Wildcards:
			continue
		case p.Group.Fits(snap.Host):
			p.Host = snap.Host
		default:
			p.Host = s.hosts[p.ID]
			snap.add(p.ID, diag.Warning, fmt.Sprintf("it keeps the name %q, with the last name of this host that is short enough", p.Instance(snap.Host)))
		}
		hosts[p.ID] = p.Host
	}
	s.hosts = hosts
}

func (s *Source) readConfig() (config.Config, diag.Findings) {
	path := s.request.ConfigFile
	if path == "" {
		return config.Default(), nil
	}
	data, err := ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.request.Optional:
		return config.Default(), s.lost("it does not exist any more")
	case err != nil:
		return config.Config{}, diag.Findings{{File: path, Severity: diag.Error, Text: err.Error()}}
	case config.IsBlank(data):
		return config.Default(), s.lost("it has nothing but comments and white space")
	}
	return config.Load(path, data, HostName(), s.lints...)
}

// lost returns an error if a configuration that says nothing would replace one that did: a full disk, a crash or an
// editor at work may be the reason.
func (s *Source) lost(what string) diag.Findings {
	if reflect.DeepEqual(s.config, config.Default()) {
		return nil
	}
	return diag.Findings{{File: s.request.ConfigFile, Severity: diag.Error, Text: what + "; want what it said before, or [daemon] alone if nothing is to be set"}}
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
		found, err := s.list(path)
		if err != nil {
			found = s.unlisted(path, err, snap)
		}
		for _, f := range found {
			name := filepath.Base(f)
			if f == path {
				name = path
			}
			if !taken[name] && (f == path || !IsMask(f)) {
				all = append(all, file{name, f, err != nil})
			}
			taken[name] = true
		}
	}
	slices.SortStableFunc(all, func(a, b file) int { return cmp.Compare(filepath.Base(a.path), filepath.Base(b.path)) })
	return all
}

// list returns the files that a path stands for. That a directory with good files has become something else, or a good
// file a directory, is an error.
func (s *Source) list(path string) ([]string, error) {
	found, err := Expand(path, IsService)
	if err != nil {
		return nil, err
	}
	isFile := slices.Equal(found, []string{path})
	_, wasFile := s.good[path]
	switch {
	case wasFile && !isFile:
		return nil, errors.New("it is a directory now; want a regular file, as before")
	case isFile && !wasFile && len(s.known(path)) > 0:
		return nil, errors.New("it is not a directory any more; want one, as before")
	}
	s.full[path] = !isFile && len(found) > 0
	return found, nil
}

// unlisted reports why the files of a path can't be listed, and returns those to count on: none if the path does not
// exist, else those that were good before, since an unreadable directory says nothing of its files.
func (s *Source) unlisted(path string, err error, snap *Snapshot) []string {
	if !errors.Is(err, errMissing) {
		known := s.known(path)
		snap.add(path, diag.Error, err.Error())
		s.refuse(snap, Refusal{File: path, Good: s.newest(known)})
		return known
	}
	severity := diag.Danger
	if slices.Contains(config.DefaultServices(), path) {
		severity = diag.Warning
	}
	switch {
	case s.full[path]:
		snap.add(path, diag.Danger, "the directory does not exist any more, and what its files defined is withdrawn")
	case slices.Equal(snap.Config.Services, config.DefaultServices()):
	case s.request.Waits:
		snap.add(path, severity, "it does not exist; it is waited for")
	case len(s.request.Services) > 0:
		snap.add(path, diag.Error, err.Error())
	default:
		snap.add(path, severity, err.Error())
	}
	return nil
}

// known returns the files at and below a path that were good when they were last read.
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

// newest returns when the youngest of the last good versions of files was first read, zero for no files.
func (s *Source) newest(files []string) (newest time.Time) {
	for _, v := range s.good {
		if v.since.After(newest) && slices.Contains(files, v.path) {
			newest = v.since
		}
	}
	return newest
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

func (s *Snapshot) add(path string, severity diag.Severity, text string) {
	s.Findings = append(s.Findings, diag.Finding{File: path, Severity: severity, Text: text})
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
	if v, ok = s.good[f.name]; ok && f.unlisted && !p.read() {
		return v, true // why, is reported of the directory
	}
	v, findings := version{f.path, p.group, p.since}, p.findings
	if findings.Err() == nil {
		findings = slices.Concat(findings, checkProblem(snap.publication(v)))
	}
	snap.Findings = append(snap.Findings, findings...)
	if findings.Err() == nil {
		return v, true
	}
	v, ok = s.good[f.name]
	switch {
	case !ok || checkProblem(snap.publication(v)) != nil:
		s.refuse(snap, Refusal{File: f.path})
		return v, false
	case v.path == f.path:
		snap.add(f.path, diag.Warning, "its last good version stays announced")
	default:
		snap.add(f.path, diag.Warning, "what "+v.path+" said stays announced")
	}
	s.refuse(snap, Refusal{File: f.path, Good: v.since})
	return v, true
}

// publication gives what is announced of a file.
func (s *Snapshot) publication(v version) mdns.Publication {
	return s.Config.Overlay(mdns.Publication{ID: v.path, Group: v.group})
}

// read reports whether there are contents.
func (p parsed) read() bool { return p.sum != [sha256.Size]byte{} }

// parse reads a file. What it says is known where it says the same as before.
func (s *Source) parse(path, host string) parsed {
	data, err := readFile(path, &s.buf)
	if err != nil {
		return parsed{findings: diag.Findings{{File: path, Severity: diag.Error, Text: err.Error()}}}
	}
	p := parsed{sum: sha256.Sum256(data), since: time.Now(), host: host}
	if before, ok := s.parsed[path]; ok && before.host == host && before.sum == p.sum {
		return before
	}
	p.group, p.findings = avahixml.Decode(path, data, host, s.lints...)
	return p
}
