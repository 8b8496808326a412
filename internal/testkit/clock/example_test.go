package clock_test

import (
	"fmt"
	"time"

	"announcer/internal/testkit/clock"
)

// A moment that was read a minute ago, while the clock was a day ahead.
func Example() {
	now := time.Now()
	was := clock.Off(now.Add(-time.Minute), 24*time.Hour)
	fmt.Println(now.Sub(was), "ago, and in the future by the clock:", was.Round(0).After(now.Round(0)))
	// Output: 1m0s ago, and in the future by the clock: true
}
