package daemon

import (
	"time"

	"announcer/internal/wakeup"
)

// A daemon for which nothing happens wakes up as rarely as it can: it rests after restAfter, when the lines that were left out
// are reported and interfaces that went away are missed. While it rests, it looks after itself every restbeat.
const (
	restAfter = ownWindow
	restbeat  = wakeup.Beat
)

// heart has the loop look after itself.
type heart struct {
	due         <-chan time.Time // of the next heartbeat
	every, rest time.Duration    // between two heartbeats: at work, and at rest
	stirred     time.Time        // when something last happened
	resting     bool
}

func newHeart(every, rest time.Duration) heart {
	return heart{due: wakeup.After(every), every: every, rest: rest, stirred: time.Now()}
}

// stir ends the rest: something has happened. It reports whether there was one.
func (h *heart) stir() (rested bool) {
	h.stirred = time.Now()
	if h.resting {
		h.resting, rested = false, true
		h.due = wakeup.After(h.every)
	}
	return rested
}

// next sets the time of the next heartbeat, and reports whether a rest begins: nothing has happened for a while, and there is
// no work left.
func (h *heart) next(atWork bool) (begins bool) {
	if atWork || time.Since(h.stirred) < restAfter {
		h.due = wakeup.After(h.every)
		return false
	}
	begins, h.resting = !h.resting, true
	h.due = wakeup.After(h.rest)
	return begins
}
