package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Task is what runs beside the daemon until its context is done. An error of it ends the daemon.
type Task interface {
	String() string // its name in an error
	Run(ctx context.Context) error
}

// Begin has a task begin before the daemon runs, which needs its first value. The result ends when the task does. ctx is that of
// the daemon.
func Begin(ctx context.Context, t Task) Task {
	b := begun{t, ctx.Done(), make(chan error, 1)}
	go func() { b.ended <- t.Run(ctx) }()
	return b
}

type begun struct {
	Task
	over  <-chan struct{} // closed when the daemon is to end
	ended chan error
}

func (b begun) Run(ctx context.Context) error {
	select {
	case err := <-b.ended:
		return b.inTime(ctx, err)
	case <-ctx.Done():
		return nil
	}
}

// inTime returns err, not before ctx is done if the task ended with the daemon: a context is done a moment after its parent.
func (b begun) inTime(ctx context.Context, err error) error {
	select {
	case <-b.over:
		<-ctx.Done()
	default:
	}
	return err
}

// beside returns the task of the daemon that runs another one. If that hangs when ctx is done, it is left behind.
func beside(t Task) *task {
	return newTask(t.String(), func(ctx context.Context, ready func()) error {
		ready()
		err := Begin(ctx, t).Run(ctx)
		if err == nil && ctx.Err() == nil {
			err = errors.New("it has ended by itself")
		}
		return err
	})
}

// task is a part of the daemon that runs until its context is done.
type task struct {
	name  string
	ready chan struct{}
	do    func(ctx context.Context, ready func()) error
}

func newTask(name string, do func(ctx context.Context, ready func()) error) *task {
	return &task{name, make(chan struct{}), do}
}

// String returns the name, "" for the loop, which speaks for the daemon.
func (t *task) String() string { return t.name }

// Ready returns a channel that is closed when the task does its work.
func (t *task) Ready() <-chan struct{} { return t.ready }

// Run runs the task until it ends. An error names the task.
func (t *task) Run(ctx context.Context) error {
	err := t.do(ctx, sync.OnceFunc(func() { close(t.ready) }))
	if err != nil && t.name != "" {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	return err
}

// run runs tasks until ctx is done or one of them fails, and calls ready when all are.
func run(ctx context.Context, tasks []*task, ready func(context.Context)) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, t := range tasks {
		group.Go(func() error { return t.Run(ctx) })
	}
	group.Go(func() error {
		for _, t := range tasks {
			select {
			case <-t.Ready():
			case <-ctx.Done():
				return nil
			}
		}
		ready(ctx)
		return nil
	})
	return group.Wait()
}
