package ci

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRun runs .ci/run with a make that only records how it is called. It runs the same whether there is a corpus or not.
func TestRun(t *testing.T) {
	const (
		missing   = "ci: no corpus of Avahi files, in ANNOUNCER_CORPUS or ../shared/corpus: its tests are skipped, all others run\n"
		notBooted = "ci: the image of emulated machines can't be made here: the packages are not booted\n"
	)
	for _, test := range []struct {
		name          string
		beside        bool // whether there is a corpus beside the project
		named         string
		image         int // exit code of what makes that of emulated machines
		corpus, print string
	}{
		{"a clone of a stranger", false, "", 0, "", missing},
		{"a corpus beside the project", true, "", 0, "/shared/corpus", ""},
		{"a corpus that is named", true, "/elsewhere", 0, "/elsewhere", ""},
		{"no image of emulated machines", true, "", unavailable, "/shared/corpus", notBooted},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			project, bin := filepath.Join(dir, "project"), filepath.Join(dir, "bin")
			copyFile(t, filepath.Join(root, ".ci/run"), filepath.Join(project, ".ci/run"))
			if test.beside {
				copyFile(t, filepath.Join(root, "LICENSE"), filepath.Join(dir, "shared/corpus/one.service"))
			}
			write(t, filepath.Join(project, ".ci/boot-deps"), fmt.Sprintf("#!/bin/sh\nexit %d\n", test.image))
			write(t, filepath.Join(bin, "make"), "#!/bin/sh\necho \"$*, corpus $ANNOUNCER_CORPUS\" >>"+dir+"/calls\n")
			cmd := exec.Command(filepath.Join(project, ".ci/run"))
			cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "ANNOUNCER_CORPUS=") }),
				"PATH="+bin+":"+os.Getenv("PATH"), "ANNOUNCER_CORPUS="+test.named)
			out, err := cmd.CombinedOutput()
			if err != nil || string(out) != test.print {
				t.Errorf("%v, %q; want %q", err, out, test.print)
			}
			calls, err := os.ReadFile(filepath.Join(dir, "calls"))
			if err != nil {
				t.Fatal(err)
			}
			corpus := test.corpus
			if test.beside && test.named == "" {
				corpus = dir + corpus
			}
			if slices.Contains(strings.Split(string(calls), "\n"), "boot-test NOSKIP=1, corpus "+corpus) != (test.image == 0) {
				t.Errorf("make was called with\n%s\nwant boot-test there: %t", calls, test.image == 0)
			}
			for _, want := range []string{"test-deps", "test NOSKIP=1", "recipes NOSKIP=1", "release-test", "bench-smoke", "--silent cross package"} {
				if !slices.Contains(strings.Split(string(calls), "\n"), want+", corpus "+corpus) {
					t.Errorf("make was called with\n%s\nwant %q, and the corpus %q", calls, want, corpus)
				}
			}
		})
	}
}

// unavailable is the exit code of .ci/boot-deps if the machine lacks something (EX_UNAVAILABLE of sysexits.h).
const unavailable = 69

// TestRunFails looks that a failure of a step is one of the whole.
func TestRunFails(t *testing.T) {
	for _, test := range []struct{ name, make, image string }{
		{"make test", "[ \"$1\" != test ]", "exit 0"},
		{"the image of emulated machines", "exit 0", "exit 1"},
		{"make boot-test", "[ \"$1\" != boot-test ]", "exit 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			copyFile(t, filepath.Join(root, ".ci/run"), filepath.Join(dir, "project/.ci/run"))
			write(t, filepath.Join(dir, "project/.ci/boot-deps"), "#!/bin/sh\n"+test.image+"\n")
			write(t, filepath.Join(dir, "bin/make"), "#!/bin/sh\n"+test.make+"\n")
			cmd := exec.Command(filepath.Join(dir, "project/.ci/run"))
			cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
			if out, err := cmd.CombinedOutput(); err == nil {
				t.Errorf("it ends well:\n%s", out)
			}
		})
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, string(data))
}

// write writes a program, and its directory.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}
