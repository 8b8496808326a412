package health_test

import (
	"fmt"

	"announcer/internal/dnsname"
	"announcer/internal/health"
	"announcer/internal/publication"
	"announcer/services"
)

func ExamplePlan() {
	parts, err := health.Plan(publication.Publication{
		ID:    "dpma.service",
		Check: publication.CheckAuto,
		Group: services.Group{Name: "DPMA", Services: []services.Service{{
			Type: dnsname.MustParse("_digiumproxy._udp"),
			Port: 5060,
			TXT:  services.TXT{"serviceType=asterisk", "sipUrl=sip:proxy@192.0.2.20:5060"},
		}}},
	})
	fmt.Println(parts, err)
	// Output: [[sip:proxy@192.0.2.20:5060;transport=udp]] <nil>
}
