// Package daemon is announcer at work for months: it announces what is defined, follows the links, reads everything
// anew when it is asked to, tells how it stands, and says goodbye at the end.
//
// One goroutine, the loop, owns all that the daemon knows. The others bring it work: those who answer on the control
// socket and for metrics.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"announcer/internal/control"
	"announcer/internal/health"
	"announcer/internal/mdns"
	"announcer/internal/source"
	"announcer/internal/status"
)

// goodbyeTime is how long the goodbyes may take: the process is gone within two seconds of a SIGTERM.
const goodbyeTime = 1500 * time.Millisecond

// Memory that is no longer used is given back to the system when the announcements of a change are over, and soon after
// a look at the files that found nothing new.
const (
	settleTime = 10 * time.Second
	lookTime   = time.Second
)

// ErrRestart is the cause for which a context ends when the daemon is to end without goodbyes: another one takes over.
var ErrRestart = errors.New("a restart")

// Daemon is what a running daemon is made of.
type Daemon struct {
	Source       *source.Source
	Snapshot     source.Snapshot // what Source has given at the start
	Publisher    mdns.Publisher
	Links        func() ([]mdns.Link, error) // such as [netwatch.Read]
	LinksChanged <-chan struct{}             // asks for Links to be read anew
	FilesChanged <-chan struct{}             // asks for Source to be read anew, and for what is news to be taken
	Hangups      <-chan struct{}             // asks for Source to be read anew, and for all of it to be taken
	Health       *health.Monitor             // nil: all that is defined is announced, whether it answers or not
	Sockets      []string                    // places for the control socket; none: there is none
	Version      string
	Log          *slog.Logger

	MACs     func() func(link string, host netip.Addr) string // such as [netwatch.MACs]; nil: they are not known
	Sharers  func() []string                                  // other programs that have port 5353 open; nil: none
	AvahiDir string                                           // where Avahi's service files are; "": there is no Avahi

	systemd systemd
	behind  error         // why what the links and servers are now is not announced yet
	jobs    chan func()   // for the loop
	ended   chan struct{} // closed when the loop has ended
	meet    chan struct{} // asks for a look for other programs
	memory
}

// task is a part of the daemon that runs until ctx is done.
type task struct {
	name string
	run  func(ctx context.Context) error
}

// Run announces until ctx ends, and then says goodbye, unless the cause is [ErrRestart]. An error means that nothing
// can be announced at all, or that another daemon runs already.
func (d *Daemon) Run(ctx context.Context) error {
	d.jobs, d.ended, d.meet = make(chan func()), make(chan struct{}), make(chan struct{}, 1)
	d.memory = newMemory()
	d.systemd = newSystemd(d.Log)
	socket, err := d.openSocket()
	if err != nil {
		return errors.Join(err, d.Publisher.Close(ctx))
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, t := range d.tasks(socket) {
		group.Go(func() error {
			if err := t.run(ctx); err != nil {
				return fmt.Errorf("%s%w", t.name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// tasks lists what runs side by side.
func (d *Daemon) tasks(socket net.Listener) []task {
	tasks := []task{{"", d.loop}}
	if d.Sharers != nil {
		tasks = append(tasks, task{"the search for other programs: ", d.meetNeighbours})
	}
	if len(d.Sockets) > 0 {
		o := outlet{"the control socket", socket, func() (net.Listener, error) { return control.Listen(d.Sockets) }, control.Handler(d)}
		tasks = append(tasks, task{o.name + ": ", func(ctx context.Context) error { return d.serve(ctx, o) }})
	}
	if address := d.Snapshot.Config.Metrics; address != "" {
		o := outlet{"metrics", nil, func() (net.Listener, error) { return net.Listen("tcp", address) }, control.Public(d)}
		tasks = append(tasks, task{o.name + ": ", func(ctx context.Context) error { return d.serve(ctx, o) }})
	}
	return tasks
}

// loop owns what the daemon knows.
func (d *Daemon) loop(ctx context.Context) error {
	defer close(d.ended)
	defer d.hub.close()
	defer d.lastWords()
	d.spare = time.NewTimer(settleTime)
	defer d.spare.Stop()
	if err := d.begin(ctx); err != nil {
		return d.end(ctx, err)
	}
	heart := time.NewTicker(d.systemd.interval())
	defer heart.Stop()
	for {
		select {
		case <-ctx.Done():
			return d.end(ctx, nil)
		case event, open := <-d.Publisher.Events():
			if !open {
				return d.end(ctx, errors.New("the engine has ended by itself"))
			}
			d.happened(event)
			if event.Kind == mdns.HostWoke {
				d.woke(ctx)
			}
		case questions, open := <-d.asked:
			if open {
				d.asks(questions)
			} else {
				d.asked = nil
			}
		case _, open := <-d.LinksChanged:
			if !open {
				d.LinksChanged = nil // the watch ends with ctx
				continue
			}
			d.linksChanged(ctx)
		case _, open := <-d.FilesChanged:
			if !open {
				d.FilesChanged = nil
				continue
			}
			d.filesChanged(ctx)
		case <-d.Hangups:
			d.reload(ctx)
		case <-d.Health.Changed():
			d.follow(ctx, "what answers now and what does not is not followed yet")
		case <-d.spare.C:
			debug.FreeOSMemory()
		case job := <-d.jobs:
			job()
		case <-heart.C:
			d.beat(ctx)
		}
	}
}

// begin announces what was read at the start.
func (d *Daemon) begin(ctx context.Context) error {
	d.initial = d.Snapshot.Config
	d.notice()
	if o, ok := d.Publisher.(mdns.Observer); ok {
		d.asked = o.Asked()
	}
	if err := d.apply(ctx); err != nil {
		return err
	}
	d.last = d.result(source.Snapshot{}, nil)
	d.systemd.ready(d.line())
	return nil
}

// beat is done at regular times. It tells the service manager that all is alive, which it can only where the engine
// answers.
func (d *Daemon) beat(ctx context.Context) {
	d.listen()
	if d.behind != nil {
		d.linksChanged(ctx)
	}
	if d.systemd.there() {
		d.systemd.alive(d.line())
	}
}

// end says goodbye. What led to it outweighs what goes wrong with that.
func (d *Daemon) end(ctx context.Context, cause error) error {
	d.systemd.stopping()
	if cause == nil && errors.Is(context.Cause(ctx), ErrRestart) {
		over, cancel := context.WithCancel(context.Background())
		cancel()
		_ = d.Publisher.Close(over) // says that there were no goodbyes, as is wanted
		d.Log.Info("ended without goodbyes, for a restart")
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeTime)
	defer cancel()
	if err := d.Publisher.Close(ctx); err != nil && cause == nil {
		cause = fmt.Errorf("failed to say goodbye: %w", err)
	}
	d.Log.Info("ended")
	return cause
}

// lastWords says goodbye when the loop panics, and lets the panic end the process.
func (d *Daemon) lastWords() {
	cause := recover()
	if cause == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeTime)
	defer cancel()
	_ = d.Publisher.Close(ctx) // the panic is what counts
	panic(cause)
}

// do has the loop do something, and waits for it. It reports an error where ctx is done first, or the loop ends.
func (d *Daemon) do(ctx context.Context, job func()) error {
	done := make(chan struct{})
	select {
	case d.jobs <- func() { defer close(done); job() }:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-d.ended:
		return errEnded
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-d.ended:
		return errEnded
	}
}

var errEnded = errors.New("the daemon ends")

// Status implements [control.Daemon].
func (d *Daemon) Status(ctx context.Context) (s status.Status, err error) {
	err = d.do(ctx, func() { s = d.state() })
	return s, err
}

// Reload implements [control.Daemon].
func (d *Daemon) Reload(ctx context.Context) (r status.Reload, err error) {
	err = d.do(ctx, func() { r = d.reload(context.WithoutCancel(ctx)) })
	return r, err
}

// Watch implements [control.Daemon].
func (d *Daemon) Watch() (events <-chan status.Event, stop func(), err error) {
	return d.hub.watch()
}
