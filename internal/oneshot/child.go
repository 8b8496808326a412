package oneshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

// Exit codes for a command that could not be run, as a shell and env(1) have them.
const (
	exitCannotRun = 126 // found, but not to be executed
	exitNotFound  = 127
	exitSignal    = 128 // plus the signal's number
	exitAbandoned = 125 // it runs on
	exitLate      = 124 // it was ended when its time was over, as by timeout(1)
)

// termTime is how long a command may take to end after SIGTERM.
const termTime = 10 * time.Second

// Exit is the exit status of a command; Err says why it could not be run, nil if it ran.
type Exit struct {
	Code int
	Err  error
}

func (e *Exit) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("the command ended with exit status %d", e.Code)
}

// Late returns the result of what did not end in time.
func Late(err error) *Exit { return &Exit{exitLate, err} }

// Run runs a command on the standard streams of this process, and passes on the signals that the process gets. A command
// that runs longer than limit gets SIGTERM; 0 is no limit. Run returns when the command has ended, or when ctx is done or
// SIGTERM has had no effect, which leaves the command alone. The error is nil if the exit status is 0, else an *[Exit].
func Run(ctx context.Context, command []string, limit time.Duration) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, passedOn()...)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return cannotRun(command[0], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	over := after(limit)
	var late *Exit
	var tooLate <-chan time.Time
	for {
		select {
		case <-over:
			late = Late(fmt.Errorf("%s was ended: it has run for %s", command[0], limit))
			tooLate = time.After(termTime)
			_ = cmd.Process.Signal(syscall.SIGTERM)
		case <-tooLate:
			return abandoned(cmd, fmt.Errorf("SIGTERM had no effect for %s", termTime))
		case s := <-signals:
			// A command that has just ended can't be signalled any more, which its exit will report.
			_ = cmd.Process.Signal(s)
		case <-ctx.Done():
			return abandoned(cmd, context.Cause(ctx))
		case err := <-ended:
			if late != nil {
				return late
			}
			return exitOf(cmd.ProcessState, err)
		}
	}
}

// after returns a channel that receives when a time is over, never if it is 0.
func after(limit time.Duration) <-chan time.Time {
	if limit == 0 {
		return nil
	}
	return time.After(limit)
}

func abandoned(cmd *exec.Cmd, why error) *Exit {
	return &Exit{exitAbandoned, fmt.Errorf("%s (pid %d) has not ended and goes on: %w", cmd.Args[0], cmd.Process.Pid, why)}
}

// passedOn returns the signals that go on to the command. What is typed at a terminal reaches the command without us.
func passedOn() []os.Signal {
	signals := []os.Signal{syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup(1) has it, for the command too
		signals = append(signals, syscall.SIGHUP)
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		signals = append(signals, os.Interrupt, syscall.SIGQUIT)
	}
	return signals
}

func cannotRun(name string, err error) *Exit {
	code := exitCannotRun
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		code = exitNotFound
	}
	return &Exit{code, fmt.Errorf("%s can't be run: %w", name, err)}
}

func exitOf(state *os.ProcessState, err error) error {
	if state == nil || err == nil {
		return err
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return &Exit{Code: exitSignal + int(status.Signal())}
	}
	return &Exit{Code: state.ExitCode()}
}
