//go:build !linux

package wakeup

import (
	"errors"
	"time"
)

var start = time.Now()

// read reads the clocks. That of the program may stand still while the machine sleeps; the one on the wall does not.
func read() reading {
	return reading{run: time.Since(start), wall: time.Duration(time.Now().UnixNano())}
}

// open reports that there is no timer of the system.
func (m *moments) open() (end func(), err error) { return nil, errors.ErrUnsupported }
