package responder

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
	"announcer/services"
)

const (
	desk  = "Desk._sip._udp.local"
	sips  = "_sip._udp.local"
	metas = "_services._dns-sd._udp.local"
)

// rest is a time at which a host has nothing to do for a while: it has asked for its names after 63 s, and will again after
// 127.
const rest = 70 * time.Second

// announced returns a lab with one host that has announced its service, and nothing more to do for a while.
func announced(t testing.TB, pubs ...publication.Publication) (*lab, *host) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24", "fe80::1/64"))
	if len(pubs) == 0 {
		pubs = []publication.Publication{sip("Desk", 5060)}
	}
	h.apply(pubs...)
	l.run(rest)
	l.mark()
	return l, h
}

// answersTo runs for d after a query of the stranger and returns the packets sent since.
func (l *lab) answersTo(m wire.Message, d time.Duration) []sent {
	l.mark()
	l.hear(stranger, m)
	l.run(d)
	return l.sent
}

// RFC 6762 §6: what is asked, and only that, goes into the answer section.
func TestAnswersWhatIsAsked(t *testing.T) {
	for _, c := range []struct {
		name  string
		asked string
		kind  mdns.Type
		want  []string
	}{
		{"type", sips, mdns.TypePTR, []string{sips + " PTR " + desk}},
		{"type in capitals", strings.ToUpper(sips), mdns.TypePTR, []string{sips + " PTR " + desk}}, // §16
		{"list of types", metas, mdns.TypePTR, []string{metas + " PTR " + sips}},
		{"service", desk, mdns.TypeSRV, []string{desk + " SRV 0 0 5060 pbx.local"}},
		{"text", desk, mdns.TypeTXT, []string{desk + ` TXT "transport=udp"`}},
		{"any type", desk, mdns.TypeANY, []string{desk + " SRV 0 0 5060 pbx.local", desk + ` TXT "transport=udp"`}}, // §6.5
		{"IPv4 address", "pbx.local", mdns.TypeA, []string{"pbx.local A 192.0.2.1"}},
		{"IPv6 address, in capitals", "PBX.LOCAL", mdns.TypeAAAA, []string{"pbx.local AAAA fe80::1"}},
		{"reverse name", "1.2.0.192.in-addr.arpa", mdns.TypePTR, []string{"1.2.0.192.in-addr.arpa PTR pbx.local"}},
		{"type that the service lacks", desk, mdns.TypeA, []string{desk + " NSEC " + desk + ". TXT SRV"}},     // §6.1
		{"type that the host lacks", "pbx.local", mdns.TypeTXT, []string{"pbx.local NSEC pbx.local. A AAAA"}}, // §6.1
		{"type that a shared name lacks", sips, mdns.TypeTXT, nil},                                            // not ours alone
		{"name of another host", "other.local", mdns.TypeA, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, _ := announced(t)
			got := l.answersTo(query(ask(c.asked, c.kind)), time.Second)
			if c.want == nil && len(got) == 0 {
				return
			}
			if len(got) != 1 || !got[0].multicast() {
				t.Errorf("%d packets, want one by multicast", len(got))
				return
			}
			if diff := cmp.Diff(c.want, brief(got[0].msg.Answers)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// RFC 6762 §6: classes IN and ANY are answered, others are not.
func TestClasses(t *testing.T) {
	for _, c := range []struct {
		name  string
		class uint16
		want  int
	}{{"IN", 1, 1}, {"ANY", 255, 1}, {"CHAOS", 3, 0}, {"NONE", 254, 0}} {
		t.Run(c.name, func(t *testing.T) {
			l, _ := announced(t)
			m := query(ask(desk, mdns.TypeSRV))
			data, _ := m.Encode(1000)
			data[len(data)-2], data[len(data)-1] = byte(c.class>>8), byte(c.class)
			h := l.hosts[0]
			h.Handle(l.time(), Packet{Link: 2, Version: publication.V4, Src: stranger, Dst: mdns.Group4.Addr(), Data: data})
			h.tick()
			l.run(time.Second)
			if len(l.sent) != c.want {
				t.Errorf("%d answers, want %d", len(l.sent), c.want)
			}
		})
	}
}

// RFC 6762 §6: unique records at once, shared ones and several questions after 20 to 120 ms.
func TestDelays(t *testing.T) {
	for name, c := range map[string]struct {
		m         wire.Message
		low, high time.Duration
	}{
		"unique":      {query(ask(desk, mdns.TypeSRV)), 0, 10 * ms},
		"negative":    {query(ask(desk, mdns.TypeAAAA)), 0, 10 * ms},
		"shared":      {query(ask(sips, mdns.TypePTR)), 20 * ms, 120 * ms},
		"two at once": {query(ask(desk, mdns.TypeSRV), ask("other.local", mdns.TypeA)), 20 * ms, 120 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			seen := map[time.Duration]bool{}
			for seed := range uint64(20) {
				l := newLab(t)
				l.seed = seed
				h := l.host("pbx", ethernet("192.0.2.1/24"))
				h.apply(sip("Desk", 5060))
				l.run(time.Minute)
				start := l.now
				got := l.answersTo(c.m, time.Second)
				if len(got) != 1 {
					t.Fatalf("%d packets, want 1", len(got))
				}
				delay := got[0].at - start
				if delay < c.low || delay > c.high {
					t.Errorf("after %v, want %v to %v", delay, c.low, c.high)
				}
				seen[delay] = true
			}
			if c.high > 10*ms && len(seen) < 10 {
				t.Errorf("the delay is not random: %v", seen)
			}
		})
	}
}

// RFC 6762 §6.3, §6.4: what is asked within the delay goes out in one message, each record once.
func TestAggregation(t *testing.T) {
	l, _ := announced(t)
	l.hear(stranger, query(ask(sips, mdns.TypePTR)))
	l.run(ms)
	for i := range 50 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + i)}), mdns.Port)
		l.hear(from, query(ask(sips, mdns.TypePTR)))
		l.hear(from, query(ask(metas, mdns.TypePTR)))
	}
	l.run(500 * ms)
	var answers []mdns.Record
	for _, s := range l.sent {
		answers = append(answers, s.msg.Answers...)
	}
	if len(l.sent) > 2 || len(answers) != 2 {
		t.Errorf("%d packets with %v, want the two records once each", len(l.sent), brief(answers))
	}
}

// RFC 6762 §7.1: known answers of every type are left out, unless less than half of their life is left.
func TestKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		name     string
		question wire.Query
		known    mdns.Record
		answered bool
	}{
		{"half of the TTL left", ask(sips, mdns.TypePTR), record(sips, 2250, false, ptr(desk)), false},
		{"in capitals", ask(sips, mdns.TypePTR), record(strings.ToUpper(sips), 4500, false, ptr(strings.ToUpper(desk))), false},
		{"less than half of the TTL left", ask(sips, mdns.TypePTR), record(sips, 2249, false, ptr(desk)), true},
		{"another service", ask(sips, mdns.TypePTR), record(sips, 4500, false, ptr("Other."+sips)), true},
		{"SRV", ask(desk, mdns.TypeSRV), record(desk, 60, false, srv(5060, "pbx.local")), false},
		{"SRV of another port", ask(desk, mdns.TypeSRV), record(desk, 60, false, srv(5061, "pbx.local")), true},
		{"TXT", ask(desk, mdns.TypeTXT), record(desk, 4500, false, mdns.NewTXT("transport=udp")), false},
		{"A", ask("pbx.local", mdns.TypeA), record("pbx.local", 120, false, addr("192.0.2.1")), false},
		{"AAAA", ask("pbx.local", mdns.TypeAAAA), record("pbx.local", 120, false, addr("fe80::1")), false},
		{"NSEC", ask(desk, mdns.TypeA), record(desk, 2250, false, mdns.NewNSEC(dnsname.MustParse(desk), mdns.TypeSRV, mdns.TypeTXT)), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, _ := announced(t)
			m := query(c.question)
			m.Answers = []mdns.Record{c.known}
			got := l.answersTo(m, time.Second)
			if (len(got) > 0) != c.answered {
				t.Errorf("%d packets, answered should be %t", len(got), c.answered)
			}
		})
	}
}

// RFC 6762 §7.1, §10.2: of a set with two addresses both must be known, since the answer replaces what is cached.
func TestKnownAnswersOfASet(t *testing.T) {
	for known, want := range map[int]int{0: 1, 1: 1, 2: 0} {
		t.Run(fmt.Sprintf("%d known", known), func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", ethernet("192.0.2.1/24", "192.0.2.2/24"))
			h.apply(sip("Desk", 5060))
			l.run(time.Minute)
			m := query(ask("pbx.local", mdns.TypeA))
			for i := range known {
				m.Answers = append(m.Answers, record("pbx.local", 120, false, addr(fmt.Sprintf("192.0.2.%d", i+1))))
			}
			got := l.answersTo(m, time.Second)
			if len(got) != want || want == 1 && len(got[0].msg.Answers) != 2 {
				t.Errorf("got %v, want %d answers", got, want)
			}
		})
	}
}

// RFC 6762 §7.2: TC means that more known answers follow; they are waited for.
func TestTruncatedQuery(t *testing.T) {
	more := func(tc bool) wire.Message {
		m := wire.Message{Answers: []mdns.Record{record(sips, 4500, false, ptr(desk))}}
		if tc {
			m.Flags = wire.FlagTruncated
		}
		return m
	}
	start := query(ask(sips, mdns.TypePTR))
	start.Flags = wire.FlagTruncated

	l, _ := announced(t)
	at := l.now
	got := l.answersTo(start, time.Second)
	if len(got) != 1 || got[0].at-at < 400*ms || got[0].at-at > 500*ms {
		t.Errorf("nothing follows: %v after %v, want one answer after 400 to 500 ms", len(got), times(got))
	}

	l, _ = announced(t)
	l.hear(stranger, start)
	l.run(300 * ms)
	l.hear(stranger, more(false))
	l.run(time.Second)
	if len(l.sent) > 0 {
		t.Errorf("answered what was in the second message")
	}

	l, _ = announced(t)
	l.hear(stranger, start)
	l.run(300 * ms)
	l.hear(netip.MustParseAddrPort("192.0.2.98:5353"), more(false))
	l.run(time.Second)
	if len(l.sent) != 1 {
		t.Errorf("%d answers, want 1: the known answer was another host's", len(l.sent))
	}
}

// RFC 6762 §7.2: a message that says that still more follow is waited after again.
func TestTruncatedAgain(t *testing.T) {
	l, _ := announced(t)
	start := query(ask(sips, mdns.TypePTR))
	start.Flags = wire.FlagTruncated
	at := l.now
	l.hear(stranger, start)
	l.run(300 * ms)
	l.hear(stranger, wire.Message{Header: wire.Header{Flags: wire.FlagTruncated}})
	l.run(time.Second)
	if got := times(l.sent); len(got) != 1 || got[0]-at < 700*ms || got[0]-at > 800*ms {
		t.Errorf("answered at %v, want 400 to 500 ms after the second message", got)
	}
}

// RFC 6762 §6, §6.7: neither a probe nor a program that knows no multicast DNS waits because of a TC bit.
func TestTruncatedThatDoesNotWait(t *testing.T) {
	probe := query(ask(desk, mdns.TypeANY))
	probe.Authority = []mdns.Record{record(desk, 120, false, srv(1, "x.local"))}
	for name, c := range map[string]struct {
		from string
		m    wire.Message
	}{
		"probe":  {"192.0.2.99:5353", probe},
		"legacy": {"192.0.2.99:40000", query(ask(desk, mdns.TypeSRV))},
	} {
		t.Run(name, func(t *testing.T) {
			l, h := announced(t)
			c.m.Flags = wire.FlagTruncated
			l.hear(netip.MustParseAddrPort(c.from), c.m)
			l.run(10 * ms)
			if got := l.of(h, holds(desk, mdns.TypeSRV)); len(got) != 1 {
				t.Errorf("%d answers at once, want 1", len(got))
			}
		})
	}

	l, h := announced(t)
	first := query(ask(sips, mdns.TypePTR))
	first.Flags = wire.FlagTruncated
	l.hear(stranger, first)
	l.hear(stranger, query(ask(desk, mdns.TypeSRV)))
	l.run(10 * ms)
	if got := l.of(h, holds(desk, mdns.TypeSRV)); len(got) != 1 {
		t.Errorf("another question of the same host: %d answers at once, want 1", len(got))
	}
}

// The wait for more known answers is for a bounded number of queriers, and a bounded time.
func TestTruncatedIsBounded(t *testing.T) {
	l, h := announced(t)
	m := query(ask(sips, mdns.TypePTR))
	m.Flags = wire.FlagTruncated
	for i := range 1000 {
		l.hear(netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), mdns.Port), m)
	}
	if len(h.waiting) > truncatedMost {
		t.Errorf("%d wait", len(h.waiting))
	}
	follow := wire.Message{Header: wire.Header{Flags: wire.FlagTruncated}}
	for range 100 {
		l.hear(netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 0}), mdns.Port), follow)
		l.run(100 * ms)
	}
	if len(h.waiting) > 0 {
		t.Errorf("%d wait still", len(h.waiting))
	}
}

// RFC 6762 §7.4: what another host has just multicast is not said again.
func TestDuplicateAnswers(t *testing.T) {
	for ttl, want := range map[uint32]int{4500: 0, 4499: 1} {
		t.Run(fmt.Sprintf("TTL %d", ttl), func(t *testing.T) {
			l, _ := announced(t)
			l.hear(stranger, query(ask(sips, mdns.TypePTR)))
			l.run(10 * ms)
			l.hear(stranger, response(record(sips, ttl, false, ptr(desk))))
			l.run(time.Second)
			if len(l.sent) != want {
				t.Errorf("%d answers, want %d", len(l.sent), want)
			}
		})
	}
}

// RFC 6762 §6.6: another host that gives a record of ours with less than half of its TTL is corrected.
func TestLowTTLIsCorrected(t *testing.T) {
	for ttl, want := range map[uint32]int{120: 0, 60: 0, 59: 1, 0: 1} {
		t.Run(fmt.Sprintf("TTL %d", ttl), func(t *testing.T) {
			l, _ := announced(t)
			l.hear(stranger, response(record(desk, ttl, true, srv(5060, "pbx.local"))))
			l.run(time.Second)
			if got := len(l.of(l.hosts[0], holds(desk, mdns.TypeSRV))); got != want {
				t.Errorf("announced %d times, want %d", got, want)
			}
			if l.hosts[0].state() != "Desk announced" {
				t.Errorf("%s: the same data is no conflict", l.hosts[0].state())
			}
		})
	}
}

// RFC 6762 §7.4: what is announced is said all the same, and so is a set of which another host has given a part.
func TestDuplicatesThatSuppressNothing(t *testing.T) {
	l, h := announced(t)
	l.hear(stranger, query(ask(desk, mdns.TypeSRV)))
	l.run(100 * ms)
	l.mark()
	h.apply(sip("Desk", 5061)) // announced when the second since the answer is over
	l.hear(stranger, response(record(desk, 120, true, srv(5061, "pbx.local"))))
	l.run(950 * ms)
	if got := l.of(h, onV4(holds(desk, mdns.TypeSRV))); len(got) != 1 {
		t.Errorf("%d announcements, want 1", len(got))
	}

	l = newLab(t)
	h = l.host("pbx", ethernet("192.0.2.1/24", "192.0.2.2/24"))
	h.apply(sip("Desk", 5060))
	l.run(time.Minute)
	l.mark()
	l.hear(stranger, query(ask("pbx.local", mdns.TypeA), ask("x.local", mdns.TypeA)))
	l.hear(stranger, response(record("pbx.local", 120, true, addr("192.0.2.1"))))
	l.run(time.Second)
	if got := l.of(h, holds("pbx.local", mdns.TypeA)); len(got) != 1 {
		t.Errorf("%d answers, want 1 with both addresses", len(got))
	}
}

// RFC 6762 §6, §6.6: what another host gives with too low a TTL is corrected at most once a second.
func TestCorrectionsAreOncePerSecond(t *testing.T) {
	l, h := announced(t)
	for range 35 {
		l.hear(stranger, response(record(desk, 9, true, srv(5060, "pbx.local"))))
		l.run(100 * ms)
	}
	if got := times(l.of(h, holds(desk, mdns.TypeSRV))); !near(got, ms, time.Second, time.Second, time.Second) {
		t.Errorf("corrected at %v", got)
	}
}

// RFC 6762 §6: a record is multicast at most once a second, as an additional too; what is asked for sooner is sent
// when the second is over.
func TestOncePerSecond(t *testing.T) {
	l, _ := announced(t)
	for range 100 {
		l.hear(stranger, query(ask(desk, mdns.TypeSRV)))
		l.hear(stranger, query(ask(sips, mdns.TypePTR)))
		l.hear(stranger, query(ask("pbx.local", mdns.TypeA)))
		l.run(37 * ms)
	}
	l.run(2 * time.Second)
	last := map[mdns.Record]time.Duration{}
	count := map[mdns.Record]int{}
	for _, s := range l.sent {
		for _, r := range append(s.msg.Answers, s.msg.Additional...) {
			if at, ok := last[r]; ok && s.at-at < time.Second {
				t.Errorf("%v again after %v", r, s.at-at)
			}
			last[r] = s.at
			count[r]++
		}
	}
	for r, n := range count {
		if n < 4 || n > 6 {
			t.Errorf("%v %d times in 4 s", r, n)
		}
	}
	if len(count) < 4 {
		t.Errorf("only %v", count)
	}
}

// RFC 6762 §5.4: a QU question is answered by unicast if the record was multicast within a quarter of its TTL.
func TestUnicastAnswers(t *testing.T) {
	l, _ := announced(t) // the last announcement of SRV is over 30 s old
	if got := l.answersTo(query(askQU(desk, mdns.TypeSRV)), time.Second); len(got) != 1 || !got[0].multicast() {
		t.Errorf("an old record: %v, want one by multicast", got)
	}
	got := l.answersTo(query(askQU(desk, mdns.TypeSRV)), time.Second)
	if len(got) != 1 || got[0].Dst != stranger {
		t.Fatalf("a recent record: %v, want one by unicast", got)
	}
	if r := got[0].msg.Answers[0]; !r.Unique || r.TTL != 120 {
		t.Errorf("got %v, want it whole", r)
	}
	if got := l.answersTo(query(askQU(desk, mdns.TypeSRV), askQU(desk, mdns.TypeANY)), time.Second); len(got) == 0 || len(l.of(l.hosts[0], holds(desk, mdns.TypeSRV))) != 1 || len(got[0].msg.Answers) != 2 {
		t.Errorf("asked twice: %v, want each record once", got)
	}
	both := query(askQU(desk, mdns.TypeSRV), ask(desk, mdns.TypeSRV))
	if got := l.answersTo(both, 2*time.Second); len(got) != 1 || !got[0].multicast() {
		t.Errorf("asked both ways: %v, want one by multicast", got)
	}
}

// RFC 6762 §18.1: an answer by unicast has the ID of its query, one by multicast has none.
func TestAnswersHaveTheID(t *testing.T) {
	us := netip.MustParseAddr("192.0.2.1")
	truncated := query(askQU(desk, mdns.TypeSRV))
	truncated.Flags = wire.FlagTruncated
	probe := query(askQU(desk, mdns.TypeANY))
	probe.Authority = []mdns.Record{record(desk, 120, false, srv(1, "other.local"))}
	for _, c := range []struct {
		name string
		m    wire.Message
		dst  netip.Addr
		want uint16
	}{
		{"QM", query(ask(desk, mdns.TypeSRV)), mdns.Group4.Addr(), 0},
		{"QU", query(askQU(desk, mdns.TypeSRV)), mdns.Group4.Addr(), 4711},
		{"QU, waiting for known answers", truncated, mdns.Group4.Addr(), 4711},
		{"QU, a probe", probe, mdns.Group4.Addr(), 4711},
		{"to this host", query(ask(desk, mdns.TypeSRV)), us, 4711},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, _ := announced(t)
			l.answersTo(query(ask(desk, mdns.TypeANY)), 2*time.Second)
			l.mark()
			c.m.ID = 4711
			l.hearOn(stranger, c.dst, c.m)
			l.run(2 * time.Second)
			if len(l.sent) != 1 || l.sent[0].msg.ID != c.want {
				t.Errorf("%v, want one packet with the ID %d", l.sent, c.want)
			}
		})
	}
}

// RFC 6762 §5.5, §11: a query by unicast is answered by unicast, to hosts on the link only.
func TestDirectQueries(t *testing.T) {
	us := netip.MustParseAddr("192.0.2.1")
	for _, c := range []struct {
		name, src string
		want      int
	}{
		{"from the link", "192.0.2.99:5353", 1},
		{"from elsewhere", "198.51.100.7:5353", 0},
		{"legacy, from the link", "192.0.2.99:40000", 1},
		{"legacy, from elsewhere", "198.51.100.7:40000", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, _ := announced(t)
			l.hear(stranger, query(ask(desk, mdns.TypeSRV)))
			l.run(time.Second)
			l.mark()
			from := netip.MustParseAddrPort(c.src)
			l.hearOn(from, us, query(ask(desk, mdns.TypeSRV)))
			l.run(time.Second)
			if len(l.sent) != c.want || c.want > 0 && l.sent[0].Dst != from {
				t.Errorf("%v, want %d packets by unicast", l.sent, c.want)
			}
		})
	}
}

// RFC 6762 §6.7, §11: what was sent to the group comes from the link, whatever network its sender is in. A legacy query has
// its reply by unicast; a QU question is answered by multicast, since its sender expects no unicast from another network.
func TestQueriesOfAnotherNetwork(t *testing.T) {
	for _, c := range []struct {
		name, our, from string
		question        wire.Query
		unicast         bool
	}{
		{"legacy, IPv4", "192.0.2.1/24", "198.51.100.7:40000", ask(desk, mdns.TypeSRV), true},
		{"legacy, QU bit, IPv4", "192.0.2.1/24", "198.51.100.7:40000", askQU(desk, mdns.TypeSRV), true},
		{"legacy, IPv6", "2001:db8::1/64", "[2001:db8:9::7]:40000", ask(desk, mdns.TypeSRV), true},
		{"legacy, IPv6 from a link-local address", "2001:db8::1/64", "[fe80::7]:40000", ask(desk, mdns.TypeSRV), true},
		{"legacy, our address without a network", "192.0.2.1/32", "192.0.2.99:40000", ask(desk, mdns.TypeSRV), true},
		{"legacy, our IPv6 address without a network", "2001:db8::1/128", "[2001:db8::7]:40000", ask(desk, mdns.TypeSRV), true},
		{"QM", "192.0.2.1/24", "198.51.100.7:5353", ask(desk, mdns.TypeSRV), false},
		{"QU", "192.0.2.1/24", "198.51.100.7:5353", askQU(desk, mdns.TypeSRV), false},
		{"QU, our address without a network", "192.0.2.1/32", "192.0.2.99:5353", askQU(desk, mdns.TypeSRV), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			l.host("pbx", ethernet(c.our)).apply(sip("Desk", 5060))
			l.run(40 * time.Second)
			l.mark()
			from := netip.MustParseAddrPort(c.from)
			l.hear(from, query(c.question))
			l.run(2 * time.Second)
			if len(l.sent) != 1 || l.sent[0].multicast() == c.unicast || c.unicast && l.sent[0].Dst != from {
				t.Errorf("sent %v, want one packet, to the sender alone: %v", l.sent, c.unicast)
			}
		})
	}
}

// RFC 6762 §6.7, §18.14: a legacy query gets its ID, its question, short TTLs and no cache-flush, by unicast, at once.
func TestLegacyQuery(t *testing.T) {
	l, _ := announced(t)
	from := netip.MustParseAddrPort("192.0.2.99:40000")
	m := query(ask(strings.ToUpper(desk), mdns.TypeSRV))
	m.ID = 0xBEEF
	l.hear(from, m)
	got := l.sent
	if len(got) != 1 || got[0].Dst != from || got[0].msg.ID != 0xBEEF || got[0].msg.Flags != responseFlags {
		t.Fatalf("got %v", got)
	}
	if q := got[0].msg.Questions; len(q) != 1 || q[0] != m.Questions[0] {
		t.Errorf("repeats %v, want %v", q, m.Questions)
	}
	for _, r := range append(got[0].msg.Answers, got[0].msg.Additional...) {
		if r.TTL > 10 || r.Unique || r.Data.Type() == mdns.TypeNSEC {
			t.Errorf("holds %v", r)
		}
	}
	target := dnsname.MustParse("pbx.local").Wire()
	if n := strings.Count(string(got[0].Data), target); n != 1 {
		t.Errorf("the target stands uncompressed %d times, want once", n)
	}
}

// RFC 6762 §6.7: a legacy reply needs no NSEC record, and what follows it is compressed as ever. Questions that leave no
// room for answers get none.
func TestAfterLegacyQuery(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(sip("Desk", 5060))
	l.run(time.Minute)
	l.mark()
	from := netip.MustParseAddrPort("192.0.2.99:40000")
	l.hear(from, query(ask(desk, mdns.TypeSRV)))
	if got := l.sent; len(got) != 1 || cmp.Diff([]string{"pbx.local A 192.0.2.1"}, brief(got[0].msg.Additional)) != "" {
		t.Errorf("the legacy reply is %v", got)
	}
	target := dnsname.MustParse("pbx.local").Wire()
	got := l.answersTo(query(ask(desk, mdns.TypeSRV)), time.Second)
	if len(got) != 1 || strings.Contains(string(got[0].Data), target) {
		t.Errorf("the target stands uncompressed in the answer by multicast: %v", got)
	}

	m := query(ask(desk, mdns.TypeSRV))
	for range 200 {
		m.Questions = append(m.Questions, ask("a-long-name-that-nobody-has.local", mdns.TypeANY))
	}
	l.mark()
	l.hear(from, m)
	l.run(time.Second)
	if len(l.sent) > 0 {
		t.Errorf("a reply of %d bytes to 201 questions", len(l.sent[0].Data))
	}
}

// A legacy client gets as much as fits the MTU: ten names of servers with what they need, not 512 bytes of it.
func TestLegacyGetsAsMuchAsFits(t *testing.T) {
	pubs := servers(100)
	l, _ := announced(t, pubs...)
	l.hear(netip.MustParseAddrPort("192.0.2.99:40000"), query(ask(sips, mdns.TypePTR)))
	if len(l.sent) != 1 {
		t.Fatalf("%d packets, want 1", len(l.sent))
	}
	if size := len(l.sent[0].Data); size > 1472 || size < 1400 {
		t.Errorf("%d bytes, want nearly 1472", size)
	}
}

// RFC 6763 §12, RFC 6762 §6.2: what the querier wants to know next comes along.
func TestAdditionals(t *testing.T) {
	for _, c := range []struct {
		name  string
		asked string
		kind  mdns.Type
		want  []string
	}{
		{"type", sips, mdns.TypePTR, []string{desk + " SRV 0 0 5060 pbx.local", desk + ` TXT "transport=udp"`, "pbx.local A 192.0.2.1", "pbx.local AAAA fe80::1"}},
		{"service", desk, mdns.TypeSRV, []string{"pbx.local A 192.0.2.1", "pbx.local AAAA fe80::1"}},
		{"text", desk, mdns.TypeTXT, nil},
		{"list of types", metas, mdns.TypePTR, nil},
		{"IPv4 address", "pbx.local", mdns.TypeA, []string{"pbx.local AAAA fe80::1"}},
		{"IPv6 address", "pbx.local", mdns.TypeAAAA, []string{"pbx.local A 192.0.2.1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, _ := announced(t)
			got := l.answersTo(query(ask(c.asked, c.kind)), time.Second)
			if len(got) != 1 {
				t.Fatalf("%d packets", len(got))
			}
			if diff := cmp.Diff(c.want, brief(got[0].msg.Additional)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// RFC 6763 §12: what comes along comes once, and not to who knows it.
func TestAdditionalsOfUnicastReplies(t *testing.T) {
	l, _ := announced(t, sip("Desk", 5060), sip("Lobby", 5070))
	l.hear(stranger, query(ask(sips, mdns.TypePTR)))
	l.run(2 * time.Second)
	m := query(askQU(sips, mdns.TypePTR))
	m.Answers = []mdns.Record{record(desk, 120, true, srv(5060, "pbx.local")), record("pbx.local", 120, true, addr("fe80::1"))}
	got := l.answersTo(m, time.Second)
	if len(got) != 1 || got[0].multicast() {
		t.Fatalf("got %v, want one packet by unicast", got)
	}
	const lobby = "Lobby." + sips
	want := []string{desk + ` TXT "transport=udp"`, lobby + " SRV 0 0 5070 pbx.local", lobby + ` TXT "transport=udp"`, "pbx.local A 192.0.2.1"}
	if diff := cmp.Diff(want, brief(got[0].msg.Additional)); diff != "" {
		t.Error(diff)
	}
}

// RFC 6762 §6.2: if there is no address of one IP version, an NSEC record denies it.
func TestNoOtherAddress(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(sip("Desk", 5060))
	l.run(rest)
	for name, q := range map[string]wire.Query{"address": ask("pbx.local", mdns.TypeA), "service": ask(desk, mdns.TypeSRV)} {
		t.Run(name, func(t *testing.T) {
			got := l.answersTo(query(q), 2*time.Second)
			if len(got) != 1 || !slices.Contains(brief(got[0].msg.Additional), "pbx.local NSEC pbx.local. A") {
				t.Errorf("%v, want NSEC", got)
			}
		})
	}
	got := l.answersTo(query(ask("pbx.local", mdns.TypeAAAA)), 2*time.Second)
	if len(got) != 1 || brief(got[0].msg.Answers)[0] != "pbx.local NSEC pbx.local. A" || got[0].msg.Answers[0].TTL != 120 {
		t.Errorf("AAAA: %v, want NSEC for 120 s", got)
	}
}

// RFC 6762 §6.1, §10: a denial lives as long as what it denies would: 120 s where it belongs to a host or an address, 4500 s
// for a service, for every type.
func TestDenialLives(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	other := sip("Door", 5060)
	other.Group.Services[0].Host = dnsname.MustParse("door.local")
	other.Group.Services[0].Addresses = []netip.Addr{netip.MustParseAddr("192.0.2.50")}
	h.apply(sip("Desk", 5060), other)
	l.run(rest)
	for _, c := range []struct {
		name, asked string
		want        uint32
	}{
		{"host", "pbx.local", 120},
		{"reverse name", "1.2.0.192.in-addr.arpa", 120},
		{"foreign host", "door.local", 120},
		{"service", desk, 4500},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, kind := range []mdns.Type{mdns.TypeAAAA, typeHINFO, mdns.TypeNSEC, 64, 65, 257, 65535} {
				got := l.answersTo(query(ask(c.asked, kind)), 2*time.Second)
				if len(got) != 1 || got[0].msg.Answers[0].Data.Type() != mdns.TypeNSEC || got[0].msg.Answers[0].TTL != c.want {
					t.Errorf("type %d: %v, want NSEC for %d s", kind, got, c.want)
				}
			}
		})
	}
	for name, q := range map[string]wire.Query{"IPv4 address": ask("pbx.local", mdns.TypeA), "SRV": ask(desk, mdns.TypeSRV), "type": ask(sips, mdns.TypePTR)} {
		t.Run("beside "+name, func(t *testing.T) {
			got := l.answersTo(query(q), 2*time.Second)
			for _, r := range got[0].msg.Additional {
				if r.Data.Type() == mdns.TypeNSEC && r.TTL != 120 {
					t.Errorf("brings %v, want NSEC for 120 s", r)
				}
			}
		})
	}
}

const typeHINFO = mdns.Type(13)

// RFC 6762 §6.1: the denial follows what there is.
func TestDenialFollowsTheTypes(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(sip("Desk", 5060))
	l.run(time.Minute)
	for _, step := range []string{"A", "A AAAA"} {
		got := l.answersTo(query(ask("pbx.local", mdns.TypeTXT)), time.Second)
		if len(got) != 1 || brief(got[0].msg.Answers)[0] != "pbx.local NSEC pbx.local. "+step {
			t.Errorf("%v, want NSEC with %s", got, step)
		}
		h.links = []publication.Link{ethernet("192.0.2.1/24", "fe80::1/64")}
		h.apply(sip("Desk", 5060))
		l.run(time.Minute)
	}
}

// RFC 6762 §17: a message fits the MTU of its link, and an Ethernet frame if that is larger.
func TestMTU(t *testing.T) {
	pubs := servers(100)
	for _, c := range []struct {
		name      string
		mtu, want int
	}{{"unknown", 0, 1472}, {"less than any host must take", 300, 548}, {"the least of IPv6", 1280, 1252}, {"Ethernet", 1500, 1472}, {"jumbo frames", 9000, 1472}} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			link := ethernet("192.0.2.1/24")
			link.MTU = c.mtu
			l.host("pbx", link).apply(pubs...)
			l.run(time.Minute)
			largest := 0
			for _, s := range l.sent {
				largest = max(largest, len(s.Data))
			}
			if largest > c.want || largest < c.want-100 {
				t.Errorf("a packet of %d bytes, want at most %d, and nearly that", largest, c.want)
			}
		})
	}
}

// RFC 6762 §6, §20: the reply goes out where the question came in, by the same IP version, with the addresses of that
// link.
func TestEachLinkHasItsAddresses(t *testing.T) {
	l := newLab(t)
	other := ethernet("198.51.100.1/24")
	other.Index, other.Name = 3, "eth1"
	h := l.host("pbx", ethernet("192.0.2.1/24", "fe80::1/64"), other)
	h.apply(sip("Desk", 5060))
	l.run(time.Minute)
	m := query(ask("pbx.local", mdns.TypeA))
	data, _ := m.Encode(100)
	for _, c := range []struct {
		name    string
		link    int
		version publication.IPVersion
		src     string
		want    string
	}{
		{"first link, IPv4", 2, publication.V4, "192.0.2.99:5353", "pbx.local A 192.0.2.1"},
		{"first link, IPv6", 2, publication.V6, "[fe80::99]:5353", "pbx.local A 192.0.2.1"},
		{"second link", 3, publication.V4, "198.51.100.99:5353", "pbx.local A 198.51.100.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l.mark()
			src := netip.MustParseAddrPort(c.src)
			h.Handle(l.time(), Packet{Link: c.link, Version: c.version, Src: src, Dst: group(src), Data: data})
			h.tick()
			if len(l.sent) != 1 || l.sent[0].Link != c.link || l.sent[0].Version != c.version || brief(l.sent[0].msg.Answers)[0] != c.want {
				t.Errorf("sent %v, want %s", l.sent, c.want)
			}
			l.run(time.Second)
		})
	}
}

// RFC 6762 §17, §18.5: one browse of 1,000 instances finds them all, in packets that fit, none of which says that it
// is truncated, paced so that they are not lost.
func TestThousandInstances(t *testing.T) {
	pubs := servers(1000)
	l, h := announced(t, pubs...)
	for name, q := range map[string]wire.Query{"QM": ask(sips, mdns.TypePTR), "QU": askQU(sips, mdns.TypePTR)} {
		t.Run(name, func(t *testing.T) {
			got := l.answersTo(query(q), time.Second)
			if n := len(l.of(h, func(s sent) bool { return !s.multicast() })); n > replyMost || q.QU && n == 0 {
				t.Errorf("%d packets by unicast, want at most %d", n, replyMost)
			}
			found := map[string]bool{}
			var before time.Duration
			for i, s := range got {
				for _, r := range s.msg.Answers {
					found[r.Data.String()] = true
				}
				if len(s.Data) > 1472 || s.msg.Truncated() {
					t.Errorf("%d bytes, truncated %v", len(s.Data), s.msg.Truncated())
				}
				if i > 0 && s.multicast() && got[i-1].multicast() && s.at-before < pace {
					t.Errorf("packets %v apart", s.at-before)
				}
				before = s.at
			}
			if len(found) != 1000 {
				t.Errorf("found %d", len(found))
			}
			l.run(time.Second)
		})
	}
}

// large is a service whose TXT record is larger than an ordinary packet.
func large(name string, port uint16) publication.Publication {
	p := sip(name, port)
	for range 30 {
		p.Group.Services[0].TXT = append(p.Group.Services[0].TXT, "k="+strings.Repeat("x", 200))
	}
	return p
}

// RFC 6762 §17: a record larger than an ordinary packet goes alone.
func TestLargeRecord(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24", "fe80::1/64"))
	h.apply(large("Desk", 5060))
	l.run(time.Minute)
	l.mark()
	got := l.answersTo(query(ask(desk, mdns.TypeTXT)), time.Second)
	if len(got) != 1 || len(got[0].msg.Answers) != 1 || len(got[0].Data) < 6000 {
		t.Errorf("multicast: %v", got)
	}
	l.mark()
	l.hear(stranger, query(askQU(desk, mdns.TypeTXT)))
	if len(l.sent) != 1 || len(l.sent[0].Data) < 6000 || l.sent[0].multicast() {
		t.Errorf("unicast: %v", l.sent)
	}
	if h.state() != "Desk announced" {
		t.Error(h.state())
	}
}

// RFC 6762 §17: a message that is sent in fragments holds one record, whatever it is for.
func TestFragmentsHoldOneRecord(t *testing.T) {
	many := ethernet("fe80::1/64")
	for i := range 100 {
		many.Addrs = append(many.Addrs,
			publication.LinkAddr{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + i)}), 24)},
			publication.LinkAddr{Prefix: netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(1 + i)}), 64)})
	}
	narrow := ethernet("192.0.2.1/24", "fe80::1/64")
	narrow.MTU = 600
	all := query(ask(desk, mdns.TypeANY), ask("pbx.local", mdns.TypeANY), ask(sips, mdns.TypePTR))
	unicast := query(askQU(desk, mdns.TypeANY), askQU("pbx.local", mdns.TypeANY), askQU(sips, mdns.TypePTR))
	for name, c := range map[string]struct {
		link publication.Link
		act  func(l *lab, h *host)
		sent func(sent) bool // what must have been sent
	}{
		"announcements":   {many, func(l *lab, h *host) {}, holds(desk, mdns.TypeTXT)},
		"narrow link":     {narrow, func(l *lab, h *host) {}, holds(desk, mdns.TypeTXT)},
		"answers":         {many, func(l *lab, h *host) { l.hear(stranger, all) }, holds(desk, mdns.TypeTXT)},
		"addresses":       {many, func(l *lab, h *host) { l.hear(stranger, query(ask("pbx.local", mdns.TypeAAAA))) }, holds("pbx.local", mdns.TypeAAAA)},
		"unicast replies": {many, func(l *lab, h *host) { l.hear(stranger, all); l.run(time.Second); l.mark(); l.hear(stranger, unicast) }, holds(desk, mdns.TypeTXT)},
		"legacy reply": {many, func(l *lab, h *host) {
			l.hear(netip.MustParseAddrPort("192.0.2.200:40000"), query(ask(desk, mdns.TypeTXT)))
		}, holds(desk, mdns.TypeTXT)},
		"legacy, all": {many, func(l *lab, h *host) { l.hear(netip.MustParseAddrPort("192.0.2.200:40000"), all) }, holds(desk, mdns.TypeTXT)},
		"legacy, addresses": {many, func(l *lab, h *host) {
			l.hear(netip.MustParseAddrPort("192.0.2.200:40000"), query(ask("pbx.local", mdns.TypeAAAA)))
		}, holds("pbx.local", mdns.TypeAAAA)},
		"changes": {many, func(l *lab, h *host) {
			h.apply(append([]publication.Publication{large("Desk", 5061)}, servers(150)...)...)
		}, holds(desk, mdns.TypeSRV)},
		"goodbye of one":       {many, func(l *lab, h *host) { h.apply(servers(150)...) }, bids(desk, mdns.TypeTXT)},
		"goodbyes at the end":  {many, func(l *lab, h *host) { h.Close(l.time()); h.tick() }, bids(desk, mdns.TypeTXT)},
		"goodbye of addresses": {many, func(l *lab, h *host) { h.Close(l.time()); h.tick() }, bids("pbx.local", mdns.TypeAAAA)},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", c.link)
			h.apply(append([]publication.Publication{large("Desk", 5060)}, servers(150)...)...)
			l.run(30 * time.Second)
			c.act(l, h)
			l.run(3 * time.Second)
			if len(l.of(h, c.sent)) == 0 {
				t.Error("what was to be seen was not sent")
			}
			mtu := c.link.MTU
			for _, s := range l.sent {
				headers := 28
				if s.Version == publication.V6 {
					headers = 48
				}
				if n := len(s.msg.Answers) + len(s.msg.Authority) + len(s.msg.Additional); len(s.Data) > mtu-headers && n != 1 {
					t.Errorf("%d bytes with %d records: %v", len(s.Data), n, s.msg)
				}
			}
		})
	}
}

// RFC 6762 §8.2, §17: hosts whose TXT record is too large for a probe compare what the probes hold: one of them has the
// name, whichever began.
func TestSimultaneousProbesOfLargeRecords(t *testing.T) {
	for name, ports := range map[string][2]uint16{"the same data": {5060, 5060}, "greater data last": {5060, 5061}, "greater data first": {5061, 5060}} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(10) {
				l := newLab(t)
				l.seed = seed
				a, b := l.host("alpha", ethernet("192.0.2.1/24")), l.host("beta", ethernet("192.0.2.2/24"))
				a.apply(large("Desk", ports[0]))
				b.apply(large("Desk", ports[1]))
				l.run(10 * time.Second)
				got := sorted([]string{a.state(), b.state()})
				if want := []string{"Desk #2 announced", "Desk announced"}; !slices.Equal(got, want) {
					t.Errorf("seed %d: %q, want %q", seed, got, want)
				}
				if n := a.Stats().Conflicts + b.Stats().Conflicts; n != 1 {
					t.Errorf("seed %d: %d conflicts, want one", seed, n)
				}
			}
		})
	}
}

// RFC 6762 §17: records of one name that no packet of 9000 bytes holds go out in several.
func TestMoreThanTheLargestPacket(t *testing.T) {
	l := newLab(t)
	link := ethernet()
	for i := range 1000 {
		link.Addrs = append(link.Addrs, publication.LinkAddr{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i / 250), byte(1 + i%250)}), 16)})
	}
	h := l.host("pbx", link)
	h.apply(sip("Desk", 5060))
	l.run(time.Minute)
	l.mark()
	l.hear(netip.MustParseAddrPort("10.0.99.99:5353"), query(ask("pbx.local", mdns.TypeA)))
	l.run(time.Second)
	found := map[string]bool{}
	for _, s := range l.sent {
		if len(s.Data) > 9000-28 {
			t.Errorf("a packet of %d bytes", len(s.Data))
		}
		for _, r := range s.msg.Answers {
			found[r.Data.String()] = true
		}
	}
	if len(found) != 1000 {
		t.Errorf("%d addresses in %d packets, want 1000", len(found), len(l.sent))
	}
}

// RFC 6762 §6, §8.1: another host's probe for a name of ours is answered at once: by unicast if it asks for that, else
// by multicast if the last one is 250 ms old.
func TestProbeOfAnotherIsAnswered(t *testing.T) {
	probe := func(qu bool) wire.Message {
		q := ask(desk, mdns.TypeANY)
		q.QU = qu
		m := query(q, ask("x.local", mdns.TypeANY))
		m.Authority = []mdns.Record{record(desk, 120, false, srv(1, "x.local"))}
		return m
	}
	l, _ := announced(t)
	l.hear(stranger, probe(true))
	if len(l.sent) != 2 || l.sent[0].Dst != stranger || len(l.sent[0].msg.Answers) != 2 {
		t.Fatalf("QU: %v, want a unicast reply at once", l.sent)
	}
	// A quarter of the TTL of SRV has passed, but not of TXT (§5.4).
	if got := brief(l.sent[1].msg.Answers); len(got) != 1 || !strings.Contains(got[0], "SRV") || !l.sent[1].multicast() {
		t.Errorf("QU: multicast %v, want SRV", got)
	}
	l.run(100 * ms)
	at := l.now
	l.mark()
	l.hear(stranger, probe(false))
	l.run(time.Second)
	srvs := l.of(l.hosts[0], holds(desk, mdns.TypeSRV))
	if len(srvs) != 1 || srvs[0].at != at+150*ms || len(l.of(l.hosts[0], holds(desk, mdns.TypeTXT))) != 1 {
		t.Errorf("QM: SRV at %v, want 250 ms after the last one", times(srvs))
	}
}

// RFC 6762 §6: a probe is answered 250 ms after the last multicast, also where an answer waits for the second to be over.
func TestProbeHurriesAnAnswer(t *testing.T) {
	l, h := announced(t)
	at := l.now
	l.hear(stranger, query(ask(desk, mdns.TypeSRV)))
	l.run(50 * ms)
	l.hear(stranger, query(ask(desk, mdns.TypeSRV)))
	l.run(50 * ms)
	m := query(ask(desk, mdns.TypeANY))
	m.Authority = []mdns.Record{record(desk, 120, false, srv(1, "x.local"))}
	l.hear(stranger, m)
	l.run(2 * time.Second)
	if got := times(l.of(h, holds(desk, mdns.TypeSRV))); len(got) != 2 || got[1] != at+sameToProbe {
		t.Errorf("answered at %v, want at %v and 250 ms later", got, at)
	}
}

// RFC 6762 §18.3, §18.11, §6: other opcodes, rcodes and responses from other ports are ignored; what is malformed is
// counted.
func TestIgnored(t *testing.T) {
	l, h := announced(t)
	conflict := record(desk, 120, true, srv(1, "x.local"))
	for name, m := range map[string]wire.Message{
		"opcode": {Header: wire.Header{Flags: 0x0800}, Questions: []wire.Query{ask(desk, mdns.TypeSRV)}},
		"rcode":  {Header: wire.Header{Flags: 0x0003}, Questions: []wire.Query{ask(desk, mdns.TypeSRV)}},
		"error":  {Header: wire.Header{Flags: responseFlags | 3}, Answers: []mdns.Record{conflict}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := l.answersTo(m, time.Second); len(got) > 0 || h.state() != "Desk announced" {
				t.Errorf("%v, %s", got, h.state())
			}
		})
	}
	l.mark()
	l.hear(netip.MustParseAddrPort("192.0.2.99:40000"), response(conflict))
	l.hearOn(stranger, netip.MustParseAddr("192.0.2.1"), response(conflict)) // §11: unasked, by unicast
	l.run(time.Second)
	if len(l.sent) > 0 || h.state() != "Desk announced" {
		t.Errorf("%v, %s", l.sent, h.state())
	}
	before := h.Stats().Malformed
	h.Handle(l.time(), Packet{Link: 2, Version: publication.V4, Src: stranger, Dst: mdns.Group4.Addr(), Data: []byte("x")})
	h.Handle(l.time(), Packet{Link: 2, Version: publication.V4, Src: stranger, Dst: mdns.Group4.Addr(), Data: []byte("\x00\x00\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00\xc0\x0c")})
	if got := h.Stats().Malformed - before; got != 2 {
		t.Errorf("%d malformed, want 2", got)
	}
}

// Services of one IP version, subtypes, port 0, other domains and foreign hosts: all that a definition can say.
func TestEverythingThatADefinitionCanSay(t *testing.T) {
	p := publication.Publication{ID: "x", Group: services.Group{Name: "A.b", Services: []services.Service{{
		Type: dnsname.MustParse("_ipp._tcp"), Protocol: services.IPv4, Domain: dnsname.MustParse("example.com"),
		Subtypes: []dnsname.Name{dnsname.MustParse("_color._sub._ipp._tcp")},
		Host:     dnsname.MustParse("printer.example.com"), Addresses: []netip.Addr{netip.MustParseAddr("203.0.113.1")},
	}}}}
	l, h := announced(t, p)
	l.now += 10 * time.Second
	const name = `A\.b._ipp._tcp.example.com`
	for _, c := range []struct {
		name  string
		asked string
		kind  mdns.Type
		want  string
	}{
		{"subtype", "_color._sub._ipp._tcp.example.com", mdns.TypePTR, "_color._sub._ipp._tcp.example.com PTR " + name},
		{"type", "_ipp._tcp.example.com", mdns.TypePTR, "_ipp._tcp.example.com PTR " + name},
		{"list of types", "_services._dns-sd._udp.example.com", mdns.TypePTR, "_services._dns-sd._udp.example.com PTR _ipp._tcp.example.com"},
		{"service", name, mdns.TypeSRV, name + " SRV 0 0 0 printer.example.com"},
		{"text", name, mdns.TypeTXT, name + ` TXT ""`},
		{"host", "printer.example.com", mdns.TypeA, "printer.example.com A 203.0.113.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := l.answersTo(query(ask(c.asked, c.kind)), 2*time.Second); len(got) != 1 || brief(got[0].msg.Answers)[0] != c.want {
				t.Errorf("got %v", got)
			}
			l.mark()
			l.hear(netip.MustParseAddrPort("[fe80::99]:5353"), query(ask(c.asked, c.kind)))
			l.run(2 * time.Second)
			if len(l.sent) > 0 {
				t.Error("answered by IPv6")
			}
		})
	}
	if h.state() != "A.b announced" {
		t.Error(h.state())
	}
}
