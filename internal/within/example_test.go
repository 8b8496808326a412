package within_test

import (
	"fmt"
	"time"

	"announcer/internal/within"
)

// A file system that does not answer.
func ExampleDo() {
	hangs := make(chan string)
	_, ok := within.Do(time.Millisecond, func() string { return <-hangs })
	fmt.Println(ok)
	// Output: false
}
