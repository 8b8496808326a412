package wakeup

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// All that wait for a moment go on at it, in whatever order they begin to wait.
func TestMoments(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name       string
		wait, want []time.Duration // from the start, in the order of the calls
	}{
		{"one", []time.Duration{5 * s}, []time.Duration{5 * s}},
		{"two of one moment", []time.Duration{5 * s, 5 * s}, []time.Duration{5 * s, 5 * s}},
		{"the later first", []time.Duration{15 * s, 5 * s}, []time.Duration{15 * s, 5 * s}},
		{"the earlier first", []time.Duration{5 * s, 15 * s, 60 * s}, []time.Duration{5 * s, 15 * s, 60 * s}},
		{"now, and in the past", []time.Duration{0, -s, 5 * s}, []time.Duration{0, 0, 5 * s}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, m := time.Now(), newSimulated()
				got := make([]time.Duration, len(c.wait))
				for i, d := range c.wait {
					over := m.at(start.Add(d))
					go func() {
						<-over
						got[i] = time.Since(start)
					}()
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				for i := range got {
					got[i] = got[i].Truncate(time.Millisecond) // a timer that is set too late expires after a nanosecond
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("over after %v, want %v", got, c.want)
				}
				if len(m.waiting) > 0 {
					t.Errorf("%d moments are left", len(m.waiting))
				}
			})
		})
	}
}

// newSimulated returns moments with a timer of the runtime.
func newSimulated() *moments {
	m := newMoments()
	timer := time.AfterFunc(time.Hour, m.pass)
	m.set = func(d time.Duration) { timer.Reset(d) }
	return m
}

// Who waits for a time on the wall that a clock which was set has brought nearer does not wait for as long as those before it.
func TestMomentAfterClockWasSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, due := newSimulated(), time.Now().Add(5*time.Second)
		before := &moment{key: due.UnixNano(), due: due.Add(time.Hour), over: make(chan time.Time)}
		m.waiting[before.key] = before
		m.wind(before.due)
		start := time.Now()
		<-m.at(due)
		<-before.over
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("over after %v", d)
		}
	})
}

// An alarm does not wake the process up at a time that it has given up, unless others wait for it.
func TestAlarmGivesUp(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name          string
		others, alarm []time.Duration
		want          time.Duration // of the first wake-up
	}{
		{"a later time", nil, []time.Duration{5 * s, 15 * s}, 15 * s},
		{"an earlier time", nil, []time.Duration{15 * s, 5 * s}, 5 * s},
		{"the same time", nil, []time.Duration{5 * s, 5 * s}, 5 * s},
		{"others wait for it", []time.Duration{5 * s}, []time.Duration{5 * s, 15 * s}, 5 * s},
		{"others wait for a time between", []time.Duration{10 * s}, []time.Duration{5 * s, 15 * s}, 10 * s},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, m := time.Now(), newSimulated()
				shared.Store(m)
				defer shared.Store(nil)
				for _, d := range c.others {
					m.at(start.Add(d))
				}
				var alarm Alarm
				var over <-chan time.Time
				for _, d := range c.alarm {
					over = alarm.At(start.Add(d))
				}
				<-m.nextPass()
				if got := time.Since(start); got != c.want {
					t.Errorf("the first wake-up is after %v, want %v", got, c.want)
				}
				<-over
				if got, want := time.Since(start), c.alarm[len(c.alarm)-1]; got != want {
					t.Errorf("over after %v, want %v", got, want)
				}
			})
		})
	}
}

// A process that shares its moments waits for the common ones, and for any other.
func TestShare(t *testing.T) {
	Share()
	defer shared.Store(nil)
	const every = 20 * time.Millisecond
	start := time.Now()
	<-After(every)
	if now := time.Now(); !now.Truncate(every).After(start.Truncate(every)) {
		t.Errorf("%v and %v are in one interval", start, now)
	}
	due := time.Now().Add(every / 2)
	<-At(due)
	if now := time.Now(); now.Before(due) {
		t.Errorf("over at %v, want %v", now, due)
	}
}

// The clocks are read at common moments, and at once when the timer expires for another reason: the clock on the wall was set.
func TestAlarmOfMoments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		start, m := time.Now(), newSimulated()
		time.AfterFunc(Beat+7*time.Second, m.pass)
		var got []time.Duration
		m.alarm(ctx, Beat, func() {
			got = append(got, time.Since(start).Truncate(time.Millisecond))
			if len(got) == 3 {
				cancel()
			}
		})
		if want := []time.Duration{Beat, Beat + 7*time.Second, 2 * Beat}; !slices.Equal(got, want) {
			t.Errorf("ticks after %v, want %v", got, want)
		}
	})
}
