package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testReadme follows the section Install of the README, up to the end of each command's output.
func testReadme(t *testing.T, p packages) {
	d := newDebianWithSystemd(t)
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "examples"), os.DirFS("../examples")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(p.deb), filepath.Join(dir, "dist")); err != nil {
		t.Fatal(err)
	}
	here := strings.NewReplacer("sudo dpkg", "dpkg --force-unsafe-io '"+everyFile+"' --root="+d.root, "sudo cp", "cp", " /etc/", " "+d.path("etc")+"/",
		"sudo systemctl", "chroot "+d.root+" systemctl", "announcer validate", d.path("usr/bin/announcer")+" validate", "amd64", debianArch())
	ran := 0
	for _, step := range installSteps(t) {
		cmd := exec.Command("sh", "-c", here.Replace(step.command))
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "LC_ALL=C.UTF-8"}
		if got := output(t, cmd); step.want != "" && got != step.want {
			t.Errorf("$ %s\nprinted:\n%s\nwant:\n%s", step.command, got, step.want)
		}
		ran++
	}
	if ran != 4 {
		t.Errorf("%d commands ran; want 4", ran)
	}
	d.wantAsked(t, "the README", "preset announcer.service", "start announcer.service", "reload announcer")
}

// step is a command of the README, and what it prints, "" if that is not said.
type step struct{ command, want string }

// installSteps returns the commands of the section Install of the README, except "make package", which a test begins with.
func installSteps(t *testing.T) (steps []step) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^\$ (.*)\n((?:[^$\x60].*\n)*)`).FindAllStringSubmatch(installSection(t), -1) {
		if m[1] != "make package" {
			steps = append(steps, step{command: m[1], want: m[2]})
		}
	}
	return steps
}

// installSection returns the section Install of the README.
func installSection(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	section := regexp.MustCompile(`(?ms)^## Install$(.*?)^## `).FindSubmatch(readme)
	if section == nil {
		t.Fatal("the README has no section Install")
	}
	return string(section[1])
}
