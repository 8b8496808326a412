//go:build boot

package guest

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"announcer/internal/testkit/mdnstest"
	"announcer/internal/testkit/netlab"
)

// commands are those that announce until they are ended.
func commands(t *testing.T) map[string][]string {
	firmware := t.TempDir()
	if err := os.WriteFile(filepath.Join(firmware, "2_8_1_D40_firmware.eff"), make([]byte, 2<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	return map[string][]string{
		"Door":                                   {"announcer", "announce", "--interface", "eth0", "--name", "Door", "--type", "_digiumproxy._udp", "--port", "80"},
		"Phone firmware 2_8_1 at 192.0.2.5:8080": {"announcer", "firmware", "serve", firmware, "--interface", "eth0"},
	}
}

// TestHangups ends commands as a session does that is closed, which must withdraw what they announce.
func TestHangups(t *testing.T) {
	install(t)
	for name, args := range commands(t) {
		host := netlab.NewHost(t)
		neighbour := newCable(t, host)
		t.Run(args[1]+", closed terminal", func(t *testing.T) {
			p := startOnTerminal(t, host, exec.Command(args[0], args[1:]...))
			neighbour.await(t, mdnstest.Announcement, name)
			p.terminal.Close()
			neighbour.await(t, mdnstest.Goodbye, name)
			p.wait(t)
		})
		t.Run(args[1]+", closed session of a shell", func(t *testing.T) {
			p := startOnTerminal(t, host, exec.Command("sh", "-c", quote(args)+"; true"))
			neighbour.await(t, mdnstest.Announcement, name)
			p.terminal.Close()
			neighbour.await(t, mdnstest.Goodbye, name)
			p.wait(t)
		})
		t.Run(args[1]+", closed standard output", func(t *testing.T) {
			cmd := exec.Command(args[0], args[1:]...)
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			p := start(t, host, cmd)
			if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			stdout.Close()
			neighbour.await(t, mdnstest.Announcement, name)
			for range 2 { // it prints who asks
				neighbour.forget()
				neighbour.ask(t, "_digiumproxy._udp")
				neighbour.await(t, mdnstest.Announcement, name)
			}
			cmd.Process.Signal(syscall.SIGTERM)
			neighbour.await(t, mdnstest.Goodbye, name)
			p.wait(t)
		})
		for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT} {
			t.Run(args[1]+", "+unix.SignalName(s), func(t *testing.T) {
				cmd := exec.Command(args[0], args[1:]...)
				p := start(t, host, cmd)
				neighbour.await(t, mdnstest.Announcement, name)
				cmd.Process.Signal(s)
				neighbour.await(t, mdnstest.Goodbye, name)
				p.wait(t)
			})
		}
	}
}

// process is a command that runs on a host.
type process struct {
	cmd      *exec.Cmd
	terminal *os.File
	ended    chan error
}

// start starts a command on a host, until the test ends.
func start(t *testing.T, host *netlab.Host, cmd *exec.Cmd) process {
	t.Helper()
	if err := host.Start(cmd); err != nil {
		t.Fatal(err)
	}
	p := process{cmd: cmd, ended: make(chan error, 1)}
	go func() { p.ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill() })
	return p
}

// wait waits until the process has ended.
func (p process) wait(t *testing.T) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Errorf("%v runs on", p.cmd)
	}
}

// startOnTerminal starts a command as the leader of a session on a terminal, as sshd does.
func startOnTerminal(t *testing.T, host *netlab.Host, cmd *exec.Cmd) process {
	t.Helper()
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	line, err := lineOf(terminal)
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = line, line, line
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	p := start(t, host, cmd)
	p.terminal = terminal
	go io.Copy(io.Discard, terminal)
	return p
}

// lineOf opens the side of a pseudo-terminal that a session has.
func lineOf(terminal *os.File) (line *os.File, err error) {
	raw, err := terminal.SyscallConn()
	if err != nil {
		return nil, err
	}
	var number int
	var ioctlErr error
	err = raw.Control(func(fd uintptr) {
		if ioctlErr = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); ioctlErr == nil {
			number, ioctlErr = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err := errors.Join(err, ioctlErr); err != nil {
		return nil, err
	}
	return os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
}

// quote makes one line for a shell of arguments.
func quote(args []string) string { return "'" + strings.Join(args, "' '") + "'" }
