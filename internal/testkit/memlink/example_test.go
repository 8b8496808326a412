package memlink_test

import (
	"fmt"
	"net/netip"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/testkit/memlink"
)

// Time is simulated: a minute takes none.
func Example() {
	lan := memlink.New(1)
	segment := lan.NewSegment()
	segment.SetWeather(memlink.Weather{Delay: 20 * time.Millisecond})
	pbx, phone := lan.NewHost("pbx"), lan.NewHost("phone")
	pbx.Plug(segment, netip.MustParsePrefix("192.0.2.5/24"))
	phone.Plug(segment, netip.MustParsePrefix("192.0.2.31/24"))
	pbx.OnPacket(func(p link.Packet) {
		fmt.Printf("%q from %s after %s\n", p.Data, p.From, lan.Now().Sub(memlink.Start))
	})
	lan.At(memlink.Start.Add(time.Minute), func() {
		if err := phone.Send(link.Packet{Data: []byte("question"), Link: phone.Links()[0].Index, To: mdns.Group4}); err != nil {
			fmt.Println(err)
		}
	})
	lan.Run(memlink.Start.Add(time.Hour))
	// Output: "question" from 192.0.2.31:5353 after 1m0.02s
}
