package conformance

import (
	"testing"
	"time"

	"announcer/internal/testkit/built"
	"announcer/internal/testkit/netlab"
)

func TestMain(m *testing.M) { netlab.Main(m) }

const (
	// cables is the number of checks that run at a time; they do little but wait. Each program has two instances of inotify,
	// of which a user has 128 on most machines, for the tests of other packages too.
	cables = 40
	slack  = 250 * time.Millisecond // of a machine that does other things too
	rounds = 3                      // for a check to pass in, since the machine may be slower than that for a moment
)

// TestProgramObeysEveryRule runs the program itself on a cable.
func TestProgramObeysEveryRule(t *testing.T) {
	netlab.Need(t)
	announcer := Announcer{built.Announcer(t, "../../..")}
	for _, r := range RunProgram(t, announcer, Checks(), NewCables(t, cables, slack), rounds) {
		if r.Verdict == Fail {
			t.Error(r)
		}
	}
}
