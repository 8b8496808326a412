package conformance

import (
	"announcer/internal/publication"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

var networkChecks = []Check{
	{"6762 §6.7, §11", "a legacy query to the group from another network of the link is answered by unicast", func(b *bench) {
		b.settle(desk())
		b.expectLegacyReply(b.remote())
	}},
	{"6762 §11", "a QU question to the group from another network of the link is answered by multicast", func(b *bench) {
		b.settle(desk())
		b.listen(time.Second)
		b.send(b.remote(), b.group(), unicast(query(deskName, dns.TypeSRV)))
		if f := b.expect(answers(b.listen(patience)), deskName, dns.TypeSRV); !f.packet.Multicast() {
			b.failf("heard %s", describePacket(f.packet))
		}
	}},
	{"6762 §6.7, §11", "a legacy query to the group is answered by a host whose address has no network", func(b *bench) {
		own := b.responder().Addr()
		b.must("change the addresses", b.lab.SetAddresses(netip.PrefixFrom(own, own.BitLen())))
		b.settle(desk())
		b.expectLegacyReply(b.peer(0))
	}},
	{"6762 §11", "a legacy reply leaves from the responder's address in the network of the querier", func(b *bench) {
		b.settleInTwoNetworks()
		for querier, own := range map[netip.Addr]netip.Addr{b.peer(0).Addr(): b.responder().Addr(), b.of(b.facts.Neighbors): b.second().Addr()} {
			if p := b.expectLegacyReply(netip.AddrPortFrom(querier, legacyPort)); p.From.Addr() != own {
				b.failf("%v has a reply from %v; want %v", querier, p.From.Addr(), own)
			}
		}
	}},
	{"6762 §11", "multicasts leave from an address of the host's name, or by IPv6 a link-local one", func(b *bench) {
		for _, p := range b.settleInTwoNetworks() {
			linkLocal := b.v == publication.V6 && p.From.Addr().IsLinkLocalUnicast()
			if p.Multicast() && !linkLocal && p.From.Addr() != b.responder().Addr() && p.From.Addr() != b.second().Addr() {
				b.failf("a packet from %v: %s", p.From, describePacket(p))
			}
		}
	}},
	{"6762 §11", "announcements come from an address in each network of the link, or by IPv6 the link-local one", func(b *bench) {
		var sources []netip.Addr
		for _, f := range find(answers(b.settleInTwoNetworks()), deskName, dns.TypeSRV) {
			sources = append(sources, f.packet.From.Addr())
		}
		if b.v == publication.V6 && slices.ContainsFunc(sources, netip.Addr.IsLinkLocalUnicast) {
			return
		}
		for _, own := range []netip.Addr{b.responder().Addr(), b.second().Addr()} {
			if !slices.Contains(sources, own) {
				b.failf("none comes from %v", own)
			}
		}
	}},
}

// expectLegacyReply asks the group as a resolver does that knows nothing of multicast DNS, and returns the reply.
func (b *bench) expectLegacyReply(from netip.AddrPort) packet {
	m := query(deskName, dns.TypeSRV)
	m.Id = 4711
	b.send(portOf(from, legacyPort), b.group(), m)
	heard := b.listen(patience)
	f := b.expect(answers(slices.DeleteFunc(slices.Clone(heard), packet.Multicast)), deskName, dns.TypeSRV)
	if f.packet.Id != m.Id || f.packet.To != portOf(from, legacyPort) {
		b.failf("the reply with ID %d goes to %v: %s", f.packet.Id, f.packet.To, describePacket(f.packet))
	}
	return f.packet
}

// settleInTwoNetworks starts the responder on a link of two networks, and returns what is heard. The first address of
// the interface is one that no name has if there is a better one.
func (b *bench) settleInTwoNetworks() []packet {
	b.must("change the addresses", b.lab.SetAddresses(append([]netip.Prefix{netip.MustParsePrefix("169.254.1.1/16")}, slices.Concat(b.global(), b.facts.Second)...)...))
	b.start(desk())
	return append(b.awaitAnnouncement(), b.listen(settling)...)
}

// global returns those addresses of the responder that are not link-local.
func (b *bench) global() []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(b.facts.Responder), func(p netip.Prefix) bool { return p.Addr().IsLinkLocalUnicast() })
}

// second returns the responder's address in the second network.
func (b *bench) second() netip.Prefix {
	i := slices.IndexFunc(b.facts.Second, func(p netip.Prefix) bool { return p.Addr().Is4() == (b.v == publication.V4) })
	return b.facts.Second[i]
}

// of returns the address of the IP version that the check is about.
func (b *bench) of(addrs []netip.Addr) netip.Addr {
	return addrs[slices.IndexFunc(addrs, func(a netip.Addr) bool { return a.Is4() == (b.v == publication.V4) })]
}
