package netwatch

import (
	"net/netip"
	"strings"
	"testing"

	"announcer/internal/publication"
)

func TestChangesBetween(t *testing.T) {
	addr := func(prefix string) publication.LinkAddr {
		return publication.LinkAddr{Prefix: netip.MustParsePrefix(prefix)}
	}
	link := func(index int, name string, addrs ...publication.LinkAddr) publication.Link {
		return publication.Link{Index: index, Name: name, MTU: 1500, Addrs: addrs}
	}
	made := func(l publication.Link, hardware uint64) publication.Link {
		l.Hardware = hardware
		return l
	}
	tentative, deprecated := addr("2001:db8::7/64"), addr("2001:db8::7/64")
	tentative.Tentative, deprecated.Deprecated = true, true
	duplicate := tentative
	duplicate.Duplicate = true
	jumbo := link(2, "eth0", addr("192.0.2.7/24"))
	jumbo.MTU = 9000
	eth0 := link(2, "eth0", addr("192.0.2.7/24"))
	carried := func(l publication.Link, carriers ...publication.Carrier) publication.Link {
		l.Carriers = carriers
		return l
	}
	own, port := publication.Carrier{Index: 2, Name: "eth0", Ups: 1}, publication.Carrier{Index: 3, Name: "eth1", Ups: 1}
	again := publication.Carrier{Index: 2, Name: "eth0", Ups: 2}
	for _, test := range []struct {
		name          string
		before, after []publication.Link
		want          string
	}{
		{"nothing", []publication.Link{eth0}, []publication.Link{eth0}, ""},
		{"up", nil, []publication.Link{eth0}, "eth0: up, with 192.0.2.7/24"},
		{"up without an address", nil, []publication.Link{link(2, "eth0")}, "eth0: up, without an address"},
		{"up with two", nil, []publication.Link{link(2, "eth0", addr("192.0.2.7/24"), tentative)}, "eth0: up, with 192.0.2.7/24 and 2001:db8::7/64 (tentative)"},
		{"gone", []publication.Link{eth0}, nil, "eth0: gone"},
		{"another one of that name", []publication.Link{eth0}, []publication.Link{link(3, "eth0", addr("192.0.2.7/24"))}, "eth0: gone, eth0: up, with 192.0.2.7/24"},
		{"renamed", []publication.Link{eth0}, []publication.Link{link(2, "lan0", addr("192.0.2.7/24"))}, "lan0: renamed, it was eth0"},
		{"another interface has its index", []publication.Link{made(eth0, 1)}, []publication.Link{made(link(2, "lan0", addr("192.0.2.8/24")), 2)}, "eth0: gone, lan0: up, with 192.0.2.8/24"},
		{"renamed, of which the hardware is known", []publication.Link{made(eth0, 1)}, []publication.Link{made(link(2, "lan0", addr("192.0.2.7/24")), 1)}, "lan0: renamed, it was eth0"},
		{"another hardware address", []publication.Link{made(eth0, 1)}, []publication.Link{made(eth0, 2)}, ""},
		{"MTU", []publication.Link{eth0}, []publication.Link{jumbo}, "eth0: MTU 9000, it was 1500"},
		{"address added", []publication.Link{link(2, "eth0")}, []publication.Link{eth0}, "eth0: address 192.0.2.7/24 added"},
		{"address removed", []publication.Link{eth0}, []publication.Link{link(2, "eth0")}, "eth0: address 192.0.2.7/24 removed"},
		{"another address", []publication.Link{eth0}, []publication.Link{link(2, "eth0", addr("192.0.2.8/24"))}, "eth0: address 192.0.2.7/24 removed, eth0: address 192.0.2.8/24 added"},
		{"another prefix", []publication.Link{eth0}, []publication.Link{link(2, "eth0", addr("192.0.2.7/25"))}, "eth0: address 192.0.2.7/24 removed, eth0: address 192.0.2.7/25 added"},
		{"tentative", []publication.Link{link(2, "eth0")}, []publication.Link{link(2, "eth0", tentative)}, "eth0: address 2001:db8::7/64 added (tentative)"},
		{"unique", []publication.Link{link(2, "eth0", tentative)}, []publication.Link{link(2, "eth0", addr("2001:db8::7/64"))}, "eth0: address 2001:db8::7/64 known to be unique"},
		{"duplicate", []publication.Link{link(2, "eth0", tentative)}, []publication.Link{link(2, "eth0", duplicate)}, "eth0: address 2001:db8::7/64 is a duplicate: another host has it"},
		{"up with a duplicate", nil, []publication.Link{link(2, "eth0", duplicate)}, "eth0: up, with 2001:db8::7/64 (duplicate: another host has it)"},
		{"deprecated", []publication.Link{link(2, "eth0", addr("2001:db8::7/64"))}, []publication.Link{link(2, "eth0", deprecated)}, "eth0: address 2001:db8::7/64 deprecated"},
		{"preferred", []publication.Link{link(2, "eth0", deprecated)}, []publication.Link{link(2, "eth0", addr("2001:db8::7/64"))}, "eth0: address 2001:db8::7/64 preferred again"},
		{"a port", []publication.Link{carried(eth0, own)}, []publication.Link{carried(eth0, own, port)}, "eth0: eth1 came up behind it"},
		{"a port less", []publication.Link{carried(eth0, own, port)}, []publication.Link{carried(eth0, own)}, ""},
		{"a short loss of the carrier", []publication.Link{carried(eth0, own)}, []publication.Link{carried(eth0, again)}, "eth0: up again"},
		{"up with a port", nil, []publication.Link{carried(eth0, own, port)}, "eth0: up, with 192.0.2.7/24"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, c := range changesBetween(test.before, test.after, func(publication.Link) string { return "gone" }) {
				got = append(got, c.Link+": "+c.What)
			}
			if strings.Join(got, ", ") != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}
