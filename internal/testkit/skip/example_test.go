package skip_test

import (
	"os/exec"
	"testing"

	"announcer/internal/testkit/skip"
)

// A test that talks to another program skips without it.
func Example() {
	_ = func(t *testing.T) {
		tshark := skip.Without(t, "tshark")
		exec.Command(tshark, "--version")
	}
}
