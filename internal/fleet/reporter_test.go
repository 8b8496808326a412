package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/status"
	"announcer/internal/testkit/clock"
)

var errRestart = errors.New("restart")

// reporting runs a reporter that reports what state points to, until the test ends it.
func reporting(t *testing.T, m *memory, state *atomic.Pointer[Presence], changed *func()) (end func(cause error)) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	r := NewReporter(func(context.Context) (Connection, error) { return m, nil }, "/announcer", "berlin", "pbx", slog.New(slog.DiscardHandler))
	r.State = func(context.Context) (Presence, error) { return *state.Load(), nil }
	if r.Restart = errRestart; changed != nil {
		*changed = r.Changed
	}
	go r.Run(ctx)
	return func(cause error) {
		cancel(cause)
		r.Left()
	}
}

// stating returns a state that reporting reads.
func stating(p Presence) *atomic.Pointer[Presence] {
	var state atomic.Pointer[Presence]
	state.Store(&p)
	return &state
}

const presenceKey = "/announcer/presence/berlin/pbx"

// presenceIn returns the presence that the store has, nil if there is none.
func presenceIn(t *testing.T, m *memory) *Presence {
	t.Helper()
	text := m.value(presenceKey)
	if text == "" {
		return nil
	}
	p := new(Presence)
	if err := json.Unmarshal([]byte(text), p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestReporterTimes wants a presence at once, a change soon after it, and no two writes within 10 s.
func TestReporterTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, state := newMemory(), stating(Presence{Revision: 1})
		reports := func() int64 { return m.writes() - 1 } // without the key of the machine
		var changed func()
		end := reporting(t, m, state, &changed)
		synctest.Wait()
		if p := presenceIn(t, m); p == nil || p.Revision != 1 || p.Since.IsZero() {
			t.Fatalf("at the start there is %+v", p)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if reports() != 1 {
			t.Errorf("%d writes without a change", reports())
		}
		state.Store(&Presence{Revision: 2})
		changed()
		time.Sleep(settleTime)
		synctest.Wait()
		if p := presenceIn(t, m); p.Revision != 2 {
			t.Errorf("after %s the store has revision %d", settleTime, p.Revision)
		}
		for i := range int64(5) {
			state.Store(&Presence{Revision: 3 + i})
			changed()
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if reports() != 2 {
			t.Errorf("%d writes within 10 s", reports()-1)
		}
		time.Sleep(reportTime)
		synctest.Wait()
		if p := presenceIn(t, m); p.Revision != 7 || reports() != 3 {
			t.Errorf("then revision %d, after %d writes", p.Revision, reports())
		}
		end(nil)
		if p := presenceIn(t, m); p != nil {
			t.Errorf("after the end there is still %+v", p)
		}
	})
}

// TestReporterClock sets the clock while a host reports: the time since when it does follows, and stays otherwise.
func TestReporterClock(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		name string
		by   time.Duration
	}{
		{"it was right", 0},
		{"it was a day ahead", 24 * time.Hour},
		{"it was a day behind", -24 * time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := Reporter{since: clock.Off(now, test.by)}
			first := r.begun(now.Add(time.Hour))
			if late := first.Sub(now.Truncate(time.Second)); late.Abs() > time.Second {
				t.Errorf("it reports since %v later", late)
			}
			if again := r.begun(now.Add(2*time.Hour + time.Millisecond)); again != first {
				t.Errorf("%v became %v", first, again)
			}
		})
	}
}

// TestReporterRestart wants the presence to stay when another process goes on.
func TestReporterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, state := newMemory(), stating(Presence{})
		end := reporting(t, m, state, nil)
		synctest.Wait()
		end(errRestart)
		if presenceIn(t, m) == nil {
			t.Error("it is gone")
		}
	})
}

// TestReporterOutage wants a reporter to come back after an outage, short or long, and to say since when it reports.
func TestReporterOutage(t *testing.T) {
	for _, c := range []struct {
		name   string
		outage time.Duration
		gap    bool
	}{
		{"short", 30 * time.Second, false},
		{"long", 24 * time.Hour, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, state := newMemory(), stating(Presence{})
				end := reporting(t, m, state, nil)
				synctest.Wait()
				since := presenceIn(t, m).Since
				m.breakdown(errors.New("no route"))
				if time.Sleep(c.outage); c.gap {
					m.expire()
				}
				m.breakdown(nil)
				time.Sleep(keepTime + retryTime + time.Second)
				synctest.Wait()
				p := presenceIn(t, m)
				if p == nil {
					t.Fatal("it does not report again")
				}
				if gap := p.Since.After(since); gap != c.gap {
					t.Errorf("since %s, before %s", p.Since, since)
				}
				end(nil)
			})
		})
	}
}

// mortal is a connection that ends.
type mortal struct {
	*memory
	life context.Context
}

func (m mortal) Context() context.Context { return m.life }

// TestReporterLoss wants the end of a connection to be noticed at once, and another one to be made within 16 s.
func TestReporterLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, opened := newMemory(), 0
		var cut context.CancelCauseFunc
		open := func(context.Context) (Connection, error) {
			opened++
			c := mortal{memory: m}
			c.life, cut = context.WithCancelCause(context.Background())
			return c, nil
		}
		r := NewReporter(open, "/announcer", "berlin", "pbx", slog.New(slog.DiscardHandler))
		r.State = func(context.Context) (Presence, error) { return Presence{}, nil }
		go r.Run(t.Context())
		synctest.Wait()
		cut(errors.New("the server is gone"))
		synctest.Wait()
		if got := r.Hints(); len(got) != 1 || !strings.HasSuffix(got[0], ": the server is gone") {
			t.Errorf("%q", got)
		}
		time.Sleep(time.Second + retryTime)
		synctest.Wait()
		if got := r.Hints(); len(got) != 0 || opened != 2 {
			t.Errorf("%d connections, %q", opened, got)
		}
	})
}

// TestTwoMachines has two machines report by one name: that is a problem until one of them ends, and a restart is none.
func TestTwoMachines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		start := func(machine string) (end func(cause error)) {
			ctx, cancel := context.WithCancelCause(t.Context())
			r := NewReporter(func(context.Context) (Connection, error) { return m, nil }, root, "berlin", "pbx", slog.New(slog.DiscardHandler))
			r.Machine, r.Restart = machine, errRestart
			r.State = func(context.Context) (Presence, error) { return Presence{Version: status.Version}, nil }
			go r.Run(ctx)
			synctest.Wait()
			return func(cause error) {
				cancel(cause)
				r.Left()
			}
		}
		problems := func() int {
			f, err := Read(t.Context(), m, root)
			if err != nil {
				t.Fatal(err)
			}
			return len(f.Rows([]string{"berlin"}, time.Now())[0].Problems)
		}
		start("one")(errRestart)
		end := start("one")
		if n := problems(); n != 0 {
			t.Errorf("%d problems of one machine", n)
		}
		endOther := start("other")
		if n := problems(); n != 1 {
			t.Errorf("%d problems of two machines", n)
		}
		end(nil)
		if n := problems(); n != 0 {
			t.Errorf("%d problems when one has ended", n)
		}
		endOther(nil)
	})
}

// TestReporterHints wants a hint with the reason while the presence is not reported.
func TestReporterHints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.breakdown(errors.New("no right"))
		r := NewReporter(func(context.Context) (Connection, error) { return m, nil }, "/announcer", "berlin", "pbx", slog.New(slog.DiscardHandler))
		r.State = func(context.Context) (Presence, error) { return Presence{}, nil }
		go r.Run(t.Context())
		synctest.Wait()
		if got := r.Hints(); len(got) != 1 || got[0] != "the presence of this host is not reported: no right" {
			t.Errorf("%q", got)
		}
		m.breakdown(nil)
		time.Sleep(time.Second + retryTime)
		synctest.Wait()
		if got := r.Hints(); len(got) != 0 {
			t.Errorf("%q", got)
		}
	})
}

// TestReporterSpread wants hosts that lose their store at once to come back at different times.
func TestReporterSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hosts = 100
		var stores [hosts]*memory
		state := stating(Presence{})
		for i := range stores {
			stores[i] = newMemory()
			defer reporting(t, stores[i], state, nil)(nil)
		}
		synctest.Wait()
		for _, m := range stores {
			m.breakdown(errors.New("restart"))
		}
		time.Sleep(keepTime)
		synctest.Wait()
		for _, m := range stores {
			m.expire()
			m.breakdown(nil)
		}
		most, before := 0, 0
		for range retryTime/time.Second + 1 {
			time.Sleep(time.Second)
			synctest.Wait()
			back := 0
			for _, m := range stores {
				if m.value(presenceKey) != "" {
					back++
				}
			}
			most, before = max(most, back-before), back
		}
		if before != hosts || most > hosts/4 {
			t.Errorf("%d are back, %d of them within a second", before, most)
		}
	})
}

// TestPresenceSize wants a presence to fit, with a count of what is left out.
func TestPresenceSize(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"plain", strings.Repeat("x", 5000)},
		{"escaped", strings.Repeat("\x01", 5000)},
		{"not UTF-8", strings.Repeat("\xff", 5000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p Presence
			for range 1000 {
				p.Problems = append(p.Problems, cut(c.text))
				p.Refused = append(p.Refused, Refused{File: cut(c.text), Why: cut(c.text)})
			}
			data := p.encode()
			var got Presence
			if err := json.Unmarshal(data, &got); err != nil || len(data) > presenceSize {
				t.Fatalf("%d bytes, %v", len(data), err)
			}
			if shown := len(got.Problems) + len(got.Refused); shown < 2 || shown+got.Left != 2000 {
				t.Errorf("%d shown, %d left out", shown, got.Left)
			}
		})
	}
}
