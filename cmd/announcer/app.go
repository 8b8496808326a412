package main

import (
	"io"
	"log/slog"
	"os"

	"announcer/internal/escape"
	"announcer/internal/journald"

	"github.com/urfave/cli/v2"
)

// newApp puts the commands together.
func newApp(stdout, stderr io.Writer) *cli.App {
	return &cli.App{
		Name:  "announcer",
		Usage: "make IP phones find their server: publish Avahi service files by multicast DNS",
		Commands: []*cli.Command{
			runCommand(), announceCommand(), convertCommand(), validateCommand(), listCommand(),
			statusCommand(), reloadCommand(), watchCommand(),
			browseCommand(), resolveCommand(), verifyCommand(), doctorCommand(),
			firmwareCommand(), restartCommand(), dhcpCommand(),
			sitesCommand(), pushCommand(),
			helpCommand(), versionCommand(), completionCommand(), manCommand(), completeCommand(),
		},
		Metadata:                  map[string]any{},
		Writer:                    stdout,
		ErrWriter:                 stderr,
		HideHelp:                  true, // help.go has it
		HideVersion:               true,
		DisableSliceFlagSeparator: true, // a TXT string may hold a comma
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              usageError,
	}
}

// command fills in what commands have in common that announce nothing. They log nothing: help does not show the flags for it.
func command(c cli.Command) *cli.Command {
	if c.Action != nil {
		c.Action = untilSignal(written(c.Action), interrupts, nil)
	}
	return anyCommand(c, logFlags("info", true))
}

// loggingCommand fills in what commands have in common that announce. level is the default of --log-level, for people.
func loggingCommand(c cli.Command, level string) *cli.Command {
	return anyCommand(c, logFlags(level, false))
}

func anyCommand(c cli.Command, logging []cli.Flag) *cli.Command {
	c.Flags = append(c.Flags, logging...)
	c.HideHelp = true
	c.OnUsageError = usageError
	return &c
}

func usageError(c *cli.Context, err error, _ bool) error {
	return usagef("%s: %w (see announcer %s --help)", c.Command.Name, err, c.Command.Name)
}

func logFlags(level string, hidden bool) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "log-level", Usage: "log messages of `LEVEL` and above: debug, info, warn or error (default: " + level + ")", Hidden: hidden},
		&cli.StringFlag{Name: "log-format", Usage: "write the log in the `ENCODING` text or json (default: text)", Hidden: hidden},
	}
}

// globalFlags are those that may stand in front of the command.
func globalFlags() []cli.Flag { return logFlags("info", false) }

// newLogger makes the logger that the flags ask for; what they leave open is taken from the arguments.
func newLogger(c *cli.Context, level, format string) (*slog.Logger, error) {
	if c.IsSet("log-level") {
		level = c.String("log-level")
	}
	if c.IsSet("log-format") {
		format = c.String("log-format")
	}
	var min slog.Level
	if err := min.UnmarshalText([]byte(level)); err != nil {
		return nil, usagef("--log-level: %q is not a level; want debug, info, warn or error", level)
	}
	opts := &slog.HandlerOptions{Level: min}
	if journald.Connected() && (format == "text" || format == "json") {
		return slog.New(journald.NewHandler(escape.NewWriter(os.Stderr), min, format == "json")), nil
	}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(c.App.ErrWriter, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(escape.JSON(c.App.ErrWriter), opts)), nil
	}
	return nil, usagef("--log-format: %q is not a format; want text or json", format)
}
