package responder

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// deskRecords are those of the service Desk, as goodbyes lists them.
var deskRecords = []string{desk + " SRV 0 0 5060 pbx.local", desk + ` TXT "transport=udp"`, sips + " PTR " + desk}

// away has a host announce the services Desk and Other, has its links go, and applies what is defined and which links there
// are after a time.
func away(t *testing.T, before []publication.Link, gone time.Duration, after []publication.Link, pubs ...publication.Publication) (*lab, *host) {
	l := newLab(t)
	h := l.host("pbx", before...)
	h.apply(sip("Desk", 5060), sip("Other", 5060))
	l.run(time.Minute)
	if gone > 0 {
		h.links = nil
		h.apply(sip("Desk", 5060), sip("Other", 5060))
		l.run(gone)
	}
	l.mark()
	h.links = after
	h.apply(pubs...)
	return l, h
}

// back has the links of a host be back, where Other alone is defined, and wants these goodbyes by each IP version.
func back(t *testing.T, l *lab, h *host, links []publication.Link, want []string) {
	t.Helper()
	h.links = links
	h.apply(sip("Other", 5060))
	l.run(inheritTime + time.Second)
	for _, v := range publication.IPVersions() {
		if got := l.goodbyes(h, v); !slices.Equal(got, want) {
			t.Errorf("goodbyes by IPv%d: %q, want %q", v, got, want)
		}
	}
}

// What was announced on a link that went, and is not defined when the link is back, gets its goodbye then.
func TestGoodbyeOnALinkThatIsBack(t *testing.T) {
	port := publication.Carrier{Index: 2, Name: "eth0"}
	plain := []publication.Link{dual()}
	plain[0].Carriers = []publication.Carrier{port}
	fault := dual()
	fault.Faults = []publication.Fault{{Version: publication.V4}, {Version: publication.V6}}
	again := dual()
	again.Index = 7
	renamed := dual()
	renamed.Name = "lan0"
	bridge := dual()
	bridge.Index, bridge.Name, bridge.Carriers = 3, "br0", []publication.Carrier{{Index: 3, Name: "br0"}, port}
	on := publication.Carrier{Index: 2, Name: "eth0", Under: true}
	vlan := dual()
	vlan.Index, vlan.Name, vlan.Carriers = 5, "eth0.10", []publication.Carrier{{Index: 5, Name: "eth0.10"}, on}
	sibling := dual()
	sibling.Index, sibling.Name, sibling.Carriers = 6, "eth0.20", []publication.Carrier{{Index: 6, Name: "eth0.20"}, on}
	elsewhere := dual()
	elsewhere.Index, elsewhere.Name = 4, "eth1"
	other := sip("Other", 5060)
	for _, c := range []struct {
		name          string
		before, after []publication.Link
		gone          time.Duration
		now           []publication.Publication
		want          []string
	}{
		{"removed", plain, plain, 30 * time.Second, []publication.Publication{other}, deskRecords},
		{"removed, another index", plain, []publication.Link{again}, 30 * time.Second, []publication.Publication{other}, deskRecords},
		{"removed, another name", plain, []publication.Link{renamed}, 30 * time.Second, []publication.Publication{other}, deskRecords},
		{"removed, from a link to a bridge", plain, []publication.Link{bridge}, 0, []publication.Publication{other}, deskRecords},
		{"removed, from a bridge to a port", []publication.Link{bridge}, plain, 0, []publication.Publication{other}, deskRecords},
		{"removed, a VLAN", []publication.Link{vlan}, []publication.Link{vlan}, 30 * time.Second, []publication.Publication{other}, deskRecords},
		{"another VLAN on the same interface", []publication.Link{vlan}, []publication.Link{sibling}, 30 * time.Second, []publication.Publication{other}, nil},
		{"what the VLAN is on", []publication.Link{vlan}, plain, 30 * time.Second, []publication.Publication{other}, nil},
		{"another link", plain, []publication.Link{elsewhere}, 30 * time.Second, []publication.Publication{other}, nil},
		{"still defined", plain, plain, 30 * time.Second, []publication.Publication{sip("Desk", 5060), other}, nil},
		{"still defined, from a link to a bridge", plain, []publication.Link{bridge}, 0, []publication.Publication{sip("Desk", 5060), other}, nil},
		{"another port of the server", plain, plain, 30 * time.Second, []publication.Publication{sip("Desk", 5061), other}, nil},
		{"back after the address has expired", plain, plain, 4 * time.Minute, []publication.Publication{other}, deskRecords[1:]},
		{"back after all has expired", plain, plain, 76 * time.Minute, []publication.Publication{other}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, h := away(t, c.before, c.gone, c.after, c.now...)
			l.run(inheritTime - ms)
			if got := l.goodbyes(h, publication.V4); c.gone > 0 && len(got) > 0 {
				t.Errorf("goodbyes too soon: %q", got)
			}
			l.mark()
			l.run(3 * time.Second)
			for _, v := range publication.IPVersions() {
				if got := l.goodbyes(h, v); !slices.Equal(got, c.want) {
					t.Errorf("goodbyes by IPv%d: %q, want %q", v, got, c.want)
				}
			}
			l.mark()
			l.run(2 * time.Hour)
			if got := l.goodbyes(h, publication.V4); len(got) > 0 {
				t.Errorf("goodbyes later: %q", got)
			}
			if n := len(h.estate.legs) + len(h.estate.away) + h.estate.size; n > 0 {
				t.Errorf("%d records on %d links are kept, and %d names", h.estate.size, len(h.estate.legs), len(h.estate.away))
			}
		})
	}
	t.Run("removed while nothing could be sent", func(t *testing.T) {
		l, h := away(t, plain, 0, []publication.Link{fault}, other)
		l.run(time.Minute)
		l.mark()
		back(t, l, h, plain, deskRecords)
	})
	t.Run("removed while nothing could be sent, then another name, then another index", func(t *testing.T) {
		l, h := away(t, plain, 0, []publication.Link{fault}, other)
		for _, change := range []func(*publication.Link){
			func(l *publication.Link) { l.Name = "lan0" },
			func(l *publication.Link) { l.Index = 7 },
			func(l *publication.Link) { l.Faults = nil },
		} {
			l.run(10 * time.Second)
			change(&fault)
			h.links = []publication.Link{fault}
			h.apply(other)
		}
		l.mark()
		back(t, l, h, h.links, deskRecords)
	})
	for _, noticed := range []time.Duration{0, 500 * ms, 2 * time.Second, goodbyeKept} {
		t.Run("removed "+noticed.String()+" before it is noticed that nothing can be sent", func(t *testing.T) {
			l, h := away(t, plain, 0, plain, other)
			l.run(noticed)
			h.links = nil
			h.apply(other)
			l.run(time.Minute)
			l.mark()
			back(t, l, h, plain, deskRecords)
		})
	}
	t.Run("removed before the clock is set by a day, which looks like a sleep", func(t *testing.T) {
		l, h := away(t, plain, time.Minute, nil, other)
		h.Wake(l.time(), 24*time.Hour)
		back(t, l, h, plain, deskRecords)
	})
	for _, soon := range []time.Duration{0, 3 * time.Second, 9 * time.Second} {
		t.Run("removed, and the clock is set "+soon.String()+" after the link is back", func(t *testing.T) {
			l, h := away(t, plain, time.Minute, plain, other)
			l.run(soon)
			h.Wake(l.time(), 24*time.Hour)
			back(t, l, h, plain, deskRecords)
		})
	}
	t.Run("removed during a sleep without the link", func(t *testing.T) {
		l, h := away(t, plain, time.Minute, nil, other)
		l.run(10 * time.Minute)
		h.Wake(l.time(), 10*time.Minute)
		back(t, l, h, plain, deskRecords[1:])
	})
}

// on returns a publication for links of these names.
func on(p publication.Publication, links ...string) publication.Publication {
	p.Interfaces = links
	return p
}

// port returns a link of an address of its own, with the given ports if it is a bridge.
func port(index int, name string, ports ...publication.Carrier) publication.Link {
	l := ethernet(fmt.Sprintf("192.0.2.%d/24", index), fmt.Sprintf("fe80::%d/64", index))
	l.Index, l.Name = index, name
	l.Carriers = append([]publication.Carrier{{Index: index, Name: name}}, ports...)
	return l
}

// goodbyesOn lists the services for which a host has sent goodbyes, by the index of the link, if that is here:
// "2: Desk, 3: Other".
func (l *lab) goodbyesOn(h *host) string {
	var all []string
	for _, s := range l.of(h, isResponse) {
		for _, r := range s.msg.Answers {
			if name, isSIP := strings.CutSuffix(r.Name.String(), "."+sips); r.TTL == 0 && isSIP && publication.Links(h.links).Has(s.Link) {
				all = append(all, fmt.Sprintf("%d: %s", s.Link, name))
			}
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}

// What was announced on a port gets its goodbye on the bridge that it joins, also if the bridge was in use before.
func TestGoodbyeOnABridgeInUse(t *testing.T) {
	eth0 := publication.Carrier{Index: 2, Name: "eth0"}
	alone, joined := port(3, "br0"), port(3, "br0", eth0)
	other := sip("Other", 5060)
	for _, c := range []struct {
		name  string
		steps [][]publication.Link // five seconds apart
		now   publication.Publication
		want  string
	}{
		{"at once", [][]publication.Link{{joined}}, on(sip("Desk", 5060), "eth0"), "3: Desk"},
		{"after a while", [][]publication.Link{{alone}, {joined}}, on(sip("Desk", 5060), "eth0"), "3: Desk"},
		{"before it is no link any more", [][]publication.Link{{port(2, "eth0"), joined}, {joined}}, on(sip("Desk", 5060), "eth0"), "3: Desk"},
		{"defined there", [][]publication.Link{{joined}}, sip("Desk", 5060), ""},
		{"another bridge", [][]publication.Link{{alone}}, on(sip("Desk", 5060), "eth0"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", port(2, "eth0"), alone)
			h.apply(on(sip("Desk", 5060), "eth0"), other)
			l.run(time.Minute)
			l.mark()
			for _, links := range c.steps {
				h.links = links
				h.apply(c.now, other)
				l.run(5 * time.Second)
			}
			l.run(inheritTime + time.Second)
			if got := l.goodbyesOn(h); got != c.want {
				t.Errorf("goodbyes %q, want %q", got, c.want)
			}
		})
	}
}

// What is owed stays with a link, whatever name it has when it is back and which other link has its name.
func TestLinksThatSwapNames(t *testing.T) {
	here := []publication.Link{port(2, "eth0"), port(3, "eth1"), port(4, "eth2")}
	swapped := []publication.Link{port(2, "eth1"), port(3, "eth0"), port(4, "eth2")}
	turned := []publication.Link{port(2, "eth1"), port(3, "eth2"), port(4, "eth0")}
	services := []publication.Publication{on(sip("Desk", 5060), "eth0"), on(sip("Other", 5060), "eth1"), on(sip("Lobby", 5060), "eth2")}
	const all = "2: Desk, 3: Other, 4: Lobby"
	for _, c := range []struct {
		name  string
		steps [][]publication.Link // of which the last one has all
	}{
		{"none", [][]publication.Link{nil, here}},
		{"two", [][]publication.Link{nil, swapped}},
		{"two, the first one first", [][]publication.Link{nil, swapped[:1], swapped}},
		{"two, the second one first", [][]publication.Link{nil, swapped[1:2], swapped}},
		{"three", [][]publication.Link{nil, turned}},
		{"three, one by one", [][]publication.Link{nil, turned[2:], turned[1:], turned}},
		{"three, one by one, the other way round", [][]publication.Link{nil, turned[:1], turned[:2], turned}},
		{"while one is here", [][]publication.Link{here[:1], swapped[:1], swapped}},
		{"there and back", [][]publication.Link{nil, swapped[:1], here}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", here...)
			h.apply(services...)
			l.run(time.Minute)
			for i, links := range c.steps {
				h.links = links
				if i == 0 {
					h.apply(services...)
					l.run(20 * time.Second)
					l.mark()
				} else {
					h.apply()
					l.run(inheritTime + 2*time.Second)
				}
			}
			if got := l.goodbyesOn(h); got != all {
				t.Errorf("goodbyes %q, want %q", got, all)
			}
			if n := len(h.estate.away) + len(h.estate.legs) + h.estate.size; n > 0 {
				t.Errorf("%d records, %v on %v are kept", h.estate.size, h.estate.legs, h.estate.away)
			}
		})
	}
}

// A link that flaps owes each record once.
func TestLinkThatFlaps(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", dual())
	h.apply(sip("Desk", 5060))
	l.run(time.Minute)
	links, size := h.links, 0
	for range 50 {
		h.links = nil
		h.apply(sip("Desk", 5060))
		l.run(100 * ms)
		size = max(size, h.estate.size)
		h.links = links
		h.apply()
		if n := len(h.estate.away) + h.estate.size; n > 0 {
			t.Fatalf("%d records are kept of %v while the link is here", h.estate.size, h.estate.away)
		}
		l.run(500 * ms)
	}
	if most := 2 * 8; size > most {
		t.Errorf("%d records are kept, want %d", size, most)
	}
	l.mark()
	back(t, l, h, links, deskRecords)
}

// A host that took the name while the link was away answers when it is asked for, and keeps it.
func TestNoGoodbyeForANameThatIsTaken(t *testing.T) {
	for _, c := range []struct {
		name   string
		has    mdns.Record
		spared string // what is in all records that get no goodbye
	}{
		{"with other data", record(desk, 120, true, srv(9, "x.local")), "Desk"},
		{"with the same data", record(desk, 4500, true, mdns.NewTXT("transport=udp")), "Desk"},
		{"another name", record("x._sip._udp.local", 120, true, srv(9, "x.local")), "-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, h := away(t, []publication.Link{dual()}, 10*time.Minute, []publication.Link{dual()}, sip("Other", 5060))
			l.defend(h, inheritTime+2*time.Second, c.has)
			want := slices.DeleteFunc(slices.Clone(deskRecords[1:]), func(r string) bool { return strings.Contains(r, c.spared) })
			for _, v := range publication.IPVersions() {
				if got := l.goodbyes(h, v); !slices.Equal(got, want) {
					t.Errorf("goodbyes by IPv%d %q, want %q", v, got, want)
				}
			}
		})
	}
	t.Run("by a host that answers", func(t *testing.T) {
		l := newLab(t)
		one, other := l.host("one", dual()), l.host("other", ethernet("192.0.2.2/24", "fe80::2/64"))
		one.apply(sip("Desk", 5060))
		l.run(time.Minute)
		links := one.links
		one.links = nil
		one.apply()
		l.run(2 * time.Minute)
		other.apply(sip("Desk", 5060))
		l.run(20 * time.Minute)
		l.mark()
		one.links = links
		one.apply()
		l.run(inheritTime + 2*time.Second)
		if got := l.goodbyes(one, publication.V4); slices.ContainsFunc(got, func(r string) bool { return strings.Contains(r, "Desk") }) {
			t.Errorf("goodbyes %q", got)
		}
	})
}

// What is kept of links that are gone is bounded, whatever their names are.
func TestLinksThatComeAndGo(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx")
	for i := range 60 {
		link := dual()
		link.Index, link.Name = 2+i, fmt.Sprintf("veth%d", i)
		h.links = []publication.Link{link}
		h.apply(servers(500)...)
		l.run(10 * time.Second)
		l.mark()
		if h.estate.size > relicsMost {
			t.Fatalf("%d records are kept", h.estate.size)
		}
	}
	if h.estate.size < relicsMost-10_000 {
		t.Errorf("%d records are kept, want no more than %d", h.estate.size, relicsMost)
	}
	h.links = nil
	h.apply()
	l.run(76 * time.Minute)
	if n := len(h.estate.legs) + h.estate.size; n > 0 {
		t.Errorf("%d records on %d links are kept for ever", h.estate.size, len(h.estate.legs))
	}
}

// An interface that has the index of another one is a network of its own: all is announced there, and what the other one owes is
// said when that is back.
func TestAnotherInterfaceAtAnIndex(t *testing.T) {
	made := func(index int, name string, hardware uint64) publication.Link {
		l := port(index, name)
		l.Hardware = hardware
		return l
	}
	eth0, back := made(2, "eth0", 1), made(3, "eth0", 1)
	for _, c := range []struct {
		name     string
		away     time.Duration // for which eth0 is before that
		instead  publication.Link
		probes   bool
		goodbyes string // when eth0 is back
	}{
		{"another interface", 0, made(2, "lan0", 2), true, "3: Desk"},
		{"another interface, later", time.Minute, made(2, "lan0", 2), true, "3: Desk"},
		{"it has another name", 0, made(2, "lan0", 1), false, ""},
		{"it has another name, later", time.Minute, made(2, "lan0", 1), true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", eth0)
			h.apply(sip("Desk", 5060), sip("Stays", 5061))
			l.run(time.Minute)
			l.mark()
			if c.away > 0 {
				h.links = nil
				h.apply(sip("Desk", 5060), sip("Stays", 5061))
				l.run(c.away)
				l.mark()
			}
			h.links = []publication.Link{c.instead}
			h.apply(sip("Desk", 5060), sip("Stays", 5061))
			l.run(3 * time.Second)
			if probes := len(l.of(h, isProbe)) > 0; probes != c.probes {
				t.Errorf("it probes: %v, want %v", probes, c.probes)
			}
			if said := len(l.of(h, holds(sips, mdns.TypePTR))) > 0; said != c.probes {
				t.Errorf("it announces: %v, want %v", said, c.probes)
			}
			h.apply(sip("Stays", 5061))
			l.run(10 * time.Second)
			l.mark()
			h.links = append(h.links, back)
			h.apply(sip("Stays", 5061))
			l.run(inheritTime + 3*time.Second)
			if got := l.goodbyesOn(h); got != c.goodbyes {
				t.Errorf("goodbyes when it is back: %q, want %q", got, c.goodbyes)
			}
		})
	}
}
