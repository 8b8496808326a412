package daemon

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// errand is a task that ends after a time.
type errand struct {
	lasts time.Duration
	err   error
	deaf  bool // it does not end with its context
}

func (e errand) String() string { return "the errand" }

func (e errand) Run(ctx context.Context) error {
	if e.deaf {
		time.Sleep(e.lasts)
		return e.err
	}
	select {
	case <-time.After(e.lasts):
	case <-ctx.Done():
	}
	return e.err
}

// What runs beside the daemon ends it with its error, and hinders no end.
func TestTasks(t *testing.T) {
	for _, test := range []struct {
		name  string
		begin bool // before the daemon
		task  errand
		took  time.Duration
		want  string // the error; "": none
	}{
		{"ends with the daemon", false, errand{time.Hour, nil, false}, time.Minute, ""},
		{"began earlier, and ends with the daemon", true, errand{time.Hour, nil, false}, time.Minute, ""},
		{"fails", false, errand{time.Second, errors.New("no memory"), false}, time.Second, "the errand: no memory"},
		{"began earlier, and fails", true, errand{time.Second, errors.New("no memory"), false}, time.Second, "the errand: no memory"},
		{"ends by itself", false, errand{time.Second, nil, false}, time.Second, "the errand: it has ended by itself"},
		{"began earlier, and ends by itself", true, errand{time.Second, nil, false}, time.Second, "the errand: it has ended by itself"},
		{"hangs", false, errand{time.Hour, nil, true}, time.Minute, ""},
		{"began earlier, and hangs", true, errand{time.Hour, nil, true}, time.Minute, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				ctx, stop := context.WithTimeout(t.Context(), time.Minute)
				defer stop()
				var other Task = test.task
				if test.begin {
					other = Begin(ctx, other)
				}
				loop := newTask("", func(ctx context.Context, ready func()) error { ready(); <-ctx.Done(); return nil })
				ready := false
				err := run(ctx, []*task{loop, beside(other)}, func(context.Context) { ready = true })
				if got := errorText(err); got != test.want || time.Since(start) != test.took || !ready {
					t.Errorf("%q after %v, ready %t; want %q after %v", got, time.Since(start), ready, test.want, test.took)
				}
				time.Sleep(time.Hour) // what hangs ends before the test does
			})
		})
	}
}

// TestTaskEndsBeforeTheDaemon has a task that sees the end a moment before the context of the daemon's tasks is done: it has not
// ended by itself.
func TestTaskEndsBeforeTheDaemon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, stop := context.WithCancel(t.Context())
		child, stopChild := context.WithCancel(t.Context())
		defer stopChild()
		early := beside(Begin(parent, errand{lasts: time.Hour}))
		result := make(chan error, 1)
		go func() { result <- early.Run(child) }()
		stop()
		synctest.Wait()
		stopChild()
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
