//go:build linux

package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"announcer/internal/testkit/printed"
)

// patience is how long another program may take for what it does in a moment.
const patience = 30 * time.Second

// process is a program that runs on a machine.
type process struct {
	cmd    *exec.Cmd
	out    printed.Text // standard output and standard error
	ended  chan struct{}
	result error // once ended is closed
}

// command makes a command to start on a machine. It does not outlive the machine's thread, and so not the test.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+bus, "LC_ALL=C.UTF-8")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// output runs a program on the machine and returns what it prints to standard output.
func (m machine) output(ctx context.Context, name string, args ...string) (string, error) {
	var out, problems strings.Builder
	cmd := command(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := m.Start(cmd); err != nil {
		return "", err
	}
	if err := cmd.Wait(); err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s", name, err, &problems)
	}
	return out.String(), nil
}

// start starts a program. At the end of the test it is stopped; what it said is shown where the test failed.
func (m machine) start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: command(context.Background(), name, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	m.do(t, p.cmd.Start)
	go func() {
		p.result = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			t.Logf("%s said:\n%s", p.cmd, p.out.String())
		}
	})
	return p
}

// await waits until the program has printed text a number of times.
func (p *process) await(t *testing.T, text string, count int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if strings.Count(p.out.String(), text) >= count {
			return
		}
		select {
		case <-p.ended:
			t.Fatalf("%s ended (%v) before it said %q", p.cmd, p.result, text)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not say %q within %v", p.cmd, text, patience)
		}
	}
}

// wait waits for the program to end by itself.
func (p *process) wait(t *testing.T) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("%s does not end within %v", p.cmd, patience)
	}
}

// stop asks the program to end, and kills it where it doesn't.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.cmd.Process.Kill()
		<-p.ended
		t.Errorf("%s did not end on SIGTERM", p.cmd)
	}
}
