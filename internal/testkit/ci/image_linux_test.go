package ci

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestImage runs .ci/boot-deps on machines that lack something, and on one where something else fails. Nothing is fetched: the
// programs that would are stand-ins.
func TestImage(t *testing.T) {
	const (
		answers = `for a; do case $a in Dir::State::Lists=*) lists=${a#*=} ;; update) : >"$lists/main_Packages"; exit ;; esac; done; `
		fails   = `echo "no such package" >&2; exit 100`
	)
	for _, test := range []struct {
		name, dpkg, perl, unshare, apt string
		code                           int
		print                          string // the end
	}{
		{"another architecture", "echo arm64", "exit 0", "exit 0", "exit 0", unavailable, "boot-deps: the image can't be made: a Debian for amd64 is missing\n"},
		{"no Debian", "exit 127", "exit 0", "exit 0", "exit 0", unavailable, "a Debian for amd64 is missing\n"},
		{"no perl", "echo amd64", "", "exit 0", "exit 0", unavailable, "perl is missing\n"},
		{"no namespaces", "echo amd64", "exit 0", "exit 1", "exit 0", unavailable, "the permission to make user namespaces is missing\n"},
		{"servers that do not answer", "echo amd64", "exit 0", "exit 0", "exit 0", unavailable, "a server of Debian's packages that answers is missing\n"},
		{"no network", "echo amd64", "exit 0", "exit 0", "exit 100", unavailable, "a server of Debian's packages that answers is missing\n"},
		{"a package that does not exist", "echo amd64", "exit 0", "exit 0", answers + fails, 100, "no such package\n"},
		{"lists that are not complete", "echo amd64", "exit 0", "exit 0", strings.Replace(answers, "exit ;;", "exit 100 ;;", 1), 1, "into .test-deps/boot\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			script := filepath.Join(dir, "project/.ci/boot-deps")
			copyFile(t, filepath.Join(root, ".ci/boot-deps"), script)
			bin := filepath.Join(dir, "bin")
			for program, text := range map[string]string{"dpkg": test.dpkg, "perl": test.perl, "unshare": test.unshare, "apt-get": test.apt} {
				if text != "" {
					write(t, filepath.Join(bin, program), "#!/bin/bash\n"+text+"\n")
				}
			}
			for _, program := range []string{"awk", "bash", "cat", "dirname", "id", "mkdir", "rm", "sha256sum"} {
				path, err := exec.LookPath(program)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(path, filepath.Join(bin, program)); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(filepath.Join(bin, "bash"), script)
			cmd.Env = append(os.Environ(), "PATH="+bin)
			out, err := cmd.CombinedOutput()
			if failed, ok := errors.AsType[*exec.ExitError](err); !ok || failed.ExitCode() != test.code || !strings.HasSuffix(string(out), test.print) {
				t.Errorf("%v, %q; want the exit code %d, and %q", err, out, test.code, test.print)
			}
		})
	}
}
