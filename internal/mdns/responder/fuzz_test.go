package responder

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
	"announcer/internal/testkit/mdnstest"
)

// The fuzz target's host has two links, the second with IPv6 alone; packets also come in on one that it doesn't have.
var (
	fuzzLinks = []publication.Link{
		ethernet("192.0.2.1/24", "2001:db8:2::1/64", "fe80::1/64"),
		{Index: 3, Name: "eth1", MTU: 1280, Addrs: []publication.LinkAddr{{Prefix: netip.MustParsePrefix("fe80::2/64")}}},
	}
	fuzzFaces = []faceKey{{2, publication.V4}, {2, publication.V6}, {3, publication.V6}, {9, publication.V4}}
)

// sources are where the packets of the fuzz target come from: neighbours, this host, a port of no meaning, another
// network.
var sources = map[publication.IPVersion][]netip.AddrPort{
	publication.V4: {
		stranger, netip.MustParseAddrPort("192.0.2.1:5353"), netip.MustParseAddrPort("192.0.2.200:40000"),
		netip.MustParseAddrPort("198.51.100.1:5353"), netip.MustParseAddrPort("192.0.2.0:5353"),
	},
	publication.V6: {
		netip.MustParseAddrPort("[fe80::99]:5353"), netip.MustParseAddrPort("[fe80::1]:5353"), netip.MustParseAddrPort("[2001:db8:2::99]:40000"),
		netip.MustParseAddrPort("[2001:db8:9::1]:5353"), netip.MustParseAddrPort("[fe80::2]:5353"),
	},
}

// script is what happens to the responder: for each packet four bytes and the packet. See [step].
func script(packets [][]byte, route, wait byte) (script []byte) {
	for i, packet := range packets {
		script = append(script, route+byte(i)%8, wait)
		script = binary.BigEndian.AppendUint16(script, uint16(len(packet)))
		script = append(script, packet...)
	}
	return script
}

// step is one thing that happens to the responder.
type step struct {
	packet Packet        // of no data: something else is to be published
	wait   time.Duration // after it
}

// cut takes the first step off a script: a byte that says where the packet comes in and from whom, one for the time
// after it, and two for the length of the packet.
func cut(script []byte) (s step, rest []byte, ok bool) {
	if len(script) < 4 {
		return step{}, nil, false
	}
	route, wait, size := script[0], time.Duration(script[1]), int(binary.BigEndian.Uint16(script[2:]))
	script = script[4:]
	size = min(size, len(script))
	face := fuzzFaces[int(route>>3)%len(fuzzFaces)]
	from := sources[face.version]
	s.packet = Packet{Link: face.link, Version: face.version, Src: from[int(route&7)%len(from)], Dst: mdns.Group4.Addr(), Data: script[:size]}
	switch {
	case route >= 128 && face.version == publication.V4:
		s.packet.Dst = netip.MustParseAddr("192.0.2.1")
	case route >= 128:
		s.packet.Dst = netip.MustParseAddr("fe80::1")
	case face.version == publication.V6:
		s.packet.Dst = mdns.Group6.Addr()
	}
	s.wait = wait * ms
	if wait%7 == 0 {
		s.wait *= 100
	}
	return s, script[size:], true
}

// fuzzDesired is what the fuzz target publishes at first, and what it turns to and fro.
func fuzzDesired(changed bool) publication.Desired {
	d := publication.Desired{Host: "announcer-test", Links: fuzzLinks, Groups: []publication.Publication{
		sip("Desk", 5060), with(sip("Fail", 5060), publication.Fail), with(sip("Stand", 5060), publication.Standby), sip("sip.example.com (10.1.2.3)", 5070),
	}}
	if changed {
		d.Links, d.Groups = fuzzLinks[:1], []publication.Publication{sip("Desk", 5061), d.Groups[2], d.Groups[1]}
	}
	d.Watched = publication.WatchedTypes(d.Groups)
	return d
}

// FuzzResponder throws packets at a responder with services of every policy, with time and changes in between.
// Whatever comes, it does not panic, sends only messages that another library reads, no record twice within 250 ms by
// multicast, holds no more than it should, and ends when Close is called.
func FuzzResponder(f *testing.F) {
	tc := query(ask(sips, mdns.TypePTR))
	tc.Flags = wire.FlagTruncated
	probe := query(askQU("Fail."+sips, mdns.TypeANY))
	probe.Authority = []mdns.Record{record("Fail."+sips, 120, false, srv(9, "z.local"))}
	for _, list := range [][]wire.Message{
		{query(ask(sips, mdns.TypePTR), askQU(desk, mdns.TypeANY)), tc, {Answers: []mdns.Record{record(sips, 4500, false, ptr(desk))}}},
		{probe, response(record("Stand."+sips, 120, true, srv(1, "x.local"))), response(record("Stand."+sips, 0, true, srv(1, "x.local")))},
		{response(record(desk, 120, true, srv(1, "x.local")), record("announcer-test.local", 120, true, addr("192.0.2.9"))), query(ask("announcer-test.local", mdns.TypeANY))},
		{probe, {}, response(record(desk, 120, true, srv(1, "x.local"))), {}, probe},
	} {
		var packets [][]byte
		for _, m := range list {
			data, _ := m.Encode(1000)
			packets = append(packets, data)
		}
		f.Add(script(packets, 0, 40))
	}
	for _, program := range []string{"announcer", "avahi-client", "avahi-server", "dig", "hashicorp", "resolved", "zeroconf"} {
		for packets := range slices.Chunk(mdnstest.Captured(program), 6) {
			f.Add(script(packets, 0, 40))
			f.Add(script(packets, 8, 250))
			f.Add(script(packets, 16, 14))
			f.Add(script(packets, 128, 3))
		}
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		now, changed := epoch, false
		r := New(Config{Rand: rand.New(rand.NewPCG(1, 1)), Start: now, Asked: func(mdns.Asked) {}})
		r.Apply(now, fuzzDesired(changed))
		check := checker{t: t, last: map[string]time.Time{}}
		now = check.run(r, now, 2*time.Second)
		for {
			s, rest, ok := cut(script)
			if !ok {
				break
			}
			script = rest
			if len(s.packet.Data) > 0 {
				r.Handle(now, s.packet)
			} else {
				changed = !changed
				r.Apply(now, fuzzDesired(changed))
				clear(check.last)
			}
			now = check.run(r, now, s.wait)
		}
		if n := len(r.Foreign()); n > foreignMost || n != len(r.others.ends.items) {
			t.Errorf("%d services of others, %d with an end", n, len(r.others.ends.items))
		}
		if most := 4 + 1; len(r.waiting) > truncatedMost || len(r.renamed) > most || len(r.watches.items) > most*len(fuzzLinks) {
			t.Errorf("%d wait, %d names changed, %d watched", len(r.waiting), len(r.renamed), len(r.watches.items))
		}
		r.Close(now)
		check.run(r, now, time.Second)
		if !r.Done() {
			t.Error("the end does not come")
		}
	})
}

type checker struct {
	t    *testing.T
	last map[string]time.Time // of records by multicast
}

// run lets time pass, and returns the time that it is then. There is not always something due.
func (c *checker) run(r *Responder, now time.Time, d time.Duration) time.Time {
	end := now.Add(d)
	for range 10_000 {
		out, next := r.Tick(now)
		for _, o := range out {
			c.packet(o, now)
		}
		switch {
		case next.IsZero() || next.After(end):
			return end
		case next.After(now):
			now = next
		}
	}
	c.t.Fatalf("there is always something due in %v", d)
	return end
}

func (c *checker) packet(o Out, now time.Time) {
	var m dns.Msg
	if err := m.Unpack(o.Data); err != nil {
		c.t.Fatalf("sent %x: %v", o.Data, err)
	}
	if !m.Response || !o.Dst.Addr().IsMulticast() {
		return
	}
	for _, rr := range append(m.Answer, m.Extra...) {
		if rr.Header().Ttl == 0 {
			continue
		}
		key := fmt.Sprint(o.Link, o.Dst, rr)
		if last, ok := c.last[key]; ok && now.Sub(last) < sameToProbe {
			c.t.Errorf("%s again after %v", rr, now.Sub(last))
		}
		c.last[key] = now
	}
}
