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

func ExampleStock() {
	text, err := services.Stock("dpma", services.Fill{Name: "Reception", Server: "192.0.2.20"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s", text)
	// Output:
	// <?xml version="1.0" encoding="UTF-8"?>
	// <!DOCTYPE service-group SYSTEM "avahi-service.dtd">
	// <!-- Phones in factory state find this Asterisk server with DPMA. -->
	// <service-group>
	//   <name>Reception</name>
	//   <service>
	//     <type>_digiumproxy._udp</type>
	//     <port>5060</port>
	//     <txt-record>sipUrl=sip:proxy@192.0.2.20:5060;transport=udp</txt-record>
	//     <txt-record>serviceType=asterisk</txt-record>
	//   </service>
	// </service-group>
}

func ExampleNextName() {
	fmt.Println(services.NextName("PBX"), services.NextName("PBX #2"))
	// Output: PBX #2 PBX #3
}
