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

// farewell is a set that needs a goodbye (RFC 6762 §10.1).
type farewell struct {
	timer
	set  *set
	last bool // it was said once
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
	leaving map[identity]*farewell
}

// say queues goodbyes for a set, if the set was ever sent: one at once, one after a second.
func (f *farewells) say(s *set) {
	if s.last == never {
		return
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

// forgetLast drops those that were said once.
func (f *farewells) forgetLast() {
	for _, w := range slices.Clone(f.items) {
		if w.last {
			f.forget(w)
		}
	}
}

// said makes sure that a goodbye is said again, unless it was the last time or this is the end.
func (f *farewells) said(w *farewell, end bool) {
	if w.last || end {
		f.forget(w)
		return
	}
	w.last = true
	f.set(w, f.now+goodbyeAgain)
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
	if _, ok := f.farewells.due(f.now); !ok {
		return false
	}
	a := answerer{face: f, bye: true}
	a.start()
	end := f.unwanted || f.r.closing
	for {
		w, ok := f.farewells.due(f.now)
		if !ok {
			break
		}
		if !a.add(wire.Answer, w.set) {
			if a.build.Empty() {
				f.farewells.said(w, end)
				a.split(w.set, a.multicast(netip.Addr{}, &f.link.traffic.Goodbyes))
				return true
			}
			break
		}
		f.farewells.said(w, end)
	}
	f.multicast(&f.link.traffic.Goodbyes)
	return true
}

// close sends goodbyes for all records except the host's addresses, if another program of this host announces them too:
// one that was heard, or may have been before we listened, since it has the port.
func (f *face) close() {
	f.questions.list = nil
	f.farewells.forgetLast()
	f.bury(true)
	for _, c := range f.claims {
		c.silence(!c.plan.kind.ofHost() || c.localAt == never && !f.r.config.SharedPort)
	}
}
