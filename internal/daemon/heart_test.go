package daemon

import (
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// The heart beats more slowly when nothing has happened for a while and there is no work left, until something happens.
func TestHeart(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name   string
		stirs  []time.Duration
		atWork time.Duration // until then
		want   []time.Duration
	}{
		{"nothing happens", nil, 0, []time.Duration{50 * s, 55 * s, 60 * s, 75 * s, 100 * s}},
		{"something happened", []time.Duration{7 * s}, 0, []time.Duration{50 * s, 55 * s, 60 * s, 65 * s, 70 * s, 75 * s, 100 * s}},
		{"something happens in a rest", []time.Duration{81 * s}, 0, []time.Duration{50 * s, 55 * s, 60 * s, 75 * s, 85 * s, 90 * s, 95 * s, 100 * s}},
		{"work is left", nil, 77 * s, []time.Duration{50 * s, 55 * s, 60 * s, 65 * s, 70 * s, 75 * s, 80 * s, 100 * s}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				h := newHeart(heartbeat, restbeat)
				happens, end := make(chan struct{}, 1), time.After(101*s)
				for _, at := range c.stirs {
					time.AfterFunc(at, func() { happens <- struct{}{} })
				}
				var got []time.Duration
				for {
					select {
					case <-h.due:
						if at := time.Since(start); at >= 50*s {
							got = append(got, at)
						}
						h.next(time.Since(start) < c.atWork)
						continue
					case <-happens:
						h.stir()
						continue
					case <-end:
					}
					break
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("beats at %v, want %v", got, c.want)
				}
			})
		})
	}
}

// While the daemon rests, memory is collected after a limit only, and one processor runs all goroutines; then as before.
func TestRest(t *testing.T) {
	const several = 3
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(several))
	released := 0
	s := newSpare(func() { released++ }, 100)
	s.rest()
	if s.isTight() {
		t.Error("it is tight at once")
	}
	if n := runtime.GOMAXPROCS(0); n != 1 {
		t.Errorf("%d processors at rest, want 1", n)
	}
	s.cycles -= restCycles
	if !s.isTight() {
		t.Error("it is not tight after many collections")
	}
	s.work()
	if n := runtime.GOMAXPROCS(0); n != several {
		t.Errorf("%d processors at work, want %d", n, several)
	}
	if released != 1 {
		t.Errorf("memory was released %d times at the begin of a rest, want once", released)
	}
}
