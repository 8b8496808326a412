package skip

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder is a test that records why it is skipped, or why it fails first.
type recorder struct {
	testing.TB
	reason, failure string
}

func (r *recorder) Helper() {}

func (r *recorder) Skip(args ...any) { r.reason = args[0].(string) }

func (r *recorder) Fatalf(format string, args ...any) {
	if r.failure == "" {
		r.failure = fmt.Sprintf(format, args...)
	}
}

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

func TestCorpus(t *testing.T) {
	empty, corpus := t.TempDir(), t.TempDir()
	for _, name := range []string{"expected.json", "probes.json"} {
		if err := os.WriteFile(filepath.Join(corpus, name), []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ name, dir, want, skipped, failed string }{
		{"none", "", "", NoCorpus, ""},
		{"one", corpus, corpus, "", ""},
		{"another directory", empty, empty, "", " is no corpus; want a directory as docs/testing.md describes it: "},
		{"a relative path", "corpus", "corpus", "", "want a path that starts with a slash"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("ANNOUNCER_CORPUS", test.dir)
			r := &recorder{TB: t}
			if got := Corpus(r); got != test.want || r.reason != test.skipped || !strings.Contains(r.failure, test.failed) || r.failure != "" && test.failed == "" {
				t.Errorf("%q, skipped for %q, failed for %q; want %+v", got, r.reason, r.failure, test)
			}
		})
	}
}
