package responder

import (
	"net/netip"
	"slices"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// link is an interface as the responder knows it, for both IP versions.
type link struct {
	publication.Link
	watches map[string]*watch // by the key of the name; made when first needed
	traffic mdns.LinkTraffic
	heard   moment // when a packet last came from another host
}

// onLink reports whether an address is in a network of the interface (RFC 6762 §11).
func (l *link) onLink(a netip.Addr) bool {
	if l.Loopback {
		return true
	}
	for i := range l.Addrs {
		if l.Addrs[i].Masked().Contains(a) {
			return true
		}
	}
	return false
}

// canReply reports whether a source address is that of a single host. A query from any other is forged.
func (l *link) canReply(to netip.AddrPort) bool {
	a := to.Addr()
	switch {
	case to.Port() == 0, a.IsUnspecified(), a.IsMulticast(), a.IsLoopback() && !l.Loopback:
		return false
	}
	return !a.Is4() || a != broadcast4 && !slices.ContainsFunc(l.Addrs, func(own publication.LinkAddr) bool { return isBroadcast(own.Prefix, a) })
}

var broadcast4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// isBroadcast reports whether an IPv4 address is that of all hosts of a network.
func isBroadcast(network netip.Prefix, a netip.Addr) bool {
	return network.Addr().Is4() && network.Bits() < 31 && network.Contains(a) && !network.Contains(a.Next())
}
