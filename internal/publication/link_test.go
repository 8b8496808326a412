package publication

import (
	"net/netip"
	"path"
	"reflect"
	"slices"
	"testing"
)

// Two links are the same if each field is, also one that is added to Link later.
func TestLinkSame(t *testing.T) {
	values := map[string]any{
		"Index": 3, "Name": "eth1", "MTU": 9000, "Hardware": uint64(7), "Loopback": true, "Master": "br0", "PointToPoint": true, "NoARP": true,
		"Addrs":    []LinkAddr{{Prefix: netip.MustParsePrefix("192.0.2.2/24"), Tentative: true}},
		"Carriers": []Carrier{{Index: 2, Ups: 2}},
		"Outage":   Outage{Why: "down"},
		"Faults":   []Fault{{Link: "eth0", Version: V6}},
	}
	link := func() Link {
		return Link{
			Index: 2, Name: "eth0", MTU: 1500, Addrs: []LinkAddr{{Prefix: netip.MustParsePrefix("192.0.2.2/24")}},
			Carriers: []Carrier{{Index: 2, Ups: 1}},
		}
	}
	if !link().Same(link()) {
		t.Error("a link is not equal to its copy")
	}
	for _, field := range slices.Collect(reflect.TypeFor[Link]().Fields()) {
		t.Run(field.Name, func(t *testing.T) {
			other := link()
			value, ok := values[field.Name]
			if !ok {
				t.Fatal("there is no other value to try")
			}
			reflect.ValueOf(&other).Elem().FieldByIndex(field.Index).Set(reflect.ValueOf(value))
			if other.Same(link()) {
				t.Errorf("%+v and %+v are equal", other, link())
			}
		})
	}
}

// TestOutlived has addresses run out beside others.
func TestOutlived(t *testing.T) {
	addr := func(text string, deprecated bool) LinkAddr {
		return LinkAddr{Prefix: netip.MustParsePrefix(text), Deprecated: deprecated}
	}
	for _, test := range []struct {
		name  string
		addrs []LinkAddr
		want  int
	}{
		{"none", nil, 0},
		{"good", []LinkAddr{addr("192.0.2.5/24", false)}, 0},
		{"run out alone", []LinkAddr{addr("192.0.2.5/24", true)}, 1},
		{"beside a link-local one", []LinkAddr{addr("192.0.2.5/24", true), addr("169.254.1.2/16", false), addr("fe80::5/64", false)}, 1},
		{"beside a good one", []LinkAddr{addr("192.0.2.5/24", true), addr("192.0.2.6/24", false)}, 0},
		{"IPv6 beside good IPv4", []LinkAddr{addr("192.0.2.5/24", false), addr("2001:db8::5/64", true)}, 0},
		{"IPv4 beside good IPv6", []LinkAddr{addr("192.0.2.5/24", true), addr("2001:db8::5/64", false)}, 1},
		{"IPv6 alone", []LinkAddr{addr("fe80::5/64", false), addr("2001:db8::5/64", true), addr("2001:db8::6/64", true)}, 2},
		{"tentative", []LinkAddr{{Prefix: netip.MustParsePrefix("2001:db8::5/64"), Tentative: true, Deprecated: true}}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := (Link{Name: "eth0", Addrs: test.addrs}).Outlived(); len(got) != test.want {
				t.Errorf("got %v; want %d", got, test.want)
			}
		})
	}
}

// A glob matches what [path.Match] reports, also if its beginning is enough, or it is invalid.
func TestMatches(t *testing.T) {
	for _, glob := range []string{"", "eth0", "eth*", "*", "?th0", "et[gh]0", `et\h0`, `eth\*`, "eth0[", "[", `\`, "vlan1?", "tap????????-??"} {
		t.Run(glob, func(t *testing.T) {
			for _, name := range []string{"", "eth0", "eth", "eth*", "eth0[", "vlan1", "vlan10", "tap12345678-9a", "et"} {
				want, _ := path.Match(glob, name) // an invalid glob matches nothing
				if got := (Link{Name: name}).Matches([]string{glob}); got != want {
					t.Errorf("%q matches %q: %t, want %t", glob, name, got, want)
				}
			}
		})
	}
}
