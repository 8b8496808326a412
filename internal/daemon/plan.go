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
	findings diag.Findings       // all that is wrong with the definitions
	together diag.Findings       // what of it is wrong only because of other definitions, the links or the engine
}

// list returns all that is wrong with the definitions.
func (p *plan) list() diag.Findings { return validate.List(p.snapshot.Findings, p.together) }

// isNews reports whether a sentence about the choice of links is worth a line of the log: it is another one than before,
// and where no interface is named, other links are used, too. (Interfaces of containers come and go all the time.)
func (p *plan) isNews(assumed string, links []publication.Link) bool {
	sameLinks := slices.EqualFunc(links, p.desired.Links, func(a, b publication.Link) bool { return a.Index == b.Index && a.Name == b.Name })
	byDefault := len(p.snapshot.Config.Interfaces) == 0 && p.assumed != ""
	return assumed != "" && assumed != p.assumed && !(byDefault && sameLinks)
}

// isOurs reports whether an address is one of this host.
func (p *plan) isOurs(a netip.Addr) bool {
	return slices.ContainsFunc(p.reading.Links, func(l publication.Link) bool {
		return slices.ContainsFunc(l.Addrs, func(own publication.LinkAddr) bool { return own.Addr().WithZone("") == a })
	})
}
