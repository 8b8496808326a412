package publication

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"
)

// Two links are the same if each field is, also one that is added to Link later.
func TestLinkSame(t *testing.T) {
	values := map[string]any{
		"Index": 3, "Name": "eth1", "MTU": 9000, "Loopback": true, "Master": "br0", "PointToPoint": true,
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
