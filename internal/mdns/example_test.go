package mdns_test

import (
	"fmt"
	"net/netip"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/services"
)

// The records of a service on a link: its names are settled first, because two groups may want the same one.
func ExampleRecords() {
	eth0 := publication.Link{Index: 2, Name: "eth0", Addrs: []publication.LinkAddr{{Prefix: netip.MustParsePrefix("192.0.2.5/24")}}}
	desk := publication.Publication{ID: "desk.service", Group: services.Group{Name: "Desk", Services: []services.Service{
		{Type: dnsname.MustParse("_sip._udp"), Port: 5060},
	}}}
	instances := mdns.Settle(publication.Desired{Host: "pbx", Links: []publication.Link{eth0}, Groups: []publication.Publication{desk}}, nil)
	for _, r := range mdns.Records("pbx", instances, eth0, publication.V4) {
		if r.Data.Type() == mdns.TypeSRV {
			fmt.Println(r.Name)
		}
	}
	// Output: Desk._sip._udp.local
}
