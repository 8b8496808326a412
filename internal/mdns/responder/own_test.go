package responder

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"announcer/internal/publication"
)

// TestOwn has addresses come, go and move for a while. What is known of them is what a look at the last state alone says.
func TestOwn(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	addr := func() netip.Addr {
		if dice.IntN(4) == 0 {
			return netip.IPv6LinkLocalAllNodes().WithZone([]string{"", "eth1"}[dice.IntN(2)])
		}
		return netip.AddrFrom4([4]byte{127, 0, 0, byte(dice.IntN(6))})
	}
	d, o := publication.Desired{}, newOwn()
	for range 1000 {
		if dice.IntN(2) == 0 {
			d.Own = slices.Clone(d.Own[:dice.IntN(len(d.Own)+1)])
			d.Own = append(d.Own, addr())
		}
		links := slices.DeleteFunc(slices.Clone(d.Links), func(publication.Link) bool { return dice.IntN(9) == 0 })
		for index := range 5 {
			if dice.IntN(5) == 0 && !links.Has(index) {
				links = append(links, publication.Link{Index: index})
			}
		}
		slices.SortFunc(links, func(a, b publication.Link) int { return a.Index - b.Index })
		for i := range links {
			if dice.IntN(3) == 0 {
				links[i].Addrs = []publication.LinkAddr{{Prefix: netip.PrefixFrom(addr(), 8)}, {Prefix: netip.PrefixFrom(addr(), 8)}}
			}
		}
		d.Links = links
		o.follow(d)
		if want := addrsOf(d); !maps.Equal(o.times, want) {
			t.Fatalf("got  %v\nwant %v\nof %+v", o.times, want, d)
		}
	}
}

// addrsOf counts the addresses of this host.
func addrsOf(d publication.Desired) map[netip.Addr]int {
	times := map[netip.Addr]int{netip.IPv6Loopback(): 1, netip.AddrFrom4([4]byte{127, 0, 0, 1}): 1}
	for _, a := range d.Own {
		times[a.WithZone("")]++
	}
	for _, l := range d.Links {
		for _, a := range l.Addrs {
			times[a.Addr().WithZone("")]++
		}
	}
	return times
}
