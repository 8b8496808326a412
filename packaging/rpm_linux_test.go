package packaging

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rpm changes what is installed on a Debian, or prints it; the packages that it has by dpkg count for nothing.
func (d debian) rpm(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("rpm", append([]string{"--root=" + d.root, "--dbpath=/var/lib/rpm"}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	return output(t, cmd)
}

// testRPM compares the package with the .deb, installs and removes it.
func testRPM(t *testing.T, p packages) {
	if got := run(t, ".", "rpmkeys", "--checksig", p.rpm); !strings.Contains(got, "digests OK") {
		t.Errorf("rpmkeys --checksig says %s", got)
	}
	if got, want := run(t, ".", "rpm", "-qp", "--configfiles", p.rpm), "/etc/announcer/announcer.toml\n"; got != want {
		t.Errorf("the configuration files are %q; want %q", got, want)
	}

	d := newDebian(t)
	before := d.files(t)
	d.rpm(t, "--install", "--force-debian", "--nodeps", p.rpm)
	installed := d.files(t)
	if differs := d.rpm(t, "--verify", "--nodeps", "announcer"); differs != "" {
		t.Errorf("what is installed differs from what the package says of it:\n%s", differs)
	}
	if got, want := slices.Sorted(maps.Keys(added(before, installed))), filesOfRPM(t, p, d); !slices.Equal(got, want) {
		t.Errorf("there are\n%s\nwant what the .deb has, but for\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	t.Run("program", func(t *testing.T) { testProgram(t, d) })
	t.Run("completions", func(t *testing.T) { testCompletions(t, d, "usr/share/zsh/site-functions") })
	d.leaveState(t)
	d.rpm(t, "--erase", "--force-debian", "announcer")
	if left := added(before, d.files(t)); len(left) > 0 || d.has("run/announcer") {
		t.Errorf("after the removal there is %v, /run/announcer: %t", slices.Sorted(maps.Keys(left)), d.has("run/announcer"))
	}
}

// filesOfRPM returns what the .rpm should have: the files of the .deb, some of them elsewhere.
func filesOfRPM(t *testing.T, p packages, d debian) []string {
	t.Helper()
	var files []string
	for line := range strings.Lines(run(t, ".", "sh", "-c", `dpkg-deb --fsys-tarfile "$1" | tar --list`, "sh", p.deb)) {
		name := strings.Trim(strings.TrimPrefix(line, "./"), "/\n")
		switch name {
		case "usr/share/doc/announcer/copyright":
			name = "usr/share/licenses/announcer/LICENSE"
		case "usr/share/doc/announcer/changelog.Debian.gz", "usr/share/lintian/overrides/announcer":
			continue
		case "usr/share/zsh/vendor-completions/_announcer":
			name = "usr/share/zsh/site-functions/_announcer"
		}
		if info, err := os.Lstat(d.path(name)); name != "" && (err != nil || !info.IsDir() || strings.Contains(name, "announcer")) {
			files = append(files, name)
		}
	}
	files = append(files, "usr/share/licenses/announcer")
	slices.Sort(files)
	return files
}

// added returns the files that are new or have changed.
func added(before, after map[string]fs.FileMode) map[string]fs.FileMode {
	news := maps.Clone(after)
	maps.DeleteFunc(news, func(path string, mode fs.FileMode) bool { return before[path] == mode })
	return news
}

// testRPMWithSystemd looks at what is asked of systemd in the life of the package, and at the files of the administrator.
func testRPMWithSystemd(t *testing.T, first, next packages) {
	d := newDebianWithSystemd(t)
	before := d.files(t)
	d.rpm(t, "--install", "--force-debian", "--nodeps", first.rpm)
	d.wantAsked(t, "installation", "preset announcer.service")
	const edited = "[daemon]\nhost = \"pbx\"\n"
	d.write(t, "etc/announcer/announcer.toml", edited)
	d.write(t, "etc/announcer/services/own.service", "<service-group/>")
	d.leaveState(t)

	d.rpm(t, "--upgrade", "--force-debian", "--nodeps", next.rpm)
	d.wantAsked(t, "upgrade", "try-restart announcer.service")
	if version := d.rpm(t, "--query", "--queryformat", "%{VERSION}", "announcer"); version != "9.0.0~rc1" {
		t.Errorf("after the upgrade %s is installed; want 9.0.0~rc1", version)
	}
	if text, err := os.ReadFile(d.path("etc/announcer/announcer.toml")); err != nil || string(text) != edited || !d.has("var/lib/private/announcer/addresses") {
		t.Errorf("after the upgrade the configuration is %q, %v; want it, and the state of the daemon, as they were", text, err)
	}

	d.rpm(t, "--erase", "--force-debian", "announcer")
	d.wantAsked(t, "removal", "disable announcer.service", "stop announcer.service")
	want := []string{"etc/announcer", "etc/announcer/announcer.toml.rpmsave", "etc/announcer/services", "etc/announcer/services/own.service"}
	if left := slices.Sorted(maps.Keys(added(before, d.files(t)))); !slices.Equal(left, want) || d.has("run/announcer") {
		t.Errorf("after the removal there is %q, /run/announcer: %t; want the administrator's own files: %q", left, d.has("run/announcer"), want)
	}
}
