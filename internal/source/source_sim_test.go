package source

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/remote"
)

// simulated is a provider in a test's hands.
type simulated struct {
	place string
	items chan []Item // yielded when they are sent; nil: it is a look that finds nothing new
	fails chan error
	runs  int
	now   []Item // yielded when a run starts; nil: the run hangs until items come
}

func (s *simulated) String() string { return s.place }

func (s *simulated) Run(ctx context.Context, yield func([]Item)) error {
	s.runs++
	if s.now != nil {
		yield(s.now)
	}
	pulse := time.NewTicker(Pulse)
	defer pulse.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case s.now = <-s.items:
			if s.now != nil {
				yield(s.now)
			}
		case err := <-s.fails:
			return err
		case <-pulse.C:
			if s.now != nil {
				yield(nil)
			}
		}
	}
}

func service(place, name string) Item {
	return Item{Name: name + ".service", Origin: place + "/" + name + ".service", Data: []byte(serviceFile(name))}
}

// bench is a source with simulated providers, whose updates are gathered.
type bench struct {
	source    *Source
	providers map[string]*simulated
	mu        sync.Mutex
	updates   []Update
}

// simulate runs a source with places that yield one definition each at once, or hang at the start if their name is "hung".
func simulate(t *testing.T, places ...string) *bench {
	b := newBench(places...)
	go b.source.Run(t.Context())
	go b.gather(t.Context())
	synctest.Wait()
	return b
}

// newBench returns a source with simulated providers that does not run yet.
func newBench(places ...string) *bench {
	b := &bench{providers: map[string]*simulated{}}
	b.source = New(Request{Services: places})
	b.source.Open = func(place string, _ time.Duration, _ remote.Settings) Provider {
		p := &simulated{place: place, items: make(chan []Item), fails: make(chan error), now: []Item{service(place, place[1:])}}
		if place == "/hung" {
			p.now = nil
		}
		b.providers[place] = p
		return p
	}
	return b
}

// gather receives updates.
func (b *bench) gather(ctx context.Context) {
	for {
		select {
		case u := <-b.source.Updates():
			b.mu.Lock()
			b.updates = append(b.updates, u)
			b.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

// says returns what the updates since the last call say, in a line for each.
func (b *bench) says() string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	var lines []string
	for _, u := range b.updates {
		line := defined(u.Snapshot, "?")
		for _, p := range u.Snapshot.Places {
			if !p.Silent.IsZero() {
				line += " silent:" + p.Name
			}
		}
		for _, f := range u.Snapshot.Findings {
			if !strings.Contains(f.Text, "has not answered") {
				line += " " + f.String()
			}
		}
		if u.Reload {
			line += " reload"
			for _, s := range u.Silent {
				line += fmt.Sprintf(" owes:%s", s.Source)
			}
		}
		lines = append(lines, line)
	}
	b.updates = nil
	return strings.Join(lines, "\n")
}

func TestSourceWaitsForProviders(t *testing.T) {
	tests := []struct {
		name   string
		places []string
		run    func(t *testing.T, b *bench)
	}{
		{"all answer at once", []string{"/a", "/b"}, func(t *testing.T, b *bench) {
			b.expect(t, "a.service=a b.service=b")
			time.Sleep(time.Hour)
			b.expect(t, "")
		}},
		{"one is waited for, for 5 s", []string{"/a", "/hung"}, func(t *testing.T, b *bench) {
			b.expect(t, "")
			time.Sleep(startTime)
			b.expect(t, "a.service=a silent:/hung")
			b.providers["/hung"].items <- []Item{service("/hung", "h")}
			b.expect(t, "a.service=a h.service=h")
		}},
		{"one is late", []string{"/a", "/hung"}, func(t *testing.T, b *bench) {
			time.Sleep(startTime - time.Second)
			b.expect(t, "")
			b.providers["/hung"].items <- []Item{service("/hung", "h")}
			b.expect(t, "a.service=a h.service=h")
		}},
		{"one stops answering", []string{"/a", "/b"}, func(t *testing.T, b *bench) {
			b.expect(t, "a.service=a b.service=b")
			b.providers["/b"].items <- nil
			time.Sleep(silenceTime - time.Second)
			b.expect(t, "")
			time.Sleep(Pulse)
			b.expect(t, "a.service=a b.service=b silent:/b")
			b.providers["/b"].items <- []Item{service("/b", "b")}
			b.expect(t, "a.service=a b.service=b")
		}},
		{"a reload", []string{"/a", "/b"}, func(t *testing.T, b *bench) {
			b.expect(t, "a.service=a b.service=b")
			b.source.Reload()
			b.expect(t, "a.service=a b.service=b reload")
			if runs := b.providers["/a"].runs; runs != 2 {
				t.Errorf("%d runs, want 2", runs)
			}
		}},
		{"a reload while one does not answer", []string{"/a", "/b"}, func(t *testing.T, b *bench) {
			b.expect(t, "a.service=a b.service=b")
			b.providers["/b"].items <- nil
			b.source.Reload()
			b.expect(t, "")
			time.Sleep(ReloadTime)
			b.expect(t, "a.service=a b.service=b reload owes:/b")
			b.providers["/b"].items <- []Item{service("/b", "b")}
			b.expect(t, "a.service=a b.service=b")
			b.providers["/b"].items <- []Item{service("/b", "c")}
			b.expect(t, "a.service=a c.service=c")
			b.source.Reload()
			b.expect(t, "a.service=a c.service=c reload")
		}},
		{"a provider that fails", []string{"/a"}, func(t *testing.T, b *bench) {
			b.expect(t, "a.service=a")
			b.providers["/a"].fails <- errors.New("it is refused")
			b.expect(t, "a.service=a /a: it is not watched: it is refused; what it defined before stays in use")
			time.Sleep(retryTime)
			b.expect(t, "a.service=a")
		}},
		{"an error of a place", []string{"/a", "/b"}, func(t *testing.T, b *bench) {
			b.expect(t, "a.service=a b.service=b")
			b.providers["/b"].items <- []Item{{Origin: "/b", Err: errors.New("it cannot be read")}}
			b.expect(t, "a.service=a b.service=b /b: it cannot be read")
			b.providers["/b"].items <- []Item{}
			b.expect(t, "a.service=a")
		}},
		{"a place that cannot be read stops answering", []string{"/a", "/b"}, func(t *testing.T, b *bench) {
			b.expect(t, "a.service=a b.service=b")
			b.providers["/b"].items <- []Item{{Origin: "/b", Err: errors.New("it cannot be read")}}
			b.expect(t, "a.service=a b.service=b /b: it cannot be read")
			b.providers["/b"].items <- nil
			time.Sleep(silenceTime + Pulse)
			b.expect(t, "a.service=a b.service=b silent:/b")
		}},
		{"the provider of a place that cannot be read fails", []string{"/b"}, func(t *testing.T, b *bench) {
			b.expect(t, "b.service=b")
			b.providers["/b"].items <- []Item{{Origin: "/b", Err: errors.New("it cannot be read")}}
			b.expect(t, "b.service=b /b: it cannot be read")
			b.providers["/b"].fails <- errors.New("it is refused")
			b.expect(t, "b.service=b /b: it is not watched: it is refused; what it defined before stays in use")
		}},
		{"a place that is gone stops answering", []string{"/a", "/b"}, func(t *testing.T, b *bench) {
			b.expect(t, "a.service=a b.service=b")
			b.providers["/b"].items <- []Item{{Origin: "/b", Err: ErrMissing}}
			b.expect(t, "a.service=a /b: warning: the directory does not exist any more, and what its files defined is withdrawn")
			b.providers["/b"].items <- nil
			time.Sleep(silenceTime + Pulse)
			b.expect(t, "a.service=a silent:/b")
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test.run(t, simulate(t, test.places...)) })
		})
	}
}

func (b *bench) expect(t *testing.T, want string) {
	t.Helper()
	got := b.says()
	for place := range b.providers {
		got = strings.ReplaceAll(got, place+"/", "")
	}
	if got != want {
		t.Errorf("the updates are %q, want %q", got, want)
	}
}

// TestSleepIsNoSilence has the process sleep, after which no provider is blamed but one that was silent before.
func TestSleepIsNoSilence(t *testing.T) {
	s := New(Request{})
	slept := time.Now().Add(-time.Hour)
	s.places = []*task{{items: []Item{}, heard: slept}, {items: []Item{}, heard: slept.Add(-time.Minute)}}
	s.overdue(time.Now(), slept.Add(silenceTime))
	if s.places[0].silent(time.Now()) {
		t.Error("a provider is silent after a sleep")
	}
	if !s.places[1].silent(time.Now()) {
		t.Error("a provider that was silent before a sleep is silent no more")
	}
}

// TestSilenceMeanwhile has a provider fall silent while the source does something else: it waits for its update to be taken.
func TestSilenceMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench("/a", "/b")
		go b.source.Run(t.Context())
		<-b.source.Updates()
		b.providers["/b"].items <- nil // and no answer any more
		time.Sleep(silenceTime - time.Second)
		b.providers["/a"].items <- []Item{service("/a", "new")}
		time.Sleep(lateness)
		<-b.source.Updates()
		select {
		case u := <-b.source.Updates():
			if p := u.Snapshot.Places[1]; p.Silent.IsZero() {
				t.Errorf("%s is not silent", p.Name)
			}
		case <-time.After(Pulse):
			t.Error("a provider has hung for longer than it may, and nothing says so")
		}
	})
}

// TestTaskOfHangingProvider has a provider hang that is asked for another run again and again.
func TestTaskOfHangingProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := make(chan answer)
		p := &simulated{place: "/hung", items: make(chan []Item), now: nil}
		task := startTask(t.Context(), p, answers)
		for range 100 {
			task.ask()
		}
		synctest.Wait()
		go func() { p.items <- []Item{} }()
		a := <-answers
		if a.run != task.wanted || !reflect.DeepEqual(a.items, []Item{}) {
			t.Errorf("the answer is of run %d, want %d", a.run, task.wanted)
		}
	})
}

// What is overdue is waited for until a full second, which is that of a pulse, and then exactly.
func TestWaitEndsOnFullSecond(t *testing.T) {
	heard := time.Date(2026, 11, 28, 12, 0, 15, 9e6, time.UTC)
	s := &Source{places: []*task{{items: []Item{{}}, heard: heard}}}
	for _, c := range []struct {
		name      string
		now, want time.Duration // after it was heard
	}{
		{"long before", 0, silenceTime - 9*time.Millisecond},
		{"at the full second", silenceTime - 9*time.Millisecond, silenceTime},
		{"a second before", silenceTime - time.Second, silenceTime},
		{"overdue already", silenceTime, silenceTime + time.Hour - 9*time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.now + s.wait(heard.Add(c.now)); got != c.want {
				t.Errorf("until %v, want %v", got, c.want)
			}
		})
	}
}
