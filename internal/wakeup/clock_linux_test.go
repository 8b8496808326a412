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
	last, n := time.Time{}, 0
	alarm(ctx, every, func() {
		if now := time.Now(); !now.Truncate(every).After(last) {
			t.Errorf("ticks at %v and at %v are in one interval", last, now)
		} else {
			last = now
		}
		if n++; n == 3 {
			cancel()
		}
	})
}
