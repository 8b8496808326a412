package daemon

import (
	"net/netip"
	"slices"

	"announcer/internal/config"
	"announcer/internal/diag"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/source"
	"announcer/internal/validate"
)

// plan is what is to be announced, and where.
type plan struct {
	initial  config.Config    // what the daemon was started with
	snapshot source.Snapshot  // what is defined
	reading  netwatch.Reading // all links of this host
	desired  publication.Desired
	applied  publication.Desired // what of it answers
	assumed  string              // a sentence about the choice of links, "" if they were named
	logged   choice              // what the log has of the choice of links
	absences absences
	findings diag.Findings // all that is wrong with the definitions
	together diag.Findings // what of it is wrong only because of other definitions, the links or the engine
}

// list returns all that is wrong with the definitions.
func (p *plan) list() diag.Findings { return validate.List(p.snapshot.Findings, p.together) }

// isOurs reports whether an address is one of this host.
func (p *plan) isOurs(a netip.Addr) bool {
	return slices.ContainsFunc(p.reading.Links, func(l publication.Link) bool {
		return slices.ContainsFunc(l.Addrs, func(own publication.LinkAddr) bool { return own.Addr().WithZone("") == a })
	})
}
