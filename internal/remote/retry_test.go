package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, test := range []struct {
		field, date string
		want        time.Duration
	}{
		{"", "", 0},
		{"0", "", 0},
		{"30", "", 30 * time.Second},
		{"3600", "", time.Hour},
		{"86400", "", time.Hour},
		{"99999999999999999999999", "", time.Hour},
		{"-5", "", 0},
		{"+5", "", 0},
		{"1.5", "", 0},
		{"soon", "", 0},
		{"Fri, 02 Jan 2026 03:05:05 GMT", "", time.Minute},
		{"Friday, 02-Jan-26 03:05:05 GMT", "", time.Minute},
		{"Fri Jan  2 03:05:05 2026", "", time.Minute},
		{"Fri, 02 Jan 2026 03:05:05 GMT", "Fri, 02 Jan 2026 03:04:55 GMT", 10 * time.Second},
		{"Fri, 02 Jan 2026 03:05:05 GMT", "Thu, 01 Jan 2026 00:00:00 GMT", time.Hour},
		{"Fri, 02 Jan 2026 03:05:05 GMT", "Fri, 02 Jan 2026 04:00:00 GMT", 0},
		{"Fri, 02 Jan 2026 03:05:05 GMT", "today", time.Minute},
		{"Thu, 01 Jan 1970 00:00:00 GMT", "", 0},
		{"Fri, 31 Dec 9999 23:59:59 GMT", "", time.Hour},
	} {
		t.Run(test.field+" at "+test.date, func(t *testing.T) {
			header := http.Header{"Retry-After": {test.field}, "Date": {test.date}}
			if got := retryAfter(header, now); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// TestWhoIsBusy wants the field to count in answers that say that the server is busy, and in no others.
func TestWhoIsBusy(t *testing.T) {
	w := website(t, "https://x.example/berlin.toml", Settings{})
	for status, want := range map[int]time.Duration{429: time.Minute, 503: time.Minute, 500: 0, 404: 0, 301: 0, 204: 0} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			err := w.acceptable(&http.Response{StatusCode: status, Header: http.Header{"Retry-After": {"60"}}})
			if got := busyFor(err); err == nil || got != want {
				t.Errorf("error %v, %v; want %v", err, got, want)
			}
		})
	}
}

// TestBusyServer wants no request before the time that a server asks for, and none that is earlier because of it.
func TestBusyServer(t *testing.T) {
	down := errors.New("it answers 503")
	for _, test := range []struct {
		name        string
		err         error
		least, most time.Duration
	}{
		{"no wish", down, time.Second / 2, 3 * time.Second / 2},
		{"at once", &busyError{down, 0}, time.Second / 2, 3 * time.Second / 2},
		{"soon", &busyError{down, time.Millisecond}, time.Second / 2, 3 * time.Second / 2},
		{"in a while", &busyError{down, 10 * time.Second}, 10 * time.Second, 20 * time.Second},
		{"in an hour", &busyError{down, time.Hour}, time.Hour, time.Hour + time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := website(t, "https://x.example/berlin.toml", Settings{Cache: "/c"}), &requests{fails: test.err}
				w.get = r.get
				go w.Follow(t.Context(), Set{}, func(Report) {})
				times := r.in(3 * time.Hour)
				if pause := times[1].Sub(times[0]); pause < test.least || pause > test.most {
					t.Errorf("a pause of %v, want %v to %v", pause, test.least, test.most)
				}
			})
		})
	}
}

// TestWholeAnswers wants a request without a condition once an hour, also while the server has given no whole answer to one.
func TestWholeAnswers(t *testing.T) {
	for _, test := range []struct {
		name        string
		whole       error
		least, most int // in two hours and a half
	}{
		{"it gives one", nil, 2, 2},
		{"it has nothing new, whatever it is asked", errors.New("it answers 304"), 80, 130},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := website(t, "https://x.example/berlin.toml", Settings{Cache: "/c"})
				var mu sync.Mutex
				whole := 0
				w.get = func(_ context.Context, known Set) (*Set, error) {
					mu.Lock()
					defer mu.Unlock()
					if known.Condition == "" {
						whole++
						return nil, test.whole
					}
					return nil, nil
				}
				go w.Follow(t.Context(), Set{Condition: `"1"`}, func(Report) {})
				time.Sleep(150 * time.Minute)
				mu.Lock()
				defer mu.Unlock()
				between(t, "requests without a condition", whole, test.least, test.most)
			})
		})
	}
}
