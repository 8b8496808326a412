package responder

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// sleep lets a host sleep. Where its clock stands still meanwhile, as that of a suspended machine does, no time passes.
func (h *host) sleep(d time.Duration, clockStands bool) {
	h.dead = true
	if !clockStands {
		h.lab.run(d)
	}
	h.dead = false
	h.lab.mark()
	h.Wake(h.lab.time(), d)
	h.tick()
}

// RFC 6762 §8: who wakes probes for everything and announces it again, unless no cache can have noticed the sleep.
func TestWake(t *testing.T) {
	names := []string{desk, "pbx.local", "1.2.0.192.in-addr.arpa"}
	for _, clockStands := range []bool{false, true} {
		for slept, wakes := range map[time.Duration]bool{time.Second: false, 59 * time.Second: false, 61 * time.Second: true, 130 * time.Second: true, 1000 * time.Hour: true} {
			t.Run(fmt.Sprintf("%v, clock stands %v", slept, clockStands), func(t *testing.T) {
				l := newLab(t)
				h := l.host("pbx", ethernet("192.0.2.1/24", "fe80::1/64"))
				h.apply(sip("Desk", 5060))
				l.run(rest)
				h.sleep(slept, clockStands)
				woke := l.now
				l.run(1300 * ms)
				for _, name := range names {
					n := dnsname.MustParse(name)
					for _, v := range publication.IPVersions() {
						probes := l.of(h, func(s sent) bool { return isProbe(s) && s.Version == v && asksFor(s, n) })
						if wakes != (len(probes) == 3) || !wakes && len(probes) > 0 {
							t.Errorf("IPv%d: %d probes for %s", v, len(probes), name)
						}
					}
				}
				for _, what := range []func(sent) bool{
					holds(desk, mdns.TypeSRV), holds(desk, mdns.TypeTXT), holds(sips, mdns.TypePTR), holds("pbx.local", mdns.TypeA),
					holds("pbx.local", mdns.TypeAAAA), holds("1.2.0.192.in-addr.arpa", mdns.TypePTR), holds("_services._dns-sd._udp.local", mdns.TypePTR),
				} {
					if got := len(l.of(h, what)); wakes != (got == 2) || !wakes && got > 0 {
						t.Errorf("announced %d times within 1.3 s, want it once by each IP version: %v", got, wakes)
					}
				}
				l.run(20 * time.Second)
				if wakes && !near(times(l.of(h, onV4(holds(desk, mdns.TypeSRV)))), 10*ms, time.Second, 2*time.Second, 4*time.Second) {
					t.Errorf("announced at %v, woke at %v", times(l.of(h, onV4(holds(desk, mdns.TypeSRV)))), woke)
				}
				if got := l.of(h, goodbye); len(got) > 0 || h.state() != "Desk announced" {
					t.Errorf("%s, goodbyes %v", h.state(), got)
				}
			})
		}
	}
}

func asksFor(s sent, name dnsname.Name) bool {
	for _, q := range s.msg.Questions {
		if q.Name.Equal(name) {
			return true
		}
	}
	return false
}

func goodbye(s sent) bool {
	return slices.ContainsFunc(s.msg.Answers, func(r mdns.Record) bool { return r.TTL == 0 })
}

// RFC 6762 §8.1: until its names are probed for, who woke answers nothing: another host may have them.
func TestWakeAnswersNothingYet(t *testing.T) {
	l, h := announced(t)
	h.sleep(5*time.Minute, false)
	l.hear(stranger, query(ask(desk, mdns.TypeSRV), ask("pbx.local", mdns.TypeA), ask(sips, mdns.TypePTR)))
	l.run(500 * ms)
	if got := l.of(h, isResponse); len(got) > 0 {
		t.Errorf("sent %v", got)
	}
}

// Who took a name over while its owner slept keeps it, with the same data too where one of two hosts is to serve.
func TestNameTakenDuringSleep(t *testing.T) {
	for _, c := range []struct {
		name        string
		publication publication.Publication
		want        string
	}{
		{"rename", with(sip("Desk", 5060), publication.Rename), "Desk #2 announced"},
		{"fail", with(sip("Desk", 5060), publication.Fail), "Desk refused"},
		{"standby", standby(), "Desk standby"},
		{"standby, same data", foreign(standby()), "Desk standby"},
	} {
		for _, clockStands := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, clock stands %v", c.name, clockStands), func(t *testing.T) {
				l := newLab(t)
				a := l.host("alpha", ethernet("192.0.2.1/24", "fe80::1/64"))
				a.apply(c.publication)
				l.run(rest)
				a.dead = true
				slept := l.now
				b := l.host("beta", ethernet("192.0.2.2/24", "fe80::2/64"))
				b.apply(c.publication)
				l.run(5 * time.Minute)
				a.dead = false
				if clockStands {
					a.epoch = a.epoch.Add(l.now - slept)
				}
				l.mark()
				a.Wake(l.time(), 5*time.Minute)
				a.tick()
				l.run(20 * time.Second)
				if a.state() != c.want || b.state() != "Desk announced" {
					t.Errorf("who slept: %s, want %s; who took over: %s", a.state(), c.want, b.state())
				}
				if got := l.of(a, holds(desk, mdns.TypeSRV)); len(got) > 0 {
					t.Errorf("who slept announced %d times", len(got))
				}
				if got := l.of(b, isProbe); len(got) > 0 {
					t.Errorf("who took over probes %d times", len(got))
				}
			})
		}
	}
}

// A sleep in the midst of probing, or another sleep soon after, is a start as well.
func TestWakeWhileProbing(t *testing.T) {
	for name, at := range map[string]time.Duration{"before the first probe": 0, "after the first probe": 300 * ms, "after the last probe": 900 * ms, "announced": 1100 * ms} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", ethernet("192.0.2.1/24"))
			h.apply(sip("Desk", 5060))
			l.run(at)
			h.sleep(5*time.Minute, true)
			l.run(at)
			h.sleep(5*time.Minute, true)
			l.run(1300 * ms)
			if len(l.of(h, isProbe)) != 3 || len(l.of(h, holds(desk, mdns.TypeSRV))) != 1 || h.state() != "Desk announced" {
				t.Errorf("%s, sent %v", h.state(), l.sent)
			}
		})
	}
}

// RFC 6762 §10.1: what caches have from before a sleep gets its goodbye even where it ends before it is announced again.
func TestGoodbyeRightAfterWaking(t *testing.T) {
	for name, end := range map[string]func(h *host){
		"the end":           func(h *host) { h.Close(h.lab.time()) },
		"a service removed": func(h *host) { h.apply(sip("Door", 5060)) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", ethernet("192.0.2.1/24"))
			h.apply(sip("Desk", 5060), sip("Door", 5060))
			l.run(rest)
			h.sleep(5*time.Minute, false)
			l.run(300 * ms)
			end(h)
			h.tick()
			l.run(3 * time.Second)
			for _, kind := range []mdns.Type{mdns.TypeSRV, mdns.TypeTXT} {
				if len(l.of(h, bids(desk, kind))) == 0 {
					t.Errorf("no goodbye for %s", kind)
				}
			}
			targets := map[string]int{}
			for _, s := range l.of(h, bids(sips, mdns.TypePTR)) {
				for _, r := range s.msg.Answers {
					if r.Data.Type() == mdns.TypePTR && r.Name.Equal(dnsname.MustParse(sips)) {
						targets[r.Data.String()]++
					}
				}
			}
			if targets[desk+"."] == 0 {
				t.Errorf("no goodbye for its PTR record: %v", targets)
			}
			closed := name == "the end"
			if types := l.of(h, bids("_services._dns-sd._udp.local", mdns.TypePTR)); (len(types) == 1) != closed || !closed && len(types) > 0 || (targets["Door."+sips+"."] > 0) != closed {
				t.Errorf("goodbyes for the type: %v; for instances: %v", types, targets)
			}
		})
	}
}

// What is announced after a sleep is what is true then.
func TestAddressChangedDuringSleep(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24"))
	h.apply(sip("Desk", 5060))
	l.run(rest)
	h.sleep(5*time.Minute, false)
	l.run(150 * ms)
	h.links = []publication.Link{ethernet("192.0.2.7/24")}
	h.apply(sip("Desk", 5060))
	l.run(10 * time.Second)
	for _, s := range l.of(h, isResponse) {
		for _, r := range s.msg.Answers {
			if r.Data == addr("192.0.2.1") && r.TTL > 0 {
				t.Errorf("the address of before: %v", s.msg)
			}
		}
	}
	if len(l.of(h, holds("pbx.local", mdns.TypeA))) == 0 || len(l.of(h, bids("1.2.0.192.in-addr.arpa", mdns.TypePTR))) == 0 {
		t.Errorf("sent %v, want the new address, and a goodbye for the reverse name of the old one", l.sent)
	}
}

// Who went away during a sleep is known for no longer than it takes to ask.
func TestOthersAfterSleep(t *testing.T) {
	l := newLab(t)
	a, b, c := l.host("alpha", ethernet("192.0.2.1/24")), l.host("beta", ethernet("192.0.2.2/24")), l.host("gamma", ethernet("192.0.2.3/24"))
	a.Apply(l.time(), publication.Desired{Host: "alpha", Links: a.links, Watched: []dnsname.Name{dnsname.MustParse(sips)}})
	a.tick()
	b.apply(sip("Beta", 5060))
	c.apply(sip("Gamma", 5060))
	l.run(rest)
	b.dead = true
	a.sleep(5*time.Minute, true)
	l.run(2 * wakeSurvey)
	var names []string
	for _, f := range a.Foreign() {
		names = append(names, f.Name)
	}
	if !slices.Equal(names, []string{"Gamma"}) {
		t.Errorf("still known: %q, want Gamma alone", names)
	}
}

// Who stands by asks when it wakes whether the name is still served.
func TestStandbyAfterSleep(t *testing.T) {
	l := newLab(t)
	p := sip("Desk", 5060)
	p.OnConflict = publication.Standby
	a := l.host("alpha", ethernet("192.0.2.1/24"))
	a.apply(p)
	l.run(rest)
	b := l.host("beta", ethernet("192.0.2.2/24"))
	b.apply(p)
	l.run(rest)
	if b.state() != "Desk standby" {
		t.Fatal(b.state())
	}
	b.sleep(5*time.Minute, true)
	l.run(10 * time.Second)
	if b.state() != "Desk standby" {
		t.Errorf("while it is served: %s", b.state())
	}
	a.dead = true
	b.sleep(5*time.Minute, true)
	l.run(8 * time.Second)
	if b.state() != "Desk announced" {
		t.Errorf("when it is not: %s", b.state())
	}
}

// Conflicts of before a sleep don't delay what follows it.
func TestConflictsBeforeSleep(t *testing.T) {
	l, h := announced(t)
	for range conflictMost {
		h.conflicts.add(h.now)
	}
	h.sleep(5*time.Minute, true)
	l.run(1300 * ms)
	if h.state() != "Desk announced" {
		t.Errorf("%s, %d packets sent", h.state(), len(l.sent))
	}
}

// A run with the same seed is the same, packet for packet: what is asked for again after a sleep has an order, too.
func TestSameSeedSameRun(t *testing.T) {
	run := func() (packets [][]byte) {
		l := newLab(t)
		second := ethernet("198.51.100.1/24")
		second.Index, second.Name = 3, "eth1"
		h := l.host("pbx", dual(), second)
		d := publication.Desired{Host: "pbx", Links: h.links, Groups: []publication.Publication{sip("Desk", 5060)}}
		for i := range 6 {
			d.Watched = append(d.Watched, dnsname.MustParse(fmt.Sprintf("_t%d._udp.local", i)))
		}
		h.Apply(l.time(), d)
		h.tick()
		for i, name := range d.Watched {
			l.hear(stranger, response(record(name.String(), 4500, false, ptr(fmt.Sprintf("x%d.%s", i, name)))))
		}
		l.run(rest)
		h.sleep(2*time.Minute, true)
		l.run(rest)
		for _, s := range l.sent {
			packets = append(packets, s.Data)
		}
		for _, e := range h.Events() {
			packets = append(packets, fmt.Append(nil, e))
		}
		return packets
	}
	first := run()
	for range 5 {
		if again := run(); !slices.EqualFunc(first, again, bytes.Equal) {
			t.Fatal("two runs differ")
		}
	}
}
