package conformance_test

import (
	"fmt"

	"announcer/internal/publication"
	"announcer/internal/testkit/conformance"
)

// One check of announcer's own responder, in simulated time.
func ExampleCheck_Run() {
	for _, check := range conformance.Checks() {
		if check.Section == "6762 §8.3" {
			fmt.Println(check.Run(conformance.NewSimLab(1), publication.V4).Verdict)
			return
		}
	}
	// Output: pass
}
