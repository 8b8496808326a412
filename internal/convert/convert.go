// Package convert translates definitions between formats: Avahi service files, the
// groups of announcer.toml, JSON, the .dnssd files of systemd-resolved, and zone files. It also reads what DPMA announces.
//
// If a format can't express something, the definition is written without it, with a warning. If that would change its
// meaning, it is an error and nothing is written.
package convert

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"announcer/internal/config"
	"announcer/internal/definition"
	"announcer/internal/diag"
	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/services"
)

// Format is a way to write definitions. Each one has a file of this package, which registers it.
type Format string

// codec reads and writes a format.
type codec struct {
	format Format
	suffix string // of file names
	order  int    // its place in lists
	// A zone names hosts absolutely: only the name of this host distinguishes its own addresses from those of others.
	decode func(file string, data []byte, host string) *definition.File
	encode func(defs []Definition, host string) ([]File, diag.Findings)
}

var (
	codecs  []codec
	readers []codec // of formats that are read alone: they have no encode
)

// register adds a format. The init function of its file calls it.
func register(c codec) {
	codecs = append(codecs, c)
	slices.SortFunc(codecs, func(a, b codec) int { return cmp.Compare(a.order, b.order) })
}

// registerReader adds a format that is read alone.
func registerReader(c codec) { readers = append(readers, c) }

func codecOf(f Format) codec {
	for _, c := range slices.Concat(codecs, readers) {
		if c.format == f {
			return c
		}
	}
	panic("convert: no such format: " + string(f))
}

// Formats returns the names of the formats that can be written.
func Formats() []string { return formatNames(codecs) }

// ReadFormats returns the names of the formats that can be read.
func ReadFormats() []string { return formatNames(slices.Concat(codecs, readers)) }

func formatNames(all []codec) []string {
	var names []string
	for _, c := range all {
		names = append(names, string(c.format))
	}
	return names
}

// ParseFormat reads the name of a format that can be read.
func ParseFormat(word string) (f Format, ok bool) {
	for _, c := range slices.Concat(codecs, readers) {
		if string(c.format) == word {
			return c.format, true
		}
	}
	return "", false
}

// FormatOf returns the format of a file by the end of its name.
func FormatOf(file string) (f Format, ok bool) {
	for _, c := range slices.Concat(codecs, readers) {
		if strings.HasSuffix(file, c.suffix) {
			return c.format, true
		}
	}
	return "", false
}

// Definition is a group with where it came from and how it is to be published.
type Definition struct {
	Name       string // what files that are made of it are called, without the suffix
	Origin     string // the file that it came from and, if that has several, which group: what findings name
	Group      services.Group
	Interfaces []string // as in [publication.Publication]
	OnConflict publication.Policy
	Check      publication.Check
}

// File is a file to be written.
type File struct {
	Name string // without a directory
	Data []byte
}

// Decode reads all definitions in data, which came from file, for a host that is named without its domain. It returns
// none if there is an error among the findings. The lints are checks beside those of [services.Group.Check].
func Decode(f Format, file string, data []byte, host string, lints ...services.Lint) ([]Definition, diag.Findings) {
	written := Read(f, file, data, host)
	findings := written.Check(host, lints...)
	if findings.Err() != nil {
		return nil, findings
	}
	return definitions(file, written.Publications()), findings
}

// Read reads the definitions in data as they are written, with the IDs of [Definition.Origin], and does not check them.
func Read(f Format, file string, data []byte, host string) *definition.File {
	written := codecOf(f).decode(file, data, host)
	for i := range written.Groups {
		if g := &written.Groups[i]; g.ID == "" {
			g.ID = origin(file, g.Group, len(written.Groups))
		}
	}
	return written
}

// Encode writes each definition to files of its own: one, or in [DNSSD] one for each service. A definition with an
// error among its findings gives none. Where the host's name stands in a format, it is host, without a domain.
func Encode(f Format, defs []Definition, host string) ([]File, diag.Findings) {
	var files []File
	var findings diag.Findings
	origins := map[string]string{} // by the name of the file
	for _, d := range defs {
		made, found := codecOf(f).encode([]Definition{d}, host)
		findings = append(findings, found...)
		if found.Err() != nil {
			continue
		}
		for _, file := range made {
			if other, ok := origins[file.Name]; ok {
				findings = append(findings, diag.Finding{File: d.Origin, Severity: diag.Error, Text: fmt.Sprintf("this makes %s, and so does %s; want files of different names", file.Name, other)})
				continue
			}
			origins[file.Name] = d.Origin
			files = append(files, file)
		}
	}
	return files, findings
}

// EncodeTogether writes all definitions as one document. It is an error if the format takes several files for them.
func EncodeTogether(f Format, defs []Definition, host string) ([]byte, diag.Findings) {
	files, findings := codecOf(f).encode(defs, host)
	switch {
	case findings.Err() != nil:
		return nil, findings
	case len(files) != 1:
		text := fmt.Sprintf("in the format %s this makes %d files; want a directory to put them in", f, len(files))
		return nil, append(findings, diag.Finding{Severity: diag.Error, Text: text})
	}
	return files[0].Data, findings
}

// definitions makes definitions of what one file holds, with names that differ.
func definitions(file string, publications []publication.Publication) []Definition {
	var defs []Definition
	taken := map[string]bool{}
	last := map[string]int{} // the number that a name got last
	for _, p := range publications {
		d := Definition{Name: stem(file), Origin: origin(file, p.Group, len(publications)), Group: p.Group, Interfaces: p.Interfaces, OnConflict: p.OnConflict, Check: p.Check}
		if len(publications) > 1 || d.Name == "" {
			d.Name = slug(p.Group.Name)
		}
		for base := d.Name; taken[d.Name]; {
			last[base]++
			d.Name = fmt.Sprintf("%s-%d", base, last[base]+1)
		}
		taken[d.Name] = true
		defs = append(defs, d)
	}
	return defs
}

// origin returns what findings about a group call it, which is one of n in a file.
func origin(file string, group services.Group, n int) string {
	if n > 1 || stem(file) == "" {
		return fmt.Sprintf("%s: group %q", file, group.Name)
	}
	return file
}

// stem returns the name of a file without directory and suffix, "" for the standard input.
func stem(file string) string {
	name := filepath.Base(file)
	return strings.TrimPrefix(strings.TrimSuffix(name, filepath.Ext(name)), "-")
}

// slug returns the name of a group in small letters and digits, with hyphens for all else.
func slug(name string) string {
	words := strings.FieldsFunc(strings.ToLower(strings.ReplaceAll(name, "%h", " ")), func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	})
	if len(words) == 0 {
		return "group"
	}
	return strings.Join(words, "-")
}

// report collects what a format can't say.
type report struct{ findings diag.Findings }

func (r *report) add(d Definition, element string, severity diag.Severity, format string, args ...any) {
	r.findings = append(r.findings, diag.Finding{File: d.Origin, Element: element, Severity: severity, Text: fmt.Sprintf(format, args...)})
}

func (r *report) errorf(d Definition, element, format string, args ...any) {
	r.add(d, element, diag.Error, format, args...)
}

func (r *report) warnf(d Definition, element, format string, args ...any) {
	r.add(d, element, diag.Warning, format, args...)
}

// policies warns that what is not of the group itself stays behind, with a hint where that can go.
func (r *report) policies(d Definition, what, hint string) {
	if len(d.Interfaces) > 0 {
		r.warnf(d, "interfaces", "%s can't express on which interfaces to announce%s", what, hint)
	}
	if !d.OnConflict.IsDefault() {
		r.warnf(d, "on_conflict", "%s can't express what happens in a conflict%s", what, hint)
	}
	if d.Check != publication.NoCheck {
		r.warnf(d, "check", "%s can't express how to check whether it answers%s", what, hint)
	}
}

// settle assigns each service of the definitions the name that it has in a format that makes no difference between
// IPv4 and IPv6.
func settle(defs []Definition, host string) []mdns.Instance {
	desired := publication.Desired{Host: host, Links: []publication.Link{{Index: 1}}}
	for _, d := range defs {
		group := d.Group
		group.Services = slices.Clone(group.Services)
		for i := range group.Services {
			group.Services[i].Protocol = services.AnyProtocol
		}
		desired.Groups = append(desired.Groups, publication.Publication{ID: d.Origin, Group: group})
	}
	return mdns.Settle(desired, nil)
}

// name returns what a file for all definitions is called.
func name(defs []Definition) string {
	if len(defs) == 1 {
		return defs[0].Name
	}
	return "announcer"
}

func rawGroups(defs []Definition) []config.RawGroup {
	groups := []config.RawGroup{}
	for _, d := range defs {
		groups = append(groups, config.NewRawGroup(publication.Publication{Group: d.Group, Interfaces: d.Interfaces, OnConflict: d.OnConflict, Check: d.Check}))
	}
	return groups
}
