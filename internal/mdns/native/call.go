package native

import (
	"sync"
	"time"
)

// callTime is how long a call that asks the kernel is waited for: netlink and /proc can hang.
const callTime = 200 * time.Millisecond

// call is a call that can hang. There is one at a time.
type call[T any] struct {
	mu     sync.Mutex
	result chan T // of a call that has not returned in time; nil: there is none
	last   T      // what was returned last
}

// of returns what f returns. If f does not return in time, it returns what was returned last and false, and so it does for
// all calls until f has returned.
func (c *call[T]) of(f func() T) (value T, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.result != nil {
		select {
		case <-c.result: // too old
			c.result = nil
		default:
			return c.last, false
		}
	}
	result := make(chan T, 1)
	go func() { result <- f() }()
	late := time.NewTimer(callTime)
	defer late.Stop()
	select {
	case c.last = <-result:
		return c.last, true
	case <-late.C:
		c.result = result
		return c.last, false
	}
}
