//go:build linux

package boot_test

import (
	"path/filepath"
	"testing"
	"time"

	"announcer/internal/testkit/boot"
)

var t *testing.T // of the test that the example stands for

// The tests of a package, built for a guest and run there.
func ExampleRun() {
	binary := filepath.Join(t.TempDir(), "guest.test")
	boot.Build(t, "test", "-c", "-tags=boot", "-o", binary, "./guest")
	boot.Run(t, boot.Guest{Deps: "../.boot-deps", Test: binary, Timeout: 10 * time.Minute})
}
