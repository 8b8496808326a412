package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
)

// The main thread does nothing but wait. The kernel gives a signal to that thread first; while a call of it for a file hangs,
// SIGTERM would have no effect on the whole process.
func init() { runtime.LockOSThread() }

const (
	// settling is how long a command has, after the first signal, before a second one counts: timeout(1) and a terminal
	// that closes send two at once and mean one.
	settling = time.Second
	// lastWords is how long goodbyes may take before the process ends by a signal, whatever it is doing.
	lastWords = 2 * time.Second
)

// overKey is where App.Metadata holds the context that [over] returns.
const overKey = "over"

// interrupts are the signals that end every command.
var interrupts = []os.Signal{os.Interrupt, syscall.SIGTERM}

// signalError is the cause of a context that a signal has ended.
type signalError struct{ signal os.Signal }

func (e signalError) Error() string { return e.signal.String() + " signal received" }

// closedTerminal returns the signals that come from a terminal beside SIGINT: SIGQUIT, and SIGHUP when it is closed,
// unless nohup(1) has it ignored.
func closedTerminal() []os.Signal {
	if signal.Ignored(syscall.SIGHUP) {
		return []os.Signal{syscall.SIGQUIT}
	}
	return []os.Signal{syscall.SIGQUIT, syscall.SIGHUP}
}

// announcing returns an action that announces: it ends, with goodbyes, by the signals, by those that stand for a crash,
// and by nothing else that can be helped, such as a reader of its output that goes away.
func announcing(action cli.ActionFunc, signals ...os.Signal) cli.ActionFunc {
	ends := slices.Concat(interrupts, signals)
	crashes := slices.DeleteFunc(crashSignals(), func(s os.Signal) bool { return slices.Contains(ends, s) })
	return untilSignal(func(c *cli.Context) error {
		// Go ends the process by SIGPIPE unless a channel receives it. To ignore it would be passed on to a command that
		// this one runs.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
		return action(c)
	}, ends, crashes)
}

// untilSignal returns an action whose context ends by the first signal. One of crashes, or a second one of ends, also
// ends the context that [over] returns, and lastWords later the process.
func untilSignal(action cli.ActionFunc, ends, crashes []os.Signal) cli.ActionFunc {
	isCrash := func(s os.Signal) bool { return slices.Contains(crashes, s) }
	return func(c *cli.Context) error {
		ctx, cancel := context.WithCancelCause(c.Context)
		defer cancel(nil)
		over, end := context.WithCancelCause(context.WithoutCancel(ctx))
		defer end(nil)
		received := make(chan os.Signal, 1)
		signal.Notify(received, slices.Concat(ends, crashes)...)
		go func() {
			last := <-received
			cancel(signalError{last})
			if !isCrash(last) {
				settled := time.After(settling)
				last = <-received
				<-settled
			}
			end(signalError{last})
			time.Sleep(lastWords)
			endBy(last)
		}()
		c.Context, c.App.Metadata[overKey] = ctx, over
		err := action(c)
		if cause, ok := context.Cause(ctx).(signalError); ok && isCrash(cause.signal) {
			endBy(cause.signal)
		}
		return err
	}
}

// over returns the context that ends when a command is not to wait any more for what it has begun.
func over(c *cli.Context) context.Context { return c.App.Metadata[overKey].(context.Context) }

// endBy ends the process by a signal, as if it did not handle that. After one that stands for a crash, Go prints what
// every goroutine does, and exits with 2.
func endBy(s os.Signal) {
	signal.Reset(s)
	if self, err := os.FindProcess(os.Getpid()); err == nil && self.Signal(s) == nil {
		time.Sleep(time.Second) // until it is delivered
	}
	os.Exit(exitFailed)
}
