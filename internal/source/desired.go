package source

import (
	"net/netip"
	"slices"

	"announcer/internal/dnsname"
	"announcer/internal/netwatch"
	"announcer/internal/phones"
	"announcer/internal/publication"
)

// Desired joins what is defined with the links to announce it on. assumed is a sentence about the choice of links, "" if
// the configuration names them.
func (s Snapshot) Desired(links []publication.Link) (desired publication.Desired, assumed string) {
	chosen, assumed := netwatch.Select(links, s.Config.Interfaces, s.Config.InterfacesDeny)
	watched := publication.WatchedTypes(s.Publications)
	if full, err := phones.ServiceType.Join(dnsname.Local); err == nil && !slices.ContainsFunc(watched, full.Equal) {
		watched = append(watched, full)
	}
	own := addressesBeside(chosen, links)
	return publication.Desired{Host: s.Host, Links: chosen, Own: own, Groups: s.Publications, Watched: watched}, assumed
}

// addressesBeside returns the addresses of the links that were not chosen.
func addressesBeside(chosen publication.Links, all []publication.Link) (own []netip.Addr) {
	for used, l := range publication.Across(chosen, all) {
		if used != nil {
			continue
		}
		for _, a := range l.Addrs {
			own = append(own, a.Addr())
		}
	}
	return own
}
