package conformance

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"announcer/internal/netlab"
)

func TestMain(m *testing.M) { netlab.Main(m) }

const (
	cables = 96                     // checks that run at a time; they do little but wait
	slack  = 250 * time.Millisecond // of a machine that does other things too
	tries  = 3                      // of a check, since the machine may be slower than that for a moment
)

// TestProgramObeysEveryRule runs the program itself on a cable.
func TestProgramObeysEveryRule(t *testing.T) {
	netlab.Need(t)
	announcer := filepath.Join(t.TempDir(), "announcer")
	if out, err := exec.Command("go", "build", "-o", announcer, "announcer/cmd/announcer").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, r := range RunProgram(t, Announcer{announcer}, NewCables(t, cables, slack), tries) {
		if r.Verdict == Fail {
			t.Error(r)
		}
	}
}
