// Package definition holds what a decoder returns: groups as they are written, where each part of them is written, and
// the findings of reading. [File.Check] is the one place where definitions are checked.
package definition

import (
	"cmp"

	"announcer/internal/diag"
	"announcer/internal/health"
	"announcer/internal/publication"
	"announcer/services"
)

// File is a definition file as it is written. It keeps the whole document, so it should be dropped after the check.
type File struct {
	Host   string          // the host that the file itself names; "": none
	Groups []Group         // in the order of the file
	Found  *diag.Collector // what is wrong with the file
}

// Group is a group with the places of its parts.
type Group struct {
	publication.Publication
	Places Places // nil: the group could not be read, and is not checked
	Faulty bool   // it has an error
}

// Places finds the parts of a group in a file.
type Places interface {
	// Reported reports whether a problem repeats what reading has reported: a value that cannot be read, or something
	// that is missing because of it.
	Reported(services.Problem) bool

	// Place returns a finding with the place of a problem, without a text.
	Place(services.Problem) diag.Finding
}

// New returns a file without groups.
func New(file string) *File { return &File{Found: diag.Collect(file)} }

// Check checks all groups for a host that is named without its domain, unless the file names one. The lints are checks
// beside those of [services.Group.Check]. It returns all findings, those of reading included, in the order of the file.
func (f *File) Check(host string, lints ...services.Lint) diag.Findings {
	for i := range f.Groups {
		f.check(&f.Groups[i], cmp.Or(f.Host, host), lints)
	}
	return f.Found.List()
}

func (f *File) check(g *Group, host string, lints []services.Lint) {
	if g.Places == nil {
		return
	}
	for _, p := range g.Group.Check(host, lints...) {
		f.report(g, p)
	}
	if g.Faulty {
		return
	}
	if _, err := health.Plan(g.Publication); err != nil {
		f.report(g, services.Problem{Service: -1, Field: services.CheckField, Severity: diag.Error, Text: err.Error()})
	}
}

// report adds a problem to the findings, unless it is reported already.
func (f *File) report(g *Group, p services.Problem) {
	if g.Places.Reported(p) {
		return
	}
	g.Faulty = g.Faulty || p.Severity == diag.Error
	f.Found.Add(p.Severity, func() diag.Finding {
		finding := g.Places.Place(p)
		finding.Code, finding.Text = p.Code, p.Text
		return finding
	})
}

// Publications returns the groups without an error. Those with problems are known after [File.Check].
func (f *File) Publications() []publication.Publication {
	var all []publication.Publication
	for _, g := range f.Groups {
		if !g.Faulty {
			all = append(all, g.Publication)
		}
	}
	return all
}
