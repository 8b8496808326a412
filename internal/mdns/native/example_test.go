package native_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"announcer/internal/dnsname"
	"announcer/internal/mdns/native"
	"announcer/internal/publication"
	"announcer/internal/testkit/memlink"
	"announcer/services"
)

// The engine takes any network. On that of the host, which native.Open gives, the rest is the same.
func Example() {
	lan := memlink.Live(1)
	host := lan.NewHost("pbx")
	host.Plug(lan.NewSegment(), netip.MustParsePrefix("192.0.2.5/24"))
	engine := native.New(native.Config{Conn: host.Conn(), Log: slog.New(slog.DiscardHandler)})

	ctx := context.Background()
	err := engine.Apply(ctx, publication.Desired{Host: "pbx", Links: host.Links(), Groups: []publication.Publication{{
		ID:    "desk.service",
		Group: services.Group{Name: "Desk", Services: []services.Service{{Type: dnsname.MustParse("_sip._udp"), Port: 5060}}},
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	<-engine.Events() // when it has probed for the name, which takes a second
	s := engine.Status()[0]
	fmt.Println(s.Name, s.State, "on", s.Link)
	if err := engine.Close(ctx); err != nil {
		fmt.Println(err)
	}
	// Output: Desk announced on eth0
}
