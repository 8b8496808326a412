package responder

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

// crowd returns the address of one of many hosts on the link.
func crowd(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(2 + i%250)}), mdns.Port)
}

// unicastBytes returns the bytes that hosts sent by unicast.
func (l *lab) unicastBytes(h *host) (n int) {
	for _, s := range l.of(h, func(s sent) bool { return !s.multicast() }) {
		n += len(s.Data)
	}
	return n
}

// A thousand questions of one false source bring no more than the budget of an address; of a thousand sources no more than that of
// all. What is left out is multicast once, so that who really asked has it.
func TestUnicastBudget(t *testing.T) {
	legacy := netip.MustParseAddrPort("192.0.2.99:40000")
	for _, test := range []struct {
		name   string
		source func(i int) netip.AddrPort
		most   int // bytes by unicast
		multi  bool
	}{
		{"one source", func(int) netip.AddrPort { return stranger }, (sourceMost + sourceRate) * 11 / 10, true},
		{"one source that is no multicast DNS querier", func(int) netip.AddrPort { return legacy }, (sourceMost+sourceRate)*11/10 + 1000*freeTimes*40, false},
		{"many sources", crowd, (totalMost + totalRate) * 11 / 10, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, h := announced(t, servers(1000)...)
			l.hear(stranger, query(ask(sips, mdns.TypePTR))) // so that all was multicast a moment ago
			l.run(3 * time.Second)
			l.mark()
			for i := range 1000 {
				l.hear(test.source(i), query(askQU(sips, mdns.TypePTR)))
				l.run(ms)
			}
			if got := l.unicastBytes(h); got > test.most || got < test.most/4 && !test.multi {
				t.Errorf("%d bytes by unicast, want at most %d", got, test.most)
			}
			l.run(3 * time.Second)
			multicasts := len(l.of(h, func(s sent) bool { return s.multicast() && len(s.msg.Answers) > 1 }))
			if test.multi != (multicasts > 0) {
				t.Errorf("%d packets by multicast", multicasts)
			}
			if h.Stats().Throttled == 0 {
				t.Error("it is not counted")
			}
		})
	}
}

// Phones never meet the budget: five hundred of them that browse at once, and ask for what they need to know one after another.
func TestPhonesDoNotMeetTheBudget(t *testing.T) {
	l := newLab(t)
	link := ethernet("192.0.0.1/16")
	h := l.host("pbx", link)
	h.apply(servers(10)...)
	l.run(5 * time.Second)
	l.hear(netip.MustParseAddrPort("192.0.9.9:5353"), query(ask(sips, mdns.TypePTR)))
	l.run(3 * time.Second)
	for i := range 500 {
		phone := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(2 + i/250), byte(i % 250)}), mdns.Port)
		for range 3 {
			l.hear(phone, query(askQU(sips, mdns.TypePTR)))
			for n := range 10 {
				l.hear(phone, query(askQU(fmt.Sprintf("Server number %d.%s", n, sips), mdns.TypeANY)))
			}
		}
		l.run(ms)
	}
	if s := h.Stats(); s.Throttled != 0 || s.Unicasts < 500*33 {
		t.Errorf("%d questions met the budget, %d answers; want none, and all", s.Throttled, s.Unicasts)
	}
}

// Nor do five hundred phones behind one address, with programs that are no multicast DNS queriers: each reads one answer.
func TestPhonesBehindOneAddress(t *testing.T) {
	l, h := announced(t, servers(10)...)
	l.run(3 * time.Second)
	l.mark()
	for i := range 500 {
		l.hear(netip.AddrPortFrom(stranger.Addr(), uint16(40_000+i)), query(ask(sips, mdns.TypePTR)))
	}
	l.run(time.Second)
	if n := len(l.of(h, func(s sent) bool { return !s.multicast() && len(s.msg.Answers) == 10 })); n != 500 || h.Stats().Throttled != 0 {
		t.Errorf("%d phones have all answers, %d met the budget; want 500, and none", n, h.Stats().Throttled)
	}
}

func TestBudget(t *testing.T) {
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }
	var b budget
	b.spend(0, addr(0), sourceMost)
	if b.allows(0, addr(0)) || !b.allows(0, addr(1)) {
		t.Error("one address that has had its part may have more, or another one none")
	}
	if later := moment(sourceMost/sourceRate) * time.Second; b.allows(0, addr(0)) || !b.allows(later, addr(0)) {
		t.Error("what was used is never given back")
	}
	for i := range 3 * sourcesMax {
		b.spend(0, addr(i), 1)
	}
	if len(b.sources) > sourcesMax {
		t.Errorf("%d addresses are remembered", len(b.sources))
	}
	b = budget{}
	for i := 0; b.allows(0, addr(i)); i++ {
		if b.spend(0, addr(i), 1000); i > totalMost/1000 {
			t.Fatal("there is no limit for all")
		}
	}
	if !b.allows(time.Second, addr(9)) {
		t.Error("the limit for all never ends")
	}
}

// What a packet asks for twice has one answer and counts once, whatever else is between.
func TestQuestionsAskedTwice(t *testing.T) {
	h, l := (*host)(nil), (*lab)(nil)
	prepare := func(t *testing.T) {
		l, h = announced(t, servers(3)...)
		h.desired.Watched = []dnsname.Name{dnsname.MustParse("_sip._udp.local")}
		h.others.watch(h.desired)
		l.run(3 * time.Second)
		h.asked = nil
		l.mark()
	}
	for _, test := range []struct {
		name      string
		questions []wire.Query
		unicast   bool
	}{
		{"once", []wire.Query{askQU(sips, mdns.TypePTR)}, true},
		{"often", slices.Repeat([]wire.Query{askQU(sips, mdns.TypePTR)}, 235), true},
		{"by unicast and by multicast", append(slices.Repeat([]wire.Query{askQU(sips, mdns.TypePTR)}, 235), ask(sips, mdns.TypePTR)), false},
		{"all and some", slices.Repeat([]wire.Query{askQU(sips, mdns.TypePTR), askQU(sips, mdns.TypeANY)}, 100), true},
		{"types that there are none of", append(slices.Repeat([]wire.Query{askQU(sips, mdns.TypeSRV), askQU(sips, 99), askQU(sips, 98)}, 70), askQU(sips, mdns.TypePTR)), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			prepare(t)
			l.hear(stranger, query(test.questions...))
			l.run(3 * time.Second)
			answers := map[bool]int{} // by whether it came by unicast
			for _, s := range l.of(h, func(s sent) bool { return s.msg.Response() }) {
				answers[!s.multicast()] += len(s.msg.Answers)
			}
			if answers[test.unicast] != 3 || answers[!test.unicast] != 0 {
				t.Errorf("%v answers by unicast and multicast, want 3 in one way", answers)
			}
			if len(h.asked) != 1 {
				t.Errorf("it counts as %d questions", len(h.asked))
			}
		})
	}
}

// A packet costs what is in it, not what is in it times what is announced.
func BenchmarkManyQuestions(b *testing.B) {
	many := func(q ...wire.Query) wire.Message { return query(slices.Repeat(q, 235/len(q))...) }
	known := func() (m wire.Message) {
		for range 500 {
			m.Answers = append(m.Answers, record(sips, 4500, false, mdns.NewTXT("x")))
		}
		return m
	}
	for _, test := range []struct {
		name    string
		message wire.Message
	}{
		{"one question", query(askQU(sips, mdns.TypePTR))},
		{"235 times one question", many(askQU(sips, mdns.TypePTR))},
		{"235 questions for other types", many(ask(sips, mdns.TypeSRV), ask(sips, 99), ask(sips, 98))},
		{"500 known answers of another type", known()},
	} {
		b.Run(test.name, func(b *testing.B) {
			l, h := busy(b, 10_000)
			h.config.Asked = nil
			p := packet(stranger, test.message)
			for b.Loop() {
				h.Handle(l.time(), p)
				h.Tick(l.time())
			}
		})
	}
}

// BenchmarkOneSource has one address ask for everything a thousand times a second; the time is that of one question.
func BenchmarkOneSource(b *testing.B) {
	l, h := busy(b, 1000)
	h.config.Asked = nil
	p := packet(stranger, query(askQU(sips, mdns.TypePTR)))
	for b.Loop() {
		l.now += ms
		h.Handle(l.time(), p)
		h.Tick(l.time())
	}
}

// However long a host has said nothing by unicast, its budget is whole.
func TestBudgetAfterAWhile(t *testing.T) {
	legacy := netip.MustParseAddrPort("192.0.2.99:40000")
	for _, idle := range []time.Duration{time.Minute, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 30 * 24 * time.Hour, 3 * 365 * 24 * time.Hour} {
		for _, used := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, used %v", idle, used), func(t *testing.T) {
				l, h := announced(t, sip("Desk", 5060))
				if used {
					h.budget.spend(h.now, legacy.Addr(), sourceMost)
				}
				l.now += idle
				l.mark()
				l.hear(legacy, query(ask(desk, mdns.TypeSRV)))
				if got := l.of(h, holds(desk, mdns.TypeSRV)); len(got) != 1 || h.Stats().Throttled > 0 {
					t.Errorf("%d answers, %d throttled", len(got), h.Stats().Throttled)
				}
			})
		}
	}
}

// A host that has used up its budget defends its names by multicast, in time: the other host probes for 750 ms.
func TestProbeIsAnsweredWithoutABudget(t *testing.T) {
	for _, since := range []time.Duration{0, 100 * ms, 300 * ms, 2 * time.Second} {
		t.Run(since.String(), func(t *testing.T) {
			l, h := announced(t, sip("Desk", 5060))
			l.hear(stranger, query(ask(desk, mdns.TypeANY)))
			l.run(since)
			h.budget.total = account{2 * totalMost, h.now}
			l.mark()
			probe := query(askQU(desk, mdns.TypeANY))
			probe.Authority = []mdns.Record{record(desk, 120, false, srv(9, "x.local"))}
			l.hear(stranger, probe)
			l.run(250 * ms)
			if got := l.of(h, holds(desk, mdns.TypeSRV)); len(got) != 1 || !got[0].multicast() {
				t.Errorf("%d answers within 250 ms", len(got))
			}
		})
	}
}
