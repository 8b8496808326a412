package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"announcer/internal/config"
	"announcer/internal/control"
	"announcer/internal/escape"
	"announcer/internal/source"
	"announcer/internal/within"
)

func statusCommand() *cli.Command {
	return command(cli.Command{
		Name:      "status",
		Usage:     "show the state of the daemon: problems, services, conflicts, hosts that asked",
		UsageText: "announcer status [--json]",
		Description: "Exits with 0 if there is no problem, with 1 if there is one, with 4 if there is no daemon, and with 5 if this user may not ask it. " +
			"docs/json.md describes the JSON.",
		Flags: append(controlFlags(), jsonFlag()),
		Action: func(c *cli.Context) error {
			return askDaemon(c, exitFailed, (*control.Client).Status)
		},
	})
}

func reloadCommand() *cli.Command {
	return command(cli.Command{
		Name:      "reload",
		Usage:     "reload the daemon's configuration and definitions",
		UsageText: "announcer reload [--json]",
		Description: "Prints what was added, changed, removed and refused. Exits with 3 if something was refused: " +
			"an invalid configuration changes nothing, and an invalid definition stays announced in its last good version. Exits with 4 if there is no daemon, and with 5 if this user may not ask it.",
		Flags: append(controlFlags(), jsonFlag()),
		Action: func(c *cli.Context) error {
			return askDaemon(c, exitInvalid, (*control.Client).Reload)
		},
	})
}

func watchCommand() *cli.Command {
	return command(cli.Command{
		Name:        "watch",
		Usage:       "print questions of hosts and changes of services as they happen",
		UsageText:   "announcer watch [--json]",
		Description: "Prints a line for each event until Ctrl-C. Exits with 1 if the daemon ends, with 4 if there is no daemon, and with 5 if this user may not ask it.",
		Flags:       append(controlFlags(), jsonFlag()),
		Action: func(c *cli.Context) error {
			client, err := dialDaemon(c)
			if err != nil {
				return err
			}
			return client.Watch(c.Context, answers(c), c.Bool("json"), func() {
				escape.Fprintf(c.App.ErrWriter, "announcer: watching; Ctrl-C ends it\n")
			})
		},
	})
}

func controlFlags() []cli.Flag {
	return []cli.Flag{
		socketFlag(),
		&cli.StringFlag{Name: "config", Usage: "take the socket from the configuration `FILE` (default: " + defaultConfig + " if it exists)"},
	}
}

// askDaemon asks the daemon something and prints the answer. It ends with the code where not all is well.
func askDaemon(c *cli.Context, code int, ask func(*control.Client, context.Context, io.Writer, bool) (bool, error)) error {
	client, err := dialDaemon(c)
	if err != nil {
		return err
	}
	well, err := ask(client, c.Context, answers(c), c.Bool("json"))
	if err == nil && !well {
		return silent(code)
	}
	return err
}

// answers returns the writer for what the daemon sends, which may be of another version.
func answers(c *cli.Context) io.Writer {
	if c.Bool("json") {
		return escape.JSON(c.App.Writer)
	}
	return c.App.Writer
}

func dialDaemon(c *cli.Context) (*control.Client, error) {
	if err := noArguments(c); err != nil {
		return nil, err
	}
	client, err := control.Dial(control.Places(socketOf(c), os.Getenv))
	if none, ok := errors.AsType[*control.NoDaemonError](err); ok {
		return nil, &exitError{exitNoDaemon, none}
	}
	if denied, ok := errors.AsType[*control.DeniedError](err); ok {
		return nil, &exitError{exitDenied, denied}
	}
	if err == nil {
		client.Columns = columnsOf(c.App.Writer)
	}
	return client, err
}

// configTime is how long the configuration is waited for: its file system may hang, and the daemon is asked about that.
const configTime = 2 * time.Second

// socketOf returns the path of the socket that the flags or the configuration name, "" if neither does, or if the
// configuration cannot be read: then the usual places are tried.
func socketOf(c *cli.Context) string {
	if c.IsSet("socket") {
		return c.String("socket")
	}
	file := cmp.Or(c.String("config"), defaultConfig)
	socket, _ := within.Do(configTime, func() string { return configuredSocket(file) }) // "" if it takes longer
	return socket
}

// configuredSocket returns the path of the socket that a configuration file names, "" if it names none.
func configuredSocket(file string) string {
	data, err := source.ReadFile(file)
	if err != nil {
		return ""
	}
	cfg, _ := config.Load(file, data) // the daemon has the last good one, whatever is wrong with this
	return cfg.Socket
}
