//go:build boot

package guest

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"announcer/internal/testkit/mdnstest"
)

// TestInstall wants a daemon that runs as soon as the package is installed.
func TestInstall(t *testing.T) {
	install(t)
	awaitState(t, "running", state.running)
	if got := strings.TrimSpace(run(t, "systemctl", "is-enabled", unitName)); got != "enabled" {
		t.Errorf("the unit is %s; want enabled", got)
	}
	if limit := unitState(t)["MemoryMax"]; limit == "infinity" {
		t.Error("the unit has no MemoryMax=")
	}
	t.Log(run(t, "systemd-analyze", "time"))
}

const (
	nobody = 65534
	member = 1500 // a user without a name
	phones = 1501 // a group without a name
)

// as has a user run a command, who is a member of groups.
func as(cmd *exec.Cmd, user uint32, groups ...uint32) *exec.Cmd {
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user, Groups: groups}}
	return cmd
}

// TestRuntimeDefinitions wants the files in /run/announcer/services to be left alone by whatever happens to the daemon, and
// to be readable for all users.
func TestRuntimeDefinitions(t *testing.T) {
	neighbour := newSite(t)
	file := "/run/announcer/services/lobby.service"
	writeFor(t, file, group("Lobby", "_http._tcp", 8081))
	run(t, "systemctl", "reload", unitName)
	neighbour.await(t, mdnstest.Announcement, "Lobby")

	for _, name := range []string{"validate", "list", "verify"} {
		t.Run(name+" as nobody", func(t *testing.T) {
			out, err := try(as(command("announcer", name), nobody))
			if err != nil {
				t.Errorf("announcer %s: %v\n%s", name, err, out)
			}
			if name != "validate" && !strings.Contains(out, "Lobby") {
				t.Errorf("announcer %s does not name what %s defines:\n%s", name, file, out)
			}
		})
	}
	ends := []struct {
		name string
		end  func(t *testing.T)
	}{
		{"restart", func(t *testing.T) { run(t, "systemctl", "restart", unitName) }},
		{"crash", func(t *testing.T) { signal(syscall.SIGKILL)(t, unitState(t).pid(t)) }},
		{"upgrade", func(t *testing.T) { run(t, "dpkg", "--install", "next.deb") }},
		{"reinstallation", func(t *testing.T) { run(t, "dpkg", "--install", "next.deb") }},
		{"downgrade", func(t *testing.T) { run(t, "dpkg", "--install", "first.deb") }},
	}
	for _, test := range ends {
		t.Run(test.name, func(t *testing.T) {
			awaitState(t, "running", state.running)
			neighbour.forget()
			before := unitState(t)["MainPID"]
			test.end(t)
			neighbour.awaitWithout(t, "Lobby")
			awaitState(t, "another process", func(s state) bool { return s.running() && s["MainPID"] != before })
			awaitAnnounced(t, "Lobby") // a process that has announced nothing yet withdraws nothing
			wantFile(t, file)
		})
	}
	t.Run("stop", func(t *testing.T) {
		run(t, "systemctl", "stop", unitName)
		neighbour.await(t, mdnstest.Goodbye, "Lobby")
		wantFile(t, file)
		run(t, "systemctl", "start", unitName)
		neighbour.await(t, mdnstest.Announcement, "Lobby")
	})
}

// awaitAnnounced waits until the daemon says that it announces a service.
func awaitAnnounced(t *testing.T, name string) {
	t.Helper()
	var out string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		out, _ = try(command("announcer", "status"))
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, name) && strings.Contains(line, " announced ") {
				return
			}
		}
	}
	t.Fatalf("%q is not announced within %v:\n%s", name, patience, out)
}

func wantFile(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// TestGroup wants the socket to be for the group that a drop-in names, and for no other user.
func TestGroup(t *testing.T) {
	neighbour := newSite(t)
	writeFor(t, "/etc/group", readFile(t, "/etc/group")+"telephony:x:1501:\n")
	run(t, "systemctl", "stop", unitName)
	dropIn(t, "[Service]\nGroup=telephony\n")
	startUnit(t, neighbour)
	if out, err := try(as(command("announcer", "status"), member, phones)); err != nil || !strings.Contains(out, "Shop") {
		t.Errorf("announcer status of a member of the group: %v\n%s", err, out)
	}
	if out, err := try(as(command("announcer", "status"), member)); err == nil {
		t.Errorf("announcer status of somebody else succeeds:\n%s", out)
	}
	run(t, "systemctl", "stop", unitName)
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
