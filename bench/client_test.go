//go:build linux

package bench

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"announcer/internal/mdns"
)

// patience is how long an answer is waited for before it counts as lost.
const patience = 250 * time.Millisecond

// client is a socket at the other end of the cable.
type client struct {
	lab    *lab
	conn   *net.UDPConn
	packet [mdns.MaxMessage]byte
}

// newClient opens a socket of the load: on port 5353 and in the group, or on any port.
func newClient(t *testing.T, l *lab, port int) *client {
	t.Helper()
	c := &client{lab: l}
	var err error
	l.load.Do(func() { c.conn, err = open(port) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

func open(port int) (*net.UDPConn, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		if port == 0 {
			return nil // otherwise two may get the same one
		}
		var err error
		c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
		return err
	}}
	conn, err := config.ListenPacket(context.Background(), "udp4", netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)).String())
	if err != nil {
		return nil, err
	}
	iface, err := net.InterfaceByName(loadIface)
	if err != nil {
		return nil, err
	}
	p := ipv4.NewPacketConn(conn)
	err = errors.Join(p.SetMulticastInterface(iface), p.SetMulticastLoopback(false), p.SetMulticastTTL(255), p.SetTTL(255))
	if port == mdns.Port {
		err = errors.Join(err, p.JoinGroup(iface, net.UDPAddrFromAddrPort(mdns.Group4)))
	}
	udp := conn.(*net.UDPConn)
	return udp, errors.Join(err, udp.SetReadBuffer(4<<20))
}

func (c *client) close() { c.conn.Close() }

func (c *client) send(packet []byte) { c.conn.WriteToUDPAddrPort(packet, mdns.Group4) }

// answered waits for one response that has answers.
func (c *client) answered(until time.Time) bool {
	c.conn.SetReadDeadline(until)
	for {
		n, _, err := c.conn.ReadFromUDPAddrPort(c.packet[:])
		if err != nil {
			return false
		}
		if n > 12 && c.packet[2]&0x80 != 0 && c.packet[7] > 0 {
			return true
		}
	}
}

// drain forgets what has come in.
func (c *client) drain() {
	c.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	for {
		if _, _, err := c.conn.ReadFromUDPAddrPort(c.packet[:]); err != nil {
			return
		}
	}
}

// inFlight is how many queries wait for their answers at a time.
const inFlight = 8

// ask keeps copies of a query unanswered, and returns the number of answers in all: at most most, or as many as come
// within a time.
func (c *client) ask(query []byte, most int, d time.Duration) (answers int) {
	c.drain()
	end := time.Now().Add(d)
	for waiting := 0; answers < most && time.Now().Before(end); {
		for ; waiting < inFlight; waiting++ {
			c.send(query)
		}
		if c.answered(time.Now().Add(patience)) {
			answers++
			waiting--
		} else {
			waiting = 0
		}
	}
	for c.answered(time.Now().Add(patience / 10)) {
		answers++
	}
	return answers
}

// sendAll sends packets by multicast, in bursts that the responder has read before the next one comes, and returns their
// number: at most most, or as many as it takes within a time.
func (c *client) sendAll(packets [][]byte, most int, d time.Duration) (sent int) {
	for end := time.Now().Add(d); sent < most && time.Now().Before(end); {
		for range inFlight {
			c.send(packets[sent%len(packets)])
			sent++
		}
		for c.lab.unread() && time.Now().Before(end) {
			time.Sleep(20 * time.Microsecond)
		}
	}
	c.drain()
	return sent
}

// unread reports whether packets wait in a socket of the responder.
func (l *lab) unread() (waiting bool) {
	l.server.Do(func() {
		table, _ := os.ReadFile("/proc/thread-self/net/udp")
		for line := range strings.Lines(string(table)) {
			if columns := strings.Fields(line); len(columns) > 4 && strings.HasSuffix(columns[1], ":14E9") {
				waiting = waiting || !strings.HasSuffix(columns[4], ":00000000")
			}
		}
	})
	return waiting
}
