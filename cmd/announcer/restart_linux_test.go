package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"announcer/internal/testkit/siptest"
)

// restartPatience is how long a test waits for what should happen at once.
const restartPatience = 20 * time.Second

// program starts announcer; ended gives the error of its end.
func program(t *testing.T, args ...string) (cmd *exec.Cmd, stdout *bytes.Buffer, ended <-chan error) {
	t.Helper()
	cmd = exec.Command(filepath.Join(binDir(t), "announcer"), args...)
	stdout = &bytes.Buffer{}
	cmd.Stdout = stdout
	end := make(chan error, 1)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	go func() { end <- cmd.Wait() }()
	return cmd, stdout, end
}

// exits wants the program to end with an exit code, soon.
func exits(t *testing.T, ended <-chan error, code int) {
	t.Helper()
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == code || err == nil && code == 0 {
			return
		}
		t.Errorf("it ends with %v, want exit code %d", err, code)
	case <-time.After(restartPatience):
		t.Fatal("it does not end")
	}
}

// TestRestartHostile asks phones to restart that flood requests and never read, and, by TCP and TLS, one that is silent:
// the others are not waited for, and SIGTERM and SIGINT end the waiting for that one, with the table.
func TestRestartHostile(t *testing.T) {
	for _, test := range []struct {
		transport string
		signal    os.Signal
	}{{"udp", nil}, {"tcp", syscall.SIGTERM}, {"tls", syscall.SIGINT}} {
		t.Run(test.transport, func(t *testing.T) {
			args := []string{"restart", "--timeout", "32s", "--rate", "1000", "--transport", test.transport}
			var want []string
			var floods []*siptest.HostilePeer
			for _, b := range siptest.Behaviours() {
				if !b.Floods || !slices.Contains(b.Transports, test.transport) {
					continue
				}
				peer := siptest.Hostile(t, test.transport, b)
				floods = append(floods, peer)
				args = append(args, peer.Addr.String())
				want = append(want, peer.Addr.String()+" +failed ")
			}
			var silent *siptest.HostilePeer
			if test.signal != nil {
				silent = siptest.Hostile(t, test.transport, siptest.Behaviours()[0])
				args = append(args, silent.Addr.String())
				want = append(want, silent.Addr.String()+" +stopped ")
			}
			cmd, stdout, ended := program(t, args...)
			if test.signal != nil {
				for _, peer := range floods {
					await(t, peer.Left, "a phone that floods is still listened to")
				}
				await(t, silent.Met, "the silent phone is not asked")
				if peak := peakMemory(t, cmd.Process.Pid); peak > 400<<10 { // with the race detector
					t.Errorf("it has taken %d kB", peak)
				}
				cmd.Process.Signal(test.signal)
			}
			exits(t, ended, exitFailed)
			for _, line := range append(want, fmt.Sprintf("restarting: 0 of %d phones", len(want))) {
				if !regexp.MustCompile("(?m)^" + line).MatchString(stdout.String()) {
					t.Errorf("the table lacks %q:\n%s", line, stdout)
				}
			}
		})
	}
}

func await(t *testing.T, event <-chan struct{}, otherwise string) {
	t.Helper()
	select {
	case <-event:
	case <-time.After(restartPatience):
		t.Fatal(otherwise)
	}
}

// peakMemory returns the most that a process has had in memory, in kB.
func peakMemory(t *testing.T, pid int) (kB int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, value, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(value, &kB); err != nil {
		t.Fatal(err)
	}
	return kB
}

// TestRestartListThatDoesNotCome waits for a list on the standard input, where a signal ends it.
func TestRestartListThatDoesNotCome(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	cmd := exec.Command(filepath.Join(binDir(t), "announcer"), "restart", "--file", "-")
	cmd.Stdin = r
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	// It reads the whole of this, for its limit is larger, and then waits: more than a pipe holds is taken.
	if _, err := w.WriteString(strings.Repeat("# list\n", 20_000)); err != nil {
		t.Fatal(err)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	exits(t, ended, exitFailed)
}
