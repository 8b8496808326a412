package skip

import (
	"strings"
	"testing"
)

// recorder is a test that records why it is skipped.
type recorder struct {
	testing.TB
	reason string
}

func (r *recorder) Helper() {}

func (r *recorder) Skip(args ...any) { r.reason = args[0].(string) }

func TestWithout(t *testing.T) {
	for _, test := range []struct{ name, program, reason string }{
		{"a program that is there", "go", ""},
		{"a missing program", "no-such-program", "no no-such-program; make test-deps fetches it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &recorder{TB: t}
			path := Without(r, test.program)
			if r.reason != test.reason || strings.HasSuffix(path, test.program) == (test.reason != "") {
				t.Errorf("the path is %q, the reason %q, want %q", path, r.reason, test.reason)
			}
		})
	}
}
