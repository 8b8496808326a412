package hangfs_test

import (
	"os"
	"path/filepath"
	"testing"

	"announcer/internal/testkit/hangfs"
)

var t *testing.T // of the test that the example stands for

// A directory that hangs for a while. The TestMain of the package calls hangfs.Main and netlab.Main.
func ExampleMount() {
	fs := hangfs.Mount(t)
	if err := os.WriteFile(filepath.Join(fs.Holds, "pbx.service"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	fs.Hang() // a process that reads fs.Dir now waits
	fs.GoOn()
}
