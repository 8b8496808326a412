// Package built provides the program itself to tests, as users run it.
package built

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Announcer builds the program out of the sources in a folder, with more flags of go build if wanted, and returns the path
// of it. It lasts until the test ends.
func Announcer(t testing.TB, root string, flags ...string) string {
	t.Helper()
	showSources(t, root)
	program := filepath.Join(t.TempDir(), "announcer")
	args := append([]string{"-C", root, "build", "-o", program}, flags...)
	if out, err := exec.Command("go", append(args, "./cmd/announcer")...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// showSources looks at every file of the project, so that go test knows what a result that it has cached depends on.
func showSources(t testing.TB, root string) {
	t.Helper()
	project := os.DirFS(root)
	err := fs.WalkDir(project, ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && len(path) > 1 && path[0] == '.' {
			return fs.SkipDir
		}
		_, err = fs.Stat(project, path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed since
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
