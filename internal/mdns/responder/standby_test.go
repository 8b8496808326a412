package responder

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// pair returns two hosts with the same files, standing by for one another.
func pair(t testing.TB, seed uint64) (l *lab, a, b *host) {
	l = newLab(t)
	l.seed = seed
	a = l.host("a", ethernet("192.0.2.1/24", "fe80::9/64"))
	b = l.host("b", ethernet("192.0.2.2/24", "fe80::2/64"))
	return l, a, b
}

func standby() publication.Publication { return with(sip("Desk", 5060), publication.Standby) }

// foreign makes the data of both hosts the same.
func foreign(p publication.Publication) publication.Publication {
	p.Group.Services[0].Host = mdns.HostName("server")
	return p
}

// standbys returns what two hosts announce that stand by for one another.
func standbys() map[string]publication.Publication {
	return map[string]publication.Publication{"data of their own": standby(), "the same data": foreign(standby())}
}

// Who serves keeps the name; the other one is silent, whether their data differ or not.
func TestStandbyWaits(t *testing.T) {
	for name, p := range standbys() {
		t.Run(name, func(t *testing.T) {
			l, a, b := pair(t, 1)
			b.apply(p) // b has the higher address
			l.run(5 * time.Second)
			a.apply(p)
			l.run(5 * time.Second)
			l.mark()
			l.run(time.Minute)
			if got := l.of(a, isProbe); len(got) > 0 {
				t.Errorf("probes at %v for a name that is served", times(got))
			}
			if a.state() != "Desk standby" || b.state() != "Desk announced" {
				t.Fatal(a.state(), b.state())
			}
			if s := a.Status()[0]; s.Rival != netip.MustParseAddr("192.0.2.2") && s.Rival != netip.MustParseAddr("fe80::2") {
				t.Errorf("%+v", s)
			}
			l.mark()
			l.hear(stranger, query(ask(sips, mdns.TypePTR)))
			l.hear(stranger, query(ask(desk, mdns.TypeSRV)))
			l.run(time.Second)
			if got := l.of(a, isResponse); len(got) > 0 {
				t.Errorf("answered while standing by")
			}
			if got := l.of(b, isResponse); len(got) == 0 {
				t.Errorf("nobody answered")
			}
		})
	}
}

// Takes over within 3 s of a goodbye.
func TestStandbyAfterGoodbye(t *testing.T) {
	for seed := range uint64(20) {
		l, a, b := pair(t, seed)
		b.apply(standby())
		l.run(5 * time.Second)
		a.apply(standby())
		l.run(10 * time.Second)
		b.Close(l.time())
		b.tick()
		l.run(3 * time.Second)
		if a.state() != "Desk announced" {
			t.Errorf("seed %d: %s 3 s after the goodbye", seed, a.state())
		}
	}
}

// A goodbye that is taken back within a second is none (RFC 6762 §10.1).
func TestStandbyAfterGoodbyeTakenBack(t *testing.T) {
	l, a, b := pair(t, 1)
	b.apply(standby())
	l.run(5 * time.Second)
	a.apply(standby())
	l.run(10 * time.Second)
	l.mark()
	b.dead = true
	from := netip.MustParseAddrPort("192.0.2.2:5353")
	l.hear(from, response(record(desk, 0, true, srv(5060, "b.local"))))
	l.run(500 * ms)
	l.hear(from, response(record(desk, 120, true, srv(5060, "b.local"))))
	l.run(4 * time.Second)
	if got := l.of(a, isProbe); len(got) > 0 || a.state() != "Desk standby" {
		t.Errorf("%s, probes at %v", a.state(), times(got))
	}
}

// Takes over within 15 s of a silent death.
func TestStandbyAfterDeath(t *testing.T) {
	for seed := range uint64(40) {
		l, a, b := pair(t, seed)
		b.apply(standby())
		l.run(5 * time.Second)
		a.apply(standby())
		l.run(20*time.Second + time.Duration(seed)*211*ms)
		b.dead = true
		l.run(15 * time.Second)
		if a.state() != "Desk announced" {
			t.Errorf("seed %d: %s 15 s after the death", seed, a.state())
		}
	}
}

// While the other one lives, a loss of 30 % does not make two of them serve.
func TestStandbyWithLoss(t *testing.T) {
	l, a, b := pair(t, 3)
	b.apply(standby())
	l.run(5 * time.Second)
	a.apply(standby())
	l.run(5 * time.Second)
	count := 0
	l.lose = func(*host, *host) bool { count++; return count%10 < 3 }
	for range 300 {
		l.run(time.Second)
		if a.state() == "Desk announced" && b.state() == "Desk announced" {
			t.Fatal("both serve")
		}
	}
}

// Of two that wake at once the lower source address serves, on both IP versions; the IPv4 one decides.
func TestStandbyElection(t *testing.T) {
	for name, p := range standbys() {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(20) {
				l, a, b := pair(t, seed)
				a.apply(p)
				b.apply(p)
				l.run(10 * time.Second)
				if a.state() != "Desk announced" || b.state() != "Desk standby" {
					t.Errorf("seed %d: %s, %s; want the lower address to serve", seed, a.state(), b.state())
				}
			}
		})
	}
}

// The same when a partition heals: both serve, then one falls silent.
func TestStandbyPartition(t *testing.T) {
	for name, p := range standbys() {
		t.Run(name, func(t *testing.T) {
			l, a, b := pair(t, 1)
			l.lose = func(*host, *host) bool { return true }
			a.apply(p)
			b.apply(p)
			l.run(time.Minute)
			if a.state() != "Desk announced" || b.state() != "Desk announced" {
				t.Fatal(a.state(), b.state())
			}
			l.lose = nil
			l.hear(stranger, query(ask(desk, mdns.TypeSRV)))
			l.run(10 * time.Second)
			if a.state() != "Desk announced" || b.state() != "Desk standby" {
				t.Errorf("%s, %s; want the lower address to serve", a.state(), b.state())
			}
		})
	}
}

// Who stands by on one IP version does so on the other, too, once there is one.
func TestStandbyOnANewVersion(t *testing.T) {
	l := newLab(t)
	a, b := l.host("a", ethernet("192.0.2.1/24")), l.host("b", ethernet("192.0.2.2/24", "fe80::2/64"))
	b.apply(standby())
	l.run(5 * time.Second)
	a.apply(standby())
	l.run(5 * time.Second)
	a.links = []publication.Link{ethernet("192.0.2.1/24", "fe80::9/64")}
	a.apply(standby())
	l.mark()
	l.run(10 * time.Second)
	about := l.of(a, func(s sent) bool {
		return s.Version == publication.V6 && isProbe(s) && strings.Contains(string(s.Data), "Desk")
	})
	if len(about) > 0 || a.state() != "Desk standby" {
		t.Errorf("%s, probes at %v", a.state(), times(about))
	}
}

// Only who gives SRV or TXT serves a name.
func TestStandbyForServersOnly(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(standby())
	l.run(260 * ms)
	l.hear(stranger, response(record(desk, 120, true, addr("192.0.2.99"))))
	l.run(2 * time.Second)
	if h.state() != "Desk announced" {
		t.Error(h.state())
	}
}

// The one who goes on serving says so to one who does not know of it.
func TestStandbyInsists(t *testing.T) {
	l, a, b := pair(t, 1)
	l.lose = func(*host, *host) bool { return true }
	a.apply(standby())
	b.apply(standby())
	l.run(time.Minute)
	l.lose = nil
	l.hear(netip.MustParseAddrPort("192.0.2.2:5353"), response(record(desk, 120, true, srv(5060, "b.local"))))
	l.run(2 * time.Second)
	if a.state() != "Desk announced" || b.state() != "Desk standby" {
		t.Errorf("%s, %s; want the lower address to serve", a.state(), b.state())
	}
}

// Where the rival has IPv6 only, IPv6 decides.
func TestStandbyElectionByIPv6(t *testing.T) {
	for seed := range uint64(10) {
		l := newLab(t)
		l.seed = seed
		a := l.host("a", ethernet("192.0.2.1/24", "fe80::9/64"))
		b := l.host("b", ethernet("fe80::2/64"))
		a.apply(standby())
		b.apply(standby())
		l.run(20 * time.Second)
		if a.state() != "Desk standby" || b.state() != "Desk announced" {
			t.Errorf("seed %d: %s, %s; want the lower IPv6 address to serve", seed, a.state(), b.state())
		}
	}
}

// A name that is withdrawn or gets another policy is no longer watched.
func TestStandbyEnds(t *testing.T) {
	l, a, b := pair(t, 1)
	b.apply(standby())
	l.run(5 * time.Second)
	a.apply(standby())
	l.run(5 * time.Second)
	a.apply(sip("Desk", 5060))
	l.run(10 * time.Second)
	if a.state() != "Desk #2 announced" {
		t.Error(a.state())
	}
	a.apply(standby())
	l.run(5 * time.Second)
	if a.state() != "Desk standby" {
		t.Error(a.state())
	}
	a.apply()
	l.run(30 * time.Second)
	l.mark()
	l.run(time.Minute)
	if got := l.of(a, func(sent) bool { return true }); len(got) > 0 || len(a.Responder.watches.items) > 0 {
		t.Errorf("still asks at %v", times(got))
	}
}

// Hosts with several networks on a link meet in the lowest one that they have in common.
func TestStandbyElectionInSeveralNetworks(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b []string
	}{
		{"the orders agree", []string{"10.0.0.1/24", "192.0.2.3/24"}, []string{"10.0.0.2/24", "192.0.2.9/24"}},
		{"the orders differ", []string{"10.0.0.1/24", "192.0.2.9/24"}, []string{"10.0.0.2/24", "192.0.2.3/24"}},
		{"one has a lower network of its own", []string{"192.0.2.3/24"}, []string{"10.0.0.1/24", "192.0.2.5/24"}},
		{"both have networks of their own", []string{"192.0.2.3/24", "198.51.100.9/24"}, []string{"10.0.0.1/24", "192.0.2.5/24"}},
		{"the same with IPv6", []string{"192.0.2.3/24", "fe80::9/64"}, []string{"10.0.0.1/24", "192.0.2.5/24", "fe80::2/64"}},
	} {
		for name, p := range standbys() {
			t.Run(c.name+", "+name, func(t *testing.T) {
				for seed := range uint64(10) {
					l := newLab(t)
					l.seed = seed
					a, b := l.host("a", ethernet(c.a...)), l.host("b", ethernet(c.b...))
					l.lose = func(*host, *host) bool { return seed%2 == 1 && l.now < 30*time.Second }
					a.apply(p)
					b.apply(p)
					l.run(40 * time.Second)
					l.hear(stranger, query(ask(desk, mdns.TypeSRV)))
					l.run(30 * time.Second)
					if a.state() != "Desk announced" || b.state() != "Desk standby" {
						t.Errorf("seed %d: %s, %s; want the lower address in the common network to serve", seed, a.state(), b.state())
					}
				}
			})
		}
	}
}
