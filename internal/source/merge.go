package source

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"announcer/internal/avahixml"
	"announcer/internal/config"
	"announcer/internal/definition"
	"announcer/internal/diag"
	"announcer/internal/disk"
	"announcer/internal/phones"
	"announcer/internal/publication"
	"announcer/internal/remote"
	"announcer/services"
)

// Input is everything that [Merge] makes a snapshot of.
type Input struct {
	Request Request
	Now     time.Time
	Host    string  // this host's name, as the system has it
	Config  Place   // the configuration file
	Places  []Place // the places that the configuration names, in its order
}

// Place holds the items of a provider.
type Place struct {
	Path   string
	Items  []Item
	Err    error     // why the place is not watched
	Silent time.Time // since when the provider has not answered; zero if it does
}

// server returns how the server of the place answers, nil if it is on none.
func (p Place) server() *remote.State {
	for _, item := range p.Items {
		if item.Server != nil {
			return item.Server
		}
	}
	return nil
}

// Memory holds what Merge remembers of earlier inputs. The zero value remembers nothing.
type Memory struct {
	config   config.Config        // the last good one, without what the request sets
	since    time.Time            // when it was first read; zero: there was none
	findings diag.Findings        // of the configuration as it is now
	good     map[string]version   // the last good ones, by the name of the item
	refused  map[string]time.Time // what has an error, by its origin, and since when
	full     map[string]bool      // the places that had files when they last existed
	bad      map[string]*parsed   // what the contents of files with an error say, by their origin
	hosts    map[string]string    // the last names of the host that fit, by the ID of the publication
}

// Snapshot is everything that was defined when it was taken.
type Snapshot struct {
	Config       config.Config
	Host         string                    // this host's name: one label
	Publications []publication.Publication // those without an error, in order of precedence
	Findings     diag.Findings             // every error and warning of the files
	Files        int                       // how many definition files there are
	Refused      []Refusal                 // what is not used because of an error, the configuration file included
	BadConfig    diag.Findings             // the errors of the configuration file; its last good version, if any, is in use
	Places       []PlaceStatus             // the configuration file and all places
	Remarks      []string                  // what else is worth knowing
}

// PlaceStatus is the state of a place.
type PlaceStatus struct {
	Name   string    `json:"name"`            // as it was configured
	Files  int       `json:"files"`           // definition files that it has
	Silent time.Time `json:"silent,omitzero"` // since when it has not answered; zero if it does

	Refused int           `json:"refused"`          // of the files, those that have an error
	Server  *remote.State `json:"server,omitempty"` // if it is on a server
}

// Usable returns the errors of the configuration file if it has never been good, so that nothing can be announced.
func (s Snapshot) Usable() error {
	if len(s.BadConfig) > 0 && slices.ContainsFunc(s.Refused, func(r Refusal) bool { return r.Config && r.Good.IsZero() }) {
		return s.BadConfig
	}
	return nil
}

// Refusal is a file, or a place with files, that is not used because of an error.
type Refusal struct {
	File  string    `json:"file"`
	Since time.Time `json:"since"`         // when an error was first found
	Good  time.Time `json:"good,omitzero"` // when the last good version, which is in use, was first read; zero: none is in use

	Config bool `json:"config,omitempty"` // it is the configuration file
}

// version is what a file said at some time.
type version struct {
	place   string // the path of its place
	origin  string
	*parsed // nil: it never said anything
}

// parsed is what the contents of a file say.
type parsed struct {
	data     []byte
	since    time.Time // when they were first read
	host     string    // for which they were checked
	policy   publication.Policy
	groups   []publication.Publication
	findings diag.Findings
}

// configure reads the configuration file. If it has an error, the last good one stays in use.
func (m Memory) configure(in Input) Memory {
	cfg, findings := m.readConfig(in)
	m.findings = findings
	if findings.Err() == nil && (m.since.IsZero() || !reflect.DeepEqual(cfg, m.config)) {
		m.config, m.since = cfg, in.Now
	}
	return m
}

// usable reports whether there is a configuration in use.
func (m Memory) usable() bool { return !m.since.IsZero() }

// readConfig returns what the configuration file says, and what is wrong with it.
func (m Memory) readConfig(in Input) (config.Config, diag.Findings) {
	if len(in.Config.Items) == 0 {
		return config.Default(), nil
	}
	item := in.Config.Items[0]
	switch {
	case errors.Is(item.Err, fs.ErrNotExist) && in.Request.Optional:
		return config.Default(), m.gone(item)
	case item.Err != nil:
		return config.Config{}, diag.Findings{{File: item.Origin, Severity: diag.Error, Text: item.Err.Error()}}
	case config.IsBlank(item.Data):
		return config.Default(), m.lost(item, "it has only comments and white space")
	}
	cfg, written := config.Load(item.Origin, item.Data)
	findings := written.Check(in.Host, in.Request.lints()...)
	if refuse := in.Request.Refuse; findings.Err() == nil && m.usable() && refuse != nil {
		if err := refuse(in.Request.Override(cfg)); err != nil {
			findings = append(findings, diag.Finding{File: item.Origin, Severity: diag.Error, Text: err.Error()})
		}
	}
	return cfg, findings
}

// gone returns what is wrong with a configuration file that need not exist and does not.
func (m Memory) gone(item Item) diag.Findings {
	dangling, isLink := errors.AsType[*disk.DanglingError](item.Err)
	if !isLink {
		return m.lost(item, "it does not exist any more")
	}
	if findings := m.lost(item, dangling.Error()); findings != nil {
		return findings
	}
	return diag.Findings{{File: item.Origin, Severity: diag.Warning, Text: dangling.Error() + "; the defaults are in use"}}
}

// lost returns an error if a configuration that says nothing would replace one that did: a full disk, a crash or an
// editor at work may be the reason.
func (m Memory) lost(item Item, what string) diag.Findings {
	if !m.usable() || reflect.DeepEqual(m.config, config.Default()) {
		return nil
	}
	return diag.Findings{{File: item.Origin, Severity: diag.Error, Text: what + "; want its previous content, or [daemon] alone to set nothing"}}
}

// inUse returns the configuration that counts now, with what the request sets in its place. Without a good one, it
// names no places.
func (m Memory) inUse(r Request) config.Config {
	cfg := m.config
	if !m.usable() {
		cfg = config.Default()
		cfg.Services = nil
	}
	return r.Override(cfg)
}

// Override returns a configuration with what the request sets in its place.
func (r Request) Override(cfg config.Config) config.Config {
	if len(r.Services) > 0 {
		cfg.Services = r.Services
	}
	if len(r.Interfaces) > 0 {
		cfg.Interfaces = r.Interfaces
	}
	cfg.Engine = cmp.Or(r.Engine, cfg.Engine)
	cfg.Poll = cmp.Or(r.Poll, cfg.Poll)
	return cfg
}

func (r Request) lints() []services.Lint { return append([]services.Lint{phones.Lint}, r.Lints...) }

// Merge makes a snapshot of what all providers have yielded, and returns the memory for the next one. Of items with one
// name, the one in the first place counts. A file with an error stays what it was when it was last good; if it never
// was, it is left out. A place that cannot be read, or does not answer, withdraws nothing.
func Merge(in Input, before Memory) (Snapshot, Memory) {
	m := merger{in: in, before: before, after: before, refusedOf: map[string]int{}}
	m.after.good, m.after.refused, m.after.bad = map[string]version{}, map[string]time.Time{}, map[string]*parsed{}
	m.after.full = maps.Clone(before.full)
	if m.after.full == nil {
		m.after.full = map[string]bool{}
	}
	m.snap.Config = before.inUse(in.Request)
	m.snap.Host = cmp.Or(m.snap.Config.Host, in.Host)
	m.configuration()
	found := m.files()
	m.snap.Publications = slices.Grow(m.snap.Publications, len(found)+len(m.snap.Config.Groups))
	for _, f := range found {
		m.snap.Files++
		m.define(f)
	}
	for _, i := range m.snap.Config.IdleRules(m.snap.Publications) {
		rule := m.snap.Config.Rules[i]
		m.snap.Findings = append(m.snap.Findings, diag.Finding{
			File: in.Request.ConfigFile, Line: rule.Line, Column: rule.Column, Element: fmt.Sprintf("rule %d", i+1),
			Severity: diag.Warning, Text: "it matches no file that is announced",
		})
	}
	m.snap.Publications = append(m.snap.Publications, m.snap.Config.Groups...)
	for i := range m.snap.Places {
		m.snap.Places[i].Refused = m.refusedOf[m.snap.Places[i].Name]
	}
	m.name()
	return m.snap, m.after
}

// name remembers for each publication the last name of the host with which its own is short enough, and reports those
// that keep it.
func (m *merger) name() {
	m.after.hosts = map[string]string{}
	for i := range m.snap.Publications {
		p := &m.snap.Publications[i]
		switch {
		case !p.Group.Wildcards:
			continue
		case p.Group.Fits(m.snap.Host):
			p.Host = m.snap.Host
		default:
			p.Host = m.before.hosts[p.ID]
			m.add(p.ID, diag.Warning, fmt.Sprintf("it keeps the name %q, with the last name of this host that is short enough", p.Instance(m.snap.Host)))
		}
		m.after.hosts[p.ID] = p.Host
	}
}

// merger makes one snapshot.
type merger struct {
	in     Input
	before Memory
	after  Memory
	snap   Snapshot

	refusedOf map[string]int // by place
}

// file is an item with the place that it is in.
type file struct {
	Item
	place string
}

// configuration reports what is wrong with the configuration file.
func (m *merger) configuration() {
	m.snap.Findings = slices.Clone(m.before.findings)
	if m.in.Request.ConfigFile == "" {
		return
	}
	m.remark(m.in.Config.Items)
	if answers := m.stands(m.in.Config, m.before.since, true); !answers {
		if m.before.since.IsZero() {
			m.snap.BadConfig = m.snap.Findings.Errors()
		}
		return
	}
	if m.before.findings.Err() == nil {
		return
	}
	m.snap.BadConfig = m.before.findings.Errors()
	m.refuse(Refusal{File: m.in.Request.ConfigFile, Good: m.before.since, Config: true})
	if !m.before.since.IsZero() {
		m.add(m.in.Request.ConfigFile, diag.Warning, "its last good version stays in use")
	}
}

// stands notes how a place stands, and reports whether it is watched and answers.
func (m *merger) stands(p Place, good time.Time, isConfig bool) (answers bool) {
	named := func(item Item) bool { return item.Name != "" && !isConfig }
	m.snap.Places = append(m.snap.Places, PlaceStatus{Name: p.Path, Files: count(p.Items, named), Silent: p.Silent, Server: p.server()})
	stays := ""
	if !good.IsZero() {
		stays = "; what it defined before stays in use"
	}
	switch {
	case !p.Silent.IsZero():
		m.add(p.Path, diag.Error, "it has not answered since "+p.Silent.Format(time.DateTime)+stays)
	case p.Err != nil:
		m.add(p.Path, diag.Error, "it is not watched: "+p.Err.Error()+stays)
	default:
		return true
	}
	m.refuse(Refusal{File: p.Path, Good: good, Config: isConfig})
	return false
}

func count(items []Item, is func(Item) bool) (n int) {
	for _, item := range items {
		if is(item) {
			n++
		}
	}
	return n
}

// refuse adds a refusal, and since when it is one.
func (m *merger) refuse(r Refusal) {
	r.Since = m.in.Now
	if since, known := m.before.refused[r.File]; known {
		r.Since = since
	}
	m.after.refused[r.File] = r.Since
	m.snap.Refused = append(m.snap.Refused, r)
}

func (m *merger) add(path string, severity diag.Severity, text string) {
	m.snap.Findings = append(m.snap.Findings, diag.Finding{File: path, Severity: severity, Text: text})
}

// files returns the files that count, in byte order of their names. An item that was given by itself counts in any case,
// the configuration file never.
func (m *merger) files() []file {
	taken := map[string]bool{}
	var all []file
	for _, place := range m.in.Places {
		for _, item := range m.itemsOf(place) {
			if m.in.Request.ConfigFile != "" && filepath.Clean(item.Origin) == filepath.Clean(m.in.Request.ConfigFile) {
				continue
			}
			if !taken[item.Name] && !errors.Is(item.Err, ErrMasked) {
				all = append(all, file{item, place.Path})
			}
			taken[item.Name] = true
		}
	}
	slices.SortStableFunc(all, func(a, b file) int { return cmp.Compare(filepath.Base(a.Origin), filepath.Base(b.Origin)) })
	return all
}

// itemsOf returns the items of a place, or those that were good before if it cannot be read.
func (m *merger) itemsOf(p Place) []Item {
	kept, newest := m.kept(p)
	if answers := m.stands(p, newest, false); !answers && (p.Items == nil || p.isUnread()) {
		return kept // also of a provider that was started again
	} else if !answers {
		return m.remark(p.Items)
	}
	m.serves(p)
	p.Items = m.remark(p.Items)
	err := m.fault(p, len(kept) > 0)
	switch {
	case errors.Is(err, ErrMissing):
		m.missing(p, err)
		return nil
	case err != nil:
		m.add(p.Path, diag.Error, err.Error())
		m.refuse(Refusal{File: p.Path, Good: newest})
		return kept
	case !p.isFile():
		m.after.full[p.Path] = len(p.Items) > 0
	}
	return p.Items
}

// serves reports what is wrong with how the server of a place answers, if its definitions are known all the same.
func (m *merger) serves(p Place) {
	state := p.server()
	if state == nil {
		return
	}
	for _, text := range state.Warnings {
		m.add(p.Path, diag.Warning, text)
	}
	if !state.Connected && state.Error != "" && !state.Success.IsZero() {
		m.add(p.Path, diag.Warning, state.Error+"; "+state.Kept(time.Now()))
	}
}

// remark takes the remarks out of items, and what else is about a place that can be read. Of several remarks that are the
// same, one counts.
func (m *merger) remark(items []Item) []Item {
	return slices.DeleteFunc(slices.Clone(items), func(item Item) bool {
		if item.Name == "" && item.Err == nil {
			return true
		}
		remark, ok := errors.AsType[Remark](item.Err)
		if ok && !slices.Contains(m.snap.Remarks, string(remark)) {
			m.snap.Remarks = append(m.snap.Remarks, string(remark))
		}
		return ok
	})
}

// isFile reports whether the place is a file by itself.
func (p Place) isFile() bool { return len(p.Items) == 1 && p.Items[0].Name == p.Path }

// isUnread reports whether the place could not be read the last time.
func (p Place) isUnread() bool {
	return len(p.Items) == 1 && p.Items[0].Name == "" && p.Items[0].Err != nil
}

// fault returns what is wrong with a place. That a directory with good files has become something else, or a good file a
// directory, is an error.
func (m *merger) fault(p Place, hadFiles bool) error {
	if p.isUnread() {
		return p.Items[0].Err
	}
	_, wasFile := m.before.good[p.Path]
	switch {
	case wasFile && !p.isFile():
		return errors.New("it is a directory now; want a regular file, as before")
	case p.isFile() && !wasFile && hadFiles:
		return errors.New("it is not a directory any more; want one, as before")
	}
	return nil
}

// errKept is the error of an item that stands for what was good before.
var errKept = errors.New("kept")

// kept returns items for the files of a place that were good before, and when the youngest of them was first read.
func (m *merger) kept(p Place) (items []Item, newest time.Time) {
	for name, v := range m.before.good {
		if v.place != p.Path {
			continue
		}
		items = append(items, Item{Name: name, Origin: v.origin, Err: errKept})
		if v.since.After(newest) {
			newest = v.since
		}
	}
	slices.SortFunc(items, func(a, b Item) int { return cmp.Compare(a.Origin, b.Origin) })
	return items, newest
}

// missing reports that a place does not exist, unless it is one that need not exist.
func (m *merger) missing(p Place, err error) {
	gone, absent := "the directory does not exist any more, and", "it does not exist"
	dangling, isLink := errors.AsType[missingError](err)
	if isLink {
		gone, absent = dangling.link.Error()+":", dangling.link.Error()
	}
	severity := diag.Danger
	if slices.Contains(config.DefaultServices(), p.Path) {
		severity = diag.Warning
	}
	switch {
	case m.before.full[p.Path]:
		m.add(p.Path, diag.Danger, gone+" what its files defined is withdrawn")
	case !isLink && slices.Equal(m.snap.Config.Services, config.DefaultServices()):
	case m.in.Request.Waits:
		m.add(p.Path, severity, absent+"; it is waited for")
	case len(m.in.Request.Services) > 0:
		m.add(p.Path, diag.Error, err.Error())
	default:
		m.add(p.Path, severity, err.Error())
	}
}

// define adds what a file defines or, if it has an error, what it did when it was last good.
func (m *merger) define(f file) {
	v, findings := m.now(f)
	if findings.Err() == nil {
		findings = slices.Concat(findings, m.checkProblems(v))
	}
	m.snap.Findings = append(m.snap.Findings, findings...)
	if findings.Err() != nil {
		v = m.lastGood(f)
	}
	if v.parsed == nil {
		return
	}
	m.after.good[f.Name] = v
	m.snap.Publications = append(m.snap.Publications, overlaid(v.origin, v.groups, m.snap.Config.Overlay)...)
}

// now returns what a file says now.
func (m *merger) now(f file) (version, diag.Findings) {
	if errors.Is(f.Err, errKept) {
		return m.before.good[f.Name], nil
	}
	if f.Err != nil {
		return version{}, diag.Findings{{File: f.Origin, Severity: diag.Error, Text: f.Err.Error()}}
	}
	p := m.parse(f)
	if p.findings.Err() != nil {
		m.after.bad[f.Origin] = p
	}
	return version{f.place, f.Origin, p}, p.findings
}

// parse reads the contents of a file. What they say is known if they are what they were.
func (m *merger) parse(f file) *parsed {
	p := &parsed{data: f.Data, since: m.in.Now, host: m.snap.Host, policy: m.snap.Config.OnConflict}
	before := m.before.bad[f.Origin]
	if good, ok := m.before.good[f.Name]; ok && before == nil && good.origin == f.Origin {
		before = good.parsed
	}
	if before != nil && before.host == p.host && before.policy == p.policy && bytes.Equal(before.data, p.data) {
		return before
	}
	written := Decode(f.Origin, f.Data, p.policy)
	p.findings = written.Check(p.host, m.in.Request.lints()...)
	p.groups = written.Publications()
	return p
}

// Decode reads a file of a directory: groups in TOML if its name says so, else an Avahi file. standard is the policy for
// conflicts of a group that sets none. The groups are not checked yet.
func Decode(file string, data []byte, standard publication.Policy) *definition.File {
	if strings.HasSuffix(file, ".toml") {
		return config.LoadGroups(file, data, standard)
	}
	return avahixml.Decode(file, data)
}

// lastGood returns what a file said when it was last good, and reports it; nothing if it never was good.
func (m *merger) lastGood(f file) version {
	v, ok := m.before.good[f.Name]
	if !ok && f.Good != nil {
		v, ok = m.earlier(f)
	}
	m.refusedOf[f.place]++
	switch {
	case !ok || m.checkProblems(v) != nil:
		m.refuse(Refusal{File: f.Origin})
		return version{}
	case v.origin == f.Origin:
		m.add(f.Origin, diag.Warning, "its last good version stays announced")
	default:
		m.add(f.Origin, diag.Warning, "what "+v.origin+" said stays announced")
	}
	m.refuse(Refusal{File: f.Origin, Good: v.since})
	return v
}

// earlier returns what a file said when its provider last found it good, before this process began.
func (m *merger) earlier(f file) (v version, ok bool) {
	f.Data = f.Good
	p := m.parse(f)
	return version{f.place, f.Origin, p}, p.findings.Err() == nil
}

// overlaid returns what is announced of a file: the rules are laid over what an Avahi file says, while the groups of a
// TOML file say all themselves.
func overlaid(origin string, groups []publication.Publication, rules Rules) []publication.Publication {
	if strings.HasSuffix(origin, ".toml") {
		return groups
	}
	return []publication.Publication{rules(groups[0])}
}

// checkProblems reports whether the checks that are wanted for a file cannot be made.
func (m *merger) checkProblems(v version) diag.Findings {
	return checkProblems(overlaid(v.origin, v.groups, m.snap.Config.Overlay))
}
