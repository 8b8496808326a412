package packaging

import (
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"announcer/internal/testkit/skip"
)

// testLandlock wants the unit to let the daemon confine itself.
func testLandlock(t *testing.T, d debian, u unit, how confinement) {
	const askVersion = 1
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, askVersion); errno != 0 {
		skip.Now(t, "no Landlock: ", errno)
	}
	command := slices.Concat(u.words(t, "ExecStart"), []string{"--log-level", "debug"})
	daemon := start(t, d.path(how.Runtime+"/notify"), d.confined(how, command...))
	daemon.await(t, `msg="confined by Landlock"`)
	daemon.end(t, syscall.SIGTERM)
}
