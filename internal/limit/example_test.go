package limit_test

import (
	"fmt"
	"time"

	"announcer/internal/limit"
)

// A host that asks a hundred times a minute causes three lines, and one at the end.
func ExampleLines() {
	lines := limit.New(3, 100, time.Minute)
	for i := range 100 {
		if lines.Admit("192.0.2.66", time.Now()) {
			fmt.Println("request", i, "of 192.0.2.66")
		}
	}
	if rest, any := lines.Rest(); any {
		fmt.Println(rest)
	}
	// Output:
	// request 0 of 192.0.2.66
	// request 1 of 192.0.2.66
	// request 2 of 192.0.2.66
	// 97 more lines, most of them of 192.0.2.66
}
