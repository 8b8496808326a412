package wakeup

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestSlept(t *testing.T) {
	const hour = time.Hour
	for _, c := range []struct {
		name string
		now  reading // an hour after 10 h by both clocks
		want []time.Duration
	}{
		{"on time", reading{10*hour + Beat, 20*hour + Beat}, nil},
		{"a busy machine", reading{10*hour + least, 20*hour + least}, nil},
		{"stopped for a moment", reading{10*hour + least + 1, 20*hour + least + 1}, []time.Duration{least + 1}},
		{"stopped, or suspended", reading{10*hour + 130*time.Second, 20*hour + 130*time.Second}, []time.Duration{130 * time.Second}},
		{"a paused virtual machine whose clock is set", reading{10*hour + Beat, 21*hour + Beat}, []time.Duration{hour}},
		{"paused and stopped", reading{10*hour + 40*time.Second, 20*hour + 100*time.Second}, []time.Duration{60 * time.Second}},
		{"the clock is set back", reading{10*hour + Beat, 19 * hour}, nil},
		{"the clock is corrected", reading{10*hour + Beat, 20*hour + Beat + 2*time.Second}, nil},
		{"stopped while the clock is set back", reading{10*hour + 130*time.Second, 19 * hour}, []time.Duration{130 * time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			readings := []reading{{10 * hour, 20 * hour}, c.now, {c.now.run + Beat, c.now.wall + Beat}}
			next := func() reading {
				r := readings[0]
				readings = readings[1:]
				return r
			}
			var got []time.Duration
			w := newWatcher(next, func(slept time.Duration) { got = append(got, slept) })
			w.look()
			w.look()
			if !slices.Equal(got, c.want) {
				t.Errorf("woke after %v, want %v", got, c.want)
			}
		})
	}
}

// The timers of the system are available, end with the context, and a process that runs has not slept.
func TestWatch(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		Watch(ctx, func(slept time.Duration) { t.Errorf("slept for %v", slept) })
	}()
	cancel()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("it does not end")
	}
}

func TestUntil(t *testing.T) {
	noon := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name       string
		after      time.Duration // noon
		every, now time.Duration
	}{
		{"a multiple", 0, 10 * time.Second, 10 * time.Second},
		{"between two", 4 * time.Second, 10 * time.Second, 6 * time.Second},
		{"just after one", time.Millisecond, 10 * time.Second, 10*time.Second - time.Millisecond},
		{"a timer that expires early", 10*time.Second - time.Millisecond, 10 * time.Second, 10*time.Second + time.Millisecond},
		{"another interval, the same moment", 54 * time.Second, time.Minute, 6 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Until(noon.Add(c.after), c.every); got != c.now {
				t.Errorf("got %v, want %v", got, c.now)
			}
		})
	}
}

func TestTicker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		n := 0
		ticker(ctx, Beat, func() {
			if n++; n == 2 {
				cancel()
			}
		})
		if d := time.Since(start); d != 2*Beat {
			t.Errorf("two ticks after %v", d)
		}
	})
}
