//go:build linux

package world

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"time"

	"announcer/internal/testkit/memlink"
)

// mostSteps is the most steps that a trouble lasts.
const mostSteps = 3

// trouble is a fault of the network. Other things happen while it lasts.
type trouble struct {
	segment *segment // where packets get lost; nil: nowhere
	steps   int      // for which it still lasts
	end     func()
}

// needsPeace is what does not happen in a trouble: other troubles, and what is checked by what hosts hear of each other.
var needsPeace = []string{"storm", "partition", "reflector", "questions", "avahi", "clone", "rival"}

// canHappen reports whether a thing can happen now.
func (w *World) canHappen(name string) bool {
	return w.trouble == nil || !slices.Contains(needsPeace, name)
}

// disturb has a trouble begin on a segment, or on none, which ends after some steps.
func (w *World) disturb(s *segment, dice *rand.Rand, end func()) {
	w.trouble = &trouble{s, 1 + dice.IntN(mostSteps), end}
	w.touch()
}

// whole returns the segments on which all packets get to all hosts.
func (w *World) whole() []*segment {
	return slices.DeleteFunc(slices.Clone(w.segments), func(s *segment) bool { return w.trouble != nil && w.trouble.segment == s })
}

// loses reports whether packets of a segment get lost. Where no question arrives, a daemon sends nothing, and can't know that it could
// not.
func (w *World) loses() bool { return w.trouble != nil && w.trouble.segment != nil }

// hides reports whether a daemon can't know of a fault in this trouble.
func (w *World) hides(fault string) bool { return fault == (*jam)(nil).words() && w.loses() }

// subside has the trouble end, if it has lasted for as many steps as it should. Then the network must be as if there had been none.
func (w *World) subside() {
	t := w.trouble
	switch {
	case t == nil:
	case t.steps > 0:
		t.steps--
	default:
		w.calm()
		w.rest(settleTime)
		w.checkAnnounced()
		w.check()
	}
}

// calm ends the trouble.
func (w *World) calm() {
	if w.trouble != nil {
		w.note("the network is whole again")
		w.trouble.end()
		w.trouble = nil
		w.contest(0)
		w.touch()
	}
}

// storm has packets of a segment lost, doubled and overtaking each other.
func (w *World) storm(dice *rand.Rand) {
	s := w.segments[dice.IntN(len(w.segments))]
	s.SetWeather(memlink.Weather{Loss: 0.3, Duplicate: 0.2, Delay: time.Millisecond, Jitter: 50 * time.Millisecond})
	w.disturb(s, dice, func() { s.SetWeather(fine) })
}

// part splits a segment: no host hears another one.
func (w *World) part(dice *rand.Rand) {
	s := w.segments[dice.IntN(len(w.segments))]
	s.split()
	w.disturb(s, dice, s.Heal)
}

func (s *segment) split() {
	side := 0
	s.Split(func(*memlink.Host) int { side++; return side })
}

// reflect has a device repeat on each segment what it hears on the other.
func (w *World) reflect(dice *rand.Rand) {
	w.setReflects(true)
	w.disturb(nil, dice, func() {
		w.setReflects(false)
		w.blurred = time.Now().Add(hostTTL)
	})
}

// isBlurred reports whether neighbours may hold the name that all want as hosts of two segments have it, or had it.
func (w *World) isBlurred() bool { return w.reflects || time.Now().Before(w.blurred) }

func (w *World) setReflects(is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reflects = is
}

// reflectTime is what a reflector takes.
const reflectTime = time.Millisecond

// reflected has the other segments hear a packet, too.
func (w *World) reflected(s *segment, data []byte) {
	for _, other := range w.segments {
		if other != s {
			other.reflections = append(other.reflections, packet{time.Now(), data})
			time.AfterFunc(reflectTime, func() { w.repeat(other) })
		}
	}
}

// repeat has a segment hear what was sent at one moment, in an order that does not depend on that of goroutines.
func (w *World) repeat(s *segment) {
	w.mu.Lock()
	later := slices.IndexFunc(s.reflections, func(p packet) bool { return time.Since(p.at) < reflectTime })
	if later < 0 {
		later = len(s.reflections)
	}
	due := slices.Clone(s.reflections[:later])
	s.reflections = s.reflections[later:]
	s.repeats = true
	w.mu.Unlock()
	slices.SortFunc(due, func(a, b packet) int { return bytes.Compare(a.data, b.data) })
	for _, p := range due {
		s.say(p.data)
	}
	w.mu.Lock()
	s.repeats = false
	w.mu.Unlock()
}
