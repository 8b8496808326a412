package link_test

import (
	"fmt"
	"net/netip"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/testkit/memlink"
)

// A phone sends a packet to the group, and the server reads it. What link.Open returns is used in the same way.
func ExampleConn() {
	lan := memlink.Live(1)
	segment := lan.NewSegment()
	pbx, phone := lan.NewHost("pbx"), lan.NewHost("phone")
	pbx.Plug(segment, netip.MustParsePrefix("192.0.2.5/24"))
	phone.Plug(segment, netip.MustParsePrefix("192.0.2.31/24"))

	var server, client link.Conn = pbx.Conn(), phone.Conn()
	defer server.Close()
	defer client.Close()
	if err := server.SetLinks(pbx.Links()); err != nil {
		fmt.Println(err)
		return
	}
	client.Write([]link.Packet{{Data: []byte("question"), Link: phone.Links()[0].Index, To: mdns.Group4}})

	batch := make([]link.Packet, link.MaxBatch)
	n, err := server.Read(batch, time.Time{})
	for _, p := range batch[:n] {
		fmt.Printf("%q from %s, multicast: %t\n", p.Data, p.From, p.Multicast())
	}
	if err != nil {
		fmt.Println(err)
	}
	// Output: "question" from 192.0.2.31:5353, multicast: true
}
