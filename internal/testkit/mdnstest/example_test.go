package mdnstest_test

import (
	"context"
	"fmt"

	"announcer/internal/dnsname"
	"announcer/internal/publication"
	"announcer/internal/testkit/mdnstest"
	"announcer/services"
)

// What needs an engine is tested with one that announces everything at once.
func ExamplePublisher() {
	p := mdnstest.New()
	err := p.Apply(context.Background(), publication.Desired{
		Host:  "pbx",
		Links: publication.Links{{Index: 2, Name: "eth0"}},
		Groups: []publication.Publication{{ID: "desk.service", Group: services.Group{
			Name: "Desk", Services: []services.Service{{Type: dnsname.MustParse("_sip._udp"), Port: 5060}},
		}}},
	})
	s := p.Status()[0]
	fmt.Println(s.Name, s.State, "on", s.Link, err)
	// Output: Desk announced on eth0 <nil>
}
