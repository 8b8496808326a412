package main

import (
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/urfave/cli/v2"

	"announcer/internal/config"
	"announcer/internal/daemon"
	"announcer/internal/health"
	"announcer/internal/mdns/engine"
	"announcer/internal/netwatch"
	"announcer/internal/source"
)

func runCommand() *cli.Command {
	return command(cli.Command{
		Name:      "run",
		Usage:     "the daemon: announce what is defined until it is stopped",
		UsageText: "announcer run [--config FILE] [--services DIR]... [--interface GLOB]...",
		Description: "Announces every definition on every link, follows links, addresses and files, and says goodbye at the end. " +
			"A file that gets an error keeps its last good version on the wire. SIGHUP reads everything anew and logs all that is wrong with it.",
		Flags: append(definitionFlags(),
			&cli.DurationFlag{Name: "poll", Usage: "look at the files every `TIME`, too (default: 2s where their file system does not tell of changes)"},
		),
		Action: runDaemon,
	})
}

// gcPercent has garbage collected when memory has grown by half, not by as much again. The daemon makes garbage only when
// it reads what is defined, so this costs no more than milliseconds at the start, and saves 1 MB with a thousand services.
const gcPercent = 50

func runDaemon(c *cli.Context) error {
	if c.Args().Present() {
		return usagef("run takes no arguments, only flags; want --services %s", c.Args().First())
	}
	if c.IsSet("poll") {
		if err := config.CheckPoll(c.Duration("poll")); err != nil {
			return usagef("--poll: %w", err)
		}
	}
	request := sourceRequest(c)
	request.Waits, request.Poll = true, c.Duration("poll")
	src := source.New(request)
	snap, err := load(src, c.App.ErrWriter)
	if err != nil {
		return err
	}
	log, err := newLogger(c, snap.Config.LogLevel, snap.Config.LogFormat)
	if err != nil {
		return err
	}
	debug.SetGCPercent(gcPercent)
	publisher, err := engine.Open(snap.Config.Engine, log)
	if err != nil {
		return err
	}
	d := &daemon.Daemon{
		Source:       src,
		Snapshot:     snap,
		Publisher:    publisher,
		Links:        netwatch.Read,
		LinksChanged: netwatch.Watch(c.Context, log),
		FilesChanged: src.Watch(c.Context, log),
		Reload:       hangups(),
		Health:       health.Start(c.Context, log),
		Log:          log,
	}
	return d.Run(c.Context)
}

// hangups gives a value for each SIGHUP; several in a row count as one.
func hangups() <-chan struct{} {
	signals, reload := make(chan os.Signal, 1), make(chan struct{}, 1)
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		for range signals {
			select {
			case reload <- struct{}{}:
			default:
			}
		}
	}()
	return reload
}
