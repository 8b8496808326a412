package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"announcer/internal/testkit/netlab"
)

// TestDeniedDaemon checks that the exit codes for a daemon that this user may not ask, and for no daemon, differ.
func TestDeniedDaemon(t *testing.T) {
	dir := t.TempDir()
	closed := filepath.Join(dir, "control")
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Mkdir(closed, 0)); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"status", "reload", "watch"} {
		for _, test := range []struct {
			name, socket, words string
			code                int
		}{
			{"another user's", filepath.Join(closed, "announcer.sock"), "is not accessible to this user; want sudo", exitDenied},
			{"none", filepath.Join(dir, "announcer.sock"), "no daemon listens on", exitNoDaemon},
		} {
			t.Run(command+", "+test.name, func(t *testing.T) {
				netlab.DropRights(t)
				var out, errOut bytes.Buffer
				code := run([]string{command, "--socket", test.socket}, &out, &errOut)
				if code != test.code || !strings.Contains(errOut.String(), test.words) {
					t.Errorf("exit code %d, want %d; %s", code, test.code, errOut.String())
				}
			})
		}
	}
}
