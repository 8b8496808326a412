package responder

import (
	"net/netip"
	"testing"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// onBridge is a link with carriers.
func onBridge(index int, name string, carriers ...publication.Carrier) publication.Link {
	l := ethernet("192.0.2.1/24")
	l.Index, l.Name, l.Carriers = index, name, carriers
	return l
}

// Where a port of a bridge comes up, or a link has lost its carrier for a moment, everything is probed for and announced
// again on that link, and others are asked for.
func TestAnnouncedAgainWhereSomethingCameUp(t *testing.T) {
	own, port := publication.Carrier{Index: 2, Name: "br0", Ups: 1}, publication.Carrier{Index: 5, Name: "eth1", Ups: 1}
	again := publication.Carrier{Index: 2, Name: "br0", Ups: 2}
	renamed := publication.Carrier{Index: 5, Name: "lan1", Ups: 1}
	for _, c := range []struct {
		name          string
		before, after []publication.Carrier
		want          bool
	}{
		{"a port", []publication.Carrier{own}, []publication.Carrier{own, port}, true},
		{"a short loss of the carrier", []publication.Carrier{own, port}, []publication.Carrier{again, port}, true},
		{"nothing", []publication.Carrier{own, port}, []publication.Carrier{own, port}, false},
		{"a port less", []publication.Carrier{own, port}, []publication.Carrier{own}, false},
		{"a port renamed", []publication.Carrier{own, port}, []publication.Carrier{own, renamed}, false},
		{"another system", nil, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			h := l.host("pbx", onBridge(2, "br0", c.before...), onBridge(3, "eth9", publication.Carrier{Index: 3, Name: "eth9", Ups: 1}))
			desired := publication.Desired{Host: h.name, Links: h.links, Groups: []publication.Publication{sip("Desk", 5060)}, Watched: []dnsname.Name{dnsname.MustParse(sips)}}
			h.Apply(l.time(), desired)
			h.tick()
			l.run(75 * time.Second)
			l.mark()
			h.Events()
			desired.Links = publication.Links{onBridge(2, "br0", c.after...), h.links[1]}
			h.links = desired.Links
			h.Apply(l.time(), desired)
			h.tick()
			l.run(12 * time.Second)
			of := func(keep func(sent) bool, link int) []sent {
				return l.of(h, func(s sent) bool { return keep(s) && s.Link == link && s.multicast() })
			}
			asks := func(s sent) bool { return !s.msg.Response() && len(s.msg.Authority) == 0 && len(s.msg.Questions) > 0 }
			if !c.want {
				if n := len(of(isProbe, 2)) + len(of(asks, 2)); n > 0 {
					t.Errorf("%d probes and questions", n)
				}
			} else {
				if got := of(isProbe, 2); len(got) != 3 {
					t.Errorf("%d probes, want 3", len(got))
				}
				for _, r := range []struct {
					name string
					kind mdns.Type
				}{{desk, mdns.TypeSRV}, {desk, mdns.TypeTXT}, {sips, mdns.TypePTR}, {"pbx.local", mdns.TypeA}} {
					if got := of(holds(r.name, r.kind), 2); len(got) < 4 {
						t.Errorf("%s %s is announced at %v, want 4 times", r.name, r.kind, times(got))
					}
				}
				if got := of(asks, 2); len(got) < 3 {
					t.Errorf("others are asked for %d times, want 3", len(got))
				}
			}
			if n := len(of(isProbe, 3)) + len(of(asks, 3)); n > 0 {
				t.Errorf("%d probes and questions on the other link", n)
			}
			if got := h.Events(); len(got) > 0 || h.state() != "Desk announced" {
				t.Errorf("%s, events %v", h.state(), got)
			}
		})
	}
}

// What is announced is answered while it is probed for again.
func TestAnsweredWhileSomethingComesUp(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", onBridge(2, "br0"))
	h.apply(sip("Desk", 5060))
	l.run(20 * time.Second)
	h.links = []publication.Link{onBridge(2, "br0", publication.Carrier{Index: 5, Name: "eth1", Ups: 1})}
	h.apply(sip("Desk", 5060))
	for range 40 {
		l.mark()
		l.hear(netip.MustParseAddrPort("192.0.2.9:40000"), query(ask(desk, mdns.TypeSRV)))
		l.run(50 * ms)
		if got := l.of(h, func(s sent) bool { return holds(desk, mdns.TypeSRV)(s) && !s.multicast() }); len(got) != 1 {
			t.Errorf("answered %d times at %v", len(got), l.now)
		}
	}
}

// However often a port comes up, no record is multicast more than once a second, and the service is answered for.
func TestPortThatFlaps(t *testing.T) {
	l := newLab(t)
	h := l.host("pbx", onBridge(2, "br0"))
	h.apply(sip("Desk", 5060))
	l.run(20 * time.Second)
	l.mark()
	for i := range 600 {
		h.links = []publication.Link{onBridge(2, "br0", publication.Carrier{Index: 5, Name: "eth1", Ups: uint32(i)})}
		h.apply(sip("Desk", 5060))
		l.run(100 * ms)
	}
	if n := len(l.of(h, holds(desk, mdns.TypeSRV))); n < 10 || n > 61 {
		t.Errorf("announced %d times in a minute", n)
	}
	if h.state() != "Desk announced" {
		t.Error(h.state())
	}
}
