// Package skip skips tests for which the machine lacks something.
package skip

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Run is the environment variable that "make test" sets to another value each time. The go command keeps the result of a
// package for as long as the variables that its tests have read are the same; with this one a package with a skipped test is
// run each time, so that the test is run as soon as the machine has what it needs.
const Run = "ANNOUNCER_RUN"

// Now skips a test. The reason says what is missing.
func Now(t testing.TB, reason ...any) {
	t.Helper()
	os.Getenv(Run)
	t.Skip(fmt.Sprint(reason...))
}

// Without skips a test if a program is missing, and returns its path.
func Without(t testing.TB, program string) (path string) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		Now(t, "no ", program, "; make test-deps fetches it")
	}
	return path
}
