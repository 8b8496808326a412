//go:build !linux

package wakeup

import (
	"context"
	"errors"
	"time"
)

var start = time.Now()

// read reads the clocks. That of the program may stand still while the machine sleeps; the one on the wall does not.
func read() reading {
	return reading{run: time.Since(start), wall: time.Duration(time.Now().UnixNano())}
}

// alarm ticks at common moments of an interval.
func alarm(ctx context.Context, every time.Duration) <-chan struct{} { return ticker(ctx, every) }

// open reports that there is no timer of the system.
func (m *moments) open() error { return errors.ErrUnsupported }
