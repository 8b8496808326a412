package responder

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

// busy gives a host that has announced n services.
func busy(t testing.TB, n int) (*lab, *host) {
	var pubs []mdns.Publication
	for i := range n {
		pubs = append(pubs, sip(fmt.Sprintf("Server number %d", i), 5060))
	}
	return announced(t, pubs...)
}

func packet(src netip.AddrPort, m wire.Message) Packet {
	data, ok := m.Encode(9000)
	if !ok {
		panic("too long")
	}
	return Packet{Link: 2, Version: mdns.V4, Src: src, Dst: group4.Addr(), Data: data}
}

// unrelated is a response of five records that is none of our business.
func unrelated() Packet {
	const name = "Kitchen._ipp._tcp.local"
	return packet(stranger, response(
		record("_ipp._tcp.local", 4500, false, ptr(name)),
		record(name, 120, true, srv(631, "printer.local")),
		record(name, 4500, true, mdns.NewTXT("txtvers=1", "rp=ipp/print")),
		record("printer.local", 120, true, addr("192.0.2.77")),
		record("printer.local", 120, true, addr("fe80::77")),
	))
}

func direct() Packet { return packet(stranger, query(askQU("Server number 0."+sips, mdns.TypeANY))) }

// A packet that is none of our business allocates nothing; an answer at most two things.
func TestAllocations(t *testing.T) {
	l, h := busy(t, 100)
	h.config.Asked = nil
	h.desired.Watched = []dnsname.Name{dnsname.MustParse("_digiumproxy._udp.local")}
	h.watchTopics()
	l.hear(stranger, query(ask("Server number 0."+sips, mdns.TypeANY)))
	l.run(2 * time.Second)
	for name, c := range map[string]struct {
		p    Packet
		most float64
	}{
		"response":     {unrelated(), 0},
		"query":        {packet(stranger, query(ask("_ipp._tcp.local", mdns.TypePTR))), 0},
		"known answer": {packet(stranger, query(ask("_ipp._tcp.local", mdns.TypePTR))), 0},
		"answer":       {direct(), 2},
	} {
		got := testing.AllocsPerRun(200, func() {
			h.Handle(l.time(), c.p)
			h.Tick(l.time())
		})
		if got > c.most {
			t.Errorf("%s: %v allocations, want %v", name, got, c.most)
		}
	}
}

// What a hostile network sends is dropped and counted, answered by nothing, and leaves nothing behind.
func TestHostilePackets(t *testing.T) {
	l, h := busy(t, 100)
	l.run(10 * time.Second)
	header := func(flags byte, questions, answers uint16) []byte {
		head := []byte{0, 0, flags, 0}
		head = binary.BigEndian.AppendUint16(head, questions)
		return append(binary.BigEndian.AppendUint16(head, answers), 0, 0, 0, 0)
	}
	longName := slices.Concat(slices.Repeat([]byte("\x01a"), 200), []byte{0, 0, 12, 0, 1})
	other := netip.MustParseAddrPort("198.51.100.1:5353")
	desk := packet(stranger, query(ask("Server number 0."+sips, mdns.TypeANY))).Data
	rival := packet(stranger, response(record("Server number 0."+sips, 120, true, srv(1, "x.local")))).Data
	const malformed, ignored = "malformed", "ignored"
	for _, test := range []struct {
		name string
		src  netip.AddrPort
		dst  netip.Addr
		data []byte
		fate string
	}{
		{"nothing", stranger, group4.Addr(), nil, malformed},
		{"half a header", stranger, group4.Addr(), header(0, 1, 0)[:7], malformed},
		{"a header alone that promises 65,535 questions", stranger, group4.Addr(), header(0, 65535, 0), malformed},
		{"1,800 questions of 65,535", stranger, group4.Addr(), slices.Concat(header(0, 65535, 0), slices.Repeat([]byte{0, 0, 255, 0, 1}, 1800)), malformed},
		{"a name that points to itself", stranger, group4.Addr(), append(header(0, 1, 0), 0xC0, 12, 0, 12, 0, 1), malformed},
		{"two names that point to each other", stranger, group4.Addr(), append(header(0x84, 0, 1), 0xC0, 14, 0xC0, 12, 0, 12, 0, 1), malformed},
		{"a name of 400 bytes", stranger, group4.Addr(), append(header(0, 1, 0), longName...), malformed},
		{"a record longer than the packet", stranger, group4.Addr(), append(header(0x84, 0, 1), 0, 0, 1, 0, 1, 0, 0, 0, 120, 255, 255, 1), malformed},
		{"a rival from another port", netip.AddrPortFrom(stranger.Addr(), 40000), group4.Addr(), rival, ignored},
		{"a rival by unicast that nobody asked", stranger, netip.MustParseAddr("192.0.2.1"), rival, ignored},
		{"a query by unicast from another network", other, netip.MustParseAddr("192.0.2.1"), desk, ignored},
		{"a query of another network by another port", netip.AddrPortFrom(other.Addr(), 53), group4.Addr(), desk, ignored},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := Packet{Link: 2, Version: mdns.V4, Src: test.src, Dst: test.dst, Data: test.data}
			before, sent := h.Stats(), 0
			const runs = 100
			allocations := testing.AllocsPerRun(runs-1, func() { // which runs it once more
				h.Handle(l.time(), p)
				out, _ := h.Tick(l.time())
				sent += len(out)
			})
			after := h.Stats()
			counts := map[string]uint64{malformed: after.Malformed - before.Malformed, ignored: after.Ignored - before.Ignored}
			if counts[test.fate] != runs || allocations != 0 || sent != 0 {
				t.Errorf("%v counted of %d %s, %v allocations, %d packets sent", counts, runs, test.fate, allocations, sent)
			}
		})
	}
}

// A thousand services cost a thousand records.
func TestMemory(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24", "fe80::1/64"))
	var pubs []mdns.Publication
	for i := range 1000 {
		pubs = append(pubs, sip(fmt.Sprintf("Server number %d", i), 5060))
	}
	h.apply(pubs...)
	for l.now < time.Minute {
		l.now += 10 * ms
		h.Tick(l.time())
	}
	h.Events()
	if got := (heap() - before) / 1000; got > 6000 {
		t.Errorf("%d bytes a service, want at most 6000", got)
	} else {
		t.Logf("%d bytes a service, by IPv4 and IPv6", got)
	}
	runtime.KeepAlive(h)
}

func BenchmarkUnrelated(b *testing.B) {
	l, h := busy(b, 1000)
	p := unrelated()
	b.ReportAllocs()
	for b.Loop() {
		h.Handle(l.time(), p)
		h.Tick(l.time())
	}
}

func BenchmarkAnswer(b *testing.B) {
	for _, n := range []int{1, 1000, 10000} {
		b.Run(fmt.Sprintf("services=%d", n), func(b *testing.B) {
			l, h := busy(b, n)
			h.config.Asked = nil
			l.hear(stranger, query(ask("Server number 0."+sips, mdns.TypeANY)))
			l.run(2 * time.Second)
			p := direct()
			b.ReportAllocs()
			for b.Loop() {
				h.Handle(l.time(), p)
				if out, _ := h.Tick(l.time()); len(out) != 1 {
					b.Fatalf("%d packets", len(out))
				}
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	l, h := busy(b, 1000)
	d := h.desired
	b.ReportAllocs()
	for b.Loop() {
		h.Apply(l.time(), d)
	}
}
