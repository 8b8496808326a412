package validate_test

import (
	"fmt"

	"announcer/internal/dnsname"
	"announcer/internal/publication"
	"announcer/internal/validate"
	"announcer/services"
)

// Two servers on one link, of which each alone is right.
func ExampleTogether() {
	server := func(id, name string) publication.Publication {
		return publication.Publication{ID: id, Group: services.Group{Name: name, Services: []services.Service{{
			Type: dnsname.MustParse("_digiumproxy._udp"), Port: 5060,
			TXT: services.TXT{"sipUrl=sip:proxy@192.0.2.20:5060;transport=udp", "serviceType=asterisk"},
		}}}}
	}
	desired := validate.Anywhere([]publication.Publication{server("a.service", "Reception"), server("b.service", "Door")}, "pbx")
	for _, f := range validate.Together(desired, publication.EngineNative) {
		fmt.Println(f.File, f.Code)
	}
	// Output:
	// b.service phones/two-servers
}
