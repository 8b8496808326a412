//go:build linux

package netlab

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// DropRights takes all capabilities from the thread of a test, so that the modes of files count for root, too. The thread
// ends with the test; what the test starts in other goroutines keeps its rights.
func DropRights(t testing.TB) {
	t.Helper()
	runtime.LockOSThread()
	none := [2]unix.CapUserData{}
	if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
		t.Fatal(err)
	}
}
