package wakeup

import "time"

const (
	// Settle is how long after the last change a row of changes is over.
	Settle = 50 * time.Millisecond
	// SettleMost is how long after the first change a row of changes is over in any case.
	SettleMost = 500 * time.Millisecond
)

// Settling gathers changes that come in a row, so that one wakeup is enough for them. The zero value has seen no change.
type Settling struct {
	Over <-chan time.Time // receives a value when the row is over; nil before the first change
	last time.Time        // the time at which it is over in any case
}

// Changed adds a change that happens now.
func (s *Settling) Changed() {
	now := time.Now()
	if s.Over == nil {
		s.last = now.Add(SettleMost)
	}
	if rest := s.last.Sub(now); rest > 0 {
		s.Over = time.After(min(Settle, rest))
	}
}
