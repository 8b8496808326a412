package responder

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"announcer/internal/mdns"
)

// Ten hosts want three names on a segment that loses a third of all packets and falls apart for a while. In the end
// every name has one owner, every service is found, and there was no storm.
func TestTroubledSegment(t *testing.T) {
	for seed := range uint64(30) {
		dice := rand.New(rand.NewPCG(seed, 7))
		l := newLab(t)
		l.seed = seed
		var hosts []*host
		for i := range 10 {
			name := fmt.Sprintf("host%d", i%7)
			h := l.host(name, ethernet(fmt.Sprintf("192.0.2.%d/24", i+1), fmt.Sprintf("fe80::%x/64", 100-i)))
			hosts = append(hosts, h)
		}
		l.lose = func(*host, *host) bool { return dice.IntN(10) < 3 }
		for i, h := range hosts {
			h.apply(sip(fmt.Sprintf("Desk %d", i%3), uint16(5060+i)))
			l.run(time.Duration(dice.IntN(1000)) * ms)
		}
		split := func(from, to *host) bool { return (from.name < "host3") != (to.name < "host3") }
		l.lose = func(from, to *host) bool { return split(from, to) || dice.IntN(10) < 3 }
		l.run(30 * time.Second)
		for _, h := range hosts[:3] {
			h.apply(sip("Desk 0", uint16(6000+dice.IntN(1000))))
		}
		l.run(30 * time.Second)
		l.lose = func(*host, *host) bool { return dice.IntN(10) < 3 }
		l.run(5 * time.Minute)
		if n := float64(len(l.sent)) / float64(len(hosts)) / l.now.Seconds(); n > 5 {
			t.Errorf("seed %d: %.1f packets a second from each host", seed, n)
		}
		names, machines := map[string]bool{}, map[string]bool{}
		for _, h := range hosts {
			s := h.Status()[0]
			if s.State != mdns.Announced || names[s.Name] || machines[h.Responder.host] {
				t.Errorf("seed %d: %s has %q, %v, twice: %v, %v", seed, h.Responder.host, s.Name, s.State, names[s.Name], machines[h.Responder.host])
			}
			names[s.Name], machines[h.Responder.host] = true, true
		}
		if t.Failed() {
			return
		}
	}
}
