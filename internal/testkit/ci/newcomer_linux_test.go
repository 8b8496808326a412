package ci

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"announcer/internal/testkit/skip"
)

// TestNewcomer follows a programmer who has cloned the project, with nothing beside the clone and no programs but those that the
// README asks for, and what every Linux has.
func TestNewcomer(t *testing.T) {
	dir := t.TempDir()
	project := filepath.Join(dir, "announcer")
	if out, err := exec.Command("git", "clone", "--quiet", root, project).CombinedOutput(); err != nil {
		t.Fatalf("git clone: %v\n%s", err, out)
	}
	env := []string{"PATH=" + programs(t, "go", "git", "make", "gcc", "as", "ld", "sh", "cat", "echo", "grep", "sed", "uname"), "HOME=" + dir, "LC_ALL=C"}
	for _, variable := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOTOOLCHAIN"} {
		value, err := exec.Command("go", "env", variable).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, variable+"="+strings.TrimSpace(string(value)))
	}
	for _, step := range []struct{ command, want string }{
		{"make build", "go build -o announcer ./cmd/announcer\n"},
		{"./announcer validate examples/services", "1 file checked, 0 errors, 0 warnings\n"},
		{"go run ./cmd/announcer list --interface lo examples/services", "Front office PBX"},
		{"go test -json -run 'Corpus|Example' ./internal/convert | go run ./internal/testkit/verdict -noskip", "1 tests were skipped: " + skip.NoCorpus + " (1)\n"},
	} {
		cmd := exec.Command("sh", "-c", step.command)
		cmd.Dir, cmd.Env = project, env
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), step.want) {
			t.Fatalf("$ %s\n%v\n%s\nwant %q", step.command, err, out, step.want)
		}
	}
}

// programs returns a directory with programs of this machine.
func programs(t *testing.T, names ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range names {
		path := skip.Without(t, name)
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
