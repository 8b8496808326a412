package daemon

import (
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/mdns"
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

// Another program that comes is found within 50 seconds, and one that has ended is forgotten within ten seconds, also if
// another one goes on.
func TestNeighboursComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var found atomic.Pointer[[]string]
		found.Store(&[]string{})
		b := start(t, map[string]string{"x.service": definition}, func(b *bench) { b.look = func() []string { return *found.Load() } })
		time.Sleep(2 * meetPause)
		for _, step := range []struct {
			now    []string
			within time.Duration
			logged string
		}{
			{[]string{"avahi-daemon (pid 7)", "chromium (pid 9)"}, meetEvery, "port 5353 is shared with avahi-daemon (pid 7) and chromium (pid 9): "},
			{[]string{"chromium (pid 9)"}, metEvery, "port 5353 is shared with chromium (pid 9): "},
			{nil, metEvery, `msg="port 5353 is no longer shared" with="chromium (pid 9)"`},
			{[]string{"systemd-resolve (pid 3)"}, meetEvery, "port 5353 is shared with systemd-resolve (pid 3): "},
			{nil, metEvery, `msg="port 5353 is no longer shared" with="systemd-resolve (pid 3)"`},
		} {
			found.Store(&step.now)
			time.Sleep(step.within + time.Millisecond)
			s := b.status(t)
			if !slices.Equal(s.Neighbours, step.now) {
				t.Errorf("the neighbours are %q; want %q", s.Neighbours, step.now)
			}
			hints := strings.Join(s.Hints, "\n")
			if got, want := strings.Contains(hints, "port 5353 is shared"), len(step.now) > 0; got != want {
				t.Errorf("the hints for %q are:\n%s", step.now, hints)
			}
			if n := strings.Count(b.log.String(), step.logged); n != 1 {
				t.Errorf("%d lines of the log with %q:\n%s", n, step.logged, b.log.String())
			}
		}
		if err := b.end(); err != nil {
			t.Error(err)
		}
	})
}

// The start needs one look: a second one would take a command of this host for a program that shares the port for long.
func TestOneLookAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int32
		b := start(t, map[string]string{"x.service": definition}, func(b *bench) {
			b.look = func() []string { looks.Add(1); return nil }
		})
		time.Sleep(meetEvery / 2)
		if n := looks.Load(); n != 1 {
			t.Errorf("looked for %d times, want once", n)
		}
		if err := b.end(); err != nil {
			t.Error(err)
		}
	})
}

// Another program that takes a name of this host away is looked for at once, however often it does, and a host with
// another address is none.
func TestNeighbourThatTakesAName(t *testing.T) {
	for _, c := range []struct {
		name, rival string
		most        int32 // looks in ten seconds
		want        int
	}{
		{"this host", "192.0.2.5", 11, 1},
		{"another host", "192.0.2.9", 0, 0},
		{"nobody", "", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var found atomic.Pointer[[]string]
				found.Store(&[]string{})
				var looks atomic.Int32
				b := start(t, map[string]string{"x.service": definition}, func(b *bench) {
					b.look = func() []string { looks.Add(1); return *found.Load() }
				})
				time.Sleep(2 * meetPause)
				looks.Store(0)
				found.Store(&[]string{"avahi-daemon (pid 9)"})
				event := mdns.Event{Kind: mdns.ServiceConflict, ID: "x.service", Link: "eth0"}
				if c.rival != "" {
					event.Rival = netip.MustParseAddr(c.rival)
				}
				b.publisher.Happen(event)
				time.Sleep(10 * time.Millisecond)
				if got := b.status(t).Neighbours; len(got) != c.want {
					t.Errorf("the neighbours are %q, want %d", got, c.want)
				}
				for range 1000 {
					b.publisher.Happen(event)
					time.Sleep(10 * time.Millisecond)
				}
				if n := looks.Load(); n > c.most {
					t.Errorf("looked for %d times, want at most %d", n, c.most)
				}
				if err := b.end(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
