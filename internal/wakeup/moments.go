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

// Alarm waits for one time after the other, and is for one goroutine.
type Alarm struct {
	moments *moments
	moment  *moment
}

// At is as [At], and gives up the time that was waited for before, for which the process need not wake up.
func (a *Alarm) At(due time.Time) <-chan time.Time {
	m := shared.Load()
	if m == nil {
		return At(due)
	}
	if a.moments == m {
		defer m.release(a.moment)
	}
	a.moments, a.moment = m, m.wait(due)
	return a.moment.over
}

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
	key     int64
	due     time.Time
	waiting int            // for it
	over    chan time.Time // closed when it is over
}

// at returns a channel that is closed at a time. If the clock on the wall was set since others began to wait for the same time, it is
// closed for all at the earliest.
func (m *moments) at(due time.Time) <-chan time.Time { return m.wait(due).over }

// wait returns the moment of a time, for which one more waits.
func (m *moments) wait(due time.Time) *moment {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := due.UnixNano()
	w := m.waiting[key]
	if w == nil {
		w = &moment{key: key, due: due, over: make(chan time.Time)}
		m.waiting[key] = w
	}
	if due.Before(w.due) {
		w.due = due
	}
	if m.next.IsZero() || w.due.Before(m.next) {
		m.wind(w.due)
	}
	w.waiting++
	return w
}

// release notes that one does not wait for a moment any more. One that is waited for no more does not come.
func (m *moments) release(w *moment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w.waiting--; w.waiting > 0 || m.waiting[w.key] != w {
		return
	}
	delete(m.waiting, w.key)
	if w.due.Equal(m.next) {
		m.wind(m.earliest())
	}
}

// earliest returns the time of the moment that comes first, zero if there is none.
func (m *moments) earliest() (next time.Time) {
	for _, w := range m.waiting {
		if next.IsZero() || w.due.Before(next) {
			next = w.due
		}
	}
	return next
}

// alarm calls tick at common moments of an interval, and each other time that the timer expires, until ctx is done. What happens during
// a call is not missed.
func (m *moments) alarm(ctx context.Context, every time.Duration, tick func()) {
	for passed := m.nextPass(); ; tick() {
		now := time.Now()
		m.at(now.Add(Until(now, every)))
		select {
		case <-passed:
			passed = m.nextPass()
		case <-ctx.Done():
			return
		}
	}
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
	now := time.Now()
	for key, w := range m.waiting {
		if !now.Before(w.due) {
			close(w.over)
			delete(m.waiting, key)
		}
	}
	m.wind(m.earliest())
}

// wind sets the timer for a moment, unless it is zero.
func (m *moments) wind(next time.Time) {
	m.next = next
	if !next.IsZero() {
		m.set(max(time.Until(next), 1))
	}
}
