package responder

import (
	"net/netip"

	"announcer/internal/publication"
)

// answers has the sets that are to be multicast.
type answers struct {
	*clock
	queue[*set]
	sources  *publication.Sources // of our packets
	sharedAt moment               // when the answers go out that were delayed together (RFC 6762 §6.3)
}

// add makes sure that a set is multicast to all hosts at a time, or sooner if it was due sooner.
func (a *answers) add(s *set, at moment) { a.addFor(netip.Addr{}, s, at) }

// addFor does the same for one host that asked.
func (a *answers) addFor(asker netip.Addr, s *set, at moment) {
	if !s.queued() {
		s.asker, s.asked = asker, true
		a.set(s, at)
		return
	}
	if !a.sources.Together(s.asker, asker) {
		s.asker = netip.Addr{}
	}
	if at < s.at {
		a.set(s, at)
	}
}

// again makes sure that all hosts hear a set again, as soon as it may be sent.
func (a *answers) again(s *set) {
	a.add(s, max(a.now, s.last+sameRecord))
	s.asked = false
}

// announce queues those of the sets that have rounds to go, and reports whether there were any.
func (a *answers) announce(sets []*set) (queued bool) {
	for _, s := range sets {
		if s.rounds == 0 {
			continue
		}
		s.rounds--
		queued = true
		s.asked, s.asker = false, netip.Addr{}
		a.set(s, max(a.now, s.last+sameRecord))
	}
	return queued
}

// delayed returns the time for answers that others may give too. What is asked within the delay goes out together
// (RFC 6762 §6.3).
func (a *answers) delayed() moment {
	if a.sharedAt < a.now+sharedDelay {
		a.sharedAt = a.now + a.random(sharedDelay, sharedDelay+sharedJitter)
	}
	return a.sharedAt
}

// retire drops the NSEC record of a name whose types have changed.
func (a *answers) retire(n *node) {
	if n.nsec != nil {
		a.remove(n.nsec)
		n.nsec.live, n.nsec = false, nil
	}
}
