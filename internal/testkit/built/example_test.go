package built_test

import (
	"os/exec"
	"testing"

	"announcer/internal/testkit/built"
)

var t *testing.T // of the test that the example stands for

func ExampleAnnouncer() {
	program := built.Announcer(t, "../..", "-race")
	if out, err := exec.Command(program, "version").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
