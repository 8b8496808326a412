package publication_test

import (
	"fmt"
	"net/netip"

	"announcer/internal/publication"
)

func ExamplePublication_On() {
	phones := publication.Publication{ID: "dpma.service", Interfaces: []string{"vlan*"}}
	for _, name := range []string{"eth0", "vlan20"} {
		fmt.Println(name, phones.On(publication.Link{Name: name}))
	}
	// Output:
	// eth0 false
	// vlan20 true
}

// The records of a host hold its link-local address only on a link without a better one.
func ExampleLink_Published() {
	eth0 := publication.Link{Index: 2, Name: "eth0", Addrs: []publication.LinkAddr{
		{Prefix: netip.MustParsePrefix("192.0.2.5/24")},
		{Prefix: netip.MustParsePrefix("2001:db8::5/64")},
		{Prefix: netip.MustParsePrefix("fe80::5/64")},
	}}
	fmt.Println(eth0.Published())
	// Output: [192.0.2.5 2001:db8::5]
}
