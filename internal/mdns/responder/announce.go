package responder

import (
	"slices"
	"time"

	"announcer/internal/mdns"
)

// announcements is how often a record is announced: at once, and 1, 3 and 7 s later (RFC 6762 §8.3).
const announcements = 4

// The time between the first two announcements doubles with each one (RFC 6762 §8.3). It goes on to double, up to an
// hour (§5.2), between the questions whether the name is still ours alone: while two parts of a network could not hear
// each other, a host in each may have won it.
const (
	firstInterval   = time.Second
	longestInterval = time.Hour
)

// The most updates of a record in a time (RFC 6762 §8.4).
const (
	updateMost = 10
	updateTime = time.Minute
)

// announce begins to announce those sets of a claim that have rounds to go.
func (c *claim) announce() {
	f := c.face
	c.round = 0
	f.steps.set(c, f.now)
}

// announceAgain probes for what is announced, and announces it again: there may be hosts on the link that have not heard of
// it (RFC 6762 §8). Meanwhile it is answered for.
func (f *face) announceAgain(start moment) {
	for _, c := range f.claims {
		if !c.live || c.phase != settled {
			continue
		}
		for _, s := range slices.Concat(c.sets, c.shared) {
			s.rounds = announcements
		}
		c.probe(start)
	}
}

// step takes each claim whose time has come a step further.
func (f *face) step() {
	for {
		c, ok := f.steps.due(f.now)
		if !ok {
			return
		}
		f.steps.remove(c)
		switch {
		case c.phase == settled:
			c.announceClaim()
		case c.round == probeCount:
			c.win()
		default:
			f.probes.add(c)
		}
	}
}

// announceClaim queues the records of a claim that are to be announced. When that is over, it asks who else has the name,
// but not on the loopback, which has no other host.
func (c *claim) announceClaim() {
	f := c.face
	queued := f.answers.announce(c.shared)
	queued = f.answers.announce(c.sets) || queued
	if !queued && c.round >= announcements {
		f.answers.release()
		if !f.link.Loopback {
			f.questions.add(question{c.plan.name, mdns.TypeANY})
		}
	}
	f.steps.set(c, f.now+c.interval())
	c.round++
}

// interval returns the time between this round of a claim that is settled and the next.
func (c *claim) interval() moment {
	return min(longestInterval, firstInterval<<min(c.round, 12))
}

// updates has the times at which changes of a claim were announced in the last minute, or will be.
type updates struct{ at []moment }

// update announces the changed sets of a claim that is live, without probing, at most ten times a minute
// (RFC 6762 §8.4). A change joins one that has not gone out yet.
func (c *claim) update() {
	f := c.face
	c.round = 0
	f.steps.set(c, c.changing().updates.next(f.now, c.unsent()))
}

// next returns when a change is announced, and counts it. unsent reports that one was announced whose records wait to be sent.
func (u *updates) next(now moment, unsent bool) moment {
	u.at = slices.DeleteFunc(u.at, func(at moment) bool { return at <= now-updateTime })
	at := now
	switch n := len(u.at); {
	case n > 0 && u.at[n-1] > now:
		return u.at[n-1]
	case unsent:
		return now
	case n >= updateMost:
		at = u.at[n-updateMost] + updateTime
	}
	u.at = append(u.at, at)
	return at
}

// unsent reports whether an announcement waits for the second between two multicasts to be over.
func (c *claim) unsent() bool {
	return slices.ContainsFunc(c.sets, func(s *set) bool { return s.queued() && !s.asked })
}
