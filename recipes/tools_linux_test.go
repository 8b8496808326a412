package recipes

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"announcer/internal/testkit/skip"
)

// example returns the absolute path of a file in examples/.
func example(t *testing.T, path ...string) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join(append([]string{"..", "examples"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// read returns the contents of a file in examples/.
func read(t *testing.T, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(example(t, path...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// run runs a tool of .test-deps in a directory, and returns what it printed. The test skips without the tool, and fails if the tool
// does.
func run(t *testing.T, dir, tool string, args ...string) string {
	t.Helper()
	cmd := exec.Command(skip.Without(t, tool), args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", tool, args, err, out)
	}
	return string(out)
}
