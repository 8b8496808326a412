package source

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/wakeup"
)

// scripted is a watch in a test's hands.
type scripted chan string

func (scripted) AddDir(string) error     { return nil }
func (scripted) AddFile(string) error    { return nil }
func (t scripted) Events() <-chan string { return t }
func (scripted) Close() error            { return nil }

// TestAwait has events come at set times, and measures when they have settled.
func TestAwait(t *testing.T) {
	const ms = time.Millisecond
	here, err := os.Stat(".")
	if err != nil {
		t.Fatal(err)
	}
	save := func(name string) func(*directory) {
		return func(w *directory) { w.events.(scripted) <- name }
	}
	stream := func(from, to, every time.Duration) map[time.Duration]func(*directory) {
		all := map[time.Duration]func(*directory){}
		for at := from; at <= to; at += every {
			all[at] = save("/etc/x/a.service")
		}
		return all
	}
	for _, test := range []struct {
		name   string
		events map[time.Duration]func(*directory)
		every  time.Duration
		ends   time.Duration
		stale  bool
	}{
		{"one event", map[time.Duration]func(*directory){time.Second: save("/etc/x/a.service")}, time.Minute, time.Second + wakeup.Settle, false},
		{"a burst", stream(time.Second, time.Second+300*ms, 30*ms), time.Minute, time.Second + 300*ms + wakeup.Settle, false},
		{"a stream that does not end", stream(time.Second, time.Minute, 30*ms), time.Minute, time.Second + wakeup.SettleMost, false},
		{"events of other files", map[time.Duration]func(*directory){ms: save("/etc/x/a.service~"), 2 * ms: save("/etc/x/.a.service.swp"), 3 * ms: save("/etc/x/a")}, time.Second, time.Second, false},
		{"the configuration", map[time.Duration]func(*directory){ms: save("/etc/announcer.toml")}, time.Minute, ms + wakeup.Settle, false},
		{"a directory itself", map[time.Duration]func(*directory){ms: save("/etc/x")}, time.Minute, ms + wakeup.Settle, true},
		{"events that were lost", map[time.Duration]func(*directory){ms: save("")}, time.Minute, ms + wakeup.Settle, true},
		{"an event just before a pulse", map[time.Duration]func(*directory){Pulse - ms: save("/etc/x/a.service")}, time.Minute, Pulse - ms + wakeup.Settle, false},
		{"polling within a stream", stream(80*ms, time.Minute, 30*ms), 100 * ms, 100 * ms, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				w := &directory{
					looked: time.Now(), guard: newGuard(),
					ways:   ways{dirs: map[string]fs.FileInfo{"/etc/x": here}, names: map[string]bool{"announcer.toml": true}},
					events: scripted(make(chan string, 1)),
					every:  test.every,
				}
				for at, happens := range test.events {
					time.AfterFunc(at, func() {
						if ctx.Err() == nil {
							happens(w)
						}
					})
				}
				start := time.Now()
				if got := w.await(ctx); got != changed {
					t.Errorf("the reason is %v", got)
				}
				if took := time.Since(start); took != test.ends || w.stale != test.stale {
					t.Errorf("it took %v, stale %t; want %v, %t", took, w.stale, test.ends, test.stale)
				}
				cancel()
				if got := w.await(ctx); got != ended {
					t.Errorf("after the end the reason is %v", got)
				}
			})
		})
	}
}

// TestWatchHost has the host get other names at set times.
func TestWatchHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		names := map[time.Duration]string{0: "a", 700 * time.Millisecond: "b", 1600 * time.Millisecond: "c", 1700 * time.Millisecond: "b", time.Minute: "a"}
		hostName := func() (name string) {
			latest := time.Duration(-1)
			for at, n := range names {
				if at <= time.Since(start) && at > latest {
					name, latest = n, at
				}
			}
			return name
		}
		var told []string
		go watchHost(ctx, hostName, "a", func(name string) { told = append(told, fmt.Sprint(name, " ", time.Since(start))) })
		time.Sleep(time.Hour)
		cancel()
		synctest.Wait()
		if want := []string{"b 1s", "a 1m0s"}; !slices.Equal(told, want) {
			t.Errorf("told at %v, want %v", told, want)
		}
	})
}
