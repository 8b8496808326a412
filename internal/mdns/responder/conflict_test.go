package responder

import (
	"cmp"
	"fmt"
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

func with(p publication.Publication, policy publication.Policy) publication.Publication {
	p.OnConflict = policy
	return p
}

// probeOf is the probe of a rival for the name Desk.
func probeOf(records ...mdns.Record) wire.Message {
	m := query(ask(desk, mdns.TypeANY))
	m.Authority = records
	return m
}

// RFC 6762 §8.2, §8.2.1: of two that probe at once the one with the greater data wins; the other waits a second.
func TestSimultaneousProbes(t *testing.T) {
	text := record(desk, 4500, false, mdns.NewTXT("transport=udp"))
	for name, c := range map[string]struct {
		theirs []mdns.Record
		lost   bool
	}{
		"greater port":    {[]mdns.Record{text, record(desk, 120, false, srv(5061, "pbx.local"))}, true},
		"smaller port":    {[]mdns.Record{text, record(desk, 120, false, srv(5059, "pbx.local"))}, false},
		"the same":        {[]mdns.Record{text, record(desk, 120, false, srv(5060, "pbx.local"))}, false},
		"one record less": {[]mdns.Record{text}, false},
		"one record more": {[]mdns.Record{text, record(desk, 120, false, srv(5060, "pbx.local")), record(desk, 9, false, mdns.Raw{RRType: 99})}, true},
		"greater target":  {[]mdns.Record{text, record(desk, 120, false, srv(5060, "qbx.local"))}, true},
		"a longer label":  {[]mdns.Record{text, record(desk, 120, false, srv(5060, "aaaa.local"))}, true},
		"a smaller type":  {[]mdns.Record{record(desk, 120, false, addr("203.0.113.1")), text}, false},
		"a greater type":  {[]mdns.Record{record(desk, 9, false, mdns.Raw{RRType: 99})}, true},
		"not our name":    {[]mdns.Record{record("x.local", 120, false, srv(9999, "z.local"))}, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", ethernet("192.0.2.1/24"))
			h.apply(sip("Desk", 5060))
			l.run(260 * ms)
			lostAt := l.now
			l.hear(stranger, probeOf(c.theirs...))
			l.run(3 * time.Second)
			var probes []time.Duration
			for _, p := range l.of(h, isProbe) {
				if slices.ContainsFunc(p.msg.Questions, func(q wire.Query) bool { return q.Name == dnsname.MustParse(desk) }) {
					probes = append(probes, p.at)
				}
			}
			switch {
			case !c.lost && !near(probes, ms, 250*ms, 250*ms):
				t.Errorf("probes at %v, want three in a row", probes)
			case c.lost && !slices.ContainsFunc(probes, func(at time.Duration) bool { return at >= lostAt+time.Second && at <= lostAt+time.Second+ms }):
				t.Errorf("probes at %v, want one a second after %v", probes, lostAt)
			}
			if h.state() != "Desk announced" {
				t.Errorf("%s: a probe alone takes no name", h.state())
			}
		})
	}
}

// RFC 6762 §8.2: records are compared by class, then type, then the bytes of their data.
func TestOrderOfProposals(t *testing.T) {
	ordered := []struct {
		name string
		proposal
	}{
		{"TXT", proposal{1, 16, []byte{200}}},
		{"longer TXT", proposal{1, 16, []byte{200, 0}}},
		{"SRV without data", proposal{1, 33, nil}},
		{"SRV", proposal{1, 33, []byte{1, 9}}},
		{"greater SRV", proposal{1, 33, []byte{2}}},
		{"NSEC", proposal{1, 47, nil}},
		{"A of a greater class", proposal{3, 1, nil}},
	}
	for i, a := range ordered {
		t.Run(a.name, func(t *testing.T) {
			for j, b := range ordered {
				if got := a.compare(b.proposal); cmp.Compare(got, 0) != cmp.Compare(i, j) {
					t.Errorf("compared with %s: %d", b.name, got)
				}
			}
		})
	}
}

// RFC 6762 §9: a conflict after the announcement means to probe again; who answers the probe keeps the name.
func TestConflictAfterAnnouncement(t *testing.T) {
	l, h := announced(t)
	l.hear(stranger, response(record(desk, 120, true, srv(1, "x.local"))))
	if h.state() != "Desk probing" {
		t.Errorf("%s, want to probe again", h.state())
	}
	l.run(2 * time.Second)
	if h.state() != "Desk announced" {
		t.Errorf("%s: nobody answered the probe", h.state())
	}
	if got := len(l.of(h, onV4(isProbe))); got != 3 {
		t.Errorf("%d probes, want 3", got)
	}

	l.hear(stranger, response(record(desk, 120, true, srv(1, "x.local"))))
	l.run(300 * ms)
	l.hear(stranger, response(record(desk, 120, true, srv(1, "x.local"))))
	l.run(5 * time.Second)
	if h.state() != "Desk #2 announced" {
		t.Errorf("%s: the rival answered the probe", h.state())
	}
	if got := append(l.of(h, bids(sips, mdns.TypePTR)), l.of(h, bids(desk, mdns.TypeSRV))...); len(got) > 0 {
		t.Errorf("goodbyes at %v, which would hurt the rival", times(got))
	}
}

// A conflict renames all services of the group together, without goodbye for the name that the rival has, and says
// who has it and what differs.
func TestRenameOfAGroup(t *testing.T) {
	p := sip("Desk", 5060)
	p.Group.Services = append(p.Group.Services, services.Service{Type: dnsname.MustParse("_http._tcp"), Port: 80})
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(p)
	l.run(300 * ms)
	l.hear(stranger, response(record(desk, 120, true, srv(1, "x.local")), record("Desk._http._tcp.local", 120, true, srv(1, "x.local"))))
	l.run(5 * time.Second)
	for _, s := range h.Status() {
		if s.Name != "Desk #2" || s.State != mdns.Announced || s.Wanted != "Desk" || s.Rival != stranger.Addr() {
			t.Errorf("%+v", s)
		}
	}
	if got := l.of(h, bids(sips, mdns.TypePTR)); len(got) > 0 {
		t.Error("a goodbye that would hurt the rival")
	}
	var conflicts []mdns.Event
	for _, e := range h.Events() {
		if e.Kind == mdns.ServiceConflict {
			conflicts = append(conflicts, e)
		}
	}
	if len(conflicts) != 1 || conflicts[0].Rival != stranger.Addr() {
		t.Fatalf("%v", conflicts)
	}
	for _, want := range []string{"192.0.2.99", desk, "0 0 1 x.local.", "0 0 5060 pbx.local.", `"Desk #2"`} {
		if !strings.Contains(conflicts[0].Detail, want) {
			t.Errorf("%q does not tell %q", conflicts[0].Detail, want)
		}
	}
}

// Avahi's rule for names, and a counter that goes on.
func TestRenameAgain(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(sip("Desk", 5060))
	for i := range 5 {
		l.run(300 * ms)
		name := h.Status()[0].Name + "." + sips
		l.hear(stranger, response(record(name, 120, true, srv(1, "x.local"))))
		l.run(100 * ms)
		if want := fmt.Sprintf("Desk #%d", i+2); h.Status()[0].Name != want {
			t.Fatalf("%s, want %s", h.Status()[0].Name, want)
		}
	}
	l.run(2 * time.Second)
	if h.state() != "Desk #6 announced" {
		t.Error(h.state())
	}
}

// The host is renamed too; the SRV records follow, and names with %h.
func TestRenameOfTheHost(t *testing.T) {
	p := sip("Desk at %h", 5060)
	p.Group.Wildcards = true
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(p)
	l.run(300 * ms)
	l.hear(stranger, response(record("PBX.local", 120, true, addr("192.0.2.99"))))
	l.run(5 * time.Second)
	if h.state() != "Desk at pbx-2 announced" {
		t.Error(h.state())
	}
	const name = "Desk at pbx-2." + sips
	l.answersTo(query(ask(name, mdns.TypeSRV)), 2*time.Second)
	got := l.of(h, holds(name, mdns.TypeSRV))
	if len(got) != 1 || !strings.HasSuffix(brief(got[0].msg.Answers)[0], "SRV 0 0 5060 pbx-2.local") {
		t.Errorf("%v", got)
	}
	l.answersTo(query(ask("pbx.local", mdns.TypeA)), 2*time.Second)
	if got := l.of(h, holds("pbx.local", mdns.TypeA)); len(got) > 0 {
		t.Error("still answers for the old name")
	}
	h.apply(p)
	l.run(5 * time.Second)
	if h.state() != "Desk at pbx-2 announced" {
		t.Errorf("%s after the same was applied", h.state())
	}
}

// taker is a stranger that wants each name that a host takes, and how it does that.
type taker struct {
	host     bool // the names of the host, not of its service
	old      bool // it has the names that it took before, too
	contests bool // it waits until a name is announced, and answers only then and the probes after that
}

// conflicts returns a record that takes the name that a host has now, if the stranger wants it at that moment.
func (k taker) conflict(h *host) (mdns.Record, bool) {
	name, data := dnsname.MustParse(h.Status()[0].Name+"."+sips), srv(1, "x.local")
	if k.host {
		name, data = mdns.HostName(h.Responder.host), addr("192.0.2.99")
	}
	n := h.zone().find(name.Key())
	wants := n != nil && n.claim != nil && (n.claim.asking() && !k.contests || n.claim.live || n.claim.asking() && n.claim.past().quarrel != nil)
	return mdns.Record{Name: name, TTL: 120, Unique: true, Data: data}, wants
}

// take has the stranger take the names of a host for a time. It returns the states of the service in each tenth of a second.
func (k taker) take(l *lab, h *host, d time.Duration) (states []mdns.ServiceStatus) {
	var taken []mdns.Record
	answered := len(l.sent)
	for end := l.now + d; l.now < end; {
		if r, wants := k.conflict(h); wants {
			l.hear(stranger, response(r))
			taken = append(taken, r)
		}
		for _, s := range l.sent[answered:] {
			for _, r := range taken {
				if k.old && !s.msg.Response() && slices.ContainsFunc(s.msg.Questions, func(q wire.Query) bool { return q.Name == r.Name }) {
					l.hear(stranger, response(r))
				}
			}
		}
		answered = len(l.sent)
		l.run(100 * ms)
		states = append(states, h.Status()[0])
	}
	return states
}

// A rival that takes each new name is reported after some seconds, for as long as it does so.
func TestRivalThatTakesEachName(t *testing.T) {
	for _, c := range []struct {
		name string
		taker
	}{
		{"of a service", taker{old: true}},
		{"of a service, each only while it is in use", taker{}},
		{"of a service, once it is announced", taker{old: true, contests: true}},
		{"of the host", taker{host: true, old: true}},
		{"of the host, each only while it is in use", taker{host: true}},
		{"of the host, once it is announced", taker{host: true, old: true, contests: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", dual())
			h.apply(sip("Desk", 5060))
			l.run(300 * ms)
			states := c.take(l, h, 4*time.Minute)
			if last := states[len(states)-100:]; !slices.ContainsFunc(last, func(s mdns.ServiceStatus) bool { return s.State == mdns.Refused }) {
				t.Errorf("not reported at the end: %+v", last[0])
			}
			for i, s := range states {
				at := time.Duration(i) * 100 * ms
				switch {
				case at < rowTime && s.State == mdns.Refused && !c.contests:
					t.Fatalf("reported after %v: %+v", at, s)
				case at > rowTime+rowPause && (s.State != mdns.Announced || !c.contests) &&
					(s.State != mdns.Refused || s.Rival != stranger.Addr() || !strings.Contains(s.Why, stranger.Addr().String())):
					t.Fatalf("after %v: %+v", at, s)
				}
			}
			l.run(10 * time.Second)
			if s := h.Status()[0]; s.State != mdns.Announced || strings.Contains(s.Why, "every name") {
				t.Errorf("when the rival is gone: %+v", s)
			}
			l.run(5 * time.Minute)
			if h.state() != "Desk announced" || h.Responder.host != "pbx" {
				t.Errorf("%s on %s long after", h.state(), h.Responder.host)
			}
			if h.apply(); len(h.rows) > 1 {
				t.Errorf("%d rows of names for a service that is gone", len(h.rows))
			}
		})
	}
}

// Names that are lost now and then, or a few at once, are no row that is reported.
func TestSomeRenamesAreNotReported(t *testing.T) {
	for _, c := range []struct {
		name        string
		times       int
		each, pause time.Duration
	}{
		{"a few at once", 1, 10 * time.Second, 0},
		{"now and then", 6, time.Second, rowPause + time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", dual())
			h.apply(sip("Desk", 5060))
			lost := 0
			for range c.times {
				for _, s := range (taker{old: true}).take(l, h, c.each) {
					if s.State == mdns.Refused {
						t.Fatalf("%+v", s)
					}
				}
				if slices.ContainsFunc(h.Events(), func(e mdns.Event) bool { return e.Kind == mdns.ServiceConflict }) {
					lost++
				}
				l.run(c.pause)
			}
			if lost != c.times {
				t.Errorf("a name was lost %d times, want %d", lost, c.times)
			}
		})
	}
}

// RFC 6762 §8.1: after fifteen conflicts in ten seconds, five seconds between attempts.
func TestManyConflicts(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(sip("Desk", 5060))
	var probes []time.Duration
	answered := 0
	for l.now < time.Minute {
		l.run(ms)
		for _, s := range l.of(h, isProbe)[answered:] {
			answered++
			for _, q := range s.msg.Questions {
				if strings.HasSuffix(q.Name.String(), sips) {
					probes = append(probes, s.at)
					l.hear(stranger, response(mdns.Record{Name: q.Name, TTL: 120, Unique: true, Data: srv(1, "x.local")}))
				}
			}
		}
	}
	if len(probes) < 20 || len(probes) > 30 {
		t.Errorf("%d attempts in a minute", len(probes))
	}
	for i := 16; i < len(probes); i++ {
		if d := probes[i] - probes[i-1]; d < 5*time.Second {
			t.Errorf("attempt %d %v after the one before", i, d)
		}
	}
}

// RFC 6762 §8.1: the pause between attempts ends when there was no conflict for a minute.
func TestCalmAfterManyConflicts(t *testing.T) {
	var pubs []publication.Publication
	var rivals []mdns.Record
	for i := range conflictMost {
		name := fmt.Sprintf("Desk %d", i)
		pubs = append(pubs, sip(name, 5060))
		rivals = append(rivals, record(name+"."+sips, 120, true, srv(1, "x.local")))
	}
	l, h := announced(t, pubs...)
	firstProbe := func() time.Duration {
		l.mark()
		at := l.now
		l.hear(stranger, response(rivals...))
		l.run(10 * time.Second)
		return times(l.of(h, isProbe))[0] - at
	}
	if wait := firstProbe(); wait > 250*ms {
		t.Errorf("the first conflicts are followed by a probe after %v", wait)
	}
	if wait := firstProbe(); wait < 5*time.Second {
		t.Errorf("fifteen more are followed by a probe after %v, want at least 5 s", wait)
	}
	l.run(time.Minute)
	if wait := firstProbe(); wait > 250*ms {
		t.Errorf("after a calm minute there is a probe after %v", wait)
	}
}

// fail: stay off, say who has the name, try again when something is applied.
func TestFail(t *testing.T) {
	p := with(sip("Desk", 5060), publication.Fail)
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24", "fe80::1/64"))
	h.apply(p)
	l.run(300 * ms)
	l.hear(stranger, response(record(desk, 120, true, srv(1, "x.local"))))
	l.mark()
	l.defend(h, 10*time.Minute, record(desk, 120, true, srv(1, "x.local")))
	s := h.Status()[0]
	if s.State != mdns.Refused || s.Rival != stranger.Addr() || !strings.Contains(s.Why, "x.local") {
		t.Errorf("%+v", s)
	}
	if got := l.of(h, func(s sent) bool { return !isQuestion(s) && strings.Contains(string(s.Data), "Desk") }); len(got) > 0 {
		t.Errorf("said %v", got)
	}
	h.apply(p)
	l.run(3 * time.Second)
	if h.state() != "Desk announced" {
		t.Error(h.state())
	}
}

// Two hosts that want one name with other data: both end up with names of their own.
func TestTwoHosts(t *testing.T) {
	for seed := range uint64(20) {
		l := newLab(t)
		l.seed = seed
		a, b := l.host("a", ethernet("192.0.2.1/24", "fe80::1/64")), l.host("b", ethernet("192.0.2.2/24", "fe80::2/64"))
		a.apply(sip("Desk", 5060))
		l.run(time.Duration(seed) * 100 * ms)
		b.apply(sip("Desk", 5060))
		l.run(10 * time.Second)
		got := []string{a.state(), b.state()}
		slices.Sort(got)
		if want := []string{"Desk #2 announced", "Desk announced"}; !slices.Equal(got, want) {
			t.Errorf("seed %d: %v", seed, got)
		}
	}
}

// Two hosts of one name: one is renamed, and its services point there.
func TestTwoHostsOfOneName(t *testing.T) {
	l := newLab(t)
	a, b := l.host("pbx", ethernet("192.0.2.1/24")), l.host("pbx", ethernet("192.0.2.2/24"))
	a.apply(sip("Desk", 5060))
	b.apply(sip("Lobby", 5060))
	l.run(10 * time.Second)
	names := []string{a.Responder.host, b.Responder.host}
	slices.Sort(names)
	if !slices.Equal(names, []string{"pbx", "pbx-2"}) {
		t.Error(names)
	}
	if a.state() != "Desk announced" || b.state() != "Lobby announced" {
		t.Error(a.state(), b.state())
	}
}

// Two hosts with the same data for a foreign host are no conflict.
func TestSameDataIsNoConflict(t *testing.T) {
	p := sip("Desk", 5060)
	p.Group.Services[0].Host = dnsname.MustParse("phone.local")
	p.Group.Services[0].Addresses = []netip.Addr{netip.MustParseAddr("192.0.2.50")}
	l := newLab(t)
	a, b := l.host("a", ethernet("192.0.2.1/24")), l.host("b", ethernet("192.0.2.2/24"))
	a.apply(p)
	b.apply(p)
	l.run(10 * time.Second)
	if a.state() != "Desk announced" || b.state() != "Desk announced" {
		t.Error(a.state(), b.state())
	}
	l.run(time.Minute)
	l.mark()
	l.hear(stranger, query(ask(sips, mdns.TypePTR)))
	l.run(time.Second)
	if n := len(l.of(a, isResponse)) + len(l.of(b, isResponse)); n != 1 {
		t.Errorf("%d answers, want one: the other host's is enough (§7.4)", n)
	}
}

// After a rename the wanted name is regained when the rival's records are gone, but not before a minute.
func TestWantedNameAgain(t *testing.T) {
	l := newLab(t)
	a, b := l.host("a", ethernet("192.0.2.1/24", "fe80::1/64")), l.host("b", ethernet("192.0.2.2/24", "fe80::2/64"))
	a.apply(sip("Desk", 5060))
	l.run(5 * time.Second)
	b.apply(sip("Desk", 5060))
	l.run(10 * time.Second)
	if b.state() != "Desk #2 announced" {
		t.Fatal(b.state())
	}
	l.run(3 * time.Minute)
	if b.state() != "Desk #2 announced" {
		t.Errorf("%s while the rival lives", b.state())
	}
	a.Close(l.time())
	a.tick()
	l.run(5 * time.Second)
	if b.state() != "Desk announced" {
		t.Errorf("%s after the goodbye", b.state())
	}
	if got := l.of(b, bids("Desk #2."+sips, mdns.TypeSRV)); len(got) == 0 {
		t.Error("no goodbye for the name that is given up")
	}
}

// The same where the rival leaves within the minute, or dies without a word.
func TestWantedNameAgainNotBeforeAMinute(t *testing.T) {
	for name, silent := range map[string]bool{"goodbye": false, "silence": true} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			a, b := l.host("a", ethernet("192.0.2.1/24")), l.host("b", ethernet("192.0.2.2/24"))
			a.apply(sip("Desk", 5060))
			l.run(5 * time.Second)
			b.apply(sip("Desk", 5060))
			l.run(10 * time.Second)
			if silent {
				a.dead = true
			} else {
				a.Close(l.time())
				a.tick()
			}
			l.run(48 * time.Second)
			if b.state() != "Desk #2 announced" {
				t.Errorf("%s within the minute", b.state())
			}
			l.run(12 * time.Second)
			if b.state() != "Desk announced" {
				t.Errorf("%s after the minute", b.state())
			}
		})
	}
}

// The name of the host is regained too.
func TestWantedHostAgain(t *testing.T) {
	l := newLab(t)
	a, b := l.host("pbx", ethernet("192.0.2.1/24")), l.host("pbx", ethernet("192.0.2.2/24"))
	a.apply(sip("Lobby", 5060))
	l.run(5 * time.Second)
	b.apply(sip("Desk", 5060))
	l.run(10 * time.Second)
	if b.Responder.host != "pbx-2" {
		t.Fatal(b.Responder.host)
	}
	a.dead = true
	l.run(2 * time.Minute)
	if b.Responder.host != "pbx" || b.state() != "Desk announced" {
		t.Error(b.Responder.host, b.state())
	}
}

// A definition that changes starts with the name that it wants.
func TestNewDefinitionForgetsTheRename(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(sip("Desk", 5060))
	l.run(300 * ms)
	l.hear(stranger, response(record(desk, 120, true, srv(1, "x.local"))))
	l.run(5 * time.Second)
	h.apply(sip("Desk", 5060))
	l.run(5 * time.Second)
	if h.state() != "Desk #2 announced" {
		t.Errorf("%s after the same was applied", h.state())
	}
	p := sip("Lobby", 5060)
	p.ID = "Desk.service"
	h.apply(p)
	l.run(5 * time.Second)
	if h.state() != "Lobby announced" {
		t.Error(h.state())
	}
}

// A reverse name or foreign host that another host has is left to it; the service stays.
func TestForeignHostThatAnswersItself(t *testing.T) {
	p := sip("Desk", 5060)
	p.Group.Services[0].Host = dnsname.MustParse("phone.local")
	p.Group.Services[0].Addresses = []netip.Addr{netip.MustParseAddr("192.0.2.50")}
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(p)
	l.run(300 * ms)
	others := []mdns.Record{record("phone.local", 120, true, addr("192.0.2.51")), record("1.2.0.192.in-addr.arpa", 120, true, ptr("x.local"))}
	l.hear(stranger, response(others...))
	l.defend(h, 20*time.Second, others...)
	if h.state() != "Desk announced" {
		t.Error(h.state())
	}
	for name, q := range map[string]wire.Query{"foreign host": ask("phone.local", mdns.TypeA), "reverse name": ask("1.2.0.192.in-addr.arpa", mdns.TypePTR)} {
		t.Run(name, func(t *testing.T) {
			if got := l.answersTo(query(q), time.Second); len(got) > 0 {
				t.Errorf("answered: %v", got)
			}
		})
	}
}

// Two hosts that won a name in two parts of a network, and are heard by no other host when it is one again, find each other.
func TestConflictAfterPartition(t *testing.T) {
	for _, policy := range []publication.Policy{publication.Rename, publication.Standby} {
		t.Run(policy.String(), func(t *testing.T) {
			l := newLab(t)
			a := l.host("pbx", ethernet("192.0.2.1/24"))
			b := l.host("pbx", ethernet("192.0.2.2/24"))
			l.lose = func(*host, *host) bool { return true }
			a.apply(with(sip("Desk", 5060), policy))
			l.run(time.Second)
			b.apply(with(sip("Desk", 5061), policy))
			l.run(10 * time.Minute)
			if got := a.state() + ", " + b.state(); got != "Desk announced, Desk announced" {
				t.Fatalf("apart: %s", got)
			}
			l.lose = nil
			l.run(10 * time.Minute)
			want := map[publication.Policy]string{publication.Rename: "Desk #2 announced, Desk announced", publication.Standby: "Desk announced, Desk standby"}[policy]
			if got := a.state() + ", " + b.state(); got != want || a.Responder.host == b.Responder.host {
				t.Errorf("together again: %s on %s and %s, want %s", got, a.Responder.host, b.Responder.host, want)
			}
		})
	}
}
