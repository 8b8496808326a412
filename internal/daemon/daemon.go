// Package daemon runs announcer: it announces what is defined, follows the links, reads everything again on request,
// reports its state, and withdraws its services at the end.
//
// One goroutine, the loop, owns the state of the daemon, and never blocks. The others are tasks that hand it values:
// definitions, links, the ports of other programs of this host, hardware addresses, and requests on the control socket and
// for metrics. Files, netlink and /proc are read by tasks alone, since all of them can hang.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"announcer/internal/admission"
	"announcer/internal/control"
	"announcer/internal/health"
	"announcer/internal/hub"
	"announcer/internal/mdns"
	"announcer/internal/netwatch"
	"announcer/internal/source"
	"announcer/internal/status"
	"announcer/internal/web"
)

// goodbyeTime is how long the goodbyes may take: the process is gone within two seconds of a SIGTERM.
const goodbyeTime = 1500 * time.Millisecond

// ErrRestart is the cause for which a context ends when the daemon is to end without goodbyes: another one takes over.
var ErrRestart = errors.New("a restart")

// Daemon announces services until its context is cancelled.
type Daemon struct {
	Definitions Definitions
	Snapshot    source.Snapshot // the first that Definitions handed over
	Links       Links
	Publisher   mdns.Publisher
	Tasks       []Task          // that hand over Definitions, Links and Health
	Hangups     <-chan struct{} // asks for a reload
	Health      *health.Monitor // nil: all that is defined is announced, whether it answers or not
	Sockets     []string        // places for the control socket; none: there is none
	Version     string          // for people
	Build       status.Build
	Log         *slog.Logger

	MACs    func() func(link string, host netip.Addr) string // such as [netwatch.MACs]; nil: they are not known
	Sharers func() []string                                  // other programs that have port 5353 open; nil: none
	Avahi   string                                           // the directory of Avahi's service files; "": there is no Avahi
	System  control.System                                   // of the control socket; nil: the one of this host
	Manager Manager                                          // nil: the one that the environment names
	Release func()                                           // returns unused memory to the system; nil: the runtime's way
	Updated func()                                           // is called after each change of what is defined, and must not block; nil: nothing is
	Hints   func() []string                                  // what else is worth knowing; nil: nothing

	// GCPercent is what the process has given to [debug.SetGCPercent]: the daemon collects memory less often while nothing
	// happens. 0: it leaves the collector alone.
	GCPercent int

	systemd systemd
	jobs    jobs
	isReady bool // all tasks are
	macs    *macs
	heart   heart

	troubles *troubles
	hub      hub.Hub
	waiting  []chan<- status.Reload // for the reload that was asked for

	announcing
	memory
}

// Definitions is the task that hands over what is defined, such as a [source.Source] that runs.
type Definitions interface {
	Updates() <-chan source.Update
	Reload() // asks for an update with what is there now
}

// Links is the task that hands over the links of this host, such as a [netwatch.Watcher] that runs.
type Links interface {
	Readings() <-chan netwatch.Reading
	Refresh() // asks for the links to be read again
}

// Run announces until ctx ends, and then sends goodbyes, unless the cause is [ErrRestart]. An error means that nothing
// can be announced at all, or that another daemon runs already.
func (d *Daemon) Run(ctx context.Context) error {
	d.prepare()
	socket, err := openSocket(d.System, d.Sockets)
	if err != nil {
		return errors.Join(err, d.Publisher.Abandon())
	}
	return run(ctx, d.tasks(socket), d.ready)
}

// prepare makes the parts of a daemon that runs.
func (d *Daemon) prepare() {
	if d.System == nil {
		d.System = control.OS{}
	}
	d.jobs, d.troubles = newJobs(), new(troubles)
	d.memory = newMemory()
	d.systemd = newSystemd(d.Manager, d.Log)
	d.macs = newMACs(d.MACs)
	d.announcing = announcing{
		publisher: d.Publisher, health: d.Health, links: d.Links, log: newJournal(d.Log),
		neighbours: newNeighbours(d.Sharers, d.Avahi, d.troubles), spare: newSpare(d.Release, d.GCPercent),
		plan: plan{initial: d.Snapshot.Config, snapshot: d.Snapshot, absences: absences{}},
	}
}

// ready reports to the service manager that all tasks are ready.
func (d *Daemon) ready(ctx context.Context) {
	// An error means that the daemon ends, and then it is ready no more.
	_ = d.jobs.do(ctx, func() {
		d.isReady = true
		d.systemd.ready(d.view().line())
	})
}

// tasks returns what runs side by side.
func (d *Daemon) tasks(socket net.Listener) []*task {
	tasks := []*task{newTask("", d.loop), newTask("hardware addresses", d.macs.run(d.Publisher))}
	for _, t := range d.Tasks {
		tasks = append(tasks, beside(t))
	}
	if d.Sharers != nil {
		tasks = append(tasks, newTask("the search for other programs", d.neighbours.run))
	}
	if len(d.Sockets) > 0 {
		listen := func() (net.Listener, error) { return control.Listen(d.System, d.Sockets) }
		o := outlet{"the control socket", socket, listen, control.Handler(d), d.Log, d.troubles}
		tasks = append(tasks, newTask(o.name, o.serve))
	}
	if address := d.Snapshot.Config.HTTP; address != "" {
		listen := func() (net.Listener, error) { return net.Listen("tcp", address) }
		o := outlet{"http", nil, listen, admission.Hosts(web.Handler(d), d.names, "http_hosts"), d.Log, d.troubles}
		tasks = append(tasks, newTask(o.name, o.serve))
	}
	return tasks
}

// names returns the names by which clients may ask by HTTP.
func (d *Daemon) names() []string {
	config := d.Snapshot.Config
	return append(admission.Names(source.HostName(), config.Host), config.HTTPHosts...)
}

// loop owns what the daemon knows.
func (d *Daemon) loop(ctx context.Context, ready func()) error {
	defer close(d.jobs.ended)
	defer d.hub.Close()
	defer d.lastWords()
	defer d.log.lines.timer.Stop()
	if err := d.begin(ctx); err != nil {
		return d.end(ctx, err)
	}
	ready()
	d.heart = newHeart(d.systemd.interval(heartbeat, 3), d.systemd.interval(restbeat, 2))
	for {
		select {
		case <-ctx.Done():
			return d.end(ctx, nil)
		case events, open := <-d.Publisher.Events():
			if !open {
				return d.end(ctx, errors.New("the engine has ended by itself"))
			}
			d.happened(events)
		case seen := <-d.macs.seen:
			d.asks(seen)
		case reading := <-d.Links.Readings():
			d.linksChanged(ctx, reading)
		case others := <-d.neighbours.found:
			if !d.met(ctx, others) {
				continue
			}
		case update := <-d.Definitions.Updates():
			d.updated(ctx, update)
		case <-d.Hangups:
			d.reload(nil)
		case <-d.Health.Changed():
			d.follow(ctx, "the change of the checks is not applied yet")
		case <-d.log.lines.timer.C:
			d.log.flush()
		case job := <-d.jobs.asked:
			job()
		case <-d.heart.due:
			d.beat(ctx)
			continue
		}
		d.stir()
	}
}

// stir ends the rest of a daemon for which nothing happened.
func (d *Daemon) stir() {
	if d.heart.stir() {
		d.spare.work()
	}
}

// begin announces what was read at the start. Links that cannot be read are tried again with every heartbeat.
func (d *Daemon) begin(ctx context.Context) error {
	d.notice()
	d.noteRemarks(d.snapshot, source.Snapshot{})
	select {
	case d.reading = <-d.Links.Readings():
	case <-ctx.Done():
		return nil
	}
	if d.reading.Err != nil {
		d.linksChanged(ctx, d.reading)
	} else if err := d.apply(ctx); err != nil {
		return err
	}
	d.last = d.result(source.Snapshot{}, nil)
	return nil
}

// beat runs on every heartbeat. It notifies the service manager that the daemon works, which it can only if the engine answers.
func (d *Daemon) beat(ctx context.Context) {
	d.observe(time.Now())
	switch {
	case d.heart.resting && d.spare.isTight():
		d.stir()
	case d.heart.resting:
		d.systemd.alive(d.systemd.line)
	default:
		d.work(ctx)
	}
	if d.heart.next(d.behind != nil || d.systemd.owes()) {
		d.spare.rest()
	}
}

// observe asks the engine what it has seen.
func (d *Daemon) observe(now time.Time) {
	o, ok := d.Publisher.(mdns.Observer)
	if !ok {
		d.Publisher.Status() // which is the sign of life
		return
	}
	seen := o.Observe()
	d.history.note(now, seen)
	if d.silence.listen(now, d.desired.Links, seen.Links) {
		d.log.Warn(silenceHint)
		d.stir()
	}
}

// work does what is to be done now and then while anything happens.
func (d *Daemon) work(ctx context.Context) {
	d.log.leftOut()
	d.logLinks(time.Now())
	if d.behind != nil {
		d.catchUp(ctx)
	}
	if d.systemd.manager.There() {
		d.systemd.alive(d.view().line())
	}
	d.spare.beat()
}

// end sends goodbyes. It returns the cause of the end rather than an error of the goodbyes.
func (d *Daemon) end(ctx context.Context, cause error) error {
	d.systemd.stopping()
	d.log.end()
	if cause == nil && errors.Is(context.Cause(ctx), ErrRestart) {
		if err := d.Publisher.Abandon(); err != nil {
			d.log.Debug("the sockets were not released", "error", err)
		}
		d.log.Info("ended without goodbyes, for a restart")
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeTime)
	defer cancel()
	if err := d.Publisher.Close(ctx); err != nil && cause == nil {
		cause = fmt.Errorf("failed to withdraw the services: %w", err)
	}
	d.log.Info("ended")
	return cause
}

// lastWords sends goodbyes when the loop panics, and lets the panic end the process.
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

// Status implements [control.Daemon].
func (d *Daemon) Status(ctx context.Context) (s status.Status, err error) {
	d.macs.look()
	err = d.jobs.do(ctx, func() { s = d.view().status() })
	return s, err
}

// Reload implements [control.Daemon].
func (d *Daemon) Reload(ctx context.Context) (status.Reload, error) {
	done := make(chan status.Reload, 1)
	if err := d.jobs.do(ctx, func() { d.reload(done) }); err != nil {
		return status.Reload{}, err
	}
	return await(ctx, d.jobs, done)
}

// Watch implements [control.Daemon].
func (d *Daemon) Watch() (events <-chan []status.Event, stop func(), err error) {
	return d.hub.Watch()
}

// reload asks for what is defined now, whole. done, unless nil, receives what comes of it.
func (d *Daemon) reload(done chan<- status.Reload) {
	if done != nil {
		d.waiting = append(d.waiting, done)
	}
	d.systemd.reloading()
	d.Definitions.Reload()
	d.Links.Refresh()
}

// updated takes what is defined now.
func (d *Daemon) updated(ctx context.Context, u source.Update) {
	before := d.last.Time
	if u.Reload {
		d.announcing.reloaded(ctx, u)
		for _, done := range d.waiting {
			done <- d.last
		}
		d.waiting = nil
	}
	if !u.Reload || len(u.Snapshot.BadConfig) > 0 {
		d.definitionsChanged(ctx, u.Snapshot)
	}
	if !d.last.Time.Equal(before) && d.hub.Watched() {
		d.hub.Publish(status.Event{Reload: new(d.last)})
	}
	if d.Updated != nil {
		d.Updated()
	}
	if u.Reload && d.isReady {
		d.systemd.ready(d.view().line())
	}
}
