package services_test

import (
	"fmt"
	"net/netip"
	"strings"

	"announcer/internal/dnsname"
	"announcer/services"
)

func ExampleGroup_Check() {
	group := services.Group{Name: "Reception", Services: []services.Service{
		{Type: dnsname.MustParse("_sip._udp"), Port: 5060},
		{Type: dnsname.MustParse("_http._tcp"), Port: 80, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.5")}},
	}}
	for _, p := range group.Check("pbx") {
		what, _, _ := strings.Cut(p.Text, "; ")
		fmt.Printf("service %d: %s: %s\n", p.Service, p.Severity, what)
	}
	// Output:
	// service 1: error: the addresses are for another host, and the service is on this one
}

func ExampleNextName() {
	fmt.Println(services.NextName("PBX"), services.NextName("PBX #2"))
	// Output: PBX #2 PBX #3
}
