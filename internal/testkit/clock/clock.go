// Package clock sets the clock on the wall, for single moments.
package clock

import (
	"time"
	"unsafe"
)

// secondsShift is where the seconds of a moment with a monotonic reading are in its first word, as package time documents in
// its source.
const secondsShift = 30

// Off returns a moment as it was read from a clock that was wrong then by some seconds, and is right now. Its monotonic reading
// is what it was. t must have one, as of [time.Now].
func Off(t time.Time, by time.Duration) time.Time {
	word := (*uint64)(unsafe.Pointer(&t))
	if *word>>63 == 0 {
		panic("the moment has no monotonic reading")
	}
	*word += uint64(by/time.Second) << secondsShift
	return t
}
