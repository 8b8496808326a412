package responder

import (
	"maps"
	"slices"
	"time"

	"announcer/internal/mdns"
)

// wakeSurvey is the time in which others must be heard after a sleep: three questions and the answers to them.
const wakeSurvey = 5 * time.Second

// Wake starts everything again after the process did not run for a time, because the machine slept, its virtual machine
// was paused, or the process was stopped: all names are probed for and announced, and what is known of others is asked for
// (RFC 6762 §8). It reports false, and does nothing, after no more than [mdns.Nap].
//
// The time since the start may have stood still meanwhile, as the clock of a suspended machine does. What is owed a goodbye
// stays so: if it was no sleep, and the clock was set, caches still hold it.
func (r *Responder) Wake(now time.Time, slept time.Duration) bool {
	r.begin(now)
	if slept <= mdns.Nap || r.closing {
		return false
	}
	r.epoch = now.Add(-r.now)
	r.waiting, r.conflicts = nil, conflictLog{}
	start := r.now + r.random(0, probeJitter) // RFC 6762 §8.1
	for _, f := range r.faces.all {
		if slept >= SaidTime {
			f.ask()
		}
		if !f.unwanted {
			f.wake(start)
		}
	}
	if slept >= SaidTime {
		clear(r.past.until)
	}
	ask := r.now + r.random(sharedDelay, sharedDelay+sharedJitter) // §5.2
	r.watches.wake(ask)
	r.others.wake(ask)
	return true
}

// wake probes for all names of a face again. Nothing is answered until then: another host may have them now.
func (f *face) wake(start moment) {
	f.questions.drop()
	for _, c := range f.claims {
		if review := c.past().review; review != nil {
			f.r.reviews.remove(review)
		}
		if c.standsBy() || c.phase == held && c.plan.policy.Renames() {
			continue
		}
		c.doze()
		c.probe(start)
	}
}

// doze stops answering for a claim. What caches may hold of it is owed a goodbye, unless the claim is announced again.
func (c *claim) doze() {
	owed := slices.Concat(c.sets, c.shared)
	if !c.live {
		owed = c.owed()
	}
	c.silence(false)
	c.trial = &trial{owed: owed}
	if c.history != nil {
		c.history.updates = updates{}
	}
}

// repay sends the goodbyes that are owed, except for what a claim needs that is not settled yet.
func (c *claim) repay() {
	f := c.face
	for _, s := range c.owed() {
		if s.unique() || !f.wants(s.records[0]) {
			f.farewells.say(s)
		}
		s.last = never // other claims owe the shared records too
	}
	c.forgive()
}

// owed returns the sets whose goodbyes are owed.
func (c *claim) owed() []*set {
	if c.trial == nil {
		return nil
	}
	return c.trial.owed
}

// forgive forgets the goodbyes that are owed.
func (c *claim) forgive() {
	if c.trial != nil {
		c.trial.owed = nil
	}
}

// wake asks for the names that are watched.
func (q *watches) wake(at moment) {
	for _, w := range slices.Clone(q.items) {
		w.misses, w.bye, w.asked = 0, false, never
		q.set(w, at)
	}
}

// wake asks who else announces the types that are watched, and forgets those who do not answer.
func (o *others) wake(at moment) {
	for _, s := range o.allSurveys() {
		s.asked = 0
		o.surveys.set(s, at)
	}
	for _, key := range slices.SortedFunc(maps.Keys(o.foreign), foreignKey.compare) {
		x := o.foreign[key]
		x.asked = 2
		o.ends.set(x, o.now+wakeSurvey)
	}
}
