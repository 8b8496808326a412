package remote

import (
	"context"
	"errors"
	"io"
	"log"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// silent is the log of servers in tests, whose clients fail on purpose.
var silent = log.New(io.Discard, "", 0)

// requests are those that a site has made.
type requests struct {
	mu    sync.Mutex
	times []time.Time
	fails error // what they get
}

func (r *requests) get(context.Context, Set) (*Set, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times = append(r.times, time.Now())
	return nil, r.fails
}

// in waits, and returns the times of the requests until then.
func (r *requests) in(d time.Duration) []time.Time {
	time.Sleep(d)
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	times := r.times
	r.times = nil
	return times
}

func (r *requests) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fails = err
}

// TestSchedule wants a request every poll, earlier ones after a failure, and no two hosts in step.
func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := website(t, "https://x.example/berlin.toml", Settings{Cache: "/c"}), new(requests)
		w.get = r.get
		var reports atomic.Int64
		go w.Follow(t.Context(), Set{}, func(Report) { reports.Add(1) })
		between(t, "requests at the start", len(r.in(0)), 1, 1)
		times := r.in(time.Hour)
		between(t, "requests in an hour", len(times), 50, 72)
		pauses := map[time.Duration]bool{}
		for i := range times[1:] {
			pause := times[i+1].Sub(times[i])
			pauses[pause] = true
			if pause < defaultPoll/2 || pause > defaultPoll*3/2 {
				t.Errorf("a pause of %v; want 30s to 90s", pause)
			}
		}
		between(t, "different pauses", len(pauses), len(times)-5, len(times))
		r.fail(errors.New("down"))
		r.in(defaultPoll * 3 / 2)
		between(t, "requests in an hour of a failure", len(r.in(time.Hour)), 50, 72)
		r.fail(nil)
		r.in(defaultPoll * 3 / 2)
		between(t, "requests in an hour after a failure", len(r.in(time.Hour)), 50, 72)
		if reports.Load() < 150 {
			t.Errorf("%d reports", reports.Load())
		}
	})
}

// TestRetries wants a host that starts before its line asks again soon, and less and less often.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := website(t, "https://x.example/berlin.toml", Settings{Cache: "/c"}), &requests{fails: errors.New("no line")}
		w.get = r.get
		go w.Follow(t.Context(), Set{}, func(Report) {})
		times := r.in(5 * time.Minute)
		for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			if pause := times[i+1].Sub(times[i]); pause < want*time.Second/2 || pause > want*time.Second*3/2 {
				t.Errorf("pause %d is %v; want %v, more or less", i, pause, want*time.Second)
			}
		}
	})
}

// TestCondition wants each request to have the condition that the user of the last answer left in it.
func TestCondition(t *testing.T) {
	for _, test := range []struct{ name, left string }{
		{"usable", `"1"`}, {"unusable", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := website(t, "https://x.example/berlin.toml", Settings{Cache: "/c"})
				asked := make(chan string, 10)
				w.get = func(_ context.Context, known Set) (*Set, error) {
					asked <- known.Condition
					return &Set{Condition: `"1"`}, nil
				}
				go w.Follow(t.Context(), Set{}, func(r Report) { r.Set.Condition = test.left })
				time.Sleep(2 * defaultPoll)
				if first, second := <-asked, <-asked; first != "" || second != test.left {
					t.Errorf("the conditions of the requests are %q and %q, want none and %q", first, second, test.left)
				}
			})
		})
	}
}

func between(t *testing.T, what string, n, least, most int) {
	t.Helper()
	if n < least || n > most {
		t.Errorf("%s: %d; want %d to %d", what, n, least, most)
	}
}

// TestHostsComeBackApart wants the hosts of an installation to ask over a minute after their server was down for long.
func TestHostsComeBackApart(t *testing.T) {
	for _, test := range []struct {
		name     string
		failures int
		busy     time.Duration // for which the server wanted no request
		first    int           // second in which one asks
	}{
		{"the server is there again", 20, 0, 30},
		{"after the time that it named", 1, 10 * time.Minute, 600},
		{"after an hour, and it was down before", 20, time.Hour, 3600},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := website(t, "https://x.example/berlin.toml", Settings{})
			counts := map[int]int{}
			for range 10000 {
				counts[int(w.pause(test.failures, test.busy)/time.Second)]++
			}
			for second, n := range counts {
				if second < test.first || second >= test.first+60 || n > 400 {
					t.Errorf("%d of 10000 hosts ask in second %d; want at most 400, from %d on, within a minute", n, second, test.first)
				}
			}
		})
	}
}
