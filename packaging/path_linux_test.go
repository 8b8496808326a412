//go:build boot

package packaging

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"announcer/internal/testkit/boot"
	"announcer/internal/testkit/mdnstest"
)

// checkout is the directory of a machine with what the commands of the README use of a clone of the project.
const checkout = boot.Dir + "/checkout"

// pathTime is the most that the section Install may take with an emulator on a busy host. It takes 12 s on an idle one.
const pathTime = 2 * time.Minute

// readmeFiles are the files in the checkout: the package that "make package" makes, and the examples.
func readmeFiles(t *testing.T, p packages) []boot.File {
	t.Helper()
	files := []boot.File{debFile(t, "checkout/dist/"+filepath.Base(p.deb), p)}
	examples, err := filepath.Glob("../examples/services/*")
	if err != nil || len(examples) == 0 {
		t.Fatal("examples: ", examples, err)
	}
	for _, path := range examples {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, boot.File{Path: checkout + "/examples/services/" + filepath.Base(path), Mode: 0o644, Data: data})
	}
	return files
}

// testReadmePath follows the section Install of the README as an administrator does, from the package to a service that another
// machine finds. After the installation the daemon runs, is enabled, and announces nothing.
func testReadmePath(t *testing.T, s *site) {
	s.two.Run(t, "dpkg", "--install", boot.Dir+"/first.deb")
	steps := installSteps(t)
	if len(steps) != 4 || !strings.HasPrefix(steps[0].command, "sudo dpkg --install ") {
		t.Fatalf("the README has the commands %q", steps)
	}
	began := time.Now()
	s.follow(t, steps[0])
	for _, verb := range []string{"is-enabled", "is-active"} {
		s.pbx.Run(t, "systemctl", verb, unitName)
	}
	says(t, s.pbx, "all is well")
	if all := s.heard(); len(all) > 0 {
		t.Errorf("before there is a definition, there was %v", all)
	}
	for _, step := range steps[1:] {
		s.follow(t, step)
	}
	finds(t, s.two, "eth0", "Front office PBX", "pbx.local:5060", "192.0.2.5")
	took := time.Since(began).Round(time.Second)
	t.Logf("from the package to a service that another machine finds: %v", took)
	if took > pathTime {
		t.Errorf("from the package to a service that another machine finds it takes %v; want %v at most", took, pathTime)
	}

	s.pbx.Run(t, "rm", definitions+"dpma.service")
	s.pbx.Run(t, "systemctl", "reload", unitName)
	s.await(t, mdnstest.Goodbye, "Front office PBX")
}

// follow runs a command of the README on the pbx: with sudo as root, and without as a user without rights.
func (s *site) follow(t *testing.T, step step) {
	t.Helper()
	command, asRoot := strings.CutPrefix(step.command, "sudo ")
	args := []string{"sh", "-c", "cd " + checkout + " && " + command}
	if !asRoot {
		args = append([]string{"runuser", "-u", "nobody", "--"}, args...)
	}
	if got := s.pbx.Run(t, args[0], args[1:]...); step.want != "" && got != step.want {
		t.Errorf("$ %s\nprinted:\n%s\nwant:\n%s", step.command, got, step.want)
	}
}
