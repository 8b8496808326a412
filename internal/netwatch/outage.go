package netwatch

import (
	"fmt"
	"slices"

	"announcer/internal/publication"
)

// The reasons for which no multicast goes out on an interface.
const (
	down             = "down"
	noCarrier        = "without a carrier"
	dormant          = "dormant"
	withoutMulticast = "without multicast"
	removed          = "removed"
)

// outage returns why no multicast goes out on an interface, zero if it does.
func outage(name string, up, carrier, multicast bool) publication.Outage {
	switch {
	case !up:
		return publication.Outage{Why: down, Remedy: fmt.Sprintf("ip link set %s up", name)}
	case !carrier:
		return publication.Outage{Why: noCarrier, Remedy: "check the cable and what is at its other end"}
	case !multicast:
		return publication.Outage{Why: withoutMulticast, Remedy: fmt.Sprintf("ip link set %s multicast on", name)}
	}
	return publication.Outage{}
}

// Shown returns the links that matter to people: those that multicast goes out on, those that have an address, and those
// that a glob matches. Hosts have many others, such as free ports and what drivers of tunnels make.
func Shown(links []publication.Link, globs []string) publication.Links {
	return slices.DeleteFunc(slices.Clone(links), func(l publication.Link) bool {
		return !l.Outage.IsZero() && len(l.Addrs) == 0 && !l.Matches(globs)
	})
}
