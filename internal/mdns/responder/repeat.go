package responder

import (
	"slices"
	"time"

	"announcer/internal/publication"
)

// Repeat says again what was lost on a link by an IP version in the last seconds, in which packets could not be sent: names are
// probed for and announced (RFC 6762 §8), and what was withdrawn gets another goodbye, unless another host has it now.
func (r *Responder) Repeat(now time.Time, link int, v publication.IPVersion) {
	r.begin(now)
	f := r.faces.byLink[faceKey{link, v}]
	if f == nil || f.unwanted || r.closing {
		return
	}
	start := r.now + r.random(0, probeJitter) // §8.1
	f.announceAgain(start)
	for _, c := range f.claims {
		if c.asking() && !c.live {
			c.probe(start)
		}
	}
	f.takeBack()
}

// takeBack has the face inherit what it has withdrawn in the last seconds. If that is nothing, what it has inherited before gets its
// goodbyes at the time that is set.
func (f *face) takeBack() {
	taken := false
	for _, w := range slices.Clone(f.farewells.items) {
		if w.said == 0 {
			continue
		}
		for _, record := range w.set.records {
			f.inherited = f.inherited.with(relic{record, f.now + w.set.life()})
		}
		f.farewells.forget(w)
		taken = true
	}
	if taken {
		f.news()
		f.ask()
	}
}
