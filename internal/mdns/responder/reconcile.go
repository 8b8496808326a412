package responder

import (
	"slices"

	"announcer/internal/mdns"
)

// plan works out what every face should hold, and begins whatever leads there: on all links if the services or their names
// have changed, else on the links that have. applied reports that something was asked for from outside, so that what was refused
// is tried again.
func (r *Responder) plan(applied bool) {
	desired, instances := r.names.settle()
	all := r.last.then(desired, instances)
	cameUp := r.faces.cameUp(desired.Links)
	stirred := r.faces.place(r)
	isStirred := func(link int) bool { return all.isNew || stirred[link] }
	slots := r.board.place(instances, r.round, isStirred)
	r.outbox.echoes.fit(len(r.faces.all))
	start := r.now + r.random(0, probeJitter) // RFC 6762 §8.1
	if !applied {
		start = r.conflicts.after(start)
	}
	var host []*plan // on a link, which its faces share
	var on *link
	for _, f := range r.faces.all {
		if !isStirred(f.link.Index) {
			continue
		}
		if f.unwanted {
			f.apply(nil, start, applied)
			f.bury(true)
			continue
		}
		if on != f.link {
			host, on = hostPlans(mdns.HostName(all.host), f.link.Link), f.link
		}
		f.apply(all.on(f.link.Index, f.version, host, slots), start, applied)
		if cameUp[f.link.Index] {
			f.announceAgain(start)
		}
	}
	r.others.surveyAgain(cameUp)
	r.board.finish(r.round)
	r.last = all
}

// apply makes the claims of a face those that are wanted.
func (f *face) apply(wants []want, start moment, applied bool) {
	f.planning = &planning{wants: wants}
	for _, w := range wants {
		if c := f.zone.claim(w.plan.key); c == nil {
			f.claim(w, start)
		} else {
			c.amend(w, start, applied)
		}
	}
	var gone []*claim
	f.claims = slices.DeleteFunc(f.claims, func(c *claim) bool {
		if c.seen != f.r.round {
			gone = append(gone, c)
		}
		return c.seen != f.r.round
	})
	for _, c := range slices.Backward(gone) { // the host last
		c.drop()
	}
	f.planning = nil
	f.lost = slices.ContainsFunc(f.claims, func(c *claim) bool { return c.phase == held })
}

// amend makes a claim that exists one for what is wanted now.
func (c *claim) amend(w want, start moment, applied bool) {
	c.seen = c.face.r.round
	c.slots = w.slots
	for _, s := range c.slots {
		s.claims = append(s.claims, c)
	}
	changed := !c.plan.equal(w.plan)
	more := changed && c.plan.kind == hostName && c.plan.lacks(w.plan)
	if changed {
		c.revise(w.plan)
	}
	switch {
	case c.phase == held:
		if applied && !c.standsBy() || c.plan.policy.Renames() {
			c.probe(start)
		}
	case !changed || c.phase != settled:
	case more:
		c.probe(start) // RFC 6762 §8: a new address is probed for and announced
	default:
		c.update()
	}
}

// revise replaces the records of a claim. If it is live, what is new is to be announced and what went gets a
// goodbye.
func (c *claim) revise(p *plan) {
	f := c.face
	old, says := c.sets, c.says()
	c.plan, c.sets = p, nil
	for _, records := range p.unique {
		i := slices.IndexFunc(old, func(s *set) bool { return s.kind() == records.kind() })
		if i < 0 {
			s := newSet(c.node, records)
			c.sets = append(c.sets, s)
			if c.live {
				s.rounds = announcements
				f.show(s)
			}
			continue
		}
		s := old[i]
		c.sets = append(c.sets, s)
		if !s.equal(records) {
			if says {
				f.r.past.remember(s)
			}
			s.rounds = announcements
			f.news()
		}
		s.rrset = records
	}
	gone := slices.DeleteFunc(old, func(s *set) bool { return slices.Contains(c.sets, s) })
	if says {
		f.r.past.remember(gone...)
	}
	if !c.live {
		return
	}
	for _, s := range gone {
		f.hide(s)
		f.farewells.say(s)
	}
	c.reshare()
}

// reshare takes up the shared records of the plan and gives up those that are no longer in it.
func (c *claim) reshare() {
	f := c.face
	before := c.shared
	c.shared = nil
	for _, s := range c.plan.shared {
		c.shared = append(c.shared, f.acquire(s))
	}
	for _, s := range before {
		f.release(s, true)
	}
}
