package mdns

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"announcer/internal/publication"
	"announcer/services"
)

// Why a service is refused on a link that has no address for it. What keeps the link from having one may follow.
const (
	NoAddress     = "the link has no address"
	NoIPv4Address = "the link has no IPv4 address"
	NoIPv6Address = "the link has no IPv6 address"
)

// LacksAddress reports whether a service is refused, for the reason given, until its link has an address: links that come up
// have none for a moment.
func LacksAddress(why string) bool {
	return slices.ContainsFunc([]string{NoAddress, NoIPv4Address, NoIPv6Address}, func(lack string) bool {
		return why == lack || strings.HasPrefix(why, lack+": ")
	})
}

// Lack returns why a service of a protocol is refused on a link that has no address for it, and what would be right if the link
// has addresses that can't be used.
func Lack(l publication.Link, p services.Protocol) string {
	why := NoAddress
	switch p {
	case services.IPv4:
		why = NoIPv4Address
	case services.IPv6:
		why = NoIPv6Address
	}
	var tentative, duplicate []netip.Addr
	for _, a := range l.Addrs {
		version := publication.V6
		if a.Addr().Is4() {
			version = publication.V4
		}
		switch {
		case !version.Carries(p):
		case a.Duplicate:
			duplicate = append(duplicate, a.Addr())
		case a.Tentative:
			tentative = append(tentative, a.Addr())
		}
	}
	switch {
	case len(tentative) > 0:
		return fmt.Sprintf("%s: it is not known yet that no other host has %s (tentative); want it known, 2 s after it was added", why, listed(tentative))
	case len(duplicate) > 0:
		return fmt.Sprintf("%s: another host has %s, too (duplicate); want another address", why, listed(duplicate))
	}
	return why
}

func listed(addrs []netip.Addr) string {
	var list []string
	for _, a := range addrs {
		list = append(list, a.String())
	}
	return publication.Names(list)
}
