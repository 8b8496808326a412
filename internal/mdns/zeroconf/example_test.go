package zeroconf_test

import (
	"fmt"

	"announcer/internal/dnsname"
	"announcer/internal/mdns/zeroconf"
	"announcer/internal/publication"
	"announcer/services"
)

func ExampleLimits() {
	printer := services.Service{Type: dnsname.MustParse("_ipp._tcp"), Port: 631, Protocol: services.IPv4}
	for _, p := range zeroconf.Limits(publication.Publication{Group: services.Group{Name: "Printer", Services: []services.Service{printer}}}, "pbx") {
		fmt.Println(p.Severity, p.Text)
	}
	// Output: warning the zeroconf engine announces on IPv4 and IPv6 where only one of them is wanted
}
