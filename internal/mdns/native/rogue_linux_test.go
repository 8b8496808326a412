package native

import (
	"log/slog"
	"net"
	"strconv"
	"testing"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/testkit/netlab"
)

// A server on the network that has the link-local address of this host, which IPv6 lets through, is no program of it.
func TestRogueWithOurAddress(t *testing.T) {
	netlab.Need(t)
	other := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "eth0", Addrs: []string{"192.0.2.1/24", "fe80::1/64"}}, netlab.End{Host: other, Name: "eth0", Addrs: []string{"fe80::1/64"}})
	l := linkOf(t, nil, "eth0")
	p, err := Open(slog.New(slog.DiscardHandler), netwatch.MAC)
	if err != nil {
		t.Fatal(err)
	}
	sips := dnsname.MustParse("_sip._udp.local")
	if err := p.Apply(t.Context(), publication.Desired{Host: "pbx", Links: []publication.Link{l}, Groups: []publication.Publication{sip("Desk")}, Watched: []dnsname.Name{sips}}); err != nil {
		t.Fatal(err)
	}
	var rogue *net.UDPConn
	zone := strconv.Itoa(linkOf(t, other, "eth0").Index) // package net keeps the names of another namespace
	other.Do(func() {
		rogue, err = net.ListenUDP("udp6", &net.UDPAddr{IP: net.ParseIP("fe80::1"), Zone: zone, Port: 5353})
	})
	if err != nil {
		t.Fatal(err)
	}
	defer rogue.Close()
	name, err := sips.Child("Rogue")
	if err != nil {
		t.Fatal(err)
	}
	m := wire.Message{Header: wire.Header{Flags: wire.FlagResponse | wire.FlagAuthority}, Answers: []mdns.Record{{Name: sips, TTL: 4500, Data: mdns.PTR{Target: name}}}}
	packet, _ := m.Encode(1232)
	for end := time.Now().Add(patience); len(p.Observe().Foreign) == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the rogue is not heard")
		}
		if _, err := rogue.WriteTo(packet, &net.UDPAddr{IP: net.ParseIP("ff02::fb"), Zone: zone, Port: 5353}); err != nil {
			t.Fatal(err)
		}
	}
	if f := p.Observe().Foreign[0]; f.Own || f.Name != "Rogue" || f.From.String() != "fe80::1" {
		t.Errorf("%+v", f)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
