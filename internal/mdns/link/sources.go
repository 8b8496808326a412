package link

import (
	"net/netip"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// Sources chooses the source addresses of packets to send. The zero value leaves the choice to the kernel.
type Sources map[sourceKey]publication.Sources

type sourceKey struct {
	link    int
	version publication.IPVersion
}

// NewSources returns the sources of packets on links, see [publication.Link.Sources].
func NewSources(links []publication.Link) Sources {
	s := Sources{}
	for _, l := range links {
		for _, v := range publication.IPVersions() {
			s[sourceKey{l.Index, v}] = l.Sources(v)
		}
	}
	return s
}

// Append adds a packet to a batch, as [AppendFrom] does.
func (s Sources) Append(batch []Packet, p Packet, asker netip.Addr) []Packet {
	return AppendFrom(batch, p, s[sourceKey{p.Link, p.Version()}], asker)
}

// AppendFrom adds a packet to a batch: a unicast once, a multicast once for each address that it leaves from. A multicast
// that answers one host names it in asker; the zero Addr stands for all hosts. A packet with a source address keeps it, and
// one for a link without a published address leaves its choice to the kernel.
func AppendFrom(batch []Packet, p Packet, of publication.Sources, asker netip.Addr) []Packet {
	if !p.Multicast() {
		if from := of.To(p.To.Addr()); !p.From.IsValid() && from.IsValid() {
			p.From = netip.AddrPortFrom(from, mdns.Port)
		}
		return append(batch, p)
	}
	from := of.For(asker)
	if p.From.IsValid() || len(from) == 0 {
		return append(batch, p)
	}
	for _, a := range from {
		p.From = netip.AddrPortFrom(a, mdns.Port)
		batch = append(batch, p)
	}
	return batch
}
