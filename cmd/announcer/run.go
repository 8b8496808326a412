package main

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"announcer/internal/config"
	"announcer/internal/control"
	"announcer/internal/daemon"
	"announcer/internal/diag"
	"announcer/internal/fleet"
	"announcer/internal/guard"
	"announcer/internal/health"
	"announcer/internal/mdns"
	"announcer/internal/mdns/browse"
	"announcer/internal/mdns/engine"
	"announcer/internal/mdns/link"
	"announcer/internal/netwatch"
	"announcer/internal/remote"
	"announcer/internal/sandbox"
	"announcer/internal/source"
	"announcer/internal/wakeup"
)

// avahiServices is where Avahi's service files are.
const avahiServices = "/etc/avahi/services"

// runName is the name of the command that is the daemon.
const runName = "run"

func runCommand() *cli.Command {
	return loggingCommand(cli.Command{
		Name:      runName,
		Usage:     "run the daemon: announce all definitions until it is stopped",
		UsageText: "announcer run [--config FILE] [--services PATH]... [--interface GLOB]...",
		Description: "Announces every definition on every link, follows changes of links, addresses and files, and withdraws its services when it ends. " +
			"A file with an error stays announced in its last good version. SIGHUP, or announcer reload, reloads everything and logs every problem. " +
			"SIGUSR1 ends it without withdrawing services, so that a restart is not visible on the network.",
		Flags: append(definitionFlags(), socketFlag(),
			&cli.DurationFlag{Name: "poll", Usage: "also read the files every `TIME`, 100ms to 1h", DefaultText: "2s on file systems that don't report changes"},
		),
		Action: announcing(runDaemon),
	}, "as configured, or info")
}

// gcPercent has garbage collected when memory has grown by a quarter, not by as much again. The daemon makes garbage only
// when it reads what is defined, so this costs no more than milliseconds at the start, and saves 2 MB with a thousand
// services.
const gcPercent = 25

func socketFlag() cli.Flag {
	return &cli.StringFlag{Name: "socket", Usage: "use the control socket `PATH` (default: announcer.sock in the first of $RUNTIME_DIRECTORY, /run/announcer/control, /run/announcer, $XDG_RUNTIME_DIR)"}
}

func runDaemon(c *cli.Context) error {
	hangups := hangups() // before anything takes time: a SIGHUP that comes first would end the process
	if c.Args().Present() {
		return usagef("run takes no arguments; want --services %s", c.Args().First())
	}
	if c.IsSet("poll") {
		if err := config.CheckPoll(c.Duration("poll")); err != nil {
			return usagef("--poll: %w", err)
		}
	}
	debug.SetGCPercent(gcPercent)
	wakeup.Share()
	request := sourceRequest(c)
	request.Waits, request.Poll = true, c.Duration("poll")
	var confined confinement
	var known config.Config // the one that it is confined for
	request.Before = func(first config.Config) {
		confined = confine(func() sandbox.Rules { return daemonRules(c, first) })
		known = first
	}
	request.Refuse = func(cfg config.Config) error { return outOfReach(known, cfg) }
	request.Late = func(why error) {
		printFindings(faults(c), diag.Findings{{File: request.ConfigFile, Severity: diag.Error, Text: why.Error() + "; the daemon begins when it can be read"}})
	}
	ctx, stop := untilRestart(c.Context)
	defer stop()
	definitions := source.New(request)
	definitions.Hosts = source.WatchHost
	assembly := assemble(c, definitions, &confined)
	var reporter *fleet.Reporter
	assembly.Complete = func(d *daemon.Daemon) {
		if reporter = newReporter(d); reporter != nil {
			d.Tasks = append(d.Tasks, reporter)
		}
	}
	err := assembly.Run(ctx, &daemon.Daemon{
		Hangups:   hangups,
		Version:   version(),
		Build:     build(),
		MACs:      netwatch.MACs,
		Sharers:   link.NewSharing().Programs,
		Avahi:     avahiServices,
		GCPercent: gcPercent,
	})
	if reporter != nil {
		reporter.Left()
	}
	return err
}

// assemble returns what the daemon is put together from.
func assemble(c *cli.Context, definitions *source.Source, confined *confinement) daemon.Assembly {
	return daemon.Assembly{
		Definitions: definitions,
		Usable:      func(snap source.Snapshot) error { return usable(snap, faults(c)) },
		Logger: func(snap source.Snapshot) (*slog.Logger, error) {
			log, err := newLogger(c, snap.Config.LogLevel, snap.Config.LogFormat)
			if err == nil {
				confined.log(log)
			}
			return log, err
		},
		Open: func(d *daemon.Daemon) (mdns.Publisher, error) {
			cfg := d.Snapshot.Config
			d.Sockets = sockets(cmp.Or(c.String("socket"), cfg.Socket), os.Getenv, d.Log)
			return engine.Open(cfg.Engine, d.Log, netwatch.MAC, notes(d.Sockets, os.Getenv)...)
		},
		Links:  netwatch.NewWatcher,
		Checks: func(log *slog.Logger) *health.Monitor { return health.NewAsking(lookup, log) },
	}
}

// newReporter returns the task that reports how the daemon stands, nil if the configuration does not ask for it.
func newReporter(d *daemon.Daemon) *fleet.Reporter {
	snap := d.Snapshot
	place, site, ok := remote.SiteOf(snap.Config.Services)
	if !snap.Config.Report || !ok {
		return nil
	}
	open := func(ctx context.Context) (fleet.Connection, error) {
		return fleet.DialOne(ctx, place, snap.Config.Remote)
	}
	r := fleet.NewReporter(open, fleet.Root(site.Root), site.Site, snap.Host, d.Log)
	r.Restart, r.Machine = daemon.ErrRestart, fleet.MachineID()
	r.State = func(ctx context.Context) (fleet.Presence, error) {
		s, err := d.Status(ctx)
		return fleet.NewPresence(site.Site, snap.Host, place, s), err
	}
	d.Updated, d.Hints = r.Changed, r.Hints
	return r
}

// lookup finds hosts in .local by multicast DNS.
func lookup(place health.Place) guard.Lookup { return browse.NewResolver(place).Lookup }

// sockets returns places for the control socket. Without one that is named, and without a directory for one, there are none:
// a daemon that is tried out by hand works without.
func sockets(named string, getenv func(string) string, log *slog.Logger) []string {
	places := control.Places(named, getenv)
	if named == "" && !slices.ContainsFunc(places, hasDirectory) {
		log.Info("no control socket: status, reload and watch cannot reach this daemon", "want", "--socket PATH, or $XDG_RUNTIME_DIR")
		return nil
	}
	return places
}

func hasDirectory(path string) bool {
	info, err := os.Stat(filepath.Dir(path))
	return err == nil && info.IsDir()
}

// notes returns places for the file in which the engine keeps what it says for the next start: in the state directory of
// the service manager, or else beside the control socket.
func notes(sockets []string, getenv func(string) string) []string {
	if state, _, _ := strings.Cut(getenv("STATE_DIRECTORY"), ":"); state != "" {
		return []string{filepath.Join(state, "announcer.said")}
	}
	var places []string
	for _, socket := range sockets {
		places = append(places, strings.TrimSuffix(socket, ".sock")+".said")
	}
	return places
}

// untilRestart returns a context that ends with ctx, or by SIGUSR1 for [daemon.ErrRestart].
func untilRestart(ctx context.Context) (restart context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	notifyRestart(signals)
	go func() {
		select {
		case <-signals:
			cancel(daemon.ErrRestart)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// hangups returns a value for each SIGHUP; several in a row count as one.
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
