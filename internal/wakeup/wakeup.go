// Package wakeup notices that this process did not run for a while: because the machine was suspended, because its virtual
// machine was paused, or because the process was stopped. It needs no privileges, and wakes up every ten seconds.
package wakeup

import (
	"context"
	"time"
)

const (
	every = 10 * time.Second // between two looks at the clocks
	least = 30 * time.Second // what is shorter is not reported: a busy machine
)

// reading is what the clocks say.
type reading struct {
	run  time.Duration // since some time in the past. It includes the time of a suspend where the system counts it
	wall time.Duration // since 1970
}

// slept returns for how long the process did not run between two readings that should be [every] apart: at least that,
// and up to [every] more than the truth, since when it was stopped is not known. A virtual machine that is paused has
// clocks that stand still; later its clock on the wall is set forward.
func (before reading) slept(now reading) time.Duration {
	ran := now.run - before.run
	return max(ran, now.wall-before.wall-ran)
}

// Watch calls woke with the time for which the process did not run, at once when it runs again, if that is more than half
// a minute. It ends with ctx.
func Watch(ctx context.Context, woke func(slept time.Duration)) {
	watch(alarm(ctx), read, woke)
}

// watch reads the clocks on every tick, until there are no more.
func watch(ticks <-chan struct{}, read func() reading, woke func(slept time.Duration)) {
	last := read()
	for range ticks {
		now := read()
		if slept := last.slept(now); slept > least {
			woke(slept)
		}
		last = now
	}
}

// tick puts a tick into a channel that holds one, unless one is waiting there.
func tick(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// ticker ticks by the clock of the program, which may stand still while the machine sleeps.
func ticker(ctx context.Context) <-chan struct{} {
	ticks := make(chan struct{}, 1)
	go func() {
		defer close(ticks)
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				tick(ticks)
			case <-ctx.Done():
				return
			}
		}
	}()
	return ticks
}
