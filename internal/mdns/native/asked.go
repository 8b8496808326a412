package native

import (
	"slices"
	"time"

	"announcer/internal/mdns"
)

// askedPause is how long questions are gathered before they are passed on: a floor of phones asks hundreds of times a
// second, and whoever is told need not wake up for each.
const askedPause = 500 * time.Millisecond

const (
	gatheredMost = 2048 // questions
	askedBacklog = 4    // times that questions were passed on and wait for a receiver
)

// gathered are questions that were not passed on yet.
type gathered struct {
	questions []mdns.Asked
	due       time.Time // when they are; zero where there are none
}

// ask notes that somebody asked.
func (p *Publisher) ask(a mdns.Asked) {
	if len(p.gathered.questions) == gatheredMost {
		p.lost++
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
	select {
	case p.asked <- slices.Clone(p.gathered.questions):
	default:
		p.lost += uint64(len(p.gathered.questions))
	}
	p.gathered = gathered{questions: p.gathered.questions[:0]}
}
