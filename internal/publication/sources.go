package publication

import (
	"net/netip"
	"slices"
)

// Sources are the addresses of a link that packets of one IP version leave from: published ones, one for each network.
//
// A neighbour with strict reverse path filtering (RFC 3704 §2.2) drops what comes from an address that it would not reach
// through the same interface, and that includes every network of the link that it has no route to. So what is for
// all hosts leaves once from each network, and an answer leaves from the network of the host that asked.
//
// By IPv6 there is one source for all hosts, the link-local address, if the link has one: every host has fe80::/64 on the
// link, it is what RFC 6724 §5 (rule 2) chooses for ff02::fb, and Linux filters reverse paths for IPv4 only.
type Sources struct {
	networks  []netip.Prefix // an address of ours with the length of its network's prefix
	addrs     []netip.Addr   // of networks
	everybody int            // so many of addrs reach all hosts
}

// Sources returns the addresses that packets leave the link from by an IP version.
func (l Link) Sources(v IPVersion) Sources {
	var s Sources
	if v == V6 {
		s.addLinkLocal(l)
	}
	s.everybody = len(s.addrs)
	for _, own := range l.published(v) {
		i := slices.IndexFunc(l.Addrs, func(a LinkAddr) bool { return a.Addr() == own })
		s.add(l.Addrs[i].Prefix)
	}
	if s.everybody == 0 {
		s.everybody = len(s.addrs)
	}
	return s
}

// addLinkLocal adds the first link-local IPv6 address of a link.
func (s *Sources) addLinkLocal(l Link) {
	i := slices.IndexFunc(l.Addrs, func(a LinkAddr) bool {
		return !a.Tentative && a.Addr().Is6() && a.Addr().IsLinkLocalUnicast()
	})
	if i >= 0 {
		s.add(l.Addrs[i].Prefix)
	}
}

// add adds an address, unless there is one in its network.
func (s *Sources) add(own netip.Prefix) {
	if slices.Contains(s.addrs, own.Addr()) ||
		slices.ContainsFunc(s.networks, func(n netip.Prefix) bool { return n.Masked() == own.Masked() }) {
		return
	}
	s.networks, s.addrs = append(s.networks, own), append(s.addrs, own.Addr())
}

// For returns the addresses that a multicast leaves from that answers a host, the zero Addr for all hosts: the one in the
// network of that host. A host outside all networks is reached as all are. There are none if the link has no published
// address of the IP version.
func (s Sources) For(host netip.Addr) []netip.Addr {
	if i := s.network(host); i >= 0 {
		return s.addrs[i : i+1]
	}
	return s.addrs[:s.everybody]
}

// To returns the address that a unicast to a host leaves from, or the zero Addr where the link has no published address. A
// host outside all networks gets it from a global address, if there is one.
func (s Sources) To(host netip.Addr) netip.Addr {
	i := s.network(host)
	switch {
	case i >= 0:
		return s.addrs[i]
	case s.everybody < len(s.addrs) && !host.IsLinkLocalUnicast():
		return s.addrs[s.everybody]
	case len(s.addrs) > 0:
		return s.addrs[0]
	}
	return netip.Addr{}
}

// Together reports whether a multicast that answers one of two hosts leaves from the same addresses as one that answers
// the other.
func (s Sources) Together(a, b netip.Addr) bool { return a == b || slices.Equal(s.For(a), s.For(b)) }

// network returns the index of the smallest network that a host is in, or -1.
func (s Sources) network(host netip.Addr) int {
	best := -1
	for i, n := range s.networks {
		if n.Contains(host) && (best < 0 || n.Bits() > s.networks[best].Bits()) {
			best = i
		}
	}
	return best
}
