package control

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"announcer/internal/testkit/netlab"
)

// TestDenied checks that a daemon that this user may not ask, and no daemon, are different errors.
func TestDenied(t *testing.T) {
	dir := t.TempDir()
	closed := filepath.Join(dir, "control")
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Mkdir(closed, 0)); err != nil {
		t.Fatal(err)
	}
	path, missing := filepath.Join(closed, "announcer.sock"), filepath.Join(dir, "announcer.sock")
	for _, test := range []struct {
		name     string
		places   []string
		isDenied bool
	}{
		{"a socket of another user", []string{path}, true},
		{"none in the next place", []string{path, missing}, true},
		{"none in the place before it", []string{missing, path}, true},
		{"no daemon", []string{missing}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			netlab.DropRights(t)
			_, err := Dial(test.places)
			_, isDenied := errors.AsType[*DeniedError](err)
			_, isNone := errors.AsType[*NoDaemonError](err)
			if isDenied != test.isDenied || isNone == test.isDenied {
				t.Errorf("denied %t, none %t: %v", isDenied, isNone, err)
			}
		})
	}
}
