package responder

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
	"announcer/services"
)

// lab is a segment with hosts on it, in a time of its own. What is sent arrives at all hosts, the sender included,
// a tenth of a millisecond later.
type lab struct {
	t      testing.TB
	now    time.Duration
	seed   uint64
	hosts  []*host
	flying []flight
	sent   []sent
	lose   func(from *host, to *host) bool
}

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const transit = 100 * time.Microsecond

type host struct {
	*Responder
	lab   *lab
	name  string
	links []publication.Link
	dead  bool
	next  time.Time
	asked []mdns.Asked
}

type flight struct {
	at     time.Duration
	to     *host
	packet Packet
}

// sent is a packet that a host sent.
type sent struct {
	at   time.Duration
	host *host
	Out
	msg wire.Message
}

func (s sent) multicast() bool { return s.Dst.Addr().IsMulticast() }

func newLab(t testing.TB) *lab { return &lab{t: t, seed: 1} }

func ethernet(addrs ...string) publication.Link {
	l := publication.Link{Index: 2, Name: "eth0", MTU: 1500}
	for _, a := range addrs {
		l.Addrs = append(l.Addrs, publication.LinkAddr{Prefix: netip.MustParsePrefix(a)})
	}
	return l
}

// host adds a host with an interface on the segment for each link.
func (l *lab) host(name string, links ...publication.Link) *host {
	h := &host{lab: l, name: name, links: links}
	h.Responder = New(Config{
		Rand:  rand.New(rand.NewPCG(l.seed, uint64(len(l.hosts)))),
		Start: l.time(),
		Asked: func(a mdns.Asked) { h.asked = append(h.asked, a) },
	})
	l.hosts = append(l.hosts, h)
	return h
}

func (l *lab) time() time.Time { return epoch.Add(l.now) }

func (h *host) apply(pubs ...publication.Publication) {
	h.Apply(h.lab.time(), publication.Desired{Host: h.name, Links: slices.Clone(h.links), Groups: pubs})
	h.tick()
}

func (h *host) tick() {
	if h.dead {
		return
	}
	out, next := h.Tick(h.lab.time())
	h.next = next
	for _, o := range out {
		o.Data = slices.Clone(o.Data)
		msg, err := wire.Decode(o.Data)
		if err != nil {
			h.lab.t.Fatalf("%s sent %x: %v", h.name, o.Data, err)
		}
		h.lab.sent = append(h.lab.sent, sent{h.lab.now, h, o, msg})
		h.lab.carry(h, o)
	}
}

func (l *lab) carry(from *host, o Out) {
	for _, src := range from.sources(o) {
		for _, to := range l.hosts {
			if l.lose == nil || to == from || !l.lose(from, to) {
				l.deliver(to, netip.AddrPortFrom(src, mdns.Port), o)
			}
		}
	}
}

// sources returns the addresses that a packet leaves a host from.
func (h *host) sources(o Out) []netip.Addr {
	i := slices.IndexFunc(h.links, func(l publication.Link) bool { return l.Index == o.Link })
	switch {
	case i < 0:
		return nil
	case o.Src.IsValid():
		return []netip.Addr{o.Src}
	case o.Dst.Addr().IsMulticast():
		return h.links[i].Sources(o.Version).For(o.Asker)
	}
	return []netip.Addr{h.links[i].Sources(o.Version).To(o.Dst.Addr())}
}

func (l *lab) deliver(to *host, src netip.AddrPort, o Out) {
	for _, link := range to.links {
		if o.Dst.Addr().IsMulticast() || link.Has(o.Version) && to.address(link.Index, o.Version) == o.Dst.Addr() {
			p := Packet{Link: link.Index, Version: o.Version, Src: src, Dst: o.Dst.Addr(), Data: o.Data}
			l.flying = append(l.flying, flight{l.now + transit, to, p})
		}
	}
}

func (h *host) address(index int, v publication.IPVersion) netip.Addr {
	for _, l := range h.links {
		for _, a := range l.Addrs {
			if l.Index == index && a.Addr().Is4() == (v == publication.V4) {
				return a.Addr()
			}
		}
	}
	return netip.Addr{}
}

// run lets time pass.
func (l *lab) run(d time.Duration) {
	end := l.now + d
	for steps := 0; ; steps++ {
		if steps > 1_000_000 {
			l.t.Fatal("the responders don't come to rest")
		}
		at := end
		for _, f := range l.flying {
			at = min(at, f.at)
		}
		for _, h := range l.hosts {
			if !h.dead && !h.next.IsZero() {
				at = min(at, max(l.now, h.next.Sub(epoch)))
			}
		}
		l.now = at
		due := l.flying
		l.flying = nil
		for _, f := range due {
			switch {
			case f.at > at:
				l.flying = append(l.flying, f)
			case !f.to.dead:
				f.to.Handle(l.time(), f.packet)
			}
		}
		for _, h := range l.hosts {
			h.tick()
		}
		if at >= end && !slices.ContainsFunc(l.hosts, func(h *host) bool {
			return !h.dead && !h.next.IsZero() && h.next.Sub(epoch) <= end
		}) {
			return
		}
	}
}

// mark forgets what was sent so far.
func (l *lab) mark() { l.sent = nil }

// stranger is a host at some address that says what a test wants.
var stranger = netip.MustParseAddrPort("192.0.2.99:5353")

// hear delivers a message by multicast to all hosts.
func (l *lab) hear(src netip.AddrPort, m wire.Message) {
	l.hearOn(src, group(src), m)
}

func group(src netip.AddrPort) netip.Addr {
	if src.Addr().Is4() {
		return mdns.Group4.Addr()
	}
	return mdns.Group6.Addr()
}

func (l *lab) hearOn(src netip.AddrPort, dst netip.Addr, m wire.Message) {
	data, ok := m.Encode(9000)
	if !ok {
		l.t.Fatal("the message does not fit")
	}
	version := publication.V6
	if src.Addr().Is4() {
		version = publication.V4
	}
	for _, h := range l.hosts {
		if !h.dead {
			h.Handle(l.time(), Packet{Link: h.links[0].Index, Version: version, Src: src, Dst: dst, Data: data})
			h.tick()
		}
	}
}

// defend has the stranger answer the questions of a host for names of its own, for a time.
func (l *lab) defend(h *host, d time.Duration, records ...mdns.Record) {
	asked := func(s sent) bool {
		return !s.msg.Response() && slices.ContainsFunc(s.msg.Questions, func(q wire.Query) bool {
			return slices.ContainsFunc(records, func(r mdns.Record) bool { return r.Name.Equal(q.Name) })
		})
	}
	answered := len(l.of(h, asked))
	for end := l.now + d; l.now < end; {
		l.run(min(10*ms, end-l.now))
		if n := len(l.of(h, asked)); n > answered {
			answered = n
			l.hear(stranger, response(records...))
		}
	}
}

func query(questions ...wire.Query) wire.Message { return wire.Message{Questions: questions} }

func ask(name string, t mdns.Type) wire.Query {
	return wire.Query{Name: dnsname.MustParse(name), Type: t, Class: wire.ClassIN}
}

func askQU(name string, t mdns.Type) wire.Query {
	q := ask(name, t)
	q.QU = true
	return q
}

func response(records ...mdns.Record) wire.Message {
	return wire.Message{Header: wire.Header{Flags: responseFlags}, Answers: records}
}

// sip is a publication of one SIP service.
func sip(name string, port uint16) publication.Publication {
	return publication.Publication{ID: name + ".service", Group: services.Group{Name: name, Services: []services.Service{
		{Type: dnsname.MustParse("_sip._udp"), Port: port, TXT: services.TXT{"transport=udp"}},
	}}}
}

// servers returns publications with names of their own.
func servers(n int) []publication.Publication {
	var pubs []publication.Publication
	for i := range n {
		pubs = append(pubs, sip(fmt.Sprintf("Server number %d", i), 5060))
	}
	return pubs
}

func record(name string, ttl uint32, unique bool, data mdns.Data) mdns.Record {
	return mdns.Record{Name: dnsname.MustParse(name), TTL: ttl, Unique: unique, Data: data}
}

func srv(port uint16, target string) mdns.Data {
	return mdns.SRV{Port: port, Target: dnsname.MustParse(target)}
}

func ptr(target string) mdns.Data { return mdns.PTR{Target: dnsname.MustParse(target)} }

func addr(a string) mdns.Data { return mdns.Address{Addr: netip.MustParseAddr(a)} }

// brief returns records as "name TYPE data [flush] [ttl]" without the boring parts.
func brief(records []mdns.Record) []string {
	var lines []string
	for _, r := range records {
		lines = append(lines, fmt.Sprintf("%s %s %s", strings.TrimSuffix(r.Name.Master(), "."), r.Data.Type(), strings.TrimSuffix(r.Data.String(), ".")))
	}
	slices.Sort(lines)
	return lines
}

// of returns the packets of one host that pass a filter.
func (l *lab) of(h *host, keep func(sent) bool) []sent {
	var list []sent
	for _, s := range l.sent {
		if s.host == h && keep(s) {
			list = append(list, s)
		}
	}
	return list
}

func isProbe(s sent) bool    { return !s.msg.Response() && len(s.msg.Authority) > 0 }
func isResponse(s sent) bool { return s.msg.Response() }

// holds reports whether a packet answers with a record of a name and type.
func holds(name string, t mdns.Type) func(sent) bool {
	n := dnsname.MustParse(name)
	return func(s sent) bool {
		return s.msg.Response() && slices.ContainsFunc(s.msg.Answers, func(r mdns.Record) bool {
			return r.Name.Equal(n) && r.Data.Type() == t && r.TTL > 0
		})
	}
}

// bids reports whether a packet has a goodbye for a record of a name and type.
func bids(name string, t mdns.Type) func(sent) bool {
	n := dnsname.MustParse(name)
	return func(s sent) bool {
		return s.msg.Response() && slices.ContainsFunc(s.msg.Answers, func(r mdns.Record) bool {
			return r.Name.Equal(n) && r.Data.Type() == t && r.TTL == 0
		})
	}
}

func times(list []sent) []time.Duration {
	var at []time.Duration
	for _, s := range list {
		at = append(at, s.at)
	}
	return at
}

// near reports whether times follow one another in the given intervals, give or take slack.
func near(at []time.Duration, slack time.Duration, intervals ...time.Duration) bool {
	if len(at) != len(intervals)+1 {
		return false
	}
	for i, want := range intervals {
		if got := at[i+1] - at[i]; got < want || got > want+slack {
			return false
		}
	}
	return true
}

// state returns "NAME state" of the first service of a host.
func (h *host) state() string {
	s := h.Status()[0]
	return fmt.Sprintf("%s %s", s.Name, s.State)
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}
