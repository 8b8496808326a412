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
	"announcer/internal/publication"
)

// Who may send back what a host said itself: a reflector, and a slow access point.
var senders = map[string]netip.AddrPort{
	"a reflector":          stranger,
	"a reflector, by IPv6": stranger6,
	"an access point":      netip.MustParseAddrPort("192.0.2.1:5353"),
	"a lower address":      netip.MustParseAddrPort("192.0.2.0:5353"),
}

// text is a SIP service with a TXT record.
func text(txt string) publication.Publication {
	p := sip("Desk", 5060)
	p.Group.Services[0].TXT = []string{txt}
	return p
}

// What a host said before a change is not a rival's for two minutes, even if another host sends it back; after that it is.
func TestEchoOfTheDataBefore(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(h *host)
		echo   []mdns.Record
	}{
		{"TXT", func(h *host) { h.apply(text("now")) }, []mdns.Record{record(desk, 4500, true, mdns.NewTXT("before"))}},
		{"SRV", func(h *host) {
			p := text("before")
			p.Group.Services[0].Port = 5061
			h.apply(p)
		}, []mdns.Record{record(desk, 120, true, srv(5060, "PBX.local"))}},
		{"the host's address", func(h *host) {
			h.links = []publication.Link{ethernet("192.0.2.7/24", "fe80::1/64")}
			h.apply(text("before"))
		}, []mdns.Record{record("pbx.local", 120, true, addr("192.0.2.1")), record("1.2.0.192.in-addr.arpa", 120, true, ptr("pbx.local"))}},
	} {
		for who, src := range senders {
			for _, after := range []time.Duration{0, 1500 * ms, 30 * time.Second, 119 * time.Second, 121 * time.Second} {
				t.Run(fmt.Sprintf("%s, from %s after %v", c.name, who, after), func(t *testing.T) {
					l := newLab(t)
					h := l.host("pbx", dual())
					h.apply(text("before"))
					l.run(time.Minute)
					c.change(h)
					l.run(after)
					l.hear(src, response(c.echo...))
					if rival, want := h.Stats().Conflicts > 0, after > SaidTime; rival != want {
						t.Errorf("taken for a rival: %v, want %v", rival, want)
					}
				})
			}
		}
	}
}

// What was proposed before a change is no simultaneous probe of another host.
func TestEchoOfAProbe(t *testing.T) {
	for _, policy := range []publication.Policy{publication.Rename, publication.Fail, publication.Standby} {
		t.Run(policy.String(), func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", dual())
			h.apply(with(text("zzz"), policy))
			l.run(300 * ms)
			h.apply(with(text("aaa"), policy))
			l.run(300 * ms)
			for _, src := range senders {
				l.hear(src, probeOf(record(desk, 120, false, srv(5060, "pbx.local")), record(desk, 4500, false, mdns.NewTXT("zzz"))))
			}
			l.run(time.Second)
			if h.state() != "Desk announced" {
				t.Errorf("%s: it has lost against itself", h.state())
			}
		})
	}
}

// A host does not stand by for what it said itself, whatever the address of who sends it back.
func TestEchoInStandby(t *testing.T) {
	for who, src := range senders {
		for _, before := range []time.Duration{700 * ms, 20 * time.Second} {
			t.Run(fmt.Sprintf("%s after %v", who, before), func(t *testing.T) {
				l := newLab(t)
				h := l.host("pbx", dual())
				h.apply(standby())
				l.run(before)
				for range 3 {
					l.hear(src, response(record(desk, 120, true, srv(5060, "pbx.local")), record(desk, 4500, true, mdns.NewTXT("transport=udp"))))
					l.run(time.Second)
				}
				if h.state() != "Desk announced" {
					t.Error(h.state())
				}
			})
		}
	}
}

// restarted returns a host with the links of another one that takes over from it after a time.
func restarted(l *lab, h *host, after time.Duration) *host {
	said, announced := h.Said(l.time()), h.Announced(l.time())
	h.dead = true
	l.run(after)
	again := l.host(h.name, h.links...)
	again.Responder = New(Config{Rand: rand.New(rand.NewPCG(l.seed, 99)), Start: l.time()})
	for i := range said {
		said[i].Left -= after
	}
	for i := range announced {
		announced[i].Owed = aged(announced[i].Owed, after)
	}
	again.Inherit(l.time(), after, announced)
	again.Recall(l.time(), slices.DeleteFunc(said, func(s Said) bool { return s.Left <= 0 }))
	return again
}

// aged returns the records that caches may still hold after a time.
func aged(records []mdns.Record, by time.Duration) (left []mdns.Record) {
	for _, r := range records {
		if seconds := uint32(by / time.Second); r.TTL > seconds {
			r.TTL -= seconds
			left = append(left, r)
		}
	}
	return left
}

// The same after a restart: what was said before it counts for two minutes from then on.
func TestEchoAfterARestart(t *testing.T) {
	for _, c := range []struct {
		down, late time.Duration
		rival      bool
	}{
		{time.Second, time.Second, false},
		{100 * time.Second, time.Second, false},
		{time.Second, 117 * time.Second, false},
		{time.Second, 121 * time.Second, true},
		{125 * time.Second, time.Second, true},
	} {
		t.Run(fmt.Sprintf("down for %v, heard %v later", c.down, c.late), func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", ethernet("192.0.2.1/24", "fe80::1/64"))
			h.apply(text("before"))
			l.run(time.Minute)
			h.links = []publication.Link{ethernet("192.0.2.7/24", "fe80::1/64")}
			again := restarted(l, h, c.down)
			again.apply(text("now"))
			l.run(c.late)
			l.hear(stranger, response(
				record("pbx.local", 120, true, addr("192.0.2.1")), record(desk, 4500, true, mdns.NewTXT("before")), record(desk, 120, true, srv(5060, "pbx.local")),
			))
			l.run(5 * time.Second)
			if rival := again.Stats().Conflicts > 0; rival != c.rival {
				t.Errorf("taken for a rival: %v, want %v", rival, c.rival)
			}
			if again.state() != "Desk announced" || again.Responder.host != "pbx" {
				t.Errorf("%s on %s", again.state(), again.Responder.host)
			}
		})
	}
}

// A restart before the change was announced changes nothing: what was said before it is remembered, too.
func TestEchoAfterTwoRestarts(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", dual())
	h.apply(text("one"))
	l.run(time.Minute)
	h = restarted(l, h, 10*time.Second)
	h.apply(text("two"))
	l.run(10 * time.Second)
	h = restarted(l, h, 10*time.Second)
	h.apply(text("three"))
	l.run(400 * ms)
	for _, txt := range []string{"one", "two"} {
		l.hear(stranger, response(record(desk, 4500, true, mdns.NewTXT(txt))))
	}
	l.run(5 * time.Second)
	if h.state() != "Desk announced" || h.Stats().Conflicts > 0 {
		t.Error(h.state(), h.Stats().Conflicts)
	}
}

// A host that has other data is a rival, however much of its data is ours.
func TestRivalWithSomeOfOurData(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", dual())
	h.apply(text("before"))
	l.run(time.Minute)
	h.apply(text("now"))
	l.run(3 * time.Second)
	rival := response(record(desk, 4500, true, mdns.NewTXT("before")), record(desk, 120, true, srv(5060, "other.local")))
	l.hear(stranger, rival)
	l.run(400 * ms)
	l.hear(stranger, rival)
	l.run(5 * time.Second)
	if h.state() != "Desk #2 announced" {
		t.Error(h.state())
	}
	if got := h.foreign(); got != "" {
		t.Error(got)
	}
}

// legs returns a host with two links, and a service of each.
func legs(t *testing.T, first, second publication.Publication) (*lab, *host) {
	l := newLab(t)
	other := ethernet("198.51.100.1/24", "fe80::2/64")
	other.Index, other.Name = 3, "eth1"
	h := l.host("pbx", dual(), other)
	first.Interfaces, second.Interfaces = []string{"eth1"}, []string{"eth0"}
	second.ID = "second.service"
	h.Apply(l.time(), publication.Desired{Host: h.name, Links: h.links, Groups: []publication.Publication{first, second}, Watched: []dnsname.Name{dnsname.MustParse(sips)}})
	h.tick()
	return l, h
}

// What a host announces on one link is no conflict on another one, and no service of another host.
func TestOtherLegIsNoRival(t *testing.T) {
	for _, at := range []time.Duration{300 * ms, 20 * time.Second} {
		t.Run(at.String(), func(t *testing.T) {
			l, h := legs(t, sip("Desk", 5061), sip("Desk", 5060))
			l.run(at)
			h.Events()
			only := "Lobby." + sips
			l.hear(stranger, response(
				record(sips, 4500, false, ptr(desk)), record(desk, 120, true, srv(5061, "pbx.local")), record(sips, 4500, false, ptr(only)),
			)) // Lobby is of another host
			l.run(5 * time.Second)
			for _, s := range h.Status() {
				if s.Name != "Desk" || s.State != mdns.Announced {
					t.Errorf("%+v", s)
				}
			}
			if h.Stats().Conflicts > 0 {
				t.Error("a conflict with itself")
			}
			if got := h.foreign(); got != "Lobby from 192.0.2.99" {
				t.Errorf("others: %s", got)
			}
		})
	}
	l, h := legs(t, sip("Only there", 5061), sip("Desk", 5060))
	l.run(20 * time.Second)
	l.hear(stranger, response(record(sips, 4500, false, ptr("Only there."+sips))))
	if got := h.foreign(); got != "" {
		t.Errorf("others: %s", got)
	}
}

// A service that moves to another host is known as that host's, at the latest when two minutes have passed.
func TestServiceThatMovedToAnotherHost(t *testing.T) {
	l, h := watching(t, sip("Desk", 5060), sip("Lobby", 5060))
	h.Apply(l.time(), publication.Desired{Host: h.name, Links: h.links, Groups: []publication.Publication{sip("Lobby", 5060)}, Watched: []dnsname.Name{dnsname.MustParse(sips)}})
	h.tick()
	l.run(10 * time.Second)
	l.hear(stranger, response(record(sips, 4500, false, ptr(desk))))
	if got := h.foreign(); got != "" {
		t.Errorf("others while it may be an echo: %s", got)
	}
	l.defend(h, 125*time.Second, record(sips, 4500, false, ptr(desk)))
	if got := h.foreign(); got != "Desk from 192.0.2.99" {
		t.Errorf("others: %q", got)
	}
}

// An address of ours does not make another host this one: what it says that we did not say is another host's, unless another
// program of this host has the port.
func TestRogueBehindOurAddress(t *testing.T) {
	for _, c := range []struct {
		name   string
		src    string
		shared bool
		want   string
		rival  bool
	}{
		{"a duplicate of our IPv4 address", "192.0.2.1", false, "Rogue from 192.0.2.1", true},
		{"a duplicate of our link-local address", "fe80::1", false, "Rogue from fe80::1", true},
		{"the address of the loopback", "::1", false, "Rogue from ::1", true},
		{"another program", "fe80::1", true, "Rogue from fe80::1 own", false},
		{"the link-local address that we have on another link", "fe80::2", true, "Rogue from fe80::2", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, h := legs(t, sip("Lobby", 5060), sip("Desk", 5060))
			l.run(20 * time.Second)
			h.SharePort(c.shared)
			src := netip.AddrPortFrom(netip.MustParseAddr(c.src), mdns.Port)
			rogue := []mdns.Record{record(sips, 4500, false, ptr("Rogue."+sips)), record(desk, 120, true, srv(666, "rogue.local"))}
			l.hear(src, response(rogue...))
			if got := h.foreign(); got != c.want {
				t.Errorf("others: %s, want %s", got, c.want)
			}
			if rival := h.Stats().Conflicts > 0; rival != c.rival {
				t.Errorf("a rival: %v, want %v", rival, c.rival)
			}
		})
	}
}

// A service that another program of this host announced is another host's once that says it.
func TestServiceOfThisHostThatLeftIt(t *testing.T) {
	l, h := watching(t)
	h.SharePort(true)
	own := netip.MustParseAddrPort("192.0.2.1:5353")
	l.hear(own, response(record(sips, 4500, false, ptr("Other."+sips))))
	if got := h.foreign(); got != "Other from 192.0.2.1 own" {
		t.Fatal(got)
	}
	h.Events()
	l.hear(stranger, response(record(sips, 4500, false, ptr("Other."+sips))))
	if got := h.foreign(); got != "Other from 192.0.2.99" {
		t.Error(got)
	}
	if e := h.Events(); len(e) != 1 || !strings.Contains(e[0].Detail, "192.0.2.99 announces") {
		t.Errorf("events %v", e)
	}
}

// However much is said and withdrawn, what is remembered is bounded.
func TestSaidIsBounded(t *testing.T) {
	p := past{clock: &clock{}, until: map[Sum]moment{}}
	for i := range 3 * saidMost {
		p.add(Sum(i), SaidTime)
	}
	if len(p.until) != saidMost {
		t.Errorf("%d sums", len(p.until))
	}
	p.now = SaidTime
	p.add(1<<40, 2*SaidTime)
	if len(p.until) != 1 {
		t.Errorf("%d sums after two minutes", len(p.until))
	}
}

// Sums differ by name, type and data, not by case.
func TestSums(t *testing.T) {
	key := dnsname.MustParse(desk).Key()
	same := map[string][2]Sum{
		"the case of a target": {sumOf(key, srv(1, "a.local")), sumOf(key, srv(1, "A.local"))},
		"the case of a PTR":    {sumOf(key, ptr("a.local")), sumOf(key, ptr("A.local"))},
	}
	for name, s := range same {
		t.Run(name, func(t *testing.T) {
			if s[0] != s[1] {
				t.Errorf("two sums: %d and %d", s[0], s[1])
			}
		})
	}
	all := map[Sum]bool{}
	datas := []mdns.Data{
		srv(1, "a.local"), srv(2, "a.local"), srv(1, "b.local"), ptr("a.local"), addr("192.0.2.1"), addr("192.0.2.2"), addr("fe80::1"),
		mdns.NewTXT("a"), mdns.NewTXT("A"), mdns.NewTXT(),
	}
	for _, d := range datas {
		all[sumOf(key, d)], all[sumOf("x", d)] = true, true
	}
	if len(all) != 2*len(datas) {
		t.Errorf("%d sums of %d records", len(all), 2*len(datas))
	}
}

// What comes back of the data before is corrected for those who heard it, at most once a second.
func TestEchoIsCorrected(t *testing.T) {
	for _, c := range []struct {
		name string
		echo mdns.Record
		want mdns.Data
	}{
		{"TXT", record(desk, 4500, true, mdns.NewTXT("before")), mdns.NewTXT("now")},
		{"address", record("pbx.local", 120, true, addr("192.0.2.1")), addr("192.0.2.7")},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", ethernet("192.0.2.1/24"))
			h.apply(text("before"))
			l.run(time.Minute)
			h.links = []publication.Link{ethernet("192.0.2.7/24")}
			h.apply(text("now"))
			l.run(30 * time.Second)
			l.mark()
			for range 30 {
				l.hear(stranger, response(c.echo))
				l.run(100 * ms)
			}
			l.run(5 * time.Second)
			said := l.of(h, func(s sent) bool {
				return slices.ContainsFunc(s.msg.Answers, func(r mdns.Record) bool { return r.Data == c.want && r.Unique })
			})
			if n := len(said); n < 3 || n > 4 || said[0].at > l.now-8*time.Second+ms {
				t.Errorf("said at %v", times(said))
			}
		})
	}
}

// Two links of this host with a reflector between them do not correct one another for ever.
func TestOtherLegIsNotCorrected(t *testing.T) {
	l, h := legs(t, sip("Desk", 5061), sip("Desk", 5060))
	l.run(40 * time.Second)
	l.mark()
	l.hear(stranger, response(record(desk, 120, true, srv(5061, "pbx.local"))))
	l.run(5 * time.Second)
	if got := l.of(h, isResponse); len(got) > 0 {
		t.Errorf("said at %v", times(got))
	}
}
