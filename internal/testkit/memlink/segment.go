package memlink

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/publication"
	"announcer/internal/testkit/pcap"
)

// maxUDP is the most bytes that a UDP packet can carry.
const maxUDP = 65535 - 20 - 8

// Weather is what happens to packets on a segment. The zero value is fine weather: all arrive, at once.
type Weather struct {
	Loss      float64 // chance that a receiver misses a packet, 0 to 1
	Duplicate float64 // chance that a receiver gets it twice
	Delay     time.Duration
	Jitter    time.Duration // up to this much more delay, so that packets overtake each other
}

// Segment is a network that hosts are plugged into: all of them hear a multicast on it.
type Segment struct {
	net     *Net
	weather Weather
	ports   []*Port
	capture *pcap.Writer
	tap     func(from *Host, p link.Packet)
}

// NewSegment adds a segment with fine weather.
func (n *Net) NewSegment() *Segment { return &Segment{net: n} }

// SetWeather changes the weather for packets sent from now on.
func (s *Segment) SetWeather(w Weather) {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	s.weather = w
}

// Tap has f called with each packet that is sent on the segment from now on, in the order of sending, with its source address.
// f must not send.
func (s *Segment) Tap(f func(from *Host, p link.Packet)) {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	s.tap = f
}

// Split parts the segment: only hosts for which side gives the same number hear each other. [Segment.Heal] ends it.
func (s *Segment) Split(side func(*Host) int) {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	for _, p := range s.ports {
		p.side = side(p.host)
	}
}

// Heal ends a [Segment.Split].
func (s *Segment) Heal() { s.Split(func(*Host) int { return 0 }) }

// Host is a machine with network interfaces.
type Host struct {
	Name string

	net      *Net
	number   int
	ports    []*Port
	onPacket func(link.Packet)
	conns    []*Conn
}

// NewHost adds a host without interfaces.
func (n *Net) NewHost(name string) *Host {
	n.hosts++
	return &Host{Name: name, net: n, number: n.hosts}
}

// Port is an interface of a host, plugged into a segment.
type Port struct {
	host    *Host
	segment *Segment
	number  int
	link    publication.Link
	side    int
	down    bool
	dice    map[*Port]*rand.Rand // of what comes from another port, in live mode
}

// Plug adds an interface on a segment to a host, with an index from 2 and a name such as "eth0".
func (h *Host) Plug(s *Segment, addrs ...netip.Prefix) *Port {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	i := len(h.ports)
	h.net.ports++
	p := &Port{host: h, segment: s, number: h.net.ports, dice: map[*Port]*rand.Rand{}, link: publication.Link{Index: i + 2, Name: fmt.Sprintf("eth%d", i), MTU: 1500}}
	p.link.Addrs = linkAddrs(addrs)
	h.ports = append(h.ports, p)
	s.ports = append(s.ports, p)
	return p
}

func linkAddrs(addrs []netip.Prefix) []publication.LinkAddr {
	var all []publication.LinkAddr
	for _, a := range addrs {
		all = append(all, publication.LinkAddr{Prefix: a})
	}
	return all
}

// SetAddrs changes the addresses of an interface.
func (p *Port) SetAddrs(addrs ...netip.Prefix) {
	p.host.net.mu.Lock()
	defer p.host.net.mu.Unlock()
	p.link.Addrs = linkAddrs(addrs)
}

// SetLink changes what the interface is: its index, its name, its addresses.
func (p *Port) SetLink(l publication.Link) {
	p.host.net.mu.Lock()
	defer p.host.net.mu.Unlock()
	p.link = l
}

// SetDown pulls the cable of an interface, or puts it back.
func (p *Port) SetDown(down bool) {
	p.host.net.mu.Lock()
	defer p.host.net.mu.Unlock()
	p.down = down
}

// Link describes the interface.
func (p *Port) Link() publication.Link { return p.link }

// Links describes the interfaces of a host, by index.
func (h *Host) Links() []publication.Link {
	var links []publication.Link
	for _, p := range h.ports {
		links = append(links, p.link)
	}
	slices.SortFunc(links, func(a, b publication.Link) int { return a.Index - b.Index })
	return links
}

// OnPacket sets what a host does with the packets that reach it, whatever their port. Their Data is shared.
func (h *Host) OnPacket(f func(link.Packet)) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.onPacket = f
}

// Why a packet can't be sent.
var (
	ErrNoLink    = errors.New("no such interface, or it is down")
	ErrNoAddress = errors.New("the interface has no address of that IP version")
	ErrTooLarge  = errors.New("no UDP packet can be that large")
)

// Send sends a packet: to the group, which the sender hears too, or to an address on the same segment. Where From is
// not set, it becomes the first address of the interface, a link-local one for multicast by IPv6, and port 5353.
func (h *Host) Send(p link.Packet) error {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	i := slices.IndexFunc(h.ports, func(port *Port) bool { return port.link.Index == p.Link && !port.down })
	switch {
	case i < 0:
		return ErrNoLink
	case !h.ports[i].link.Has(p.Version()):
		return ErrNoAddress
	case len(p.Data) > maxUDP:
		return ErrTooLarge
	}
	port := h.ports[i]
	if !p.From.IsValid() {
		p.From = netip.AddrPortFrom(port.source(p), mdns.Port)
	}
	p.TTL = 255
	p.Data = slices.Clone(p.Data)
	port.segment.carry(port, p)
	return nil
}

// source chooses the source address of a packet.
func (p *Port) source(packet link.Packet) netip.Addr {
	var first netip.Addr
	for _, a := range p.link.Addrs {
		if a.Tentative || a.Addr().Is4() != packet.To.Addr().Is4() {
			continue
		}
		if !first.IsValid() || packet.To.Addr().Is6() && packet.Multicast() && a.Addr().IsLinkLocalUnicast() && !first.IsLinkLocalUnicast() {
			first = a.Addr()
		}
	}
	return first
}

// carry brings a packet to all that it is for.
func (s *Segment) carry(from *Port, packet link.Packet) {
	if s.capture != nil {
		_ = s.capture.Frame(s.net.Now(), ethernet(from, packet)) // a capture that fails ends; the segment goes on
	}
	if s.tap != nil {
		s.tap(from.host, packet)
	}
	for _, to := range s.ports {
		if !to.hears(from, packet) {
			continue
		}
		if to.host == from.host {
			s.net.deliver(0, to, &packet)
			continue
		}
		dice, w := s.net.diceOf(from, to), s.weather
		copies := 1
		if dice.Float64() < w.Duplicate {
			copies = 2
		}
		for range copies {
			if dice.Float64() >= w.Loss {
				s.net.deliver(w.Delay+time.Duration(dice.Float64()*float64(w.Jitter)), to, &packet)
			}
		}
	}
}

// diceOf returns the dice for what one port sends to another. In live mode each pair has its own, so that what is drawn does
// not depend on the order in which hosts send at one moment.
func (n *Net) diceOf(from, to *Port) *rand.Rand {
	if !n.live {
		return n.dice
	}
	dice := to.dice[from]
	if dice == nil {
		dice = rand.New(rand.NewPCG(n.seed, uint64(from.number)<<32|uint64(to.number)))
		to.dice[from] = dice
	}
	return dice
}

func (p *Port) hears(from *Port, packet link.Packet) bool {
	if p.down || p.side != from.side {
		return false
	}
	if packet.Multicast() {
		return p.link.Has(packet.Version())
	}
	return slices.ContainsFunc(p.link.Addrs, func(a publication.LinkAddr) bool { return a.Addr() == packet.To.Addr() })
}

func (n *Net) deliver(delay time.Duration, to *Port, packet *link.Packet) {
	if n.live {
		time.AfterFunc(delay, func() { to.receive(packet) })
		return
	}
	n.events.push(event{at: n.now + delay, port: to, packet: packet})
}

func (p *Port) receive(packet *link.Packet) {
	p.host.net.mu.Lock()
	f, received := p.host.onPacket, *packet
	received.Link = p.link.Index
	p.host.net.mu.Unlock()
	if f != nil {
		f(received)
	}
}
