package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"announcer/internal/testkit/netlab"
)

// TestPermissionDenied checks that the error of what this process may not read says who it is, what denies it, and what
// would allow it.
func TestPermissionDenied(t *testing.T) {
	dir := t.TempDir()
	file, link, closed, home := filepath.Join(dir, "a.service"), filepath.Join(dir, "b.service"), filepath.Join(dir, "closed"), filepath.Join(dir, "home")
	for _, err := range []error{
		os.Chmod(filepath.Dir(dir), 0o755),
		os.WriteFile(file, []byte("x"), 0o600),
		os.Mkdir(closed, 0o755),
		os.Mkdir(home, 0o755),
		os.Symlink(filepath.Join(home, "x.service"), link),
		os.Chmod(file, 0),
		os.Chmod(closed, 0),
		os.Chmod(home, 0),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	all := homes
	homes = append([]string{home}, homes...)
	t.Cleanup(func() { homes = all })
	read := func(path string) error { _, err := ReadFile(path); return err }
	expand := func(path string) error { _, err := Expand(path, IsDefinition); return err }
	const allowed = "; want it readable for this user: for all (chmod a+rX), or for the group that Group= of the unit sets (systemctl edit announcer)"
	for _, test := range []struct {
		name string
		ask  func(string) error
		path string
		want []string
	}{
		{"a file", read, file, []string{"it can't be opened: permission denied for the user ", " (uid ", "; " + file + " is ---------- ", allowed}},
		{"a directory", expand, closed, []string{"the directory can't be read: permission denied for the user ", closed + " is d--------- ", allowed}},
		{"a file in a closed directory", read, filepath.Join(closed, "x.service"), []string{"it can't be opened: permission denied for the user ", closed + " is d--------- ", allowed}},
		{"a link into a home", read, link, []string{"permission denied for the user ", "; it is below " + home + ", which ProtectHome= of the unit hides from the daemon; want the file itself, not a link"}},
		{"a link into a home, given by itself", expand, link, []string{"it can't be read: permission denied for the user ", "which ProtectHome= of the unit hides"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			netlab.DropRights(t)
			err := test.ask(test.path)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
		})
	}
}
