//go:build boot

package guest

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"announcer/internal/testkit/mdnstest"
)

// What systemd does after an end of the daemon.
type aftermath int

const (
	again aftermath = iota // it is started again, and is announced again
	never                  // it did not end
	down                   // it stays down
)

// TestEnds ends the daemon in every way that there is.
func TestEnds(t *testing.T) {
	neighbour := newSite(t)
	tests := []struct {
		name string
		end  func(t *testing.T, pid int)
		want aftermath
		bye  bool // it withdraws its services
	}{
		{"SIGHUP", signal(syscall.SIGHUP), never, false},
		{"SIGPIPE", signal(syscall.SIGPIPE), never, false},
		{"SIGALRM", signal(syscall.SIGALRM), never, false},
		{"SIGUSR2", signal(syscall.SIGUSR2), never, false},
		{"SIGKILL", signal(syscall.SIGKILL), again, false},
		{"SIGSEGV", signal(syscall.SIGSEGV), again, true},
		{"SIGQUIT", signal(syscall.SIGQUIT), again, true},
		{"SIGABRT", signal(syscall.SIGABRT), again, true},
		{"SIGBUS", signal(syscall.SIGBUS), again, true},
		{"SIGILL", signal(syscall.SIGILL), again, true},
		{"SIGFPE", signal(syscall.SIGFPE), again, true},
		{"SIGTRAP", signal(syscall.SIGTRAP), again, true},
		{"SIGSYS", signal(syscall.SIGSYS), again, true},
		{"SIGUSR1", signal(syscall.SIGUSR1), again, false},
		{"SIGTERM from outside", signal(syscall.SIGTERM), again, true},
		{"SIGINT from outside", signal(syscall.SIGINT), again, true},
		{"OOM killer of the kernel", outOfMemory, again, false},
		{"OOM by MemoryMax", overMemoryMax, again, false},
		{"systemctl restart", systemctl("restart"), again, false},
		{"systemctl stop", systemctl("stop"), down, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := startUnit(t, neighbour)
			neighbour.forget()
			test.end(t, before.pid(t))
			wantAftermath(t, neighbour, before, test.want, test.bye)
		})
	}
}

// TestExitCodes has the daemon end with an exit code.
func TestExitCodes(t *testing.T) {
	neighbour := newSite(t)
	tests := []struct {
		name, command string
		want          aftermath
	}{
		{"a panic", "sh -c 'exit 2'", again},
		{"a failure", "sh -c 'exit 1'", again},
		{"wrong usage", "announcer run --no-such-flag", down},
		{"an argument too many", "announcer run /etc/announcer/services", down},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			startUnit(t, neighbour)
			dropIn(t, "[Service]\nExecStart=\nExecStart=/usr/bin/"+test.command+"\n")
			try(command("systemctl", "restart", unitName))
			s := awaitState(t, "ended", func(s state) bool {
				return s["MainPID"] == "0" && s["ExecMainStatus"] != "0" && (s.down() || s["SubState"] == "auto-restart")
			})
			if got := s["SubState"] == "auto-restart"; got != (test.want == again) {
				t.Errorf("after exit status %s of %s, it is started again: %v", s["ExecMainStatus"], test.command, got)
			}
		})
	}
}

// TestWrongConfiguration starts the daemon with a configuration that it can't read. systemd does not start it again; an administrator
// can, once the configuration is right.
func TestWrongConfiguration(t *testing.T) {
	neighbour := newSite(t)
	writeFor(t, configFile, "[daemon]\nno_such_key = 1\n")
	if _, err := try(command("systemctl", "restart", unitName)); err == nil {
		t.Error("systemctl restart succeeds with a wrong configuration")
	}
	s := awaitState(t, "ended", func(s state) bool { return s["MainPID"] == "0" })
	if !s.down() || s["ExecMainStatus"] != "78" || s["NRestarts"] != "0" {
		t.Errorf("with a wrong configuration the unit is %v; want it down, after exit status 78 and no restart", s)
	}
	out, _ := try(command("systemctl", "status", "--no-pager", "--full", unitName))
	for _, want := range []string{"status=78/CONFIG", configFile + ":2:"} {
		if !strings.Contains(out, want) {
			t.Errorf("systemctl status does not say %q:\n%s", want, out)
		}
	}
	neighbour.forget()
	write(t, configFile, "[daemon]\n")
	run(t, "systemctl", "start", unitName)
	neighbour.await(t, mdnstest.Announcement, "Shop")
}

// TestPortHeld starts the daemon while another program holds port 5353 and does not share it.
func TestPortHeld(t *testing.T) {
	neighbour := newSite(t)
	run(t, "systemctl", "stop", unitName)
	var holders []*net.UDPConn
	for _, network := range []string{"udp4", "udp6"} {
		holder, err := net.ListenUDP(network, &net.UDPAddr{Port: 5353})
		if err != nil {
			t.Fatal(err)
		}
		defer holder.Close()
		holders = append(holders, holder)
	}
	try(command("systemctl", "start", unitName))
	if s := unitState(t); s.down() {
		t.Fatalf("while port 5353 is held, the unit is down for good: %v", s)
	}
	neighbour.forget()
	for _, holder := range holders {
		holder.Close()
	}
	neighbour.await(t, mdnstest.Announcement, "Shop")
}

func (s state) pid(t *testing.T) int {
	t.Helper()
	pid, err := strconv.Atoi(s["MainPID"])
	if err != nil || pid == 0 {
		t.Fatalf("the unit has no process: %v", s)
	}
	return pid
}

// startUnit starts the unit if it is not running, and returns its state once it announces.
func startUnit(t *testing.T, neighbour *ear) state {
	t.Helper()
	if s := unitState(t); s.running() {
		return s
	}
	neighbour.forget()
	run(t, "systemctl", "reset-failed", unitName)
	run(t, "systemctl", "start", unitName)
	neighbour.await(t, mdnstest.Announcement, "Shop")
	return unitState(t)
}

func wantAftermath(t *testing.T, neighbour *ear, before state, want aftermath, bye bool) {
	t.Helper()
	if bye {
		neighbour.await(t, mdnstest.Goodbye, "Shop")
	}
	switch want {
	case again:
		if bye {
			neighbour.await(t, mdnstest.Announcement, "Shop")
		} else {
			neighbour.awaitWithout(t, "Shop")
		}
		if s := awaitState(t, "running", state.running); s["MainPID"] == before["MainPID"] {
			t.Errorf("it has not ended: %v", s)
		}
	case never:
		neighbour.ask(t, "_http._tcp")
		neighbour.await(t, mdnstest.Announcement, "Shop")
		if s := unitState(t); !s.running() || s["MainPID"] != before["MainPID"] {
			t.Errorf("it has ended: %v", s)
		}
	case down:
		awaitState(t, "down", state.down)
	}
}

func signal(s syscall.Signal) func(*testing.T, int) {
	return func(t *testing.T, pid int) {
		t.Helper()
		if err := syscall.Kill(pid, s); err != nil {
			t.Fatal(err)
		}
	}
}

func systemctl(verb string) func(*testing.T, int) {
	return func(t *testing.T, _ int) { run(t, "systemctl", verb, unitName) }
}

// outOfMemory has the kernel look for a process to kill, and take this one.
func outOfMemory(t *testing.T, pid int) {
	write(t, fmt.Sprintf("/proc/%d/oom_score_adj", pid), "1000")
	write(t, "/proc/sysrq-trigger", "f")
}

// overMemoryMax leaves less memory to the daemon than it has, until it is killed.
func overMemoryMax(t *testing.T, _ int) {
	before := unitState(t)
	run(t, "systemctl", "set-property", "--runtime", unitName, "MemoryMax=1M")
	awaitState(t, "started again", func(s state) bool { return s["NRestarts"] != before["NRestarts"] })
	run(t, "systemctl", "set-property", "--runtime", unitName, "MemoryMax="+before["MemoryMax"])
}

// dropIn changes the unit until the test ends.
func dropIn(t *testing.T, text string) {
	t.Helper()
	t.Cleanup(func() { try(command("systemctl", "daemon-reload")) })
	writeFor(t, "/etc/systemd/system/"+unitName+".d/test.conf", text)
	run(t, "systemctl", "daemon-reload")
}
