// Package skip skips tests for which the machine lacks something.
package skip

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

// NoCorpus is the reason for which [Corpus] skips a test.
const NoCorpus = "no corpus of Avahi files; docs/testing.md describes it, and ANNOUNCER_CORPUS=/DIRECTORY names it"

// Corpus returns the directory of Avahi files that other people wrote, with what Avahi does with them. They are not part of the
// project: the environment variable ANNOUNCER_CORPUS names the directory, and without it the test is skipped. A directory that is
// no corpus is a failure.
func Corpus(t testing.TB) (dir string) {
	t.Helper()
	dir = os.Getenv("ANNOUNCER_CORPUS")
	if dir == "" {
		Now(t, NoCorpus)
		return ""
	}
	if !filepath.IsAbs(dir) {
		t.Fatalf("ANNOUNCER_CORPUS=%s: each test has another working directory; want a path that starts with a slash", dir)
	}
	for _, file := range []string{"expected.json", "probes.json"} {
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Fatalf("ANNOUNCER_CORPUS=%s is no corpus; want a directory as docs/testing.md describes it: %v", dir, err)
		}
	}
	return dir
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
