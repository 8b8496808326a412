// Package validate runs all checks of definitions, of each one and of all together. It returns one list of findings,
// for announcer validate, for the log and status of the daemon, and for announcer verify.
package validate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"announcer/internal/config"
	"announcer/internal/convert"
	"announcer/internal/definition"
	"announcer/internal/diag"
	"announcer/internal/mdns"
	"announcer/internal/mdns/engine"
	"announcer/internal/phones"
	"announcer/internal/publication"
	"announcer/internal/remote"
	"announcer/internal/source"
	"announcer/services"
)

// Report holds the findings.
type Report struct {
	Files    int // how many files were read
	Findings diag.Findings
}

// Options set how files are checked.
type Options struct {
	Engine string                    // that would announce them
	Host   string                    // on which they would be announced, without its domain
	Format convert.Format            // of files that are given by themselves; "": by the ends of their names
	Stdin  func() ([]byte, error)    // reads the path "-"
	Lints  []services.Lint           // checks beside [phones.Lint]
	Fetch  Fetch                     // reads URLs
	Beside []publication.Publication // what is announced beside the files, and was checked before
}

// Fetch returns the definition files behind a URL, and warnings about how it was asked for.
type Fetch func(url string) (files []remote.File, warnings []string, err error)

// Paths checks URLs, files and directories (of which the .service and .toml files are taken). A TOML file that is given by itself
// may be a configuration; it is checked alone, without what it names. The path "-" is the standard input.
func Paths(paths []string, o Options) Report {
	o.Lints = append([]services.Lint{phones.Lint}, o.Lints...)
	var report Report
	var publications []publication.Publication
	for _, path := range paths {
		if remote.IsURL(path) {
			files, found, findings := o.fetched(path)
			report.Files += files
			publications = append(publications, found...)
			report.Findings = append(report.Findings, findings...)
			continue
		}
		files, err := expand(path)
		if err != nil {
			report.Findings = append(report.Findings, fault(path, err))
		}
		for _, file := range files {
			if file != path && source.IsMask(file) {
				continue
			}
			report.Files++
			found, findings := o.one(file, file == path)
			publications = append(publications, found...)
			report.Findings = append(report.Findings, findings...)
		}
	}
	report.Findings = List(report.Findings, o.together(publications))
	if report.Files == 0 && len(report.Findings) == 0 {
		report.Findings = diag.Findings{Undefined(paths)}
	}
	return report
}

// together finds what is wrong with publications because of each other, and of what is announced beside them.
func (o Options) together(publications []publication.Publication) diag.Findings {
	findings := Together(Anywhere(slices.Concat(o.Beside, publications), o.Host), o.Engine)
	return slices.DeleteFunc(findings, func(f diag.Finding) bool {
		return slices.ContainsFunc(o.Beside, func(p publication.Publication) bool { return p.ID == f.File })
	})
}

// Contents checks definition files whose contents are known, as those of one directory.
func Contents(files map[string][]byte, o Options) Report {
	report := Report{Files: len(files)}
	var publications []publication.Publication
	for _, name := range slices.Sorted(maps.Keys(files)) {
		written := source.Decode(name, files[name], publication.DefaultPolicy)
		publications = append(publications, written.Publications()...)
		report.Findings = append(report.Findings, written.Check(o.Host, append(o.Lints, phones.Lint)...)...)
	}
	report.Findings = List(report.Findings, Together(Anywhere(publications, o.Host), o.Engine))
	return report
}

// Stdin is the path that stands for the standard input.
const Stdin = "-"

func expand(path string) ([]string, error) {
	if path == Stdin {
		return []string{path}, nil
	}
	return source.Expand(path, source.IsDefinition)
}

// Read checks what was read as it would be announced on links that are not known.
func Read(snap source.Snapshot) Report {
	together := Together(Anywhere(snap.Publications, snap.Host), snap.Config.Engine)
	return Report{Files: snap.Files, Findings: List(snap.Findings, together)}
}

// Nothing returns an error if what was read has no error and defines nothing: a path may be mistyped, or a directory not
// mounted.
func Nothing(snap source.Snapshot) diag.Findings {
	if len(snap.Publications) > 0 || snap.Findings.Err() != nil {
		return nil
	}
	var places []string
	for _, place := range snap.Places {
		places = append(places, place.Name)
	}
	return diag.Findings{Undefined(places)}
}

// Undefined returns the error that places define nothing.
func Undefined(places []string) diag.Finding {
	return diag.Finding{Severity: diag.Error, Text: fmt.Sprintf(
		"nothing is defined in %s; want a file NAME.service or NAME.toml in a directory, or a [[group]] in a configuration", strings.Join(places, ", "))}
}

// List joins findings to one list, file by file: first what stands at a line, then what is about the file as a whole.
func List(findings ...diag.Findings) diag.Findings {
	list := slices.Concat(findings...)
	slices.SortStableFunc(list, func(a, b diag.Finding) int { return cmp.Compare(a.File, b.File) })
	return list
}

func fault(file string, err error) diag.Finding {
	return diag.Finding{File: file, Severity: diag.Error, Text: err.Error()}
}

// one checks a file by itself. In a directory it is a definition file; one that was given by itself is in the format that
// was given or that of its name, else an Avahi file, and in TOML it may be a whole configuration.
func (o Options) one(file string, isGiven bool) ([]publication.Publication, diag.Findings) {
	data, err := o.read(file)
	if err != nil {
		return nil, diag.Findings{fault(file, err)}
	}
	format, ok := o.formatOf(file)
	if isGiven && format == convert.TOML && config.IsBlank(data) {
		return nil, diag.Findings{Undefined([]string{file})}
	}
	var written *definition.File
	if ok && isGiven {
		written = convert.Read(format, file, data, o.Host)
	} else {
		written = source.Decode(file, data, publication.DefaultPolicy)
	}
	findings := written.Check(o.Host, o.Lints...)
	return written.Publications(), findings
}

// fetched checks the definition files behind a URL, and returns how many there are.
func (o Options) fetched(url string) (files int, found []publication.Publication, findings diag.Findings) {
	all, warnings, err := o.Fetch(url)
	for _, text := range warnings {
		findings = append(findings, diag.Finding{File: remote.Shown(url), Severity: diag.Warning, Text: text})
	}
	if err != nil {
		return 1, nil, append(findings, fault(remote.Shown(url), err))
	}
	for _, file := range all {
		if err := source.Unfit(file); err != nil {
			findings = append(findings, fault(file.Origin, err))
			continue
		}
		written := source.Decode(file.Origin, file.Data, publication.DefaultPolicy)
		if o.Format != "" {
			written = convert.Read(o.Format, file.Origin, file.Data, o.Host)
		}
		findings = append(findings, written.Check(o.Host, o.Lints...)...)
		found = append(found, written.Publications()...)
	}
	return len(all), found, findings
}

func (o Options) read(file string) ([]byte, error) {
	if file == Stdin {
		return o.Stdin()
	}
	return source.ReadFile(file)
}

func (o Options) formatOf(file string) (format convert.Format, ok bool) {
	if o.Format != "" {
		return o.Format, true
	}
	return convert.FormatOf(file)
}

// Together finds what is wrong with what is desired only because of each other, of its links, or of the engine.
func Together(desired publication.Desired, engineName string) diag.Findings {
	var findings diag.Findings
	for _, p := range desired.Groups {
		for _, problem := range engine.Limits(engineName, p, desired.Host) {
			findings = append(findings, diag.Finding{File: p.ID, Severity: problem.Severity, Text: problem.Text})
		}
	}
	instances := mdns.Settle(desired, nil)
	for _, in := range instances {
		if in.Rival != "" && in.Rival != in.ID {
			findings = append(findings, diag.Finding{File: in.ID, Severity: diag.Warning, Text: collision(in)})
		}
	}
	return append(findings, phones.TwoServers(instances)...)
}

func collision(in mdns.Instance) string {
	what := fmt.Sprintf("this one is published as %q", in.Label)
	if in.State != mdns.Probing {
		what = "this one is not published (on_conflict)"
	}
	return fmt.Sprintf("%s has a %s of the name %q too, with other data; %s; want a different name for each", in.Rival, in.Service.Type, in.Wanted, what)
}

// Anywhere returns what is desired of publications on a host whose links are not known: on one for each way in which
// they can meet.
func Anywhere(publications []publication.Publication, host string) publication.Desired {
	return publication.Desired{Host: host, Links: anyLinks(publications), Groups: publications}
}

// anyLinks returns a link for each glob of interfaces, and one more, so that publications meet on a link if they
// can meet at all on the links that a host may have.
func anyLinks(publications []publication.Publication) []publication.Link {
	names := []string{""}
	for _, p := range publications {
		names = append(names, p.Interfaces...)
	}
	slices.Sort(names)
	var links []publication.Link
	for i, name := range slices.Compact(names) {
		links = append(links, publication.Link{Index: i + 1, Name: name})
	}
	return links
}
