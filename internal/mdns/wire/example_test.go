package wire_test

import (
	"fmt"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

func ExampleDecode() {
	sent := wire.Message{Answers: []mdns.Record{{
		Name: dnsname.MustParse("_sip._udp.local"), TTL: 4500, Data: mdns.PTR{Target: dnsname.MustParse("Desk._sip._udp.local")},
	}}}
	packet, _ := sent.Encode(1472)
	received, err := wire.Decode(packet)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(received.Answers[0])
	// Output: _sip._udp.local. 4500 IN PTR Desk._sip._udp.local.
}
