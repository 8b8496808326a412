package native

import (
	"slices"
	"time"

	"announcer/internal/mdns"
)

// askedPause is how long questions are gathered before they are passed on: a floor of phones asks hundreds of times a
// second, and the observer need not wake up for each.
const askedPause = 500 * time.Millisecond

// askedMost is the number of questions that are gathered. Those that come while the receiver does not keep up and there
// are so many are lost.
const askedMost = 2048

// gathered are questions that were not passed on yet.
type gathered struct {
	questions []mdns.Asked
	due       time.Time // when they are; zero if there are none
}

// ask notes that a host asked.
func (p *Publisher) ask(a mdns.Asked) {
	if len(p.gathered.questions) == askedMost {
		p.lost.Add(1)
		return
	}
	p.gathered.questions = append(p.gathered.questions, a)
	if p.gathered.due.IsZero() {
		p.gathered.due = time.Now().Add(askedPause)
	}
}

// passOn passes the questions on that were gathered, all at once, if it is time to.
func (p *Publisher) passOn(now time.Time) {
	if p.gathered.due.IsZero() || now.Before(p.gathered.due) {
		return
	}
	if len(p.asked) == cap(p.asked) {
		p.gathered.due = now.Add(askedPause)
		return
	}
	p.asked <- slices.Clone(p.gathered.questions)
	p.gathered = gathered{questions: p.gathered.questions[:0]}
}
