package responder_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/responder"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
	"announcer/services"
)

// A responder has no clock: the loop that owns it says what time it is, and sends what Tick returns.
func Example() {
	now := time.Date(2030, time.January, 1, 0, 0, 0, 0, time.UTC)
	r := responder.New(responder.Config{Rand: rand.New(rand.NewPCG(1, 2)), Start: now})
	r.Apply(now, publication.Desired{
		Host:  "pbx",
		Links: publication.Links{{Index: 2, Name: "eth0", MTU: 1500, Addrs: []publication.LinkAddr{{Prefix: netip.MustParsePrefix("192.0.2.5/24")}}}},
		Groups: []publication.Publication{{ID: "desk.service", Group: services.Group{Name: "Desk", Services: []services.Service{
			{Type: dnsname.MustParse("_sip._udp"), Port: 5060},
		}}}},
	})
	for r.Status()[0].State != mdns.Announced {
		out, next := r.Tick(now)
		for _, p := range out {
			message, err := wire.Decode(p.Data)
			fmt.Printf("to %s: %d questions, %d answers, %v\n", p.Dst, len(message.Questions), len(message.Answers), err)
		}
		now = next
	}
	fmt.Println(r.Status()[0].Name, "is announced")
	// Output:
	// to 224.0.0.251:5353: 3 questions, 0 answers, <nil>
	// to 224.0.0.251:5353: 3 questions, 0 answers, <nil>
	// to 224.0.0.251:5353: 3 questions, 0 answers, <nil>
	// to 224.0.0.251:5353: 0 questions, 6 answers, <nil>
	// Desk is announced
}
