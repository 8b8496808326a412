//go:build linux

package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

// crowd counts what a responder adds to a network of many hosts: nothing is asked, and then phones boot. The other hosts are
// one socket that announces what all of them would: a responder knows hosts by the records that it hears.
func (r *tables) crowd(t *testing.T) {
	n, phones := r.scale.hosts, r.scale.phones
	what := fmt.Sprintf("%d other hosts: ", n)
	early := r.row(what+"bytes a minute while no host asks, soon after the start", 1, "", none)
	quiet := r.row(what+"bytes a minute while no host asks, at rest", 1, "", most(500))
	boot := r.row(fmt.Sprintf("%sbytes for each of %d phones that boot within %v", what, phones, r.scale.crowd), 1, "", ofAvahi(1.1))
	var labs []*lab
	for _, name := range r.without("floor") {
		labs = append(labs, newLab(t, name, 1))
	}
	r.startAll(t, labs)
	time.Sleep(max(r.scale.settle, 3*time.Second))
	added := make([]traffic, len(labs))
	var group sync.WaitGroup
	for i, l := range labs {
		group.Go(func() { added[i] = crowded(t, l, r.scale) })
	}
	group.Wait()
	for i, l := range labs {
		early.set(l.name, float64(added[i].early)*60/r.scale.crowd.Seconds())
		quiet.set(l.name, float64(added[i].quiet)*60/r.scale.crowd.Seconds())
		boot.set(l.name, float64(added[i].booting)/float64(phones))
	}
}

// traffic is what a responder sends, in bytes.
type traffic struct{ early, quiet, booting int }

// crowded has other hosts announce themselves and then nothing happen, soon after the start and again at rest; then phones boot.
func crowded(t *testing.T, l *lab, s scale) (added traffic) {
	c := newClient(t, l, mdns.Port)
	defer c.close()
	rest := time.Now().Add(s.idle)
	c.populate(s.hosts)
	added.early = l.sends(t, s.crowd)
	time.Sleep(time.Until(rest)) // the timers of other programs, which do not report that they rest
	c.populate(s.hosts)
	added.quiet = l.sends(t, s.crowd)
	var booted sync.WaitGroup
	booted.Go(func() {
		for range s.phones {
			c.send(question(serviceType, mdns.TypePTR, false))
			time.Sleep(s.crowd / time.Duration(s.phones)) // the pace of the phones is what is measured
		}
	})
	added.booting = l.sends(t, s.crowd+2*time.Second)
	booted.Wait()
	return added
}

// populate has other hosts announce themselves, and waits until that has been heard.
func (c *client) populate(hosts int) {
	for i := range hosts {
		c.send(newcomer(i))
		time.Sleep(time.Millisecond)
	}
	time.Sleep(2 * time.Second)
}

// sends counts the bytes of the packets that the responder sends within a time, as they are on the network: multicast DNS with
// the headers of UDP and of the IP version.
func (l *lab) sends(t *testing.T, d time.Duration) (n int) {
	var tap *os.File
	var err error
	l.load.Do(func() { tap, err = newTap() })
	if err != nil {
		t.Error(err)
		return 0
	}
	defer tap.Close()
	tap.SetReadDeadline(time.Now().Add(d))
	packet := make([]byte, 1<<16)
	for {
		length, err := tap.Read(packet)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return n
		}
		if err != nil {
			t.Error(err)
			return n
		}
		if multicastDNS(packet[:length]) {
			n += length
		}
	}
}

// newTap opens a socket that gets each IP packet that comes to the load, from the header of IP on.
func newTap() (*os.File, error) {
	iface, err := net.InterfaceByName(loadIface)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	all := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL}) // in the order of the network
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: iface.Index}))
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "tap"), nil
}

// multicastDNS reports whether an IP packet is from a socket of multicast DNS.
func multicastDNS(packet []byte) bool {
	if len(packet) < 40 {
		return false
	}
	protocol, header := packet[9], int(packet[0]&15)*4
	if packet[0]>>4 == 6 {
		protocol, header = packet[6], 40
	}
	return protocol == unix.IPPROTO_UDP && len(packet) > header+8 && binary.BigEndian.Uint16(packet[header:]) == mdns.Port
}

// newcomer is the announcement of another host.
func newcomer(i int) []byte {
	host := dnsname.MustParse(fmt.Sprintf("desk-%d.local", i))
	name := dnsname.MustParse(fmt.Sprintf("Desk %d._workstation._tcp.local", i))
	return encode(wire.Message{
		Header: wire.Header{Flags: wire.FlagResponse | wire.FlagAuthority},
		Answers: []mdns.Record{
			{Name: name.Parent(), TTL: mdns.OtherTTL, Data: mdns.PTR{Target: name}},
			{Name: name, TTL: mdns.HostTTL, Unique: true, Data: mdns.SRV{Port: 9, Target: host}},
			{Name: name, TTL: mdns.OtherTTL, Unique: true, Data: mdns.NewTXT("")},
			{Name: host, TTL: mdns.HostTTL, Unique: true, Data: mdns.Address{Addr: netip.AddrFrom4([4]byte{192, 0, byte(3 + i/250), byte(1 + i%250)})}},
			{Name: host, TTL: mdns.HostTTL, Unique: true, Data: mdns.Address{Addr: netip.AddrFrom16([16]byte{0xfe, 0x80, 14: byte(1 + i/250), byte(1 + i%250)})}},
		},
	})
}
