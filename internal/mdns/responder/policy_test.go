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
)

var (
	stranger6 = netip.MustParseAddrPort("[fe80::99]:5353")
	offLink   = netip.MustParseAddrPort("198.51.100.9:5353")
	offLink6  = netip.MustParseAddrPort("[2001:db8:9::9]:5353")
)

// rivalSRV is what a rival says about the name Desk.
func rivalSRV() wire.Message { return response(record(desk, 120, true, srv(9, "x.local"))) }

// greaterProbe is a probe for the name Desk that wins against ours.
func greaterProbe() wire.Message { return probeOf(record(desk, 120, false, srv(9999, "x.local"))) }

// dual is a link with both IP versions.
func dual() publication.Link { return ethernet("192.0.2.1/24", "fe80::1/64") }

// A name that is given up to a host that is not there is regained soon, whatever it is the name of.
func TestNameIsHadBackFromNobody(t *testing.T) {
	withHost := with(sip("Desk", 5060), publication.Fail)
	withHost.Group.Services[0].Host = dnsname.MustParse("phone.local")
	withHost.Group.Services[0].Addresses = []netip.Addr{netip.MustParseAddr("192.0.2.50")}
	for _, c := range []struct {
		name string
		src  netip.AddrPort
		says mdns.Record
		asks wire.Query
	}{
		{"a service, by IPv4", stranger, record(desk, 120, true, srv(9, "x.local")), ask(desk, mdns.TypeSRV)},
		{"a service, by IPv6", stranger6, record(desk, 120, true, srv(9, "x.local")), ask(desk, mdns.TypeSRV)},
		{"a service, for ever", stranger, record(desk, 1<<31-1, true, srv(9, "x.local")), ask(desk, mdns.TypeSRV)},
		{"a host beside this one", stranger, record("phone.local", 120, true, addr("192.0.2.51")), ask("phone.local", mdns.TypeA)},
		{"an address", stranger, record("1.2.0.192.in-addr.arpa", 120, true, ptr("x.local")), ask("1.2.0.192.in-addr.arpa", mdns.TypePTR)},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", dual())
			h.apply(withHost)
			l.run(10 * time.Second)
			l.hear(c.src, response(c.says)) // it is probed for
			l.run(400 * ms)
			l.hear(c.src, response(c.says)) // and given up
			l.run(2 * time.Second)
			if got := l.answersTo(query(c.asks), 100*ms); len(got) > 0 {
				t.Error("not given up")
			}
			l.run(15 * time.Second)
			if got := l.answersTo(query(c.asks), time.Second); len(got) == 0 {
				t.Error("not had back from nobody")
			}
			if h.state() != "Desk announced" {
				t.Error(h.state())
			}
		})
	}
}

// A name that another host has is left to it as long as it lives, and regained after its goodbye or its silent end.
func TestFailWaitsForTheEnd(t *testing.T) {
	for _, c := range []struct {
		name   string
		end    func(l *lab, rival *host)
		within time.Duration
	}{
		{"goodbye", func(l *lab, rival *host) { rival.Close(l.time()); rival.tick() }, 3 * time.Second},
		{"silent end", func(_ *lab, rival *host) { rival.dead = true }, 40 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			a, b := l.host("a", ethernet("192.0.2.1/24", "fe80::1/64")), l.host("b", ethernet("192.0.2.2/24", "fe80::2/64"))
			a.apply(sip("Desk", 5060))
			l.run(5 * time.Second)
			b.apply(with(sip("Desk", 5061), publication.Fail))
			l.run(5 * time.Second)
			since := b.Status()[0].Since
			l.mark()
			l.run(10 * time.Minute)
			s := b.Status()[0]
			if s.State != mdns.Refused || !strings.Contains(s.Why, `has the name "Desk`) || !s.Since.Equal(since) {
				t.Errorf("%+v, want refused since %v", s, since)
			}
			if s.Rival != netip.MustParseAddr("192.0.2.1") && s.Rival != netip.MustParseAddr("fe80::1") {
				t.Errorf("the rival is %v", s.Rival)
			}
			if n := len(l.of(b, onV4(isQuestion))); n > 30 {
				t.Errorf("%d questions in ten minutes", n)
			}
			if n := len(l.of(b, isProbe)); n > 0 {
				t.Errorf("%d probes for a name that another host has", n)
			}
			c.end(l, a)
			l.run(c.within)
			if b.state() != "Desk announced" {
				t.Errorf("%s %v after the end of the rival", b.state(), c.within)
			}
		})
	}
}

// A host that contests a name again and again, whether by probes or by answers, is reported after some seconds.
func TestKeptOff(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy publication.Policy
		src    netip.AddrPort
		says   wire.Message
		every  time.Duration
	}{
		{"a greater probe a second", publication.Rename, stranger, greaterProbe(), time.Second},
		{"the same by IPv6", publication.Rename, stranger6, greaterProbe(), time.Second},
		{"the same against fail", publication.Fail, stranger, greaterProbe(), time.Second},
		{"the same against standby", publication.Standby, netip.MustParseAddrPort("192.0.2.0:5353"), greaterProbe(), time.Second},
		{"other data, never when it is probed for", publication.Rename, stranger, rivalSRV(), 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", dual())
			h.apply(with(sip("Desk", 5060), c.policy))
			l.run(300 * ms)
			attack := func(d time.Duration) {
				for end := l.now + d; l.now < end; {
					switch {
					case c.says.Response() && h.state() != "Desk announced":
						l.run(50 * ms)
					default:
						l.hear(c.src, c.says)
						l.run(c.every)
					}
				}
			}
			h.Events()
			attack(3 * time.Second)
			if s := h.Status()[0]; s.State == mdns.Refused {
				t.Errorf("reported after 3 s: %+v", s)
			}
			attack(8 * time.Second)
			told := slices.ContainsFunc(h.Events(), func(e mdns.Event) bool {
				return e.Kind == mdns.ServiceRefused && e.Rival == c.src.Addr() && strings.Contains(e.Detail, "again and again")
			})
			if !told {
				t.Error("not reported after 10 s")
			}
			direct := l.of(h, func(s sent) bool { return isQuestion(s) && s.Dst == c.src })
			if len(direct) != 1 {
				t.Errorf("the rival was asked directly %d times, want once", len(direct))
			}
			if s := h.Status()[0]; !c.says.Response() && (s.State != mdns.Refused || s.Rival != c.src.Addr()) {
				t.Errorf("%+v", s)
			}
			l.run(10 * time.Second)
			if h.state() != "Desk announced" {
				t.Errorf("%s though nobody contests it any more", h.state())
			}
		})
	}
}

// Two hosts that start at once contest a name for a moment; that is not reported.
func TestShortContestIsNotReported(t *testing.T) {
	for seed := range uint64(20) {
		l := newLab(t)
		l.seed = seed
		a, b := l.host("a", ethernet("192.0.2.1/24", "fe80::1/64")), l.host("b", ethernet("192.0.2.2/24", "fe80::2/64"))
		a.apply(sip("Desk", 5060))
		b.apply(sip("Desk", 5061))
		l.run(10 * time.Second)
		for _, h := range []*host{a, b} {
			for _, e := range h.Events() {
				if e.Kind == mdns.ServiceRefused {
					t.Errorf("seed %d: %v", seed, e)
				}
			}
		}
	}
}

// Only hosts of the link stand by for one another: what comes from elsewhere silences none.
func TestStandbyOnTheLinkOnly(t *testing.T) {
	for _, c := range []struct {
		name  string
		src   netip.AddrPort
		obeys bool
	}{
		{"an address of the link", netip.MustParseAddrPort("192.0.2.0:5353"), true},
		{"a link-local address", netip.MustParseAddrPort("[fe80::]:5353"), true},
		{"an IPv4 address of elsewhere", netip.MustParseAddrPort("10.0.0.1:5353"), false},
		{"an IPv6 address of elsewhere", netip.MustParseAddrPort("[2001:db8::1]:5353"), false},
	} {
		for _, when := range []string{"while probing", "by a probe", "while announced"} {
			t.Run(c.name+", "+when, func(t *testing.T) {
				l := newLab(t)
				h := l.host("pbx", dual())
				h.apply(standby())
				l.run(300 * ms)
				says := rivalSRV()
				switch when {
				case "by a probe":
					says = greaterProbe()
				case "while announced":
					l.run(5 * time.Second)
				}
				began := l.now
				l.hear(c.src, says)
				l.run(5*time.Second - (l.now - began))
				announcedLate := !slices.ContainsFunc(l.of(h, holds(desk, mdns.TypeSRV)), func(s sent) bool { return s.at <= 1300*ms })
				quiet := h.state() == "Desk standby" || when == "by a probe" && announcedLate
				if quiet != c.obeys {
					t.Errorf("silent: %v, want %v (%s)", quiet, c.obeys, h.state())
				}
			})
		}
	}
}

// A name that is served from elsewhere is not waited for once the host of the link is gone.
func TestStandbyIsNotKeptFromElsewhere(t *testing.T) {
	l, a, b := pair(t, 1)
	b.apply(standby())
	l.run(5 * time.Second)
	a.apply(standby())
	l.run(10 * time.Second)
	b.dead = true
	for range 20 {
		l.hear(offLink, rivalSRV())
		l.hear(offLink6, rivalSRV())
		l.run(time.Second)
	}
	if a.state() != "Desk announced" {
		t.Error(a.state())
	}
}

// A name belongs to a link: who loses a simultaneous probe by one IP version is silent on the other, too, until it has
// won both.
func TestSimultaneousProbeCountsForTheLink(t *testing.T) {
	for _, policy := range []publication.Policy{publication.Rename, publication.Fail} {
		for _, src := range []netip.AddrPort{stranger, stranger6} {
			for _, at := range []time.Duration{260 * ms, 600 * ms, 740 * ms} {
				t.Run(strings.Join([]string{policy.String(), src.String(), at.String()}, " "), func(t *testing.T) {
					l := newLab(t)
					h := l.host("pbx", dual())
					h.apply(with(sip("Desk", 5060), policy))
					l.run(at)
					l.hear(src, greaterProbe())
					lost := l.now
					l.run(10 * time.Second)
					first := map[publication.IPVersion]time.Duration{}
					for _, s := range l.of(h, holds(desk, mdns.TypeSRV)) {
						if _, ok := first[s.Version]; !ok {
							first[s.Version] = s.at
						}
					}
					for _, v := range publication.IPVersions() {
						if at := first[v] - lost; at < 1750*ms || at > 1800*ms {
							t.Errorf("announced by IPv%d %v after the probe was lost, want 1.75 s", v, at)
						}
					}
				})
			}
		}
	}
}

// The same for a conflict while the name is announced, seen by one IP version only.
func TestConflictCountsForTheLink(t *testing.T) {
	for _, c := range []struct {
		name string
		src  netip.AddrPort
		asks wire.Query
		says mdns.Record
	}{
		{"a service, by IPv4", stranger, ask(desk, mdns.TypeSRV), record(desk, 120, true, srv(9, "x.local"))},
		{"a service, by IPv6", stranger6, ask(desk, mdns.TypeSRV), record(desk, 120, true, srv(9, "x.local"))},
		{"the host", stranger, ask("pbx.local", mdns.TypeA), record("pbx.local", 120, true, addr("192.0.2.99"))},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", dual())
			h.apply(sip("Desk", 5060))
			l.run(10 * time.Second)
			l.hear(c.src, response(c.says))
			l.mark()
			l.hear(stranger, query(c.asks))
			l.hear(stranger6, query(c.asks))
			l.run(700 * ms)
			if got := l.of(h, isResponse); len(got) > 0 {
				t.Errorf("answers at %v", times(got))
			}
			l.run(5 * time.Second)
			if h.state() != "Desk announced" {
				t.Error(h.state())
			}
		})
	}
}

// An IP version that waits for the other one does not wait for what is gone.
func TestWinWithoutTheOtherVersion(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", dual())
	h.apply(sip("Desk", 5060))
	l.run(650 * ms)
	h.faces.byLink[faceKey{2, publication.V6}].zone.claim(dnsname.MustParse(desk).Key()).round = 0 // it is behind
	l.run(450 * ms)
	if h.state() != "Desk probing" {
		t.Fatalf("%s before both versions have probed", h.state())
	}
	h.links = []publication.Link{ethernet("192.0.2.1/24")}
	h.apply(sip("Desk", 5060))
	l.run(100 * ms)
	if h.state() != "Desk announced" {
		t.Error(h.state())
	}
}

// The same if the name of the host is contested: no client reaches its services.
func TestHostKeptOff(t *testing.T) {
	greater := query(ask("pbx.local", mdns.TypeANY))
	greater.Authority = []mdns.Record{record("pbx.local", 120, false, mdns.Raw{RRType: 99})}
	other := response(record("pbx.local", 120, true, addr("192.0.2.99")))
	for _, c := range []struct {
		name  string
		says  wire.Message
		from  time.Duration // after the start
		every time.Duration
	}{
		{"a greater probe a second", greater, 300 * ms, time.Second},
		{"another address, never when it is probed for", other, 20 * time.Second, 1500 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", dual())
			h.apply(sip("Desk", 5060), sip("Lobby", 5060))
			l.run(c.from)
			h.Events()
			for range 8 {
				l.hear(stranger, c.says)
				l.run(c.every)
			}
			told := 0
			for _, e := range h.Events() {
				if e.Kind == mdns.ServiceRefused && e.Rival == stranger.Addr() && strings.Contains(e.Detail, `contests the name "pbx.local"`) {
					told++
				}
			}
			if told < 2 {
				t.Errorf("%d services are reported", told)
			}
			l.run(10 * time.Second)
			for _, s := range h.Status() {
				if s.State != mdns.Announced {
					t.Errorf("%+v", s)
				}
			}
			if h.Responder.host != "pbx" {
				t.Error(h.Responder.host)
			}
		})
	}
}

// Hosts that want one name on a segment that loses a third of all packets and falls apart for a while: in the end one of
// them has it, by both IP versions, and the others know who.
func TestOneOwnerAfterTrouble(t *testing.T) {
	for _, policy := range []publication.Policy{publication.Fail, publication.Standby} {
		t.Run(policy.String(), func(t *testing.T) {
			for seed := range uint64(30) {
				dice := rand.New(rand.NewPCG(seed, 7))
				l := newLab(t)
				l.seed = seed
				var hosts []*host
				for i := range 4 {
					h := l.host(fmt.Sprintf("host%d", i), ethernet(fmt.Sprintf("192.0.2.%d/24", i+1), fmt.Sprintf("fe80::%x/64", 100-i)))
					hosts = append(hosts, h)
				}
				loses := func() bool { return dice.IntN(10) < 3 }
				l.lose = func(from, to *host) bool { return loses() || (from.name < "host2") != (to.name < "host2") }
				for i, h := range hosts {
					h.apply(with(sip("Desk", uint16(5060+i)), policy))
					l.run(time.Duration(dice.IntN(1000)) * ms)
				}
				l.run(30 * time.Second)
				l.lose = func(*host, *host) bool { return loses() }
				l.run(2 * time.Minute)
				l.lose = nil
				l.run(2 * time.Minute)
				var states []string
				announced := 0
				for _, h := range hosts {
					s := h.Status()[0]
					states = append(states, fmt.Sprintf("%s on %s: %s", s.State, h.Responder.host, s.Why))
					if s.State == mdns.Announced {
						announced++
					} else if !s.Rival.IsValid() {
						t.Errorf("seed %d: no rival in %+v", seed, s)
					}
				}
				if announced != 1 {
					t.Errorf("seed %d: %d have the name: %s", seed, announced, strings.Join(states, "; "))
				}
			}
		})
	}
}

// Every policy says what it does in every situation.
func TestEveryPolicyReacts(t *testing.T) {
	situations := map[string]situation{
		"rival while probing":   rivalWhileProbing,
		"rival while announced": rivalWhileAnnounced,
		"simultaneous probe":    simultaneousProbe,
	}
	for _, word := range publication.PolicyWords() {
		p, _ := publication.ParsePolicy(word)
		for name, s := range situations {
			t.Run(word+"/"+name, func(t *testing.T) {
				if reaction(p, s) == nil {
					t.Error("no reaction")
				}
			})
		}
	}
}
