//go:build linux

package bench

import (
	"testing"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/mdns/wire"
)

// fullWithin is how long a phone waits for all services: a record may have been multicast just before it asked, and
// comes again when a second is over (RFC 6762 §6), after the delay of shared answers, which is up to 120 ms (§6.3).
const fullWithin = time.Second + 120*time.Millisecond + slack

// slack is what a busy machine may take longer.
const slack = 80 * time.Millisecond

// browsing is what phones get that look for the services within one second.
type browsing struct {
	full    int           // phones that got all
	packets int           // sent by the responder
	cpu     time.Duration // of the responder
}

// browse has phones ask for the services by multicast, spread over a second.
func browse(t *testing.T, l *lab, phones int) (b browsing) {
	e, c := newEar(t, l), newClient(t, l, link.Port)
	defer e.close()
	defer c.close()
	query := question(serviceType, mdns.TypePTR, false)
	before := l.process.cpu()
	asked := spread(phones, func(int) { c.send(query) })
	packets := e.listen(time.Now().Add(fullWithin))
	b.cpu = l.process.cpu() - before
	for _, p := range packets {
		if p.Response() {
			b.packets++
		}
	}
	for _, at := range asked {
		if isFull(l.n, packets, at, at.Add(fullWithin)) {
			b.full++
		}
	}
	return b
}

// spread does something for each of a number of phones within one second, and gives the times when it did.
func spread(phones int, f func(i int)) (times []time.Time) {
	start := time.Now()
	for i := range phones {
		time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(phones))))
		times = append(times, time.Now())
		f(i)
	}
	return times
}

// isFull says whether who listens from one time to another hears of n services.
func isFull(n int, packets []heard, from, to time.Time) bool {
	found := map[mdns.Data]bool{}
	for _, p := range packets {
		if p.at.After(from) && p.at.Before(to) {
			pointers(p.Message, found)
		}
	}
	return len(found) >= n
}

// pointers adds the services that a response tells of.
func pointers(m wire.Message, found map[mdns.Data]bool) {
	for _, r := range m.Answers {
		if r.Name.Equal(serviceType) && r.TTL > 0 {
			found[r.Data] = true
		}
	}
}

// browseLegacy has phones ask that know unicast DNS only: each sends one query to the group from a port of its own and
// takes the first packet that comes back.
func browseLegacy(t *testing.T, l *lab, phones int) (b browsing) {
	clients := make([]*client, phones)
	for i := range clients {
		clients[i] = newClient(t, l, 0)
		defer clients[i].close()
	}
	query := question(serviceType, mdns.TypePTR, false)
	before := l.process.cpu()
	spread(phones, func(i int) { clients[i].send(query) })
	until := time.Now().Add(fullWithin)
	for _, c := range clients {
		c.conn.SetReadDeadline(latest(until, time.Now().Add(time.Millisecond))) // what is there is read in any case
		n, _, err := c.conn.ReadFrom(c.packet[:])
		if err != nil {
			continue
		}
		b.packets++
		found := map[mdns.Data]bool{}
		if m, err := wire.Decode(c.packet[:n]); err == nil {
			pointers(m, found)
		}
		if len(found) >= l.n {
			b.full++
		}
	}
	b.cpu = l.process.cpu() - before
	return b
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
