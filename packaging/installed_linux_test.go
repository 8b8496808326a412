package packaging

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"announcer/internal/config"
)

// maxExposure is what the unit may score in "systemd-analyze security", where 10 is the worst.
const maxExposure = 1.5

// testProgram runs the program that is installed.
func testProgram(t *testing.T, d debian) {
	if version := output(t, d.command("announcer", "version")); !regexp.MustCompile(`^announcer v\S+ [0-9a-f]{12}( \(modified\))? go1\.`).MatchString(version) {
		t.Errorf("the version is %q; want one with a commit", version)
	}
	const examples = "/usr/share/doc/announcer/examples"
	valid := output(t, d.command("announcer", "validate", "/etc/announcer/announcer.toml", examples+"/announcer.toml",
		examples+"/announcer-minimal.toml", examples+"/services", examples+"/more", examples+"/more/two-sites/announcer.toml"))
	if !strings.Contains(valid, ", 0 errors, ") {
		t.Errorf("announcer validate says %s", valid)
	}
	if listed := output(t, d.command("announcer", "list", "--interface", "lo")); strings.Contains(listed, "_udp") {
		t.Errorf("as it is installed, this is announced:\n%s", listed)
	}
	for _, want := range []string{"Go go1.", "github.com/urfave/cli/v2 v2."} {
		if licences, err := os.ReadFile(d.path("usr/share/doc/announcer/third-party-licences")); err != nil || !strings.Contains(string(licences), want) {
			t.Errorf("no licence of %s (%v)", want, err)
		}
	}
}

// testUnit has systemd judge the unit.
func testUnit(t *testing.T, d debian) {
	u := d.unit(t)
	for _, dir := range config.Default().Services {
		if volatile := "/run/" + u.words(t, "RuntimeDirectory")[0] + "/"; strings.HasPrefix(dir+"/", volatile) {
			t.Errorf("a stop removes %s, and so the definitions in %s", volatile, dir)
		}
	}
	if u.values("RuntimeDirectoryPreserve") != nil {
		t.Error("with DynamicUser= a runtime directory that is preserved lies in /run/private, where no user finds the socket")
	}
	if said, err := exec.Command("systemd-analyze", "verify", "--man=no", "--root="+d.root, "announcer.service").CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, said)
	}
	// Names of other classes, such as LSB, mean something else than the daemon does.
	for _, code := range u.words(t, "RestartPreventExitStatus") {
		if said := run(t, ".", "systemd-analyze", "exit-status", "--no-pager", code); !regexp.MustCompile(`(USAGE|CONFIG) +` + code + ` +BSD`).MatchString(said) {
			t.Errorf("systemd shows exit code %s as\n%s", code, said)
		}
	}
	said := run(t, ".", "systemd-analyze", "security", "--offline=true", "--no-pager", "--root="+d.root, "announcer.service")
	score := regexp.MustCompile(`Overall exposure level for announcer.service: ([0-9.]+)`).FindStringSubmatch(said)
	if score == nil {
		t.Fatalf("systemd-analyze security says\n%s", said)
	}
	if exposure, err := strconv.ParseFloat(score[1], 64); err != nil || exposure > maxExposure {
		t.Errorf("the exposure is %s; want %.1f or less\n%s", score[1], maxExposure, said)
	}
}

// testTmpfiles has systemd-tmpfiles make the directories in /run, also where an older package has made the outer one for
// the daemon alone.
func testTmpfiles(t *testing.T, d debian) {
	if err := errors.Join(os.RemoveAll(d.path("run/announcer")), os.Mkdir(d.path("run/announcer"), 0o750)); err != nil {
		t.Fatal(err)
	}
	output(t, exec.Command("systemd-tmpfiles", "--root="+d.root, "--create", "announcer.conf"))
	for _, dir := range []string{"run/announcer", "run/announcer/services"} {
		t.Run(dir, func(t *testing.T) {
			if info, err := os.Stat(d.path(dir)); err != nil || info.Mode() != fs.ModeDir|0o755 {
				t.Errorf("%v, %v; want a directory that everybody can read", info, err)
			}
		})
	}
	if err := os.RemoveAll(d.path("run/announcer")); err != nil {
		t.Fatal(err)
	}
}
