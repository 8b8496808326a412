package responder

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

// sources are where the packets of the fuzz target come from.
var sources = []netip.AddrPort{
	stranger, netip.MustParseAddrPort("192.0.2.1:5353"), netip.MustParseAddrPort("192.0.2.200:40000"),
	netip.MustParseAddrPort("198.51.100.1:5353"), netip.MustParseAddrPort("192.0.2.0:5353"),
}

// FuzzResponder throws packets at a responder with services of every policy, with time in between. Whatever comes, it
// does not panic, sends only messages that another library reads, no record twice within 250 ms by multicast, and
// holds no more than it should.
func FuzzResponder(f *testing.F) {
	tc := query(ask(sips, mdns.TypePTR))
	tc.Flags = wire.FlagTruncated
	probe := query(askQU("Fail."+sips, mdns.TypeANY))
	probe.Authority = []mdns.Record{record("Fail."+sips, 120, false, srv(9, "z.local"))}
	for _, list := range [][]wire.Message{
		{query(ask(sips, mdns.TypePTR), askQU(desk, mdns.TypeANY)), tc, {Answers: []mdns.Record{record(sips, 4500, false, ptr(desk))}}},
		{probe, response(record("Stand."+sips, 120, true, srv(1, "x.local"))), response(record("Stand."+sips, 0, true, srv(1, "x.local")))},
		{response(record(desk, 120, true, srv(1, "x.local")), record("pbx.local", 120, true, addr("192.0.2.9"))), query(ask("pbx.local", mdns.TypeANY))},
	} {
		var script []byte
		for i, m := range list {
			data, _ := m.Encode(1000)
			script = append(script, byte(i), 40)
			script = binary.BigEndian.AppendUint16(script, uint16(len(data)))
			script = append(script, data...)
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		now := epoch
		r := New(Config{Rand: rand.New(rand.NewPCG(1, 1)), Start: now, Asked: func(mdns.Asked) {}})
		links := []mdns.Link{ethernet("192.0.2.1/24", "fe80::1/64")}
		pubs := []mdns.Publication{sip("Desk", 5060), with(sip("Fail", 5060), mdns.Fail), with(sip("Stand", 5060), mdns.Standby)}
		r.Apply(now, mdns.Desired{Host: "pbx", Links: links, Groups: pubs, Watched: mdns.WatchedTypes(pubs)})
		check := checker{t: t, last: map[string]time.Time{}}
		for range 20 {
			now = now.Add(100 * time.Millisecond)
			check.tick(r, now)
		}
		for len(script) >= 4 {
			from, wait, size := script[0], script[1], int(binary.BigEndian.Uint16(script[2:]))
			script = script[4:]
			size = min(size, len(script))
			p := Packet{Link: 2, Version: mdns.V4, Src: sources[int(from)%len(sources)], Dst: group4.Addr(), Data: script[:size]}
			if from >= 128 {
				p.Dst = netip.MustParseAddr("192.0.2.1")
			}
			script = script[size:]
			r.Handle(now, p)
			check.tick(r, now)
			if wait%7 == 0 {
				now = now.Add(time.Duration(wait) * 100 * time.Millisecond)
			} else {
				now = now.Add(time.Duration(wait) * time.Millisecond)
			}
			check.tick(r, now)
		}
		if n := len(r.Foreign()); n > foreignMost || n != len(r.others.ends.items) {
			t.Errorf("%d services of others, %d with an end", n, len(r.others.ends.items))
		}
		if len(r.waiting) > truncatedMost || len(r.renamed) > 4 || r.watches.next() < forever && len(r.watches.items) > 4 {
			t.Errorf("%d wait, %d names changed, %d watched", len(r.waiting), len(r.renamed), len(r.watches.items))
		}
		r.Close(now)
		for i := range 1000 {
			check.tick(r, now.Add(time.Duration(i)*ms))
		}
		if !r.Done() {
			t.Error("the end does not come")
		}
	})
}

type checker struct {
	t    *testing.T
	last map[string]time.Time // of records by multicast
}

func (c *checker) tick(r *Responder, now time.Time) {
	for range 100 {
		out, next := r.Tick(now)
		for _, o := range out {
			c.packet(o, now)
		}
		if next.IsZero() || next.After(now) {
			return
		}
	}
	c.t.Fatal("there is always something due")
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
		key := o.Dst.String() + rr.String()
		if last, ok := c.last[key]; ok && now.Sub(last) < sameToProbe {
			c.t.Errorf("%s again after %v", rr, now.Sub(last))
		}
		c.last[key] = now
	}
}
