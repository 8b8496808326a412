package web

import (
	"context"
	"sync"
	"time"

	"announcer/internal/status"
)

// idlePart is how many times as long as an answer of the daemon takes it is not asked again, so that it is asked for a tenth of
// the time at most, by any number of clients. pauseMost is the longest time.
const (
	idlePart  = 9
	pauseMost = time.Second
)

// shared is a daemon whose state is asked for on behalf of all clients that wait for it.
type shared struct {
	Daemon
	asking slots     // one: held while the daemon is asked
	free   time.Time // when it may be asked again; belongs to the turn that asks

	mu   sync.Mutex
	next *turn // which has not begun
}

func share(d Daemon) *shared { return &shared{Daemon: d, asking: make(slots, 1)} }

// turn is one question to the daemon, which begins after all who wait for it have asked.
type turn struct {
	done  chan struct{}
	state status.Status
	err   error
}

// Status returns a state that is not older than the call.
func (s *shared) Status(ctx context.Context) (status.Status, error) {
	t := s.turn()
	select {
	case <-t.done:
		return t.state, t.err
	case <-ctx.Done():
		return status.Status{}, context.Cause(ctx)
	}
}

// turn returns the next turn.
func (s *shared) turn() *turn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = &turn{done: make(chan struct{})}
		go s.ask(s.next)
	}
	return s.next
}

func (s *shared) ask(t *turn) {
	s.asking <- struct{}{}
	defer s.asking.leave()
	time.Sleep(time.Until(s.free))
	s.mu.Lock()
	s.next = nil
	s.mu.Unlock()
	began := time.Now()
	t.state, t.err = within(context.Background(), s.Daemon)
	s.free = time.Now().Add(min(idlePart*time.Since(began), pauseMost))
	close(t.done)
}

// slots bound how many large answers are made at a time, so that their memory is bounded.
type slots chan struct{}

// enter waits for a slot, and reports whether there was one in time.
func (s slots) enter(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	select {
	case s <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s slots) leave() { <-s }
