package responder

import (
	"net/netip"
	"slices"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

// goodbyeAgain is the time after which a goodbye is said once more, lest it was lost.
const goodbyeAgain = time.Second

// goodbyeTimes is how often one is said.
const goodbyeTimes = 2

// goodbyeKept is the time after the last goodbye in which [Responder.Repeat] says it again. A loss may come to light 12 s
// after it, so that this is longer.
const goodbyeKept = 15 * time.Second

// farewell is a set that needs a goodbye (RFC 6762 §10.1).
type farewell struct {
	timer
	set  *set
	said int8 // how often
}

// identity is what a goodbye takes away: a unique set, or one shared record.
type identity struct {
	key  string
	kind mdns.Type
	data mdns.Data // nil for a unique set
}

func (s *set) identity() identity {
	id := identity{key: s.node.key, kind: s.kind()}
	if !s.unique() {
		id.data = s.records[0].Data
	}
	return id
}

// farewells has the goodbyes to be said.
type farewells struct {
	*clock
	queue[*farewell]
	leaving map[identity]*farewell // made when first needed
}

// say queues goodbyes for a set, if the set was ever sent: one at once, one after a second.
func (f *farewells) say(s *set) {
	if s.last == never {
		return
	}
	if f.leaving == nil {
		f.leaving = map[identity]*farewell{}
	}
	w := &farewell{set: s}
	f.leaving[s.identity()] = w
	f.set(w, f.now)
}

// forget drops a goodbye.
func (f *farewells) forget(w *farewell) {
	f.remove(w)
	delete(f.leaving, w.set.identity())
}

// forgetSaid drops those that were said so often.
func (f *farewells) forgetSaid(times int8) {
	for _, w := range slices.Clone(f.items) {
		if w.said >= times {
			f.forget(w)
		}
	}
}

// count counts a goodbye. It is said again, and then kept for a while, unless this is the end.
func (f *farewells) count(w *farewell, end bool) {
	w.said++
	switch {
	case end:
		f.forget(w)
	case w.said < goodbyeTimes:
		f.set(w, f.now+goodbyeAgain)
	default:
		f.set(w, f.now+goodbyeKept)
	}
}

// dueNow returns the next farewell that is to be said now, and forgets those that were kept for long enough.
func (f *farewells) dueNow() (w *farewell, ok bool) {
	for w, ok = f.due(f.now); ok && w.said >= goodbyeTimes; w, ok = f.due(f.now) {
		f.forget(w)
	}
	return w, ok
}

// farewellNow returns the next farewell that is to be said now. What the other IP version announces gets none: caches need not keep
// them apart.
func (f *face) farewellNow() (w *farewell, ok bool) {
	for w, ok = f.farewells.dueNow(); ok && f.isElsewhere(w.set); w, ok = f.farewells.dueNow() {
		f.farewells.forget(w)
	}
	return w, ok
}

// isElsewhere reports whether the other IP version of the link announces a set.
func (f *face) isElsewhere(s *set) bool {
	for other := range f.r.faces.of(f.link.Index) {
		if other != f && other.zone.holds(s) {
			return true
		}
	}
	return false
}

// recall drops the goodbye for a set that is back, and the one that would be for what was inherited.
func (f *face) recall(s *set) {
	if len(f.farewells.leaving) == 0 && len(f.inherited) == 0 {
		return
	}
	id := s.identity()
	delete(f.inherited, id)
	if w := f.farewells.leaving[id]; w != nil {
		f.farewells.forget(w)
	}
}

// sendGoodbyes sends one message with as many of the goodbyes that are due as fit.
func (f *face) sendGoodbyes() bool {
	if _, ok := f.farewellNow(); !ok {
		return false
	}
	a := answerer{face: f, bye: true}
	a.start()
	end := f.unwanted || f.r.closing
	for {
		w, ok := f.farewellNow()
		if !ok {
			break
		}
		if !a.add(wire.Answer, w.set) {
			if a.build.Empty() {
				f.farewells.count(w, end)
				a.split(w.set, a.multicast(netip.Addr{}, &f.link.traffic.Goodbyes))
				return true
			}
			break
		}
		f.farewells.count(w, end)
	}
	f.multicast(&f.link.traffic.Goodbyes)
	return true
}

// close sends goodbyes for all records except the host's addresses, if another program of this host announces them too:
// one that was heard, or may have been before we listened, since it has the port.
func (f *face) close() {
	f.questions.drop()
	f.farewells.forgetSaid(1)
	f.bury(true)
	for _, c := range f.claims {
		c.silence(!c.plan.kind.ofHost() || c.past().localAt == never && !f.r.config.SharedPort)
	}
}
