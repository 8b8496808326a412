package responder

import (
	"net/netip"
	"testing"
	"time"

	"announcer/internal/mdns"
)

// twoNetworks returns a host with two networks on its link that has announced a service.
func twoNetworks(t *testing.T) (*lab, *host) {
	l := newLab(t)
	h := l.host("pbx", ethernet("192.0.2.1/24", "10.0.0.1/8"))
	h.apply(sip("Desk", 5060))
	l.run(20 * time.Second)
	return l, h
}

// What answers no particular host is for all hosts.
func TestAnnouncementsAreForEverybody(t *testing.T) {
	l, h := twoNetworks(t)
	h.Close(l.time())
	h.tick()
	kinds := map[string]int{}
	for _, s := range l.sent {
		if s.Asker.IsValid() || s.Src.IsValid() {
			t.Errorf("a packet is for %v, from %v", s.Asker, s.Src)
		}
		switch {
		case isProbe(s):
			kinds["probe"]++
		case bids("Desk._sip._udp.local", mdns.TypeSRV)(s):
			kinds["goodbye"]++
		case isResponse(s):
			kinds["announcement"]++
		}
	}
	if kinds["probe"] != 3 || kinds["announcement"] < 4 || kinds["goodbye"] != 1 {
		t.Errorf("sent %v", kinds)
	}
}

// An answer is for the host that asked, and for all hosts if hosts of several networks did before it went out.
func TestAnswersSayForWhomTheyAre(t *testing.T) {
	everybody := ""
	tests := []struct {
		name   string
		askers []string
		want   string
	}{
		{"one", []string{"192.0.2.99"}, "192.0.2.99"},
		{"two of one network", []string{"10.0.0.99", "10.0.0.98"}, "10.0.0.99"},
		{"two of two networks", []string{"10.0.0.99", "192.0.2.99"}, everybody},
		{"one beside another of no network", []string{"10.0.0.99", "203.0.113.5"}, everybody},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l, h := twoNetworks(t)
			l.mark()
			for _, a := range test.askers {
				l.hear(netip.AddrPortFrom(netip.MustParseAddr(a), mdns.Port), query(ask(sips, mdns.TypePTR)))
			}
			l.run(time.Second)
			var want netip.Addr
			if test.want != everybody {
				want = netip.MustParseAddr(test.want)
			}
			if got := l.of(h, isResponse); len(got) != 1 || got[0].Asker != want {
				t.Errorf("got %d answers, %+v; want one for %v", len(got), got, want)
			}
		})
	}
}

// An announcement that waits stays for all hosts when one asks for it.
func TestAQuestionTakesNoAnnouncementAway(t *testing.T) {
	l, h := twoNetworks(t)
	h.apply(sip("Desk", 5061))
	l.run(100 * ms)
	h.apply(sip("Desk", 5062))
	l.mark()
	l.hear(netip.MustParseAddrPort("192.0.2.99:5353"), query(ask("Desk._sip._udp.local", mdns.TypeSRV)))
	l.run(950 * ms)
	got := l.of(h, holds("Desk._sip._udp.local", mdns.TypeSRV))
	if len(got) != 1 || got[0].Asker.IsValid() {
		t.Errorf("got %d announcements, %+v; want one for everybody", len(got), got)
	}
}

// The reply to a question that was asked by unicast leaves from the address that was asked.
func TestRepliesLeaveFromTheAddressAsked(t *testing.T) {
	l, h := twoNetworks(t)
	for _, dst := range []string{"192.0.2.1", "10.0.0.1"} {
		t.Run(dst, func(t *testing.T) {
			l.mark()
			l.hearOn(stranger, netip.MustParseAddr(dst), query(ask("Desk._sip._udp.local", mdns.TypeSRV)))
			if got := l.of(h, isResponse); len(got) != 1 || got[0].multicast() || got[0].Src.String() != dst {
				t.Errorf("got %+v", got)
			}
		})
	}
	l.mark()
	l.hearOn(stranger, netip.MustParseAddr("192.0.2.255"), query(ask("Desk._sip._udp.local", mdns.TypeSRV)))
	if got := l.of(h, isResponse); len(got) != 1 || got[0].Src.IsValid() {
		t.Errorf("asked by broadcast: got %+v", got)
	}
	l.mark()
	l.hear(stranger, query(askQU("Desk._sip._udp.local", mdns.TypeSRV)))
	if got := l.of(h, isResponse); len(got) != 1 || got[0].multicast() || got[0].Src.IsValid() {
		t.Errorf("asked by the group: got %+v", got)
	}
}

// A packet that leaves from several addresses comes back from all of them, and takes the time of several.
func TestOwnPacketsFromSeveralSources(t *testing.T) {
	l, h := twoNetworks(t)
	h.apply(servers(40)...)
	l.run(20 * time.Second)
	for _, s := range h.Status() {
		if s.State != mdns.Announced || s.Name != s.Wanted {
			t.Errorf("%s is %s, wanted %q", s.Name, s.State, s.Wanted)
		}
	}
	if got := h.Stats(); got.Queries+got.Responses+got.Conflicts > 0 {
		t.Errorf("own packets are taken for those of others: %+v", got)
	}
	last := -time.Hour
	for _, s := range l.of(h, sent.multicast) {
		if s.at-last < 2*pace {
			t.Fatalf("two packets within %v, each from two addresses", s.at-last)
		}
		last = s.at
	}
}
