package publication

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
)

func TestSourceOfAUnicast(t *testing.T) {
	both := link(1, "eth0", "192.0.2.1/24", "10.0.0.1/8", "2001:db8::1/64", "fe80::1/64")
	tests := []struct {
		link     Link
		to, want string
	}{
		{both, "192.0.2.77", "192.0.2.1"},
		{both, "10.7.7.7", "10.0.0.1"},
		{both, "203.0.113.5", "10.0.0.1"},
		{both, "fe80::9", "fe80::1"},
		{both, "2001:db8::9", "2001:db8::1"},
		{both, "2001:db8:7::9", "2001:db8::1"},
		{link(1, "eth0", "fe80::1/64"), "2001:db8:7::9", "fe80::1"},
		{link(1, "eth0", "2001:db8::1/64"), "fe80::9", "2001:db8::1"},
		{link(1, "eth0", "fe80::1/64"), "192.0.2.77", "invalid IP"},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%v to %s", test.link.Addrs, test.to), func(t *testing.T) {
			to, v := netip.MustParseAddr(test.to), V6
			if to.Is4() {
				v = V4
			}
			if got := test.link.Sources(v).To(to); got.String() != test.want {
				t.Errorf("to %s: from %s, want %s", test.to, got, test.want)
			}
		})
	}
}

func TestSources(t *testing.T) {
	temporary := LinkAddr{Prefix: netip.MustParsePrefix("2001:db8::7/64"), Temporary: true}
	tentative := LinkAddr{Prefix: netip.MustParsePrefix("fe80::7/64"), Tentative: true}
	with := func(l Link, more ...LinkAddr) Link { l.Addrs = slices.Concat(more, l.Addrs); return l }
	tests := []struct {
		name  string
		link  Link
		v     IPVersion
		asker string // "": all hosts
		want  string
	}{
		{"one network", link(1, "eth0", "192.0.2.1/24"), V4, "", "[192.0.2.1]"},
		{"two addresses of one network", link(1, "eth0", "192.0.2.9/24", "192.0.2.1/24"), V4, "", "[192.0.2.1]"},
		{"two networks", link(1, "eth0", "192.0.2.1/24", "10.0.0.1/8"), V4, "", "[10.0.0.1 192.0.2.1]"},
		{"one address in two networks", link(1, "eth0", "192.0.2.1/25", "192.0.2.1/24"), V4, "", "[192.0.2.1]"},
		{"not a link-local address beside a leased one", link(1, "eth0", "169.254.1.1/16", "192.0.2.1/24"), V4, "", "[192.0.2.1]"},
		{"a link-local address alone", link(1, "eth0", "169.254.1.1/16"), V4, "", "[169.254.1.1]"},
		{"no address", link(1, "eth0", "fe80::1/64"), V4, "", "[]"},
		{"asker in a network", link(1, "eth0", "192.0.2.1/24", "10.0.0.1/8"), V4, "192.0.2.77", "[192.0.2.1]"},
		{"asker in a network inside another one", link(1, "eth0", "10.0.0.1/8", "10.1.0.1/16"), V4, "10.1.2.3", "[10.1.0.1]"},
		{"asker in the outer one", link(1, "eth0", "10.0.0.1/8", "10.1.0.1/16"), V4, "10.2.2.3", "[10.0.0.1]"},
		{"asker in no network", link(1, "eth0", "192.0.2.1/24", "10.0.0.1/8"), V4, "203.0.113.5", "[10.0.0.1 192.0.2.1]"},
		{"asker in the network of an address that is not published", link(1, "eth0", "169.254.1.1/16", "192.0.2.1/24"), V4, "169.254.7.7", "[192.0.2.1]"},
		{"IPv6: link-local", link(1, "eth0", "2001:db8::1/64", "2001:db8:1::1/64", "fe80::1/64"), V6, "", "[fe80::1]"},
		{"IPv6: asker with a link-local address", link(1, "eth0", "2001:db8::1/64", "fe80::1/64"), V6, "fe80::9", "[fe80::1]"},
		{"IPv6: asker with a global address", link(1, "eth0", "2001:db8::1/64", "fe80::1/64"), V6, "2001:db8::9", "[2001:db8::1]"},
		{"IPv6: never a temporary address", with(link(1, "eth0", "2001:db8::1/64"), temporary), V6, "2001:db8::9", "[2001:db8::1]"},
		{"IPv6: not a tentative address", with(link(1, "eth0", "2001:db8::1/64", "2001:db8:1::1/64"), tentative), V6, "", "[2001:db8::1 2001:db8:1::1]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var asker netip.Addr
			if test.asker != "" {
				asker = netip.MustParseAddr(test.asker)
			}
			if got := fmt.Sprint(test.link.Sources(test.v).For(asker)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func link(index int, name string, prefixes ...string) Link {
	l := Link{Index: index, Name: name, MTU: 1500}
	for _, p := range prefixes {
		l.Addrs = append(l.Addrs, LinkAddr{Prefix: netip.MustParsePrefix(p)})
	}
	return l
}
