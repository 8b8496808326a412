//go:build boot

package packaging

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"announcer/internal/testkit/boot"
	"announcer/internal/testkit/netlab"
)

var (
	bootRun   = flag.String("boot.run", "", "run only those tests on one machine that match the `regexp`")
	bootPause = flag.Duration("boot.pause", 5*time.Second, "pause a machine for this `duration`")
)

const (
	// bootOwn is how long the tests may take with two processors of their own, without the pause.
	bootOwn     = 10 * time.Minute
	bootTimeout = 30 * time.Minute
	bootDeps    = "../.test-deps/boot" // which .ci/boot-deps makes
)

// TestBoot installs the package on Debians with systemd as process 1: on two machines on one cable, and meanwhile on one, on
// which the tests of the package guest run.
func TestBoot(t *testing.T) {
	netlab.Need(t)
	need(t)
	boot.Within(t, bootOwn+*bootPause)
	project := newCopy(t)
	first := build(t, project)
	run(t, project, "git", "tag", "v9.0.0")
	next := build(t, project)
	files := []boot.File{debFile(t, "first.deb", first), debFile(t, "next.deb", next)}
	if *bootRun == "" {
		t.Run("two machines", func(t *testing.T) {
			t.Parallel()
			testLife(t, newSite(t, slices.Concat(files, readmeFiles(t, first), resolvedFiles)...))
		})
	}
	t.Run("one machine", func(t *testing.T) {
		t.Parallel()
		guest := filepath.Join(t.TempDir(), "guest.test")
		boot.Build(t, "test", "-c", "-tags", "boot", "-o", guest, "./guest")
		boot.Run(t, boot.Guest{
			Deps:    bootDeps,
			Test:    guest,
			Args:    []string{"-test.timeout=25m", "-test.run=" + *bootRun},
			Files:   files,
			Timeout: bootTimeout,
		})
	})
}

func debFile(t *testing.T, name string, p packages) boot.File {
	t.Helper()
	data, err := os.ReadFile(p.deb)
	if err != nil {
		t.Fatal(err)
	}
	return boot.File{Path: filepath.Join(boot.Dir, name), Mode: 0o644, Data: data}
}
