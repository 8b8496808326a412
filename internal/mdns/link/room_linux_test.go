package link

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/internal/testkit/netlab"
	"announcer/internal/testkit/skip"
)

// With more links than one socket has room for memberships, packets go out on each of them: a packet needs some of the memory for
// options that the memberships are in. Each case leaves another number of bytes of it, where all is filled with memberships.
func TestRoomToSend(t *testing.T) {
	netlab.Need(t)
	const links, least, step = 200, 10_000, 8
	host := netlab.NewHost(t)
	set := func(name string, value int) {
		host.Do(func() {
			if err := os.WriteFile("/proc/sys/net/"+name, []byte(strconv.Itoa(value)), 0o644); err != nil {
				skip.Now(t, err)
			}
		})
	}
	set("ipv6/conf/default/accept_dad", 0)
	var lines []string
	for i := range links {
		if i%2 == 0 {
			lines = append(lines, fmt.Sprintf("link add vlan%d type veth peer name vlan%d", i, i+1))
		}
		lines = append(lines, fmt.Sprintf("link set vlan%d up", i),
			fmt.Sprintf("addr add 10.0.%d.1/24 dev vlan%d", i, i), fmt.Sprintf("addr add 2001:db8:%d::1/64 dev vlan%d", i, i))
	}
	host.IPs(t, lines...)
	var all []publication.Link
	var packets []Packet
	for i := range links {
		l := linkOf(t, host, fmt.Sprintf("vlan%d", i))
		all = append(all, l)
		for _, v := range publication.IPVersions() {
			packets = append(packets, Packet{Data: []byte("hello"), Link: l.Index, To: mdns.Group(v)})
		}
	}
	for room := least; room < least+8*step; room += step {
		t.Run(fmt.Sprintf("%d bytes", room), func(t *testing.T) {
			set("core/optmem_max", room)
			s := open(t, host, all...)
			if n := s.Write(packets); n != len(packets) {
				t.Errorf("%d of %d packets were sent; the first error is %v", n, len(packets), firstError(packets))
			}
		})
	}
}

// firstError returns why a packet was not sent.
func firstError(packets []Packet) error {
	for _, p := range packets {
		if p.Err != nil {
			return p.Err
		}
	}
	return nil
}
