//go:build boot

package guest

import (
	"os"
	"strings"
	"testing"

	"announcer/internal/testkit/mdnstest"
)

// TestLandlock leads the daemon to a file that all users may read, and that it did not know of at its start: the kernel denies
// that to a daemon under Landlock, and only to that.
func TestLandlock(t *testing.T) {
	const elsewhere = "/opt/elsewhere/lobby.service"
	if modules := readFile(t, "/sys/kernel/security/lsm"); !strings.Contains(modules, "landlock") {
		t.Fatalf("the kernel of this machine has the security modules %s; want landlock among them", modules)
	}
	writeFor(t, elsewhere, group("Elsewhere", "_http._tcp", 8082))
	tests := []struct {
		name, unit string
		message    string
		confined   bool
	}{
		{"unit of the package", "", `msg="confined by Landlock" version=`, true},
		{"kernel without Landlock, as a filter of system calls makes it", "SystemCallFilter=~landlock_create_ruleset\n", `msg="not confined by Landlock" reason=`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dropIn(t, "[Service]\nExecStart=\nExecStart=/usr/bin/announcer run --log-level debug\n"+test.unit)
			neighbour := newSite(t)
			log := run(t, "journalctl", "--boot", "--no-pager", "--output=cat", "_PID="+unitState(t)["MainPID"])
			if !strings.Contains(log, test.message) {
				t.Errorf("there is no message %q:\n%s", test.message, log)
			}
			link(t, elsewhere, definitions+"lobby.service")
			out, err := try(command("systemctl", "reload", unitName))
			if !test.confined {
				neighbour.await(t, mdnstest.Announcement, "Elsewhere")
				return
			}
			if err == nil {
				t.Errorf("systemctl reload succeeds: %s", out)
			}
			if out, err := try(command("announcer", "status")); err == nil || !strings.Contains(out, "lobby.service") || !strings.Contains(out, "(Landlock)") {
				t.Errorf("announcer status says of a file that it may not read: %v\n%s", err, out)
			}
		})
	}
}

// link makes a symbolic link until the test ends.
func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(path) })
}
