package wakeup

import (
	"testing"
	"testing/synctest"
	"time"
)

// A row of changes is over when none has come for a while, or when it has lasted long enough.
func TestSettling(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name        string
		every, last time.Duration // between two changes, and until the last one
		want        time.Duration
	}{
		{"one change", ms, 0, Settle},
		{"two changes", 30 * ms, 30 * ms, 30*ms + Settle},
		{"a change after the end", 60 * ms, 60 * ms, Settle},
		{"a row just short enough", 45 * ms, 450 * ms, SettleMost},
		{"a row that does not end", ms, time.Hour, SettleMost},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := row(test.every, test.last); got != test.want {
					t.Errorf("over after %v; want %v", got, test.want)
				}
			})
		})
	}
}

// row returns after what time a row of changes is over.
func row(every, last time.Duration) time.Duration {
	var s Settling
	begin := time.Now()
	for at := time.Duration(0); at <= last; at += every {
		s.Changed()
		if at == last {
			break
		}
		select {
		case <-s.Over:
			return time.Since(begin)
		case <-time.After(every):
		}
	}
	<-s.Over
	return time.Since(begin)
}
