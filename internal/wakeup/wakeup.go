// Package wakeup keeps a process that has nothing to do asleep: what is done in intervals is done at common moments ([After]).
// And it notices that the process did not run for a while: because the machine was suspended, because its virtual machine
// was paused, or because the process was stopped. It needs no privileges, and wakes up with every [Beat].
package wakeup

import (
	"context"
	"time"
)

// Beat is the interval of all that a process does which has nothing to do. What is wrong is known after one, and two seconds for a call
// that hangs: within half a minute.
const Beat = 25 * time.Second

// least is the shortest time that is reported: a shorter one is that of a busy machine.
const least = Beat + 10*time.Second

// reading is what the clocks say.
type reading struct {
	run  time.Duration // since some time in the past. It includes the time of a suspend where the system counts it
	wall time.Duration // since 1970
}

// slept returns for how long the process did not run between two readings that should be a [Beat] apart: at least that,
// and up to a Beat more than the truth, since when it was stopped is not known. A virtual machine that is paused has
// clocks that stand still; later its clock on the wall is set forward.
func (before reading) slept(now reading) time.Duration {
	ran := now.run - before.run
	return max(ran, now.wall-before.wall-ran)
}

// Watch calls woke with the time for which the process did not run, at once when it runs again, if that is more than 35
// seconds. It ends with ctx.
func Watch(ctx context.Context, woke func(slept time.Duration)) {
	WatchClocks(Clocks{func(tick func()) { alarm(ctx, Beat, tick) }, func() (run, wall time.Duration) {
		now := read()
		return now.run, now.wall
	}}, woke)
}

// alarm calls tick at common moments of an interval, and at once when the machine wakes up or the clock on the wall is set, until ctx
// is done. If no timer of the system is available, the runtime's is used.
func alarm(ctx context.Context, every time.Duration, tick func()) {
	m := shared.Load()
	if m == nil {
		m = newMoments()
		end, err := m.open()
		if err != nil {
			ticker(ctx, every, tick)
			return
		}
		defer end()
	}
	m.alarm(ctx, every, tick)
}

// Clocks are those of a host.
type Clocks struct {
	Alarm func(tick func())                // calls tick with every [Beat] or more often while the host runs, and at once when it wakes up
	Read  func() (run, wall time.Duration) // since some time in the past, with the time of a suspend; and since 1970
}

// WatchClocks is [Watch] with the clocks of another host, until Alarm returns.
func WatchClocks(c Clocks, woke func(slept time.Duration)) {
	w := newWatcher(func() reading {
		run, wall := c.Read()
		return reading{run, wall}
	}, woke)
	c.Alarm(w.look)
}

// watcher reads clocks.
type watcher struct {
	read func() reading
	woke func(slept time.Duration)
	last reading
}

func newWatcher(read func() reading, woke func(slept time.Duration)) *watcher {
	return &watcher{read, woke, read()}
}

// look calls woke if the process did not run since the last look.
func (w *watcher) look() {
	now := w.read()
	if slept := w.last.slept(now); slept > least {
		w.woke(slept)
	}
	w.last = now
}

// Until returns the time until the next moment for what is done at intervals of every: the multiples of it by the clock on
// the wall, so that a process wakes up once for all that it does. It is at most a sixteenth longer than every: a timer
// that expires a little early does not expire twice.
func Until(now time.Time, every time.Duration) time.Duration {
	d := now.Truncate(every).Add(every).Sub(now)
	if d < every/16 {
		d += every
	}
	return d
}

// ticker calls tick by the clock of the program, which may stand still while the machine sleeps.
func ticker(ctx context.Context, every time.Duration, tick func()) {
	for {
		select {
		case <-time.After(Until(time.Now(), every)):
			tick()
		case <-ctx.Done():
			return
		}
	}
}
