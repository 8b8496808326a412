package conformance

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/publication"
	"announcer/internal/testkit/netlab"
)

// Interface is the name of the responder's interface, and of the suite's.
const Interface = "eth0"

// Cable joins two hosts in network namespaces: one for a responder, and one on which the suite plays all others. It
// serves one check after another.
type Cable struct {
	server, suite *netlab.Host
	facts         Facts
	index         int // of the suite's interface
	sockets       []*socket
	heard         chan Heard
}

// NewCables makes cables that last until the test ends. They are as slow as slack says.
func NewCables(t testing.TB, n int, slack time.Duration) []*Cable {
	t.Helper()
	var cables []*Cable
	var ends [][2]netlab.End
	for range n {
		c := &Cable{server: netlab.NewHost(t), suite: netlab.NewHost(t), facts: LabFacts(), heard: make(chan Heard)}
		c.facts.Slack = slack
		cables = append(cables, c)
		ends = append(ends, [2]netlab.End{
			{Host: c.server, Name: Interface},
			{Host: c.suite, Name: Interface, Addrs: c.suiteAddresses()},
		})
	}
	netlab.Veths(t, ends...)
	for _, c := range cables {
		c.prepare(t)
	}
	return cables
}

// prepare makes ready what a cable with its two hosts needs beside.
func (c *Cable) prepare(t testing.TB) {
	t.Helper()
	var err error
	c.server.Do(func() { err = hearOwnAddress() })
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(c.setAddresses(ownAddresses...), c.setHostName(hostLabel))
	if err != nil {
		t.Fatal(err)
	}
	c.suite.Do(func() { err = c.readIndex() })
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range publication.IPVersions() {
		for _, port := range []uint16{mdns.Port, legacyPort} {
			c.listen(t, v, port)
		}
	}
}

// listen opens a socket of the suite and reads from it until the test ends.
func (c *Cable) listen(t testing.TB, v publication.IPVersion, port uint16) {
	t.Helper()
	s, err := c.open(v, port)
	if err != nil {
		t.Fatal("a socket of the suite: ", err)
	}
	c.sockets = append(c.sockets, s)
	done := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			h, err := s.receive()
			if err != nil {
				return
			}
			select {
			case c.heard <- h:
			case <-done:
			}
		}
	})
	t.Cleanup(func() {
		close(done)
		s.Close()
		reader.Wait()
	})
}

// suiteAddresses returns those of the hosts that the suite plays. Who is not on the link has no network there.
func (c *Cable) suiteAddresses() []string {
	var addrs []string
	for _, a := range slices.Concat(c.facts.Peers, c.facts.Neighbors) {
		bits := 64
		if a.Is4() {
			bits = 24
		}
		addrs = append(addrs, netip.PrefixFrom(a, bits).String())
	}
	for _, a := range c.facts.Remote {
		addrs = append(addrs, netip.PrefixFrom(a, a.BitLen()).String())
	}
	return addrs
}

// ownAddresses are those of the responder, beside a link-local one.
var ownAddresses = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("2001:db8::1/64")}

// setAddresses changes the addresses of the responder's interface. By its routes it can reach the hosts that are not on its
// link, so that it is seen when it does.
func (c *Cable) setAddresses(addrs ...netip.Prefix) (err error) {
	lines := []string{"addr flush dev " + Interface + " scope global"}
	for _, a := range addrs {
		lines = append(lines, fmt.Sprintf("addr add %v dev %s", a, Interface))
	}
	lines = append(lines, "route replace 0.0.0.0/0 dev "+Interface, "route replace ::/0 dev "+Interface)
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n"))
	c.server.Do(func() {
		var out []byte
		if out, err = cmd.CombinedOutput(); err != nil {
			err = fmt.Errorf("%w: %s", err, out)
			return
		}
		err = c.readResponder()
	})
	return err
}

// setHostName changes the name of the responder's machine.
func (c *Cable) setHostName(name string) (err error) {
	c.server.Do(func() { err = unix.Sethostname([]byte(name)) })
	return err
}

// hearOwnAddress makes the host take packets with a source address of its own, as they come on a second interface of
// one link.
func hearOwnAddress() error {
	for _, name := range []string{"all", Interface} {
		for key, value := range map[string]string{"accept_local": "1", "rp_filter": "0"} {
			if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+name+"/"+key, []byte(value), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// readResponder reads which addresses the responder has.
func (c *Cable) readResponder() error {
	eth, err := net.InterfaceByName(Interface)
	if err != nil {
		return err
	}
	addrs, err := eth.Addrs()
	if err != nil {
		return err
	}
	c.facts.Responder = nil
	for _, a := range addrs {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			return err
		}
		c.facts.Responder = append(c.facts.Responder, prefix)
	}
	return nil
}

func (c *Cable) readIndex() error {
	eth, err := net.InterfaceByName(Interface)
	if err == nil {
		c.index = eth.Index
	}
	return err
}

// socket is where the suite sends from, and hears on, by one IP version and port.
type socket struct {
	*net.UDPConn
	v4   *ipv4.PacketConn // one of the two
	v6   *ipv6.PacketConn
	port uint16
}

// open opens a socket of the suite.
func (c *Cable) open(v publication.IPVersion, port uint16) (s *socket, err error) {
	c.suite.Do(func() { s, err = openSocket(v, port) })
	switch {
	case err != nil:
	case v == publication.V4:
		err = s.setUp4(c.index)
	default:
		err = s.setUp6(c.index)
	}
	return s, err
}

func openSocket(v publication.IPVersion, port uint16) (*socket, error) {
	level, transparent := unix.SOL_IP, unix.IP_TRANSPARENT // to send with any source address
	if v == publication.V6 {
		level, transparent = unix.SOL_IPV6, unix.IPV6_TRANSPARENT
	}
	config := net.ListenConfig{Control: func(_, _ string, conn syscall.RawConn) (err error) {
		controlled := conn.Control(func(fd uintptr) {
			err = errors.Join(unix.SetsockoptInt(int(fd), level, transparent, 1),
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20))
		})
		return errors.Join(controlled, err)
	}}
	conn, err := config.ListenPacket(context.Background(), fmt.Sprintf("udp%d", v), fmt.Sprintf(":%d", port))
	if err != nil {
		return nil, err
	}
	return &socket{UDPConn: conn.(*net.UDPConn), port: port}, nil
}

func (s *socket) setUp4(index int) error {
	s.v4 = ipv4.NewPacketConn(s.UDPConn)
	eth := &net.Interface{Index: index}
	return errors.Join(s.v4.JoinGroup(eth, net.UDPAddrFromAddrPort(mdns.Group4)), s.v4.SetMulticastInterface(eth),
		s.v4.SetMulticastLoopback(false), s.v4.SetMulticastTTL(255), s.v4.SetTTL(255), s.v4.SetControlMessage(ipv4.FlagDst|ipv4.FlagTTL, true))
}

func (s *socket) setUp6(index int) error {
	s.v6 = ipv6.NewPacketConn(s.UDPConn)
	eth := &net.Interface{Index: index}
	return errors.Join(s.v6.JoinGroup(eth, net.UDPAddrFromAddrPort(mdns.Group6)), s.v6.SetMulticastInterface(eth),
		s.v6.SetMulticastLoopback(false), s.v6.SetMulticastHopLimit(255), s.v6.SetHopLimit(255),
		s.v6.SetControlMessage(ipv6.FlagDst|ipv6.FlagHopLimit, true))
}

// send sends a packet, in pieces if it is larger than the MTU.
func (s *socket) send(p link.Packet, index int) (err error) {
	from, to := p.From.Addr().AsSlice(), net.UDPAddrFromAddrPort(p.To)
	if s.v4 != nil {
		_, err = s.v4.WriteTo(p.Data, &ipv4.ControlMessage{Src: from, IfIndex: index}, to)
	} else {
		_, err = s.v6.WriteTo(p.Data, &ipv6.ControlMessage{Src: from, IfIndex: index}, to)
	}
	return err
}

// receive waits for a packet. It came when the kernel says, however late it is read.
func (s *socket) receive() (Heard, error) {
	data, control := make([]byte, 1<<16), make([]byte, 256)
	n, controls, _, from, err := s.ReadMsgUDPAddrPort(data, control)
	if err != nil {
		return Heard{}, err
	}
	to, ttl, err := s.parse(control[:controls])
	if err != nil {
		return Heard{}, err
	}
	at, err := parseTime(control[:controls])
	return Heard{link.Packet{
		Data: data[:n], From: netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port()), To: netip.AddrPortFrom(to, s.port), TTL: uint8(ttl),
	}, at}, err
}

// parse reads where a packet went, and with what TTL it came.
func (s *socket) parse(control []byte) (to netip.Addr, ttl int, err error) {
	var dst net.IP
	if s.v4 != nil {
		var m ipv4.ControlMessage
		err = m.Parse(control)
		dst, ttl = m.Dst, m.TTL
	} else {
		var m ipv6.ControlMessage
		err = m.Parse(control)
		dst, ttl = m.Dst, m.HopLimit
	}
	to, _ = netip.AddrFromSlice(dst)
	return to.Unmap(), ttl, err
}

func parseTime(control []byte) (time.Time, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Time{}, err
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS {
			var at unix.Timespec
			if _, err := binary.Decode(m.Data, binary.NativeEndian, &at); err != nil {
				return time.Time{}, err
			}
			return time.Unix(at.Unix()), nil
		}
	}
	return time.Time{}, errors.New("a packet without the time of its arrival")
}
