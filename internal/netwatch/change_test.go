package netwatch

import (
	"net/netip"
	"strings"
	"testing"

	"announcer/internal/mdns"
)

func TestChangesBetween(t *testing.T) {
	addr := func(prefix string) mdns.LinkAddr { return mdns.LinkAddr{Prefix: netip.MustParsePrefix(prefix)} }
	link := func(index int, name string, addrs ...mdns.LinkAddr) mdns.Link {
		return mdns.Link{Index: index, Name: name, MTU: 1500, Addrs: addrs}
	}
	tentative, deprecated := addr("2001:db8::7/64"), addr("2001:db8::7/64")
	tentative.Tentative, deprecated.Deprecated = true, true
	jumbo := link(2, "eth0", addr("192.0.2.7/24"))
	jumbo.MTU = 9000
	eth0 := link(2, "eth0", addr("192.0.2.7/24"))
	for _, test := range []struct {
		name          string
		before, after []mdns.Link
		want          string
	}{
		{"nothing", []mdns.Link{eth0}, []mdns.Link{eth0}, ""},
		{"up", nil, []mdns.Link{eth0}, "eth0: up, with 192.0.2.7/24"},
		{"up without an address", nil, []mdns.Link{link(2, "eth0")}, "eth0: up, without an address"},
		{"up with two", nil, []mdns.Link{link(2, "eth0", addr("192.0.2.7/24"), tentative)}, "eth0: up, with 192.0.2.7/24 and 2001:db8::7/64 (tentative)"},
		{"gone", []mdns.Link{eth0}, nil, "eth0: gone"},
		{"another one of that name", []mdns.Link{eth0}, []mdns.Link{link(3, "eth0", addr("192.0.2.7/24"))}, "eth0: gone, eth0: up, with 192.0.2.7/24"},
		{"renamed", []mdns.Link{eth0}, []mdns.Link{link(2, "lan0", addr("192.0.2.7/24"))}, "lan0: renamed, it was eth0"},
		{"MTU", []mdns.Link{eth0}, []mdns.Link{jumbo}, "eth0: MTU 9000, it was 1500"},
		{"address added", []mdns.Link{link(2, "eth0")}, []mdns.Link{eth0}, "eth0: address 192.0.2.7/24 added"},
		{"address removed", []mdns.Link{eth0}, []mdns.Link{link(2, "eth0")}, "eth0: address 192.0.2.7/24 removed"},
		{"another address", []mdns.Link{eth0}, []mdns.Link{link(2, "eth0", addr("192.0.2.8/24"))}, "eth0: address 192.0.2.7/24 removed, eth0: address 192.0.2.8/24 added"},
		{"another prefix", []mdns.Link{eth0}, []mdns.Link{link(2, "eth0", addr("192.0.2.7/25"))}, "eth0: address 192.0.2.7/24 removed, eth0: address 192.0.2.7/25 added"},
		{"tentative", []mdns.Link{link(2, "eth0")}, []mdns.Link{link(2, "eth0", tentative)}, "eth0: address 2001:db8::7/64 added (tentative)"},
		{"unique", []mdns.Link{link(2, "eth0", tentative)}, []mdns.Link{link(2, "eth0", addr("2001:db8::7/64"))}, "eth0: address 2001:db8::7/64 known to be unique"},
		{"deprecated", []mdns.Link{link(2, "eth0", addr("2001:db8::7/64"))}, []mdns.Link{link(2, "eth0", deprecated)}, "eth0: address 2001:db8::7/64 deprecated"},
		{"preferred", []mdns.Link{link(2, "eth0", deprecated)}, []mdns.Link{link(2, "eth0", addr("2001:db8::7/64"))}, "eth0: address 2001:db8::7/64 preferred again"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, c := range changesBetween(test.before, test.after, func(mdns.Link) string { return "gone" }) {
				got = append(got, c.String())
			}
			if strings.Join(got, ", ") != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}
