package wakeup

import (
	"context"
	"testing"
	"time"
)

// A timer of the system ticks again and again at the multiples of its interval, until the end.
func TestAlarm(t *testing.T) {
	const every = 20 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	ticks := alarm(ctx, every)
	last := time.Time{}
	for range 3 {
		<-ticks
		if now := time.Now(); !now.Truncate(every).After(last) {
			t.Errorf("ticks at %v and at %v are in one interval", last, now)
		} else {
			last = now
		}
	}
	cancel()
	for range ticks {
	}
}
