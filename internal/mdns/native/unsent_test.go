package native

import (
	"net/netip"
	"syscall"
	"testing"

	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/publication"
)

// A goodbye that can't be sent, since the last address of an IP version went, is no failure of the network.
func TestUnsent(t *testing.T) {
	links := []publication.Link{{Index: 2, Name: "eth0", Addrs: []publication.LinkAddr{{Prefix: netip.MustParsePrefix("192.0.2.1/24")}}}}
	for _, c := range []struct {
		name    string
		packet  link.Packet
		counted bool
		failed  bool
	}{
		{"sent", link.Packet{Link: 2, To: mdns.Group6}, false, false},
		{"the link is gone", link.Packet{Link: 3, To: mdns.Group4, Err: syscall.EADDRNOTAVAIL}, false, false},
		{"the address is gone", link.Packet{Link: 2, To: mdns.Group6, Err: syscall.EADDRNOTAVAIL}, false, false},
		{"there is an address", link.Packet{Link: 2, To: mdns.Group4, Err: syscall.EADDRNOTAVAIL}, true, false},
		{"the link is going", link.Packet{Link: 2, To: mdns.Group4, Err: syscall.ENODEV}, true, false},
		{"the link is going down", link.Packet{Link: 2, To: mdns.Group4, Err: syscall.ENETDOWN}, true, false},
		{"another error", link.Packet{Link: 2, To: mdns.Group6, Err: syscall.EPERM}, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Publisher{links: links, packets: []link.Packet{c.packet}, unsentOn: map[int]uint64{}}
			if err := p.unsent(); (err != nil) != c.failed || (p.unsentOn[2] > 0) != c.counted {
				t.Errorf("error %v, %d counted", err, p.unsentOn[2])
			}
		})
	}
}
