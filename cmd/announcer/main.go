// Command announcer publishes Avahi service files and TOML definitions by multicast DNS, so that IP phones find their server.
package main

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"runtime"

	"github.com/urfave/cli/v2"

	"announcer/internal/escape"
	"announcer/internal/journald"
)

// The exit codes; scripts depend on them.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitInvalid  = 3 // a definition or the configuration is wrong
	exitNoDaemon = 4 // there is no daemon to talk to
	exitDenied   = 5 // this user may not talk to the daemon

	// exitRunUsage and exitRunInvalid are those of run, as sysexits.h has them: systemd shows them as status=64/USAGE and
	// status=78/CONFIG. A crash of any Go program exits with 2, and a service manager must start the daemon again after that
	// one only.
	exitRunUsage   = 64
	exitRunInvalid = 78
)

func main() {
	alone = true
	runtime.MemProfileRate = 0 // no profile is taken, and its samples would stay in memory
	go func() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }()
	select {} // this goroutine is that of the main thread
}

// run is the whole program except the process around it. It returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	out, errOut, faults := escape.NewWriter(stdout), standardError(stderr, slog.LevelWarn), standardError(stderr, slog.LevelError)
	defer out.Flush()
	defer errOut.Flush()
	app := newApp(out, errOut)
	app.Metadata[faultsKey] = faults
	arranged, command, err := arrange(app, args)
	if err == nil {
		app.Metadata[commandKey] = command
		err = app.Run(arranged)
	}
	code := report(err, faults)
	if commandName(args) == runName {
		return ofRun(code)
	}
	return code
}

// ofRun returns the exit code of run for one of the other commands.
func ofRun(code int) int {
	switch code {
	case exitUsage:
		return exitRunUsage
	case exitInvalid:
		return exitRunInvalid
	}
	return code
}

// faultsKey is where App.Metadata holds the writer that [faults] returns.
const faultsKey = "faults"

// faults returns the writer to standard error for what makes a command fail.
func faults(c *cli.Context) io.Writer { return c.App.Metadata[faultsKey].(io.Writer) }

// standardError returns a writer to standard error. Lines in the journal have the priority of a level.
func standardError(stderr io.Writer, level slog.Level) *escape.Writer {
	if journald.Connected() {
		stderr = journald.NewLines(stderr, level)
	}
	return escape.NewWriter(stderr)
}

// report prints an error and returns its exit code.
func report(err error, stderr io.Writer) int {
	if err == nil {
		return exitDone
	}
	failure, ok := errors.AsType[*exitError](err)
	if !ok {
		failure = failed(err)
	}
	if failure.err != nil {
		escape.Fprintf(stderr, "announcer: %s\n", failure.err)
	}
	return failure.code
}
