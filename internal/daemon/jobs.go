package daemon

import (
	"context"
	"errors"
)

var errEnded = errors.New("the daemon ends")

// jobs has the loop do things for other goroutines.
type jobs struct {
	asked chan func()
	ended chan struct{} // closed when the loop has ended
}

func newJobs() jobs { return jobs{make(chan func()), make(chan struct{})} }

// do has the loop do a job, and waits for it. It returns an error if ctx is done first, or the loop ends.
func (j jobs) do(ctx context.Context, job func()) error {
	done := make(chan struct{})
	select {
	case j.asked <- func() { defer close(done); job() }:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-j.ended:
		return errEnded
	}
	_, err := await(ctx, j, done)
	return err
}

// await receives a value that the loop is to give. It returns an error if ctx is done first, or the loop ends.
func await[T any](ctx context.Context, j jobs, from <-chan T) (value T, err error) {
	select {
	case value = <-from:
		return value, nil
	case <-ctx.Done():
		return value, context.Cause(ctx)
	case <-j.ended:
		return value, errEnded
	}
}
