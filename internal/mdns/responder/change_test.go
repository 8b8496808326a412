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

func goodbyes(s sent) bool {
	return s.msg.Response() && slices.ContainsFunc(s.msg.Answers, func(r mdns.Record) bool { return r.TTL == 0 })
}

func onV4(keep func(sent) bool) func(sent) bool {
	return func(s sent) bool { return s.Version == publication.V4 && keep(s) }
}

// RFC 6762 §8.4: changed data is announced with cache-flush, without goodbye and without a probe.
func TestUpdate(t *testing.T) {
	l, h := announced(t)
	h.apply(sip("Desk", 5061))
	l.run(10 * time.Second)
	if got := l.of(h, isProbe); len(got) > 0 {
		t.Errorf("probes at %v", times(got))
	}
	if got := l.of(h, goodbyes); len(got) > 0 {
		t.Errorf("goodbyes at %v", times(got))
	}
	got := l.of(h, onV4(holds(desk, mdns.TypeSRV)))
	if at := times(got); !near(at, 2*ms, time.Second, 2*time.Second, 4*time.Second) || at[0] != rest {
		t.Errorf("announced at %v", at)
	}
	if diff := cmp.Diff([]string{desk + " SRV 0 0 5061 pbx.local"}, brief(got[0].msg.Answers)); diff != "" || !got[0].msg.Answers[0].Unique {
		t.Errorf("announced, unique %v:\n%s", got[0].msg.Answers[0].Unique, diff)
	}
}

// RFC 6762 §8.4: at most ten updates a minute; the last one is not lost.
func TestTenUpdatesAMinute(t *testing.T) {
	l, h := announced(t)
	for port := range uint16(100) {
		h.apply(sip("Desk", 1000+port))
		l.run(300 * ms)
	}
	ports := map[string]time.Duration{}
	l.run(2 * time.Minute)
	for _, s := range l.of(h, onV4(holds(desk, mdns.TypeSRV))) {
		for _, line := range brief(s.msg.Answers) {
			if _, ok := ports[line]; !ok {
				ports[line] = s.at
			}
		}
	}
	if len(ports) < 10 || len(ports) > 12 {
		t.Errorf("%d updates announced: %v", len(ports), ports)
	}
	if _, ok := ports[desk+" SRV 0 0 1099 pbx.local"]; !ok {
		t.Errorf("the last one was not announced")
	}
}

// What did not change is not sent again.
func TestApplyOfTheSameIsSilent(t *testing.T) {
	l, h := announced(t)
	h.apply(sip("Desk", 5060))
	l.run(10 * time.Second)
	if len(l.sent) > 0 {
		t.Errorf("sent %v", l.sent)
	}
}

// RFC 6762 §10.1: what goes gets a goodbye at once, and again after a second; what others need stays.
func TestGoodbye(t *testing.T) {
	two := sip("Lobby", 5070)
	l, h := announced(t, sip("Desk", 5060), two)
	h.apply(two)
	l.run(10 * time.Second)
	got := l.of(h, onV4(goodbyes))
	if at := times(got); !near(at, 2*ms, time.Second) || at[0] != rest {
		t.Errorf("goodbyes at %v", at)
	}
	want := []string{desk + " SRV 0 0 5060 pbx.local", desk + ` TXT "transport=udp"`, sips + " PTR " + desk}
	for _, s := range got {
		if diff := cmp.Diff(want, brief(s.msg.Answers)); diff != "" {
			t.Errorf("goodbyes:\n%s", diff)
		}
		for _, r := range s.msg.Answers {
			if r.TTL != 0 || r.Unique != (r.Data.Type() != mdns.TypePTR) { // §10.2
				t.Errorf("%v among the goodbyes", r)
			}
		}
	}
	if got := l.answersTo(query(ask(desk, mdns.TypeSRV)), time.Second); len(got) > 0 {
		t.Errorf("still answered: %v", got)
	}
}

// The last service of a type takes the type with it, and the last one of all the host: it is not needed any more.
func TestGoodbyeOfTheLast(t *testing.T) {
	l, h := announced(t)
	h.apply()
	l.run(100 * ms)
	got := l.of(h, onV4(goodbyes))
	want := []string{
		desk + " SRV 0 0 5060 pbx.local", desk + ` TXT "transport=udp"`, metas + " PTR " + sips, sips + " PTR " + desk,
		"pbx.local A 192.0.2.1", "pbx.local AAAA fe80::1", "1.2.0.192.in-addr.arpa PTR pbx.local",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f.ip6.arpa PTR pbx.local",
	}
	if len(got) != 1 {
		t.Fatalf("%d packets", len(got))
	}
	if diff := cmp.Diff(sorted(want), brief(got[0].msg.Answers)); diff != "" {
		t.Error(diff)
	}
	l.mark()
	h.apply(sip("Desk", 5060))
	l.run(5 * time.Second)
	if got := l.answersTo(query(ask("pbx.local", mdns.TypeA)), time.Second); len(got) == 0 || h.state() != "Desk announced" {
		t.Errorf("%s, the host is answered with %v", h.state(), got)
	}
	if kinds := h.Events(); !slices.ContainsFunc(kinds, func(e mdns.Event) bool { return e.Kind == mdns.ServiceWithdrawn }) {
		t.Errorf("events %v", kinds)
	}
}

// Where nothing is published, the host says nothing.
func TestSilentWithoutServices(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24", "fe80::1/64"))
	h.apply()
	l.run(10 * time.Second)
	l.hear(stranger, query(ask("pbx.local", mdns.TypeA)))
	l.run(time.Second)
	if len(l.sent) > 0 {
		t.Errorf("sent %v", l.sent)
	}
}

// A goodbye still to be repeated is dropped when its record comes back (RFC 6762 §10.1).
func TestGoodbyeIsTakenBack(t *testing.T) {
	l, h := announced(t)
	h.apply()
	l.run(50 * ms)
	h.apply(sip("Desk", 5061))
	l.run(10 * time.Second)
	if got := l.of(h, onV4(bids(desk, mdns.TypeSRV))); len(got) > 2 {
		t.Errorf("goodbyes at %v", times(got))
	}
	announcedAt := times(l.of(h, onV4(holds(desk, mdns.TypeSRV))))[0]
	for _, s := range l.of(h, goodbyes) {
		if s.at >= announcedAt {
			t.Errorf("goodbye at %v, announced at %v", s.at, announcedAt)
		}
	}
}

// A renamed service of a type keeps the type.
func TestTypeStaysWhereAnotherComes(t *testing.T) {
	l, h := announced(t)
	h.apply(sip("Lobby", 5060))
	l.run(10 * time.Second)
	if got := l.of(h, bids(metas, mdns.TypePTR)); len(got) > 0 {
		t.Errorf("goodbye for the type at %v", times(got))
	}
}

// There are no goodbyes for what was never announced.
func TestNoGoodbyeWhileProbing(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(sip("Desk", 5060))
	l.run(500 * ms)
	h.apply()
	l.run(time.Second)
	if got := l.of(h, goodbyes); len(got) > 0 {
		t.Errorf("goodbyes at %v", times(got))
	}
}

// The same where some of the announcements are out and others wait for their turn.
func TestNoGoodbyeForWhatWasNotAnnounced(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	pubs := servers(1000)
	h.apply(pubs...)
	for len(l.of(h, isResponse)) < 10 {
		l.run(ms)
	}
	h.apply()
	l.run(3 * time.Second)
	announced, gone := map[string]bool{}, 0
	for _, s := range l.of(h, isResponse) {
		for _, r := range s.msg.Answers {
			key := r.Name.Key() + r.Data.String()
			if r.TTL > 0 {
				announced[key] = true
				continue
			}
			gone++
			if !announced[key] {
				t.Fatalf("a goodbye for %v", r)
			}
		}
	}
	if gone == 0 || len(announced) > 2000 {
		t.Errorf("%d records announced, %d goodbyes; want it to be cut short", len(announced), gone)
	}
}

// RFC 6762 §10.2: of two addresses, the one that remains is announced with cache-flush; the last one gets a goodbye.
func TestAddressGoes(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24", "192.0.2.2/24", "fe80::1/64"))
	h.apply(sip("Desk", 5060))
	l.run(time.Minute)
	l.mark()
	all := h.links[0].Addrs
	h.links = []publication.Link{ethernet("192.0.2.1/24", "fe80::1/64")}
	h.apply(sip("Desk", 5060))
	l.run(10 * time.Second)
	if got := l.of(h, isProbe); len(got) > 0 {
		t.Errorf("probes at %v", times(got))
	}
	got := l.of(h, onV4(holds("pbx.local", mdns.TypeA)))
	if len(got) == 0 || got[0].at > time.Minute+2*ms || cmp.Diff([]string{"pbx.local A 192.0.2.1"}, brief(got[0].msg.Answers)) != "" {
		t.Errorf("announced %v", got)
	}
	if got := l.of(h, bids("pbx.local", mdns.TypeA)); len(got) > 0 {
		t.Errorf("a goodbye would not be needed")
	}
	if got := l.of(h, bids("2.2.0.192.in-addr.arpa", mdns.TypePTR)); len(got) == 0 {
		t.Errorf("the reverse name got no goodbye")
	}
	l.mark()
	h.links[0].Addrs = all[2:]
	h.apply(sip("Desk", 5060))
	l.run(10 * time.Second)
	v6 := func(s sent) bool { return s.Version == publication.V6 && bids("pbx.local", mdns.TypeA)(s) }
	if got := l.of(h, v6); len(got) != 2 {
		t.Errorf("%d goodbyes for the last IPv4 address, want 2", len(got))
	}
}

// The source address of our packets follows the addresses of the link.
func TestSourceAddressChanges(t *testing.T) {
	l, h := announced(t)
	f := h.faces.byLink[faceKey{2, publication.V4}]
	h.links = []publication.Link{ethernet("192.0.2.7/24", "fe80::1/64")}
	before := f.sources.To(netip.Addr{})
	h.apply(sip("Desk", 5060))
	if got := f.sources.To(netip.Addr{}); before != netip.MustParseAddr("192.0.2.1") || got != netip.MustParseAddr("192.0.2.7") {
		t.Errorf("the source is %v, then %v", before, got)
	}
	l.run(time.Second)
}

// Events that are not fetched are counted from some number on, not kept.
func TestEventsAreBounded(t *testing.T) {
	_, h := announced(t)
	h.Events()
	for range eventsMost + 10 {
		h.board.event(mdns.ServiceConflict, h.Status()[0], stranger.Addr(), "")
	}
	if n := len(h.Events()); n != eventsMost || h.Stats().MissedEvents != 10 {
		t.Errorf("%d events, %d missed; want %d and 10", n, h.Stats().MissedEvents, eventsMost)
	}
}

// RFC 6762 §10.1: an orderly end sends goodbyes for everything, on all links, and is soon done.
func TestClose(t *testing.T) {
	pubs := servers(1000)
	l, h := announced(t, pubs...)
	start := l.now
	h.Close(l.time())
	h.tick()
	l.run(100 * ms)
	if !h.Done() {
		t.Fatal("not done after 100 ms")
	}
	for _, v := range publication.IPVersions() {
		gone := map[mdns.Record]bool{}
		for _, s := range l.sent {
			for _, r := range s.msg.Answers {
				if r.TTL != 0 {
					t.Fatalf("sent %v", r)
				}
				if s.Version == v {
					gone[r] = true
				}
			}
		}
		if want := 3*1000 + 1 + 2 + 2; len(gone) != want {
			t.Errorf("IPv%d: goodbyes for %d records, want %d", v, len(gone), want)
		}
	}
	if last := l.sent[len(l.sent)-1].at - start; last > 100*ms {
		t.Errorf("the last one after %v", last)
	}
	l.mark()
	l.hear(stranger, query(ask(sips, mdns.TypePTR)))
	l.run(time.Minute)
	if len(l.sent) > 0 {
		t.Errorf("sent %v after the end", l.sent)
	}
}

// A goodbye that was said once does not keep the end waiting.
func TestCloseAfterGoodbye(t *testing.T) {
	l, h := announced(t)
	h.apply()
	l.run(100 * ms)
	h.Close(l.time())
	h.tick()
	l.run(100 * ms)
	if !h.Done() {
		t.Error("not done after 100 ms")
	}
}

// RFC 6762 §10.1: no goodbye for the host's addresses while another program of this host announces them, or may have
// before we were there to hear it.
func TestCloseKeepsTheHostOfOthers(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(l *lab, h *host)
		want   int
	}{
		{"alone", func(*lab, *host) {}, 1},
		{"another was heard", func(l *lab, _ *host) {
			l.hear(netip.MustParseAddrPort("192.0.2.1:5353"), response(record("pbx.local", 120, true, addr("192.0.2.1"))))
		}, 0},
		{"another was heard to end", func(l *lab, _ *host) {
			for _, ttl := range []uint32{120, 0} {
				l.hear(netip.MustParseAddrPort("192.0.2.1:5353"), response(record("pbx.local", ttl, true, addr("192.0.2.1"))))
			}
		}, 1},
		{"another has the port", func(_ *lab, h *host) { h.SharePort(true) }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, h := announced(t)
			test.before(l, h)
			h.Close(l.time())
			h.tick()
			l.run(time.Second)
			for _, name := range []struct {
				of   string
				kind mdns.Type
				want int
			}{{"pbx.local", mdns.TypeA, test.want}, {desk, mdns.TypeSRV, 1}} {
				if got := len(l.of(h, onV4(bids(name.of, name.kind)))); got != name.want {
					t.Errorf("%d goodbyes for %s, want %d", got, name.of, name.want)
				}
			}
		})
	}
}

// Another program of this host that sends a goodbye for our address does not take it from us.
func TestAddressIsAnnouncedAgainAfterGoodbyeOfAnother(t *testing.T) {
	l, h := announced(t)
	own := netip.MustParseAddrPort("192.0.2.1:5353")
	l.hear(own, response(record("pbx.local", 0, true, addr("192.0.2.1"))))
	l.run(time.Second)
	if got := len(l.of(h, onV4(holds("pbx.local", mdns.TypeA)))); got != 1 {
		t.Errorf("announced %d times, want 1", got)
	}
}

// A link that is no longer wanted gets its goodbyes, then nothing.
func TestLinkNoLongerWanted(t *testing.T) {
	l, h := announced(t)
	h.links = nil
	h.apply(sip("Desk", 5060))
	l.run(2 * time.Second)
	if got := len(l.of(h, onV4(bids(desk, mdns.TypeSRV)))); got != 1 {
		t.Errorf("%d goodbyes, want 1", got)
	}
	if len(h.faces.all) > 0 || len(h.faces.byLink) > 0 || len(h.faces.links) > 0 {
		t.Error("the link is not forgotten")
	}
}

// A subtype that is added is announced; one that goes gets a goodbye; the rest stays as it is.
func TestSubtypeChange(t *testing.T) {
	p := sip("Desk", 5060)
	l, h := announced(t, p)
	with := sip("Desk", 5060)
	with.Group.Services[0].Subtypes = []dnsname.Name{dnsname.MustParse("_vip._sub._sip._udp")}
	h.apply(with)
	l.run(10 * time.Second)
	const sub = "_vip._sub._sip._udp.local"
	for _, s := range l.of(h, isResponse) {
		if diff := cmp.Diff([]string{sub + " PTR " + desk}, brief(s.msg.Answers)); diff != "" {
			t.Error(diff)
		}
	}
	if got := l.of(h, onV4(holds(sub, mdns.TypePTR))); len(got) != 4 {
		t.Errorf("announced %d times, want 4", len(got))
	}
	l.mark()
	h.apply(p)
	l.run(10 * time.Second)
	for _, s := range l.sent {
		if diff := cmp.Diff([]string{sub + " PTR " + desk}, brief(s.msg.Answers)); diff != "" || s.msg.Answers[0].TTL != 0 {
			t.Errorf("%v:\n%s", s.msg.Answers, diff)
		}
	}
}

// Identical services of two files are announced as one, and stay as long as one of them does.
func TestIdenticalServices(t *testing.T) {
	a, b := sip("Desk", 5060), sip("Desk", 5060)
	b.ID = "other"
	l, h := announced(t, a, b)
	if got := len(h.Status()); got != 2 || h.state() != "Desk announced" {
		t.Fatalf("%v", h.Status())
	}
	h.apply(b)
	l.run(5 * time.Second)
	if len(l.sent) > 0 {
		t.Errorf("sent %v", l.sent)
	}
}
