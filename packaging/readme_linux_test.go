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
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	section := regexp.MustCompile(`(?ms)^## Install$(.*?)^## `).FindSubmatch(readme)
	if section == nil {
		t.Fatal("the README has no section Install")
	}
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
	for _, m := range regexp.MustCompile(`(?m)^\$ (.*)\n((?:[^$\x60].*\n)*)`).FindAllSubmatch(section[1], -1) {
		command, want := string(m[1]), string(m[2])
		if command == "make package" {
			continue // which is what the test begins with
		}
		cmd := exec.Command("sh", "-c", here.Replace(command))
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "LC_ALL=C.UTF-8"}
		if got := output(t, cmd); want != "" && got != want {
			t.Errorf("$ %s\nprinted:\n%s\nwant:\n%s", command, got, want)
		}
		ran++
	}
	if ran != 4 {
		t.Errorf("%d commands ran; want 4", ran)
	}
	d.wantAsked(t, "the README", "preset announcer.service", "start announcer.service", "reload announcer")
}
