package responder

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
)

// head is a header with counts of questions and answers, and what follows.
func head(flags, questions, answers uint16, body ...byte) []byte {
	data := binary.BigEndian.AppendUint16(make([]byte, 2), flags)
	data = binary.BigEndian.AppendUint16(data, questions)
	data = binary.BigEndian.AppendUint16(data, answers)
	return append(append(data, 0, 0, 0, 0), body...)
}

func encoded(m wire.Message) []byte {
	data, ok := m.Encode(9000)
	if !ok {
		panic("too long")
	}
	return data
}

// What no honest host sends is dropped and counted, and leaves nothing behind: no packet, no memory, no other state.
func TestHostilePackets(t *testing.T) {
	const offLink = "198.51.100.7:5353"
	question := encoded(query(ask(desk, mdns.TypeSRV)))
	conflict := encoded(response(record(desk, 120, true, srv(1, "x.local"))))
	malformed := func(s Stats) uint64 { return s.Malformed }
	ignored := func(s Stats) uint64 { return s.Ignored }
	for name, c := range map[string]struct {
		data  []byte
		from  string // "": the stranger
		to    string // "": the group
		count func(Stats) uint64
	}{
		"nothing":                               {data: nil, count: malformed},
		"truncated header":                      {data: question[:11], count: malformed},
		"header alone":                          {data: head(0, 1, 0), count: malformed},
		"truncated question":                    {data: question[:len(question)-1], count: malformed},
		"truncated record":                      {data: conflict[:len(conflict)-1], count: malformed},
		"compression loop":                      {data: head(0, 1, 0, 0xC0, 12, 0, 33, 0, 1), count: malformed},
		"compression loop of two":               {data: head(0, 1, 0, 0xC0, 14, 0xC0, 12, 0, 33, 0, 1), count: malformed},
		"compression loop behind labels":        {data: head(0, 1, 0, 1, 'a', 0xC0, 12, 0, 33, 0, 1), count: malformed},
		"pointer forward":                       {data: head(0, 1, 0, 0xC0, 18, 0, 33, 0, 1, 1, 'a', 0), count: malformed},
		"pointer out of the packet":             {data: head(0, 1, 0, 0xFF, 0xFF, 0, 33, 0, 1), count: malformed},
		"compression loop in a record":          {data: head(responseFlags, 0, 1, 0xC0, 12, 0, 33, 0, 1, 0, 0, 0, 120, 0, 0), count: malformed},
		"name over 255 bytes":                   {data: head(0, 1, 0, append(slices.Repeat([]byte{1, 'a'}, 128), 0, 0, 33, 0, 1)...), count: malformed},
		"name over 255 bytes by compression":    {data: head(0, 2, 0, longByPointers()...), count: malformed},
		"label of a reserved kind":              {data: head(0, 1, 0, 0x41, 'a', 0, 0, 33, 0, 1), count: malformed},
		"65,535 questions, none there":          {data: head(0, 0xFFFF, 0), count: malformed},
		"65,535 questions, the first ours":      {data: head(0, 0xFFFF, 0, question[wire.HeaderSize:]...), count: malformed},
		"1,800 questions of 65,535":             {data: head(0, 0xFFFF, 0, slices.Repeat([]byte{0, 0, 255, 0, 1}, 1800)...), count: malformed},
		"65,535 answers, none there":            {data: head(responseFlags, 0, 0xFFFF), count: malformed},
		"record longer than the packet":         {data: head(responseFlags, 0, 1, 0, 0, 33, 0, 1, 0, 0, 0, 120, 0xFF, 0xFF), count: malformed},
		"opcode":                                {data: withFlags(question, 0x0800), count: ignored},
		"rcode":                                 {data: withFlags(question, 0x0003), count: ignored},
		"response from a spoofed port":          {data: conflict, from: "192.0.2.99:40000", count: ignored},
		"response from port 0":                  {data: conflict, from: "192.0.2.99:0", count: ignored},
		"response nobody asked for, by unicast": {data: conflict, to: "192.0.2.1", count: ignored},
		"response off-link, by unicast":         {data: conflict, from: offLink, to: "192.0.2.1", count: ignored},
		"query off-link, by unicast":            {data: question, from: offLink, to: "192.0.2.1", count: ignored},
		"legacy query off-link, by unicast":     {data: question, from: "198.51.100.7:40000", to: "192.0.2.1", count: ignored},
		"legacy query from port 0":              {data: question, from: "192.0.2.99:0", count: ignored},
		"legacy query from no address":          {data: question, from: "0.0.0.0:40000", count: ignored},
		"legacy query from the group":           {data: question, from: "224.0.0.251:40000", count: ignored},
		"legacy query from the loopback":        {data: question, from: "127.0.0.1:40000", count: ignored},
		"legacy query from everybody":           {data: question, from: "255.255.255.255:40000", count: ignored},
		"legacy query from all of the link":     {data: question, from: "192.0.2.255:40000", count: ignored},
	} {
		t.Run(name, func(t *testing.T) {
			l, h := announced(t)
			p := Packet{Link: 2, Version: publication.V4, Src: stranger, Dst: mdns.Group4.Addr(), Data: c.data}
			if c.from != "" {
				p.Src = netip.MustParseAddrPort(c.from)
			}
			if c.to != "" {
				p.Dst = netip.MustParseAddr(c.to)
			}
			const times = 1000
			before, packets := c.count(h.Stats()), 0
			allocations := testing.AllocsPerRun(times-1, func() { // which runs it once more
				h.Handle(l.time(), p)
				out, _ := h.Tick(l.time())
				packets += len(out)
			})
			if got := c.count(h.Stats()) - before; got != times || packets > 0 || allocations > 0 {
				t.Errorf("%d of %d are counted, %d packets sent, %v allocations", got, times, packets, allocations)
			}
			l.run(10 * time.Second)
			if len(l.sent) > 0 || h.state() != "Desk announced" {
				t.Errorf("%s, sent %v", h.state(), l.sent)
			}
		})
	}
}

// longByPointers returns two questions, the second of which has a name of more than 255 bytes that ends in the first.
func longByPointers() []byte {
	first := append(slices.Repeat([]byte{1, 'a'}, 100), 0, 0, 33, 0, 1)
	second := append(slices.Repeat([]byte{1, 'b'}, 40), 0xC0, wire.HeaderSize, 0, 33, 0, 1)
	return append(first, second...)
}

func withFlags(data []byte, flags uint16) []byte {
	data = slices.Clone(data)
	binary.BigEndian.PutUint16(data[2:], flags)
	return data
}

// RFC 6762 §5.5, §11: no host can have us send to one that is not on the link; what would be its unicast reply is
// multicast.
func TestNoReflectionOffTheLink(t *testing.T) {
	for name, m := range map[string]wire.Message{
		"QU":    query(askQU(desk, mdns.TypeSRV)),
		"probe": {Questions: []wire.Query{askQU(desk, mdns.TypeANY)}, Authority: []mdns.Record{record(desk, 120, false, srv(1, "x.local"))}},
	} {
		t.Run(name, func(t *testing.T) {
			l, _ := announced(t)
			l.hear(stranger, query(ask(desk, mdns.TypeANY)))
			l.run(2 * time.Second)
			l.mark()
			l.hear(netip.MustParseAddrPort("198.51.100.7:5353"), m)
			l.run(2 * time.Second)
			if len(l.sent) != 1 || !l.sent[0].multicast() {
				t.Errorf("sent %v, want one answer by multicast", l.sent)
			}
		})
	}
}

// RFC 6762 §11: even after a question of ours that asks for unicast, only hosts on the link answer.
func TestUnicastResponseFromOffTheLink(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(sip("Desk", 5060))
	l.run(260 * ms)
	l.hearOn(netip.MustParseAddrPort("198.51.100.7:5353"), netip.MustParseAddr("192.0.2.1"), response(record(desk, 120, true, srv(1, "x.local"))))
	l.run(3 * time.Second)
	if got := h.state(); got != "Desk announced" {
		t.Error(got)
	}
}

// RFC 6762 §9, §10.1, §18: only what is answered in class IN, and lives, contradicts.
func TestWhatIsNoConflict(t *testing.T) {
	rival := record(desk, 120, true, srv(1, "x.local"))
	for name, data := range map[string][]byte{
		"authority section": encoded(wire.Message{Header: wire.Header{Flags: responseFlags}, Authority: []mdns.Record{rival}}),
		"goodbye":           encoded(response(record(desk, 0, true, srv(1, "x.local")))),
		"another class":     inClass(encoded(response(rival)), 3),
		"NSEC":              encoded(response(record(desk, 120, true, mdns.NewNSEC(rival.Name, mdns.TypeA)))),
		"another type":      encoded(response(record(desk, 120, true, addr("192.0.2.99")))),
	} {
		t.Run(name, func(t *testing.T) {
			l, h := announced(t)
			for _, h := range l.hosts {
				h.Handle(l.time(), Packet{Link: 2, Version: publication.V4, Src: stranger, Dst: mdns.Group4.Addr(), Data: data})
				h.tick()
			}
			l.run(3 * time.Second)
			if h.Stats().Conflicts > 0 || len(l.of(h, isProbe)) > 0 || h.state() != "Desk announced" {
				t.Errorf("%d conflicts, %s", h.Stats().Conflicts, h.state())
			}
		})
	}
}

// inClass changes the class of the record in a response.
func inClass(data []byte, class uint16) []byte {
	at := strings.Index(string(data), "\x05local\x00") + len("\x05local\x00")
	binary.BigEndian.PutUint16(data[at+2:], class)
	return data
}

// A host that says whatever hurts, from any address, as fast as it can, slows us to the rates of the RFC and no further:
// no record is multicast more than four times a second (§6), names are probed for at most every five seconds (§8.1),
// nothing grows, and when it ends all is as before.
func TestFlood(t *testing.T) {
	l, h := announced(t)
	h.config.Asked = nil
	low := response(record(desk, 9, true, srv(5060, "pbx.local")), record(sips, 0, false, ptr(desk)))
	tc := query(ask(sips, mdns.TypePTR))
	tc.Flags = wire.FlagTruncated
	probe := query(ask(desk, mdns.TypeANY), ask("pbx.local", mdns.TypeANY))
	probe.Authority = []mdns.Record{record(desk, 120, false, srv(0xFFFF, "z.local")), record("pbx.local", 120, false, addr("203.0.113.1"))}
	quiet := [][]byte{encoded(query(ask(sips, mdns.TypePTR))), encoded(query(ask(metas, mdns.TypePTR), ask(desk, mdns.TypeANY))), encoded(low), encoded(tc), encoded(probe)}
	// conflict is with the names that we have by now.
	conflict := func(int) []byte {
		host := mdns.Record{Name: mdns.HostName(h.Responder.host), TTL: 120, Unique: true, Data: addr("192.0.2.99")}
		return encoded(response(record(h.Status()[0].Name+"."+sips, 120, true, srv(1, "x.local")), host))
	}

	flood := func(d time.Duration, packet func(n int) []byte) {
		for n, end := 0, l.now+d; l.now < end; n++ {
			src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(2 + n%250)}), mdns.Port)
			h.Handle(l.time(), Packet{Link: 2, Version: publication.V4, Src: src, Dst: mdns.Group4.Addr(), Data: packet(n)})
			h.tick()
			l.run(300 * time.Microsecond)
			if len(h.waiting) > truncatedMost || len(h.zone().inOrder()) > 20 || len(h.renamed) > 2 || len(h.board.events) > 1000 {
				t.Fatalf("%d queriers wait, %d names, %d renamed, %d events", len(h.waiting), len(h.zone().inOrder()), len(h.renamed), len(h.board.events))
			}
		}
	}
	const seconds = 5
	flood(seconds*time.Second, func(n int) []byte { return quiet[n%len(quiet)] })
	if n, most := len(l.sent), seconds*4*8; n > most { // eight records, each alone in a packet
		t.Errorf("%d packets within %d s, want at most %d", n, seconds, most)
	}
	l.mark()
	flood(60*time.Second, conflict)
	if n := len(l.of(h, isProbe)); n > 15*3+60/5*3*2 {
		t.Errorf("%d probes within a minute of conflicts", n)
	}
	if h.Stats().MissedEvents > 0 {
		t.Errorf("%d events are lost", h.Stats().MissedEvents)
	}
	l.run(5 * time.Minute)
	if h.state() != "Desk announced" || h.Responder.host != "pbx" {
		t.Errorf("%s on %s when it is over", h.state(), h.Responder.host)
	}
}

// zone returns the names on the first link by IPv4.
func (h *host) zone() *zone { return h.faces.byLink[faceKey{2, publication.V4}].zone }

// A clock that is set back stands still until it has caught up; one that is set forward an hour makes nothing happen
// but what is due, and no more than once.
func TestClockSteps(t *testing.T) {
	l, h := announced(t)
	if out, next := h.Tick(l.time().Add(-time.Hour)); len(out) > 0 || !next.IsZero() && next.Before(l.time()) {
		t.Errorf("set back: %d packets, then at %v", len(out), next)
	}
	l.hear(stranger, query(ask(desk, mdns.TypeSRV)))
	if len(l.sent) == 0 {
		t.Error("set back: no answer")
	}
	l.now += time.Hour
	l.mark()
	h.tick()
	l.hear(stranger, query(ask(desk, mdns.TypeSRV)))
	l.run(time.Minute)
	if got := l.of(h, isResponse); len(got) != 1 || h.state() != "Desk announced" {
		t.Errorf("set forward: answers %v, %s", got, h.state())
	}
}
