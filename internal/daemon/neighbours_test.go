package daemon

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A look for other programs that hangs, as in /proc, stops neither the daemon nor its end.
func TestLookForNeighboursHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := make(chan struct{})
		b := start(t, map[string]string{"x.service": definition}, func(b *bench) {
			b.look = func() []string { <-hangs; return nil }
		})
		time.Sleep(5 * meetEvery)
		s := b.status(t)
		if got := s.Line(); got != "1 service on eth0" {
			t.Errorf("the state is %q", got)
		}
		if want := "the search for other programs has not ended since 2000-01-01 00:00:00: "; len(s.Problems) != 1 || !strings.HasPrefix(s.Problems[0], want) {
			t.Errorf("the problems are %q, want %q", s.Problems, want)
		}
		if r := b.reloaded(t); !r.OK {
			t.Errorf("the reload failed: %s", r.Error)
		}
		if err := b.end(); err != nil {
			t.Error(err)
		}
		close(hangs)
	})
}

// Another program that comes is found within a minute, and one that is gone is forgotten.
func TestNeighboursComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var found atomic.Pointer[[]string]
		found.Store(&[]string{})
		b := start(t, map[string]string{"x.service": definition}, func(b *bench) { b.look = func() []string { return *found.Load() } })
		for _, now := range [][]string{{"chromium (pid 9)"}, {}} {
			found.Store(&now)
			time.Sleep(meetEvery + time.Second)
			if got := b.status(t).Neighbours; len(got) != len(now) {
				t.Errorf("the neighbours are %q; want %q", got, now)
			}
		}
		if err := b.end(); err != nil {
			t.Error(err)
		}
	})
}
