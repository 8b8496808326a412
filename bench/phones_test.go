//go:build linux

package bench

import (
	"testing"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

// fullWithin is how long a phone waits for all services: a record may have been multicast just before it asked, and
// comes again when a second is over (RFC 6762 §6), after the delay of shared answers, which is up to 120 ms (§6.3).
const fullWithin = time.Second + 120*time.Millisecond + slack

// slack is what a busy machine may take longer.
const slack = 80 * time.Millisecond

// browsing is what phones get that look for the services within one second.
type browsing struct {
	full    int           // phones that got all services
	whole   int           // phones that got their SRV and TXT records with them
	packets int           // sent by the responder
	cpu     time.Duration // of the responder
}

// browse has phones ask for the services by multicast, spread over a second.
func browse(t *testing.T, l *lab, phones int) (b browsing) {
	e, c := newEar(t, l), newClient(t, l, mdns.Port)
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

// spread does something for each of a number of phones within one second, and returns the times when it did.
func spread(phones int, f func(i int)) (times []time.Time) {
	start := time.Now()
	for i := range phones {
		time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(phones))))
		times = append(times, time.Now())
		f(i)
	}
	return times
}

// isFull reports whether who listens from one time to another hears of n services.
func isFull(n int, packets []heard, from, to time.Time) bool {
	found := sightings{}
	for _, p := range packets {
		if p.at.After(from) && p.at.Before(to) {
			found.add(p.Message)
		}
	}
	return found.count(mdns.TypePTR) >= n
}

// sightings are the records of services that a phone got.
type sightings map[sighting]bool

type sighting struct {
	instance string // key
	kind     mdns.Type
}

func (s sightings) add(m wire.Message) {
	for _, r := range append(m.Answers, m.Additional...) {
		switch p, isPTR := r.Data.(mdns.PTR); {
		case r.TTL == 0:
		case isPTR && r.Name.Equal(serviceType):
			s[sighting{p.Target.Key(), mdns.TypePTR}] = true
		case r.Name.Parent().Equal(serviceType):
			s[sighting{r.Name.Key(), r.Data.Type()}] = true
		}
	}
}

func (s sightings) count(kind mdns.Type) (n int) {
	for seen := range s {
		if seen.kind == kind {
			n++
		}
	}
	return n
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
		found := sightings{}
		if m, err := wire.Decode(c.packet[:n]); err == nil {
			found.add(m)
		}
		if found.count(mdns.TypePTR) >= l.n {
			b.full++
		}
		if min(found.count(mdns.TypeSRV), found.count(mdns.TypeTXT)) >= l.n {
			b.whole++
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
