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

// rpm changes what is installed on a Debian; the packages that it has by dpkg count for nothing.
func (d debian) rpm(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("rpm", append([]string{"--root=" + d.root, "--dbpath=/var/lib/rpm", "--force-debian", "--nodeps"}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	output(t, cmd)
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
	d.rpm(t, "--install", p.rpm)
	installed := d.files(t)
	if got, want := slices.Sorted(maps.Keys(added(before, installed))), filesOfRPM(t, p, d); !slices.Equal(got, want) {
		t.Errorf("there are\n%s\nwant what the .deb has, but for\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	t.Run("program", func(t *testing.T) { testProgram(t, d) })
	t.Run("completions", func(t *testing.T) { testCompletions(t, d, "usr/share/zsh/site-functions") })
	d.leaveState(t)
	d.rpm(t, "--erase", "announcer")
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

// testRPMWithSystemd looks at what is asked of systemd in the life of the package.
func testRPMWithSystemd(t *testing.T, first, next packages) {
	d := newDebianWithSystemd(t)
	d.rpm(t, "--install", first.rpm)
	d.wantAsked(t, "installation", "preset announcer.service")
	d.rpm(t, "--upgrade", next.rpm)
	d.wantAsked(t, "upgrade", "try-restart announcer.service")
	d.rpm(t, "--erase", "announcer")
	d.wantAsked(t, "removal", "disable announcer.service", "stop announcer.service")
}
