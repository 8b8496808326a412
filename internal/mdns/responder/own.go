package responder

import (
	"net/netip"
	"slices"

	"announcer/internal/publication"
)

// own has the addresses of this host. Links that stay as they are cost it nothing but a look: there can be thousands.
type own struct {
	links  publication.Links
	beside []netip.Addr       // on other interfaces
	times  map[netip.Addr]int // how many of them have it
}

func newOwn() own {
	return own{times: map[netip.Addr]int{netip.IPv6Loopback(): 1, netip.AddrFrom4([4]byte{127, 0, 0, 1}): 1}}
}

// has reports whether an address, without a zone, is one of this host.
func (o *own) has(a netip.Addr) bool { return o.times[a] > 0 }

// follow takes the addresses of what is desired now.
func (o *own) follow(d publication.Desired) {
	for old, l := range publication.Changed(o.links, d.Links) {
		switch {
		case old == nil:
			o.countAll(l, 1)
		case l == nil:
			o.countAll(old, -1)
		default:
			o.countAll(old, -1)
			o.countAll(l, 1)
		}
	}
	if !slices.Equal(o.beside, d.Own) {
		o.count(-1, o.beside...)
		o.count(1, d.Own...)
	}
	o.links, o.beside = d.Links, d.Own
}

func (o *own) countAll(l *publication.Link, by int) {
	for _, a := range l.Addrs {
		o.count(by, a.Addr())
	}
}

func (o *own) count(by int, addrs ...netip.Addr) {
	for _, a := range addrs {
		a = a.WithZone("")
		if o.times[a] += by; o.times[a] == 0 {
			delete(o.times, a)
		}
	}
}
