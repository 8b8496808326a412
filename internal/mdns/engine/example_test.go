package engine_test

import (
	"fmt"

	"announcer/internal/dnsname"
	"announcer/internal/mdns/engine"
	"announcer/internal/publication"
	"announcer/services"
)

func ExampleLimits() {
	desk := publication.Publication{ID: "desk.service", OnConflict: publication.Standby, Group: services.Group{
		Name: "Desk", Services: []services.Service{{Type: dnsname.MustParse("_sip._udp"), Port: 5060}},
	}}
	for _, name := range []string{publication.EngineNative, publication.EngineZeroconf} {
		fmt.Printf("%s: %d\n", name, len(engine.Limits(name, desk, "pbx")))
	}
	// Output:
	// native: 0
	// zeroconf: 1
}
