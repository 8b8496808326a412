package conformance

import (
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"announcer/internal/mdns/link"
	"announcer/internal/publication"
	"announcer/internal/testkit/memlink"
)

// SimLab is a [Lab] in simulated time, with our own responder.
type SimLab struct {
	net    *memlink.Net
	facts  Facts
	server *memlink.Host
	peer   *memlink.Host // all hosts that the suite plays
	port   *memlink.Port
	node   *node
	setup  Setup
	name   string // of the machine
	seed   uint64
	heard  []Heard
	forged []link.Packet // packets that the suite sent with the responder's address and has not heard back
}

// NewSimLab makes a lab whose delays are drawn from a seed.
func NewSimLab(seed uint64) *SimLab {
	n := memlink.New(seed)
	lab := &SimLab{net: n, server: n.NewHost("server"), peer: n.NewHost("peer"), seed: seed, name: hostLabel, facts: LabFacts()}
	segment := n.NewSegment()
	lab.port = lab.server.Plug(segment, lab.facts.Responder...)
	var addrs []netip.Prefix
	for _, a := range slices.Concat(lab.facts.Peers, lab.facts.Remote, lab.facts.Neighbors) {
		addrs = append(addrs, netip.PrefixFrom(a, a.BitLen()))
	}
	lab.peer.Plug(segment, addrs...)
	lab.peer.OnPacket(lab.hear)
	return lab
}

// LabFacts returns the addresses that labs use, without slack.
func LabFacts() Facts {
	f := Facts{Responder: []netip.Prefix{
		netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("2001:db8::1/64"), netip.MustParsePrefix("fe80::1/64"),
	}}
	for i := range 3 {
		f.Peers = append(f.Peers, netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", 10+i)), netip.MustParseAddr(fmt.Sprintf("2001:db8::1%d", i)))
	}
	f.Remote = []netip.Addr{netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("2001:db8:ffff::7")}
	f.Second = []netip.Prefix{netip.MustParsePrefix("203.0.113.1/24"), netip.MustParsePrefix("2001:db8:2::1/64")}
	f.Neighbors = []netip.Addr{netip.MustParseAddr("203.0.113.10"), netip.MustParseAddr("2001:db8:2::10")}
	return f
}

func (l *SimLab) hear(p link.Packet) {
	if !l.ofResponder(p) {
		return
	}
	if i := slices.IndexFunc(l.forged, func(f link.Packet) bool { return f.To == p.To && bytes.Equal(f.Data, p.Data) }); i >= 0 {
		l.forged = slices.Delete(l.forged, i, i+1)
		return
	}
	l.heard = append(l.heard, Heard{p, l.net.Now()})
}

func (l *SimLab) ofResponder(p link.Packet) bool {
	return slices.ContainsFunc(l.facts.Responder, func(a netip.Prefix) bool { return a.Addr() == p.From.Addr() })
}

// Facts implements [Lab].
func (l *SimLab) Facts() Facts { return l.facts }

// Now implements [Lab].
func (l *SimLab) Now() time.Time { return l.net.Now() }

// Start implements [Lab].
func (l *SimLab) Start(s Setup) error {
	l.node = newNode(l.net, l.server, l.seed)
	return l.Apply(s)
}

// Apply implements [Lab].
func (l *SimLab) Apply(s Setup) error {
	l.setup = s
	d := publication.Desired{Host: cmp.Or(s.Host, l.name), Links: l.server.Links()}
	for _, g := range s.Groups {
		d.Groups = append(d.Groups, publication.Publication{ID: g.Name, Group: g})
	}
	l.node.apply(d)
	return nil
}

// Stop implements [Lab].
func (l *SimLab) Stop() error {
	l.node.close()
	return nil
}

// Suspend implements [Lab].
func (l *SimLab) Suspend() error {
	l.node.suspend()
	return nil
}

// Resume implements [Lab].
func (l *SimLab) Resume() error {
	l.node.resume()
	l.net.At(l.Now().Add(100*time.Millisecond), func() { l.Apply(l.setup) }) // when it has read its links
	return nil
}

// Restart implements [Lab].
func (l *SimLab) Restart() error {
	l.node.suspend()
	return l.Start(l.setup)
}

// SetHostName implements [Lab].
func (l *SimLab) SetHostName(name string) error {
	l.name = name
	return l.Apply(l.setup)
}

// SetAddresses implements [Lab].
func (l *SimLab) SetAddresses(addrs ...netip.Prefix) error {
	for _, a := range l.facts.Responder {
		if a.Addr().IsLinkLocalUnicast() && a.Addr().Is6() {
			addrs = append(addrs, a)
		}
	}
	l.port.SetAddrs(addrs...)
	l.facts.Responder = addrs
	if l.node == nil || l.node.asleep {
		return nil
	}
	return l.Apply(l.setup)
}

// Send implements [Lab].
func (l *SimLab) Send(p link.Packet) error {
	p.Link = l.peer.Links()[0].Index
	if l.ofResponder(p) {
		l.forged = append(l.forged, p)
	}
	return l.peer.Send(p)
}

// Next implements [Lab].
func (l *SimLab) Next(until time.Time) (Heard, bool) {
	for len(l.heard) == 0 {
		if !l.net.StepUntil(until) {
			return Heard{}, false
		}
	}
	first := l.heard[0]
	l.heard = l.heard[1:]
	return first, true
}
