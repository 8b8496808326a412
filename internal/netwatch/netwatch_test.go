package netwatch

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/publication"
)

// fakeKernel is a kernel in the hands of a test.
type fakeKernel struct {
	read    func() ([]publication.Link, error)
	changes <-chan struct{}
}

func (k fakeKernel) Read() ([]publication.Link, error) { return k.read() }

func (k fakeKernel) Follow() ([]publication.Link, error) { return k.read() }

func (k fakeKernel) Changes(context.Context) <-chan struct{} { return k.changes }

func TestChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := publication.Links{{Index: 1, Name: "lo"}}
		var failure error
		nudges := make(chan struct{}, 1)
		w := NewWatcherOf(fakeKernel{func() ([]publication.Link, error) { return now, failure }, nudges})
		ended := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { ended <- w.Run(ctx) }()
		signalled := func() bool {
			synctest.Wait()
			select {
			case r := <-w.Readings():
				if !reflect.DeepEqual(r.Links, now) || r.Err != failure {
					t.Errorf("it hands over %+v", r)
				}
				return true
			default:
				return false
			}
		}
		expect := func(what string, want bool) {
			t.Helper()
			if got := signalled(); got != want {
				t.Errorf("%s: signal %t, want %t", what, got, want)
			}
		}

		expect("start", true)
		nudges <- struct{}{}
		time.Sleep(time.Second)
		expect("a nudge without a change", false)

		now = []publication.Link{{Index: 1, Name: "lo"}, {Index: 2, Name: "eth0"}}
		nudges <- struct{}{}
		time.Sleep(settle - time.Millisecond)
		expect("before it settles", false)
		nudges <- struct{}{}
		time.Sleep(time.Millisecond)
		expect("settled", true)
		time.Sleep(settle)
		expect("a nudge about what is known", false)

		failure, now = errors.New("refused"), nil
		nudges <- struct{}{}
		time.Sleep(settle)
		expect("a failure", true)
		nudges <- struct{}{}
		time.Sleep(settle)
		expect("the same failure", false)

		w.Refresh()
		expect("asked for the same failure", false)
		failure, now = nil, []publication.Link{{Index: 1, Name: "lo"}}
		w.Refresh()
		expect("asked for", true)

		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestHangingKernel checks that a kernel that does not answer is a reading, at the start and later, and that its answer is one when it
// comes.
func TestHangingKernel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		links := publication.Links{{Index: 1, Name: "lo"}}
		answer := make(chan struct{})
		w := NewWatcherOf(fakeKernel{func() ([]publication.Link, error) { <-answer; return links, nil }, nil})
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		for range 2 {
			start := time.Now()
			if r := <-w.Readings(); r.Err == nil || time.Since(start) != hangTime {
				t.Errorf("after %v it hands over %+v; want an error after %v", time.Since(start), r, hangTime)
			}
			time.Sleep(time.Hour)
			answer <- struct{}{}
			if r := <-w.Readings(); r.Err != nil || !reflect.DeepEqual(r.Links, links) {
				t.Errorf("when the kernel answers, it hands over %+v", r)
			}
			w.Refresh()
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		close(answer)
	})
}

// TestChangesInAFlood checks that nudges that never stop keep no change back, nor have the links read all the time.
func TestChangesInAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		nudges, reads := make(chan struct{}, 1), 0
		w := NewWatcherOf(fakeKernel{func() ([]publication.Link, error) {
			reads++
			return []publication.Link{{Index: reads, Name: "eth0"}}, nil
		}, nudges})
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		flood := make(chan struct{})
		go func() {
			defer close(flood)
			for ctx.Err() == nil {
				time.Sleep(time.Millisecond)
				nudge(nudges)
			}
		}()
		start := time.Now()
		<-w.Readings()
		for range 10 {
			<-w.Readings()
		}
		if took := time.Since(start); took < 10*settle || took > 10*(settle+2*time.Millisecond) || reads > 11 {
			t.Errorf("10 signals took %v and %d reads", took, reads)
		}
		cancel()
		<-flood
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*pollEvery+1)
		defer cancel()
		count := 0
		poll(ctx, func() { count++ })
		if count != 10 {
			t.Errorf("%d nudges, want 10", count)
		}
	})
}

// TestEndWhileKernelHangs checks that no second read begins beside one that hangs, whatever else is due at the end.
func TestEndWhileKernelHangs(t *testing.T) {
	for range 50 { // of what is ready at once, chance picks one
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			reads, answer := atomic.Int32{}, make(chan struct{})
			w := NewWatcherOf(fakeKernel{func() ([]publication.Link, error) { reads.Add(1); <-answer; return nil, nil }, nil})
			ended := make(chan error, 1)
			go func() { ended <- w.Run(ctx) }()
			synctest.Wait()
			w.Refresh()
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			synctest.Wait()
			if n := reads.Load(); n != 1 {
				t.Errorf("%d reads hang; want 1", n)
			}
			close(answer)
		})
	}
}
