// Package within waits for calls that can hang, such as those for files, netlink and /proc, only for a while.
package within

import "time"

// Do calls f in a goroutine of its own and returns its result. If f takes longer than most, ok is false: f goes on, and its
// result is dropped.
func Do[T any](most time.Duration, f func() T) (value T, ok bool) {
	result := make(chan T, 1)
	go func() { result <- f() }()
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case value = <-result:
		return value, true
	case <-late.C:
		return value, false
	}
}
