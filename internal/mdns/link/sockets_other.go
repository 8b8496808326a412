//go:build !linux

package link

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// Sockets is the real network, as a [Conn]. On this system a goroutine reads each socket.
type Sockets struct {
	four *ipv4.PacketConn
	six  *ipv6.PacketConn

	shared bool
	faults []Fault

	packets chan Packet
	wake    chan struct{}
	done    chan struct{}
	close   func()

	mu     sync.Mutex
	links  map[int]bool
	joined map[membership]bool
}

type membership struct {
	version publication.IPVersion
	index   int
}

// Open opens port 5353 for each IP version that this host has. The error says for each why it can't be used.
func Open() (*Sockets, error) {
	s := &Sockets{
		packets: make(chan Packet, MaxBatch), wake: make(chan struct{}, 1), done: make(chan struct{}),
		shared: inUse(), links: map[int]bool{}, joined: map[membership]bool{},
	}
	s.close = sync.OnceFunc(s.release)
	err4, err6 := s.open4(), s.open6()
	if s.four == nil && s.six == nil {
		return nil, errors.Join(err4, err6)
	}
	if err4 != nil {
		s.faults = append(s.faults, Fault{Version: publication.V4, Why: err4.Error()})
	}
	if err6 != nil {
		s.faults = append(s.faults, Fault{Version: publication.V6, Why: err6.Error()})
	}
	return s, nil
}

// OpenClient opens port 5353 as [Open] does, for a program that asks and answers nothing.
func OpenClient() (*Sockets, error) { return Open() }

// MarkClient does nothing: on this system the programs that share the port are not known.
func MarkClient(syscall.Conn) (unmark func()) { return func() {} }

// inUse reports whether a program of this host has the port open: a socket that doesn't share can't be bound then.
func inUse() bool {
	c, err := net.ListenPacket("udp", fmt.Sprintf(":%d", mdns.Port))
	if err != nil {
		return true
	}
	c.Close()
	return false
}

func (s *Sockets) open4() error {
	c, err := net.ListenPacket("udp4", mdns.Group4.String()) // binds the port for all addresses, shared
	if err != nil {
		return fmt.Errorf("failed to open port %d for IPv4: %w", mdns.Port, err)
	}
	p := ipv4.NewPacketConn(c)
	err = errors.Join(p.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst|ipv4.FlagTTL, true),
		p.SetMulticastLoopback(true), p.SetMulticastTTL(255), p.SetTTL(255)) // RFC 6762 §11
	if err != nil {
		c.Close()
		return unsupported(err)
	}
	s.four = p
	go s.receive(func(buf []byte) (Packet, error) {
		n, cm, from, err := p.ReadFrom(buf)
		if err != nil || cm == nil {
			return Packet{}, err
		}
		return received(buf, n, cm.IfIndex, from, cm.Dst, cm.TTL), nil
	})
	return nil
}

func (s *Sockets) open6() error {
	c, err := net.ListenPacket("udp6", mdns.Group6.String())
	if err != nil {
		return fmt.Errorf("failed to open port %d for IPv6: %w", mdns.Port, err)
	}
	p := ipv6.NewPacketConn(c)
	err = errors.Join(p.SetControlMessage(ipv6.FlagInterface|ipv6.FlagDst|ipv6.FlagHopLimit, true),
		p.SetMulticastLoopback(true), p.SetMulticastHopLimit(255), p.SetHopLimit(255))
	if err != nil {
		c.Close()
		return unsupported(err)
	}
	s.six = p
	go s.receive(func(buf []byte) (Packet, error) {
		n, cm, from, err := p.ReadFrom(buf)
		if err != nil || cm == nil {
			return Packet{}, err
		}
		return received(buf, n, cm.IfIndex, from, cm.Dst, cm.HopLimit), nil
	})
	return nil
}

func unsupported(err error) error {
	return fmt.Errorf("multicast DNS is not supported on %s, which does not report where packets come from: %w", runtime.GOOS, err)
}

func received(buf []byte, n, index int, from net.Addr, to net.IP, ttl int) Packet {
	p := Packet{Data: slices.Clone(buf[:min(n, mdns.MaxMessage)]), Link: index, TTL: uint8(ttl)}
	if u, ok := from.(*net.UDPAddr); ok {
		ap := u.AddrPort()
		p.From = netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
	}
	if a, ok := netip.AddrFromSlice(to); ok {
		p.To = netip.AddrPortFrom(a.Unmap(), mdns.Port)
	}
	if n > mdns.MaxMessage {
		p.Err = ErrTooLong
	}
	return p
}

// receive reads packets until the socket is closed. After an error it rests, so that a dead socket costs nothing.
func (s *Sockets) receive(read func([]byte) (Packet, error)) {
	buf := make([]byte, mdns.MaxMessage+1)
	for {
		p, err := read(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			select {
			case <-s.done:
				return
			case <-time.After(250 * time.Millisecond):
			}
		case s.listens(p.Link):
			select {
			case <-s.done:
				return
			case s.packets <- p:
			}
		}
	}
}

func (s *Sockets) listens(index int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.links[index]
}

// Faults implements [Conn]. On this system they stay what they were when the port was opened.
func (s *Sockets) Faults() []Fault { return s.faults }

// Read implements [Conn].
func (s *Sockets) Read(batch []Packet, until time.Time) (int, error) {
	if len(s.packets) == 0 {
		var late <-chan time.Time
		if !until.IsZero() {
			late = time.After(time.Until(until))
		}
		select {
		case <-s.done:
			return 0, net.ErrClosed
		case <-s.wake:
			return 0, nil
		case <-late:
			return 0, nil
		case batch[0] = <-s.packets:
			return 1 + s.take(batch[1:]), nil
		}
	}
	return s.take(batch), nil
}

// take fills a batch with the packets that are there.
func (s *Sockets) take(batch []Packet) (n int) {
	for n < len(batch) && len(s.packets) > 0 {
		batch[n] = <-s.packets
		n++
	}
	return n
}

// Wake implements [Conn].
func (s *Sockets) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Write implements [Conn].
func (s *Sockets) Write(batch []Packet) (sent int) {
	for i := range batch {
		p := &batch[i]
		if p.Err = s.writeOne(p); p.Err == nil {
			sent++
		}
	}
	return sent
}

func (s *Sockets) writeOne(p *Packet) error {
	to := net.UDPAddrFromAddrPort(p.To)
	source := p.From.Addr().AsSlice() // nil of the zero value
	var err error
	switch {
	case p.Version() == publication.V4 && s.four != nil:
		_, err = s.four.WriteTo(p.Data, &ipv4.ControlMessage{IfIndex: p.Link, Src: source}, to)
	case p.Version() == publication.V6 && s.six != nil:
		_, err = s.six.WriteTo(p.Data, &ipv6.ControlMessage{IfIndex: p.Link, Src: source}, to)
	default:
		return ErrNoSocket
	}
	return err
}

// SetLinks implements [Conn].
func (s *Sockets) SetLinks(links []publication.Link) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := map[membership]bool{}
	clear(s.links)
	var failed error
	for _, l := range links {
		s.links[l.Index] = true
		for _, v := range publication.IPVersions() {
			m := membership{v, l.Index}
			if !l.Has(v) || !s.has(v) {
				continue
			}
			wanted[m] = true
			if s.joined[m] {
				continue
			}
			if err := s.join(m); err != nil {
				failed = errors.Join(failed, fmt.Errorf("failed to listen on %s by IPv%d: %w", l.Name, v, err))
				continue
			}
			s.joined[m] = true
		}
	}
	for m := range s.joined {
		if !wanted[m] {
			s.leave(m)
			delete(s.joined, m)
		}
	}
	return failed
}

func (s *Sockets) has(v publication.IPVersion) bool {
	return v == publication.V4 && s.four != nil || v == publication.V6 && s.six != nil
}

func (s *Sockets) join(m membership) error {
	i := &net.Interface{Index: m.index}
	if m.version == publication.V4 {
		return s.four.JoinGroup(i, net.UDPAddrFromAddrPort(mdns.Group4))
	}
	return s.six.JoinGroup(i, net.UDPAddrFromAddrPort(mdns.Group6))
}

// leave ends a membership. Where the interface is gone, so is the membership.
func (s *Sockets) leave(m membership) {
	i := &net.Interface{Index: m.index}
	if m.version == publication.V4 {
		s.four.LeaveGroup(i, net.UDPAddrFromAddrPort(mdns.Group4))
		return
	}
	s.six.LeaveGroup(i, net.UDPAddrFromAddrPort(mdns.Group6))
}

// Shared implements [Conn]. On this system it reports how it was when the port was opened.
func (s *Sockets) Shared() bool { return s.shared }

// Close implements [Conn].
func (s *Sockets) Close() error {
	s.close()
	return nil
}

func (s *Sockets) release() {
	close(s.done)
	if s.four != nil {
		s.four.Close()
	}
	if s.six != nil {
		s.six.Close()
	}
}

// Holder names the programs that have port 5353 of an IP version for themselves. On this system they are not known.
func Holder(publication.IPVersion) string { return "" }

// Remember does nothing.
func Remember() {}

// Sharing looks for other programs that share port 5353 with this one. On this system they are not known.
type Sharing struct{}

// NewSharing returns a Sharing.
func NewSharing() *Sharing { return new(Sharing) }

// Programs returns nil.
func (*Sharing) Programs() []string { return nil }
