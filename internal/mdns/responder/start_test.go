package responder

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/publication"
)

const ms = time.Millisecond

// RFC 6762 §8.1, §8.3: a random wait, three probes, four announcements.
func TestProbeThenAnnounce(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(sip("Desk", 5060))
	l.run(10 * time.Second)

	probes := l.of(h, isProbe)
	if at := times(probes); !near(at, ms, 250*ms, 250*ms) || at[0] > 250*ms {
		t.Errorf("probes at %v", at)
	}
	p := probes[0]
	for _, q := range p.msg.Questions {
		if q.Type != mdns.TypeANY || !q.QU {
			t.Errorf("question %v, want ANY with QU (§8.1)", q)
		}
	}
	want := []string{
		"1.2.0.192.in-addr.arpa PTR pbx.local", "Desk._sip._udp.local SRV 0 0 5060 pbx.local",
		`Desk._sip._udp.local TXT "transport=udp"`, "pbx.local A 192.0.2.1",
	}
	if diff := cmp.Diff(want, brief(p.msg.Authority)); diff != "" {
		t.Errorf("proposed:\n%s", diff)
	}

	answers := l.of(h, isResponse)
	if at := times(answers); !near(append(times(probes)[2:], at...), 2*ms, 250*ms, time.Second, 2*time.Second, 4*time.Second) {
		t.Errorf("announced at %v, probed until %v", at, times(probes)[2])
	}
	want = append(want, "_services._dns-sd._udp.local PTR _sip._udp.local", "_sip._udp.local PTR Desk._sip._udp.local")
	for _, a := range answers {
		if diff := cmp.Diff(sorted(want), brief(a.msg.Answers)); diff != "" {
			t.Errorf("announced:\n%s", diff)
		}
		for _, r := range a.msg.Answers {
			shared := r.Data.Type() == mdns.TypePTR && r.TTL == 4500
			if r.Unique == shared {
				t.Errorf("cache-flush of %v (§10.2)", r)
			}
		}
		if a.msg.Flags != responseFlags || a.msg.ID != 0 || len(a.msg.Questions) > 0 || a.Dst != mdns.Group4 {
			t.Errorf("header %+v to %v (§18)", a.msg.Header, a.Dst)
		}
	}
	if got := h.state(); got != "Desk announced" {
		t.Errorf("state %q", got)
	}
}

// RFC 6762 §8.1: the first probe comes after a random time.
func TestFirstProbeIsRandom(t *testing.T) {
	seen := map[time.Duration]bool{}
	for seed := range uint64(20) {
		l := newLab(t)
		l.seed = seed
		h := l.host("pbx", ethernet("192.0.2.1/24"))
		h.apply(sip("Desk", 5060))
		l.run(time.Second)
		at := times(l.of(h, isProbe))[0]
		if at > 250*ms {
			t.Errorf("after %v", at)
		}
		seen[at] = true
	}
	if len(seen) < 15 {
		t.Errorf("not random: %v", seen)
	}
}

// RFC 6762 §8.1: probes for many names share messages; packets in a row are paced. All is announced within 1.3 s.
func TestThousandServicesStart(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	pubs := servers(1000)
	h.apply(pubs...)
	l.run(1300 * ms)
	if got := len(l.of(h, isProbe)); got > 300 {
		t.Errorf("%d packets with probes, want them batched", got)
	}
	for i := 1; i < len(l.sent); i++ {
		if d := l.sent[i].at - l.sent[i-1].at; d < pace {
			t.Fatalf("packets %v apart, want at least %v", d, pace)
		}
		if n := len(l.sent[i].Data); n > 1472 {
			t.Fatalf("a packet of %d bytes", n)
		}
	}
	announced := map[string]bool{}
	for _, s := range l.of(h, isResponse) {
		for _, r := range s.msg.Answers {
			announced[r.Name.String()+r.Data.Type().String()+r.Data.String()] = true
		}
	}
	if want := 3*1000 + 1 + 2; len(announced) != want {
		t.Errorf("%d records announced, want %d", len(announced), want)
	}
	for _, s := range h.Status() {
		if s.State != mdns.Announced {
			t.Fatalf("%v", s)
		}
	}
}

// RFC 6762 §15.1: where another program has the port too, questions come without QU.
func TestSharedPortAsksWithoutQU(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.SharePort(true)
	h.apply(sip("Desk", 5060))
	l.run(time.Second)
	for _, p := range l.of(h, isProbe) {
		for _, q := range p.msg.Questions {
			if q.QU {
				t.Fatalf("%v with QU", q)
			}
		}
	}
}

// RFC 6762 §8.1: what was heard before the first probe doesn't count; what is heard after it does.
func TestResponsesBeforeTheFirstProbe(t *testing.T) {
	conflict := response(record(desk, 120, true, srv(1, "x.local")))
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(sip("Desk", 5060))
	l.hear(stranger, conflict)
	l.run(2 * time.Second)
	if got := h.state(); got != "Desk announced" {
		t.Errorf("heard before: %s", got)
	}

	l = newLab(t)
	h = l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(sip("Desk", 5060))
	l.run(260 * ms)
	l.hear(stranger, conflict)
	l.run(3 * time.Second)
	if got := h.state(); got != "Desk #2 announced" {
		t.Errorf("heard after: %s", got)
	}
}

// RFC 6762 §8.1: while we probe, any unique record of the name says that it has an owner. A denial says nothing.
func TestOtherTypeMeansTaken(t *testing.T) {
	for name, c := range map[string]struct {
		rival mdns.Record
		want  string
	}{
		"unique": {record(desk, 120, true, addr("192.0.2.99")), "Desk #2 announced"},
		"shared": {record(desk, 120, false, addr("192.0.2.99")), "Desk announced"},
		"denial": {record(desk, 120, true, mdns.NewNSEC(dnsname.MustParse(desk), mdns.TypeA)), "Desk announced"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", ethernet("192.0.2.1/24"))
			h.apply(sip("Desk", 5060))
			l.run(260 * ms)
			l.hear(stranger, response(c.rival))
			l.run(3 * time.Second)
			if got := h.state(); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// RFC 6762 §8.1, §11: an answer by unicast to our probe counts.
func TestUnicastAnswerToProbe(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(sip("Desk", 5060))
	l.run(260 * ms)
	l.hearOn(stranger, netip.MustParseAddr("192.0.2.1"), response(record(desk, 120, true, srv(1, "x.local"))))
	l.run(3 * time.Second)
	if got := h.state(); got != "Desk #2 announced" {
		t.Error(got)
	}
}

// Nothing is answered for that is not yet announced (RFC 6762 §8.1).
func TestNothingIsAnsweredBeforeItIsOurs(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(sip("Desk", 5060))
	for range 20 {
		l.hear(stranger, query(askQU(desk, mdns.TypeANY)))
		l.hear(stranger, query(ask(sips, mdns.TypePTR)))
		l.run(30 * ms)
	}
	if got := l.of(h, isResponse); len(got) > 0 {
		t.Errorf("answered at %v", times(got))
	}
}

// A service on this host is announced once the host's own name is known to be free.
func TestServiceWaitsForItsHost(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(sip("Desk", 5060))
	l.run(260 * ms)
	// A simultaneous probe that wins: the host waits for a second.
	m := query(ask("pbx.local", mdns.TypeANY))
	m.Authority = []mdns.Record{record("pbx.local", 120, false, addr("203.0.113.1"))}
	l.hear(stranger, m)
	l.run(1200 * ms)
	if got := l.of(h, isResponse); len(got) > 0 && holds(desk, mdns.TypeSRV)(got[0]) {
		t.Errorf("announced at %v, before its host", times(got))
	}
	l.run(2 * time.Second)
	if got := h.state(); got != "Desk announced" {
		t.Error(got)
	}
}

// RFC 6762 §8: a new link, a new IP version and a new address are probed for and announced.
func TestNewAddressIsProbedFor(t *testing.T) {
	l, h := announced(t)
	h.links[0].Addrs = append(h.links[0].Addrs, publication.LinkAddr{Prefix: netip.MustParsePrefix("192.0.2.7/24")})
	h.apply(sip("Desk", 5060))
	l.run(10 * time.Second)
	probes := l.of(h, func(s sent) bool { return isProbe(s) && s.Version == publication.V4 })
	if len(probes) != 3 || !slices.Contains(brief(probes[0].msg.Authority), "pbx.local A 192.0.2.7") {
		t.Errorf("probes %v", probes)
	}
	got := l.of(h, func(s sent) bool { return holds("pbx.local", mdns.TypeA)(s) && s.Version == publication.V4 })
	if len(got) != 4 || !slices.Contains(brief(got[0].msg.Answers), "pbx.local A 192.0.2.1") || !slices.Contains(brief(got[0].msg.Answers), "pbx.local A 192.0.2.7") {
		t.Errorf("announced %d times", len(got))
	}
	if got := l.of(h, holds(desk, mdns.TypeSRV)); len(got) > 0 {
		t.Errorf("the service was announced again at %v", times(got))
	}
}

// RFC 6762 §8: a link that comes back starts from the beginning.
func TestLinkBackUp(t *testing.T) {
	l, h := announced(t)
	links := h.links
	h.links = nil
	h.apply(sip("Desk", 5060))
	l.run(2 * time.Second)
	h.links = links
	l.mark()
	h.apply(sip("Desk", 5060))
	l.run(2 * time.Second)
	for _, v := range publication.IPVersions() {
		if got := l.of(h, func(s sent) bool { return isProbe(s) && s.Version == v }); len(got) != 3 {
			t.Errorf("IPv%d: %d probes, want 3", v, len(got))
		}
	}
	if got := h.state(); got != "Desk announced" {
		t.Error(got)
	}
}

// RFC 6762 §8.2, §14: two of our interfaces on one link, and what loops back, are no rivals.
func TestTwoInterfacesOnOneLink(t *testing.T) {
	l := newLab(t)
	second := ethernet("192.0.2.2/24")
	second.Index, second.Name = 3, "eth1"
	h := l.host("pbx", ethernet("192.0.2.1/24"), second)
	h.apply(sip("Desk", 5060))
	l.run(10 * time.Second)
	for _, s := range h.Status() {
		if s.Name != "Desk" || s.State != mdns.Announced {
			t.Errorf("%v", s)
		}
	}
	if got := h.Stats().Conflicts; got > 0 || h.host != "pbx" {
		t.Errorf("%d conflicts, host %s", got, h.host)
	}
	if got := l.of(h, isProbe); len(got) != 6 {
		t.Errorf("%d probes, want 6", len(got))
	}
}

// RFC 6762 §14: nor is an address of this host that is on no link of ours, or on the loopback.
func TestOtherAddressesOfThisHost(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.Apply(l.time(), publication.Desired{
		Host: "pbx", Links: h.links, Groups: []publication.Publication{sip("Desk", 5060)}, Own: []netip.Addr{netip.MustParseAddr("198.51.100.1")},
	})
	h.tick()
	h.SharePort(true)
	l.run(time.Minute)
	l.mark()
	for _, src := range []string{"198.51.100.1:5353", "127.0.0.1:5353"} {
		l.hear(netip.MustParseAddrPort(src), response(record(desk, 120, true, srv(1, "x.local"))))
	}
	l.run(time.Second)
	if got := h.Stats().Conflicts; got > 0 || len(l.sent) > 0 {
		t.Errorf("%d conflicts, sent %v", got, l.sent)
	}
}

// RFC 6762 §8.2, §14: a probe of another program on this host is no rival's.
func TestProbeOfThisHost(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(sip("Desk", 5060))
	h.SharePort(true)
	l.run(260 * ms)
	l.hear(netip.MustParseAddrPort("192.0.2.1:5353"), probeOf(record(desk, 120, false, srv(0xFFFF, "z.local"))))
	l.run(time.Second)
	if got := times(l.of(h, isProbe)); !near(got, ms, 250*ms, 250*ms) {
		t.Errorf("probes at %v, want three in a row", got)
	}
}

// RFC 6762 §11: who has an address without a network can't believe a reply by unicast, and so asks for none.
func TestProbesOfAHostWithoutANetwork(t *testing.T) {
	for _, c := range []struct {
		name, address string
		qu            bool
	}{
		{"IPv4", "192.0.2.1/24", true},
		{"IPv4 without a network", "192.0.2.1/32", false},
		{"IPv6", "2001:db8::1/64", true},
		{"IPv6 without a network", "2001:db8::1/128", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", ethernet(c.address))
			h.apply(sip("Desk", 5060))
			l.run(2 * time.Second)
			probes := l.of(h, isProbe)
			if len(probes) == 0 {
				t.Fatal("no probes")
			}
			for _, q := range probes[0].msg.Questions {
				if q.QU != c.qu {
					t.Errorf("QU is %v, want %v", q.QU, c.qu)
				}
			}
		})
	}
}

// On the loopback all packets are of this host, from whatever address: they are answered, and no rival's.
func TestLoopback(t *testing.T) {
	l := newLab(t)
	lo := publication.Link{Index: 2, Name: "lo", MTU: 65536, Loopback: true, Addrs: []publication.LinkAddr{{Prefix: netip.MustParsePrefix("127.0.0.1/8")}}}
	h := l.host("pbx", lo)
	h.apply(sip("Desk", 5060))
	l.run(time.Minute)
	l.mark()
	l.hear(stranger, response(record(desk, 120, true, srv(1, "x.local"))))
	l.run(2 * time.Second)
	if h.Stats().Conflicts > 0 || len(l.sent) > 0 {
		t.Errorf("%d conflicts, sent %v", h.Stats().Conflicts, l.sent)
	}
	l.hear(netip.MustParseAddrPort("192.0.2.99:40000"), query(ask(desk, mdns.TypeSRV)))
	if len(l.sent) != 1 {
		t.Errorf("%d replies, want 1", len(l.sent))
	}
}

// RFC 6762 §14: an address of this host on another link is no rival's, whichever host sends it.
func TestAddressOfAnotherLinkIsNoRival(t *testing.T) {
	l := newLab(t)
	other := ethernet("198.51.100.1/24")
	other.Index, other.Name = 3, "eth1"
	h := l.host("pbx", ethernet("192.0.2.1/24"), other)
	h.apply(sip("Desk", 5060))
	l.run(time.Minute)
	l.mark()
	l.hear(stranger, response(record("pbx.local", 120, true, addr("198.51.100.1"))))
	l.run(time.Second)
	if got := h.Stats().Conflicts; got > 0 || len(l.sent) > 0 {
		t.Errorf("%d conflicts, sent %v", got, l.sent)
	}
}

// RFC 6762 §14: another responder on this host is no rival, nor is an address of this host in a record.
func TestThisHostIsNoRival(t *testing.T) {
	l, h := announced(t)
	h.SharePort(true)
	own := netip.MustParseAddrPort("192.0.2.1:5353")
	l.hear(own, response(record(desk, 120, true, srv(1, "x.local")), record("pbx.local", 120, true, addr("203.0.113.1"))))
	l.hear(stranger, response(record("pbx.local", 120, true, addr("192.0.2.1"))))
	l.run(time.Second)
	if got := h.Stats().Conflicts; got > 0 || len(l.sent) > 0 {
		t.Errorf("%d conflicts, sent %v", got, l.sent)
	}
}

// After the announcements a host asks for the names that are its own, twice as late each time (RFC 6762 §5.2), in the end
// once an hour.
func TestAsksForItsOwnNames(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(sip("Desk", 5060))
	l.run(24 * time.Hour)
	started := l.of(h, isResponse)[0].at
	var asked []time.Duration
	for _, s := range l.of(h, func(s sent) bool { return !isResponse(s) && !isProbe(s) }) {
		asked = append(asked, s.at-started)
		want := query(ask("pbx.local", mdns.TypeANY), ask("1.2.0.192.in-addr.arpa", mdns.TypeANY), ask(desk, mdns.TypeANY))
		if diff := cmp.Diff(want.Questions, s.msg.Questions); diff != "" || len(s.msg.Answers) > 0 || !s.multicast() {
			t.Fatalf("asked %v of %v:\n%s", s.msg, s.Dst, diff)
		}
	}
	var want []time.Duration
	for i := 4; i < 12; i++ {
		want = append(want, (1<<i-1)*time.Second)
	}
	for at := want[len(want)-1] + 2048*time.Second; at < 24*time.Hour; at += time.Hour {
		want = append(want, at)
	}
	if !slices.EqualFunc(asked, want, func(a, b time.Duration) bool { return a-b < 2*ms && b-a < 2*ms }) {
		t.Errorf("asked after %v, want %v", asked, want)
	}
}
