package packaging

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// debianRoot is a Debian without announcer; .ci/test-deps unpacks it.
const debianRoot = "../.test-deps/debian"

// debian is the root of a Debian of the test's own.
type debian struct{ root string }

// newDebian makes a Debian on which no systemd runs, as in a container.
func newDebian(t *testing.T) debian {
	t.Helper()
	d := debian{root: overlay(t, debianRoot)}
	d.remove(t, "usr/bin/systemctl")
	d.write(t, "dev/null", "")
	if err := os.Symlink("/proc/self/fd", d.path("dev/fd")); err != nil {
		t.Fatal(err)
	}
	bind(t, "/dev/null", d.path("dev/null"))
	bind(t, "/proc", d.path("proc"))
	d.borrow(t, "rm", "rmdir")
	return d
}

// borrow copies programs of this machine that need libc only, which is of the same release as that of the root.
func (d debian) borrow(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		data, err := os.ReadFile(filepath.Join("/bin", program))
		if err == nil {
			err = os.WriteFile(d.path("usr/bin/"+program), data, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// newDebianWithSystemd makes a Debian on which systemd seems to run: what its scripts ask of it, [debian.asked] gives.
func newDebianWithSystemd(t *testing.T) debian {
	t.Helper()
	d := newDebian(t)
	if err := os.MkdirAll(d.path("run/systemd/system"), 0o755); err != nil {
		t.Fatal(err)
	}
	d.write(t, "usr/bin/systemctl", `#!/bin/sh
link=/etc/systemd/system/multi-user.target.wants/announcer.service
case "$*" in
*is-enabled*) [ ! -L $link ] || echo enabled ;;
*is-active*) [ -s /run/active ] ;;
*disable*) rm -f $link ;;
*preset\ *) perl -e '$_ = shift; m{(.*)/}; mkdir $1; symlink "/usr/lib/systemd/system/announcer.service", $_' $link ;;
*start*) echo yes >/run/active ;;
*stop*) : >/run/active ;;
esac
code=$?
echo "$*" >>/run/asked
exit $code
`)
	if err := os.Chmod(d.path("usr/bin/systemctl"), 0o755); err != nil {
		t.Fatal(err)
	}
	return d
}

// overlay returns a directory with what another one has. What is written there, the other one never sees.
func overlay(t *testing.T, lower string) string {
	t.Helper()
	memory, root := t.TempDir(), t.TempDir()
	mount(t, "tmpfs", memory, "tmpfs", 0, "")
	upper, work := filepath.Join(memory, "upper"), filepath.Join(memory, "work")
	for _, dir := range []string{upper, work} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mount(t, "overlay", root, "overlay", 0, "userxattr,lowerdir="+lower+",upperdir="+upper+",workdir="+work)
	return root
}

// bind makes a file or directory appear at a second place.
func bind(t *testing.T, what, place string) {
	t.Helper()
	mount(t, what, place, "", unix.MS_BIND|unix.MS_REC, "")
}

// mount mounts something until the test ends.
func mount(t *testing.T, what, place, kind string, flags uintptr, data string) {
	t.Helper()
	if err := unix.Mount(what, place, kind, flags, data); err != nil {
		t.Fatalf("mount %s: %v", what, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(place, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", what, err)
		}
	})
}

func (d debian) path(name string) string { return filepath.Join(d.root, name) }

func (d debian) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(d.path(name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (d debian) remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(d.path(name)); err != nil {
		t.Fatal(err)
	}
}

func (d debian) has(name string) bool {
	_, err := os.Lstat(d.path(name))
	return err == nil
}

// command is a command to be run in that root.
func (d debian) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Path = filepath.Join("/usr/bin", name)
	cmd.Err = nil
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin", "LC_ALL=C.UTF-8", "HOME=/tmp"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: d.root}
	return cmd
}

// everyFile has dpkg unpack the documentation, too, which a small machine of the tests may leave out.
const everyFile = "--path-include=/usr/share/*"

func (d debian) dpkg(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("dpkg", append([]string{"--root=" + d.root, "--force-unsafe-io", everyFile}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "LC_ALL=C.UTF-8"}
	output(t, cmd)
}

// asked returns what systemd was asked to do with units since the last time, apart from questions.
func (d debian) asked(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(d.path("run/asked"))
	if err != nil {
		t.Fatal(err)
	}
	d.remove(t, "run/asked")
	var asked []string
	for line := range strings.Lines(string(text)) {
		verbs := slices.DeleteFunc(strings.Fields(line), func(word string) bool { return strings.HasPrefix(word, "-") })
		if verb := strings.Join(verbs, " "); !strings.HasPrefix(verb, "is-") && verb != "daemon-reload" {
			asked = append(asked, verb)
		}
	}
	return asked
}

func (d debian) wantAsked(t *testing.T, after string, want ...string) {
	t.Helper()
	if got := d.asked(t); !slices.Equal(got, want) {
		t.Errorf("after %s systemd was asked for %q; want %q", after, got, want)
	}
}

// files returns the files of the root and what they are, except those of the package managers. Directories count if they are
// those of announcer: a package manager leaves others that it has made.
func (d debian) files(t *testing.T) map[string]fs.FileMode {
	t.Helper()
	files := map[string]fs.FileMode{}
	err := fs.WalkDir(os.DirFS(d.root), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == "var/lib/dpkg" || path == "var/lib/rpm" || path == "run" || path == "proc" {
			return fs.SkipDir
		}
		info, err := entry.Info()
		if err == nil && (!entry.IsDir() || strings.Contains(path, "announcer")) {
			files[path] = info.Mode()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// testDeb installs the package, uses what is in it, removes and purges it.
func testDeb(t *testing.T, p packages, project string) {
	d := newDebian(t)
	before := d.files(t)
	d.dpkg(t, "--install", p.deb)
	if !d.has("etc/systemd/system/multi-user.target.wants/announcer.service") {
		t.Error("the unit is not enabled")
	}
	if files, err := os.ReadDir(d.path("etc/announcer/services")); err != nil || len(files) > 0 {
		t.Errorf("/etc/announcer/services: %v, %v; want it there, and empty", files, err)
	}
	t.Run("program", func(t *testing.T) { testProgram(t, d) })
	t.Run("unit", func(t *testing.T) { testUnit(t, d) })
	t.Run("tmpfiles", func(t *testing.T) { testTmpfiles(t, d) })
	t.Run("manual pages", func(t *testing.T) { testManualPages(t, d, project) })
	t.Run("completions", func(t *testing.T) { testCompletions(t, d, "usr/share/zsh/vendor-completions") })
	t.Run("confined", func(t *testing.T) { testConfined(t, d) })

	d.write(t, "etc/announcer/announcer.toml", "[daemon]\nhost = \"pbx\"\n")
	d.leaveState(t)
	d.dpkg(t, "--remove", "announcer")
	if d.has("usr/bin/announcer") || !d.has("etc/announcer/announcer.toml") {
		t.Error("after the removal the program is there, or the configuration is not")
	}
	d.dpkg(t, "--purge", "announcer")
	if left := added(before, d.files(t)); len(left) > 0 || d.has("run/announcer") {
		t.Errorf("after the purge there is %v, /run/announcer: %t", slices.Sorted(maps.Keys(left)), d.has("run/announcer"))
	}
}

// leaveState makes what StateDirectory= and DynamicUser= leave behind when the daemon has ended, and tmpfiles.d in /run.
func (d debian) leaveState(t *testing.T) {
	t.Helper()
	for _, dir := range []string{"run/announcer/services", "var/lib/private/announcer"} {
		if err := os.MkdirAll(d.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d.write(t, "var/lib/private/announcer/addresses", "192.0.2.5\n")
	if err := os.Symlink("private/announcer", d.path("var/lib/announcer")); err != nil {
		t.Fatal(err)
	}
}

// testDebWithSystemd looks at what is asked of systemd in the life of the package.
func testDebWithSystemd(t *testing.T, first, next packages) {
	const enable = "preset announcer.service"
	d := newDebianWithSystemd(t)
	before := d.files(t)
	d.dpkg(t, "--install", first.deb)
	d.wantAsked(t, "installation", enable, "start announcer.service")
	d.dpkg(t, "--install", next.deb)
	d.wantAsked(t, "upgrade", "restart announcer.service")

	own := "etc/announcer/services/own.service"
	d.write(t, own, "<service-group/>")
	d.dpkg(t, "--remove", "announcer")
	d.wantAsked(t, "removal", "stop announcer.service")
	d.dpkg(t, "--purge", "announcer")
	d.wantAsked(t, "purge")
	want := []string{"etc/announcer", "etc/announcer/services", own}
	if left := slices.Sorted(maps.Keys(added(before, d.files(t)))); !slices.Equal(left, want) {
		t.Errorf("after the purge there is %q; want the administrator's own file: %q", left, want)
	}

	d = newDebianWithSystemd(t)
	d.dpkg(t, "--install", first.deb)
	d.remove(t, "etc/systemd/system/multi-user.target.wants/announcer.service")
	d.remove(t, "run/active")
	d.asked(t)
	d.dpkg(t, "--install", next.deb)
	d.wantAsked(t, "upgrade of a unit that was disabled and stopped")
}
