// Package packaging makes the packages of announcer. Its tests build them twice, install them into the root of a small
// Debian, use what is in them, and remove them.
package packaging

import (
	"bytes"
	"crypto/sha256"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"announcer/internal/testkit/skip"

	"announcer/internal/testkit/netlab"
)

// TestMain runs the tests in namespaces, where they may mount and chroot. Called by the name "confine" the test binary
// is the program that [confine] describes.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "confine" {
		confine()
	}
	netlab.Main(m)
}

// packages are a .deb and an .rpm for the machine that the tests run on.
type packages struct{ deb, rpm string }

// TestPackages builds the packages, and the next version of them, and goes through their life.
func TestPackages(t *testing.T) {
	netlab.Need(t)
	need(t)
	project := newCopy(t)
	first := build(t, project)
	t.Run("reproducible", func(t *testing.T) { testReproducible(t, first) })
	t.Run("lint", func(t *testing.T) { testLint(t, first) })
	t.Run("payload", func(t *testing.T) { testPayload(t, first) })
	t.Run("documentation", func(t *testing.T) { testDocumentation(t, first) })
	t.Run("marks", func(t *testing.T) { testMarks(t, first) })
	t.Run("fields", func(t *testing.T) { testFields(t, first) })
	run(t, project, "git", "tag", "v9.0.0-rc1")
	next := build(t, project)
	if want := "announcer_9.0.0~rc1-1_" + debianArch() + ".deb"; filepath.Base(next.deb) != want {
		t.Errorf("at a tag, the package is %s; want %s", next.deb, want)
	}
	t.Run("deb", func(t *testing.T) { testDeb(t, first, project) })
	t.Run("deb with systemd", func(t *testing.T) { testDebWithSystemd(t, first, next) })
	t.Run("readme", func(t *testing.T) { testReadme(t, first) })
	t.Run("rpm", func(t *testing.T) { testRPM(t, first) })
	t.Run("rpm with systemd", func(t *testing.T) { testRPMWithSystemd(t, first, next) })
}

// need skips the test where a program is missing.
func need(t *testing.T) {
	t.Helper()
	for _, program := range []string{"git", "cpio", "dpkg", "lintian", "mandoc", "rpm", "rpmlint", "systemd-analyze"} {
		skip.Without(t, program)
	}
	if _, err := os.Stat(debianRoot); err != nil {
		skip.Now(t, "make test-deps fetches it: ", err)
	}
	if out, err := exec.Command("go", "tool", "-modfile=nfpm.mod", "nfpm", "--version").CombinedOutput(); err != nil {
		skip.Now(t, "no nfpm; make test-deps fetches it: ", err, "\n", string(out))
	}
}

// newCopy makes a repository with the last commit and all files of the project as they are now. (In a worktree as
// git makes them, Go sees no commit.)
func newCopy(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	run(t, "..", "git", "clone", "--quiet", "--no-checkout", ".", dir)
	run(t, dir, "git", "reset", "--quiet")
	project := os.DirFS("..")
	err := fs.WalkDir(project, ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case slices.Contains([]string{".git", ".test-deps", "dist", "announcer"}, path):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(dir, path), 0o755)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		data, err := fs.ReadFile(project, path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, path), data, info.Mode())
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// build builds the packages of a copy of the project.
func build(t *testing.T, project string, env ...string) packages {
	t.Helper()
	dist := t.TempDir()
	cmd := exec.Command("packaging/build", dist, runtime.GOARCH)
	cmd.Dir = project
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("packaging/build: %v\n%s", err, out)
	}
	return packages{deb: only(t, dist, "*.deb"), rpm: only(t, dist, "*.rpm")}
}

// only returns the one file of a directory that matches the pattern.
func only(t *testing.T, dir, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files %s, %v; want one", len(files), pattern, err)
	}
	return files[0]
}

// debianArch is the architecture as Debian calls it.
func debianArch() string {
	if runtime.GOARCH == "arm" {
		return "armhf"
	}
	return runtime.GOARCH
}

// testReproducible builds the packages once more, elsewhere, by a user with other settings.
func testReproducible(t *testing.T, first packages) {
	t.Setenv("GOFLAGS", "-buildvcs=false")
	second := build(t, newCopy(t), "TZ=Asia/Tokyo", "LC_ALL=C.UTF-8", "SOURCE_DATE_EPOCH=1")
	for format, pair := range map[string][2]string{"deb": {first.deb, second.deb}, "rpm": {first.rpm, second.rpm}} {
		t.Run(format, func(t *testing.T) {
			if filepath.Base(pair[0]) != filepath.Base(pair[1]) || digest(t, pair[0]) != digest(t, pair[1]) {
				t.Errorf("two builds of one commit differ: %v", pair)
			}
		})
	}
}

func digest(t *testing.T, path string) [sha256.Size]byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(data)
}

// run runs a command that must succeed, and returns what it prints.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	return output(t, cmd)
}

// output runs a command that must succeed, and returns what it prints.
func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}
