package wakeup

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// After returns a channel from which can be received at the next moment for what is done at intervals of every, see [Until].
func After(every time.Duration) <-chan time.Time {
	now := time.Now()
	return at(now, now.Add(Until(now, every)))
}

// At returns a channel from which can be received at a time.
func At(due time.Time) <-chan time.Time { return at(time.Now(), due) }

func at(now, due time.Time) <-chan time.Time {
	if m := shared.Load(); m != nil {
		return m.at(due)
	}
	return time.After(due.Sub(now))
}

// shared are the moments of this process; nil: they are timers of the runtime.
var shared atomic.Pointer[moments]

// Share has all that calls [After] and [At] from now on wait for one timer of the system, if there is one, instead of timers of
// the runtime. With each of those the runtime's watchdog thread wakes up too, and again and again until it was served. Share is
// for a process that has nothing to do most of the time.
func Share() {
	m := newMoments()
	if _, err := m.open(); err == nil {
		shared.Store(m)
	}
}

// moments are the times that this process waits for.
type moments struct {
	set func(time.Duration) // sets the timer, which calls pass

	mu      sync.Mutex
	waiting map[int64]*moment // by their nanoseconds since 1970
	next    time.Time         // that the timer is set for
	passed  chan struct{}     // closed by the next pass
}

func newMoments() *moments {
	return &moments{waiting: map[int64]*moment{}, passed: make(chan struct{})}
}

// moment is a time that any number of goroutines wait for.
type moment struct {
	due  time.Time
	over chan time.Time // closed when it is over
}

// at returns a channel that is closed at a time. If the clock on the wall was set since others began to wait for the same time, it is
// closed for all at the earliest.
func (m *moments) at(due time.Time) <-chan time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := due.UnixNano()
	w := m.waiting[key]
	if w == nil {
		w = &moment{due, make(chan time.Time)}
		m.waiting[key] = w
	}
	if due.Before(w.due) {
		w.due = due
	}
	if m.next.IsZero() || w.due.Before(m.next) {
		m.wind(w.due)
	}
	return w.over
}

// alarm ticks at common moments of an interval, and each other time that the timer expires, until ctx is done.
func (m *moments) alarm(ctx context.Context, every time.Duration) <-chan struct{} {
	ticks := make(chan struct{}, 1)
	go func() {
		defer close(ticks)
		for {
			passed, now := m.nextPass(), time.Now()
			m.at(now.Add(Until(now, every)))
			select {
			case <-passed:
				tick(ticks)
			case <-ctx.Done():
				return
			}
		}
	}()
	return ticks
}

// nextPass returns a channel that is closed by the next pass.
func (m *moments) nextPass() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.passed
}

// pass ends the moments that are over, and sets the timer for the next one.
func (m *moments) pass() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.passed)
	m.passed = make(chan struct{})
	now, next := time.Now(), time.Time{}
	for key, w := range m.waiting {
		switch {
		case !now.Before(w.due):
			close(w.over)
			delete(m.waiting, key)
		case next.IsZero() || w.due.Before(next):
			next = w.due
		}
	}
	m.wind(next)
}

// wind sets the timer for a moment, unless it is zero.
func (m *moments) wind(next time.Time) {
	m.next = next
	if !next.IsZero() {
		m.set(max(time.Until(next), 1))
	}
}
