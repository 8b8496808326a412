//go:build linux

package world

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"announcer/internal/daemon"
	"announcer/internal/health"
	"announcer/internal/mdns"
	"announcer/internal/mdns/native"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/remote"
	"announcer/internal/source"
	"announcer/internal/status"
	"announcer/internal/testkit/memdisk"
	"announcer/internal/wakeup"
)

// errTerminated is why a process ends that was asked to.
var errTerminated = errors.New("SIGTERM")

// process is the daemon at work on a host.
type process struct {
	host    *host
	pid     int
	began   time.Time
	mark    int64        // of its goroutines
	sent    atomic.Int32 // packets
	ears    atomic.Int32 // sockets for packets, in sets
	stop    context.CancelCauseFunc
	ended   chan struct{} // closed when all of it has ended
	err     error         // that it ended with
	over    time.Time     // when it ended
	asked   time.Time     // when it was first asked to end
	cause   error         // for what
	hangups chan struct{}
	ticks   chan struct{} // of the clock that notices a sleep
	fs      *memdisk.Process

	mu     sync.Mutex
	conn   *conn
	killed bool
	late   error          // why the configuration was not known in time
	daemon *daemon.Daemon // nil: it has not read everything yet
}

// start runs the daemon on a host, whose configuration can be read.
func (h *host) start() *process {
	h.mendSettings()
	return h.launch()
}

// launch runs the daemon on a host.
func (h *host) launch() *process {
	ctx, stop := context.WithCancelCause(context.Background())
	h.lastPID++
	p := &process{
		pid: h.lastPID, began: time.Now(),
		mark: processes.Add(1),
		fs:   h.disk.Process(),
		host: h, stop: stop, ended: make(chan struct{}), hangups: make(chan struct{}, 1), ticks: make(chan struct{}, 1),
	}
	h.running[p] = true
	go func() {
		p.own()
		defer close(p.ended)
		defer stop(nil)
		p.err = p.run(ctx)
		p.over = time.Now()
	}()
	return p
}

// run is the daemon from its start to its end.
func (p *process) run(ctx context.Context) error {
	definitions := source.New(source.Request{ConfigFile: configFile, Waits: true, Late: p.isLate})
	definitions.FS, definitions.Host, definitions.Open = p.fs, p.host.hostName, p.open
	assembly := daemon.Assembly{
		Definitions: definitions,
		Usable:      source.Snapshot.Usable,
		Logger:      p.logger,
		Open:        func(d *daemon.Daemon) (mdns.Publisher, error) { return p.engine(ctx, d.Log), nil },
		Links:       func(*slog.Logger) *netwatch.Watcher { return netwatch.NewWatcherOf(netwatch.NewKernel(p.host.kernel)) },
		Checks: func(log *slog.Logger) *health.Monitor {
			checks := health.New(p.host.ask, log)
			checks.Dice = p.host.throw
			return checks
		},
		Complete: func(d *daemon.Daemon) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.daemon = d
		},
	}
	return assembly.Run(ctx, &daemon.Daemon{
		Hangups: p.hangups, Version: "1", Manager: p, System: system{p}, Sockets: []string{controlSocket}, Release: func() {}, Sharers: func() []string { return nil },
	})
}

// isLate takes note of why the configuration is not known.
func (p *process) isLate(why error) {
	p.mu.Lock()
	p.late = why
	p.mu.Unlock()
	slog.New(slog.NewTextHandler(p, nil)).Error("the configuration is waited for", "why", why)
}

// logger returns the log, which gets all lines.
func (p *process) logger(source.Snapshot) (*slog.Logger, error) {
	return slog.New(slog.NewTextHandler(p, &slog.HandlerOptions{Level: slog.LevelDebug})), nil
}

// engine returns the engine, with sockets of the simulated network.
func (p *process) engine(ctx context.Context, log *slog.Logger) *native.Publisher {
	go p.tick(ctx)
	p.mu.Lock()
	p.conn = p.listen()
	p.mu.Unlock()
	return native.New(native.Config{
		FS: p.fs, Notes: []string{state + "/announcer.said"}, Conn: p.conn, Log: log, Seed: p.host.nextSeed(), Sleeps: p.sleeps,
	})
}

// Write takes a line of the log.
func (p *process) Write(line []byte) (int, error) {
	if p.isKilled() {
		return len(line), nil
	}
	return p.host.log.Write(line)
}

// open returns the provider of a place, the real one with a simulated server.
func (p *process) open(place string, poll time.Duration, settings remote.Settings) source.Provider {
	switch {
	case remote.IsPrefix(place):
		return stopped{p.follow(place, settings), p, turnOfCluster}
	case remote.IsURL(place):
		route := p.route(place)
		settings.Net = route
		return stopped{source.Open(p.fs, place, poll, settings, noRules), p, route.turn}
	case place == configFile:
		return stopped{source.File(p.fs, place, poll), p, turnOfConfiguration}
	}
	return stopped{source.Directory(p.fs, place, poll), p, turnOfDirectory}
}

// stopped is a provider that stands still with the process.
type stopped struct {
	source.Provider
	process *process
	turn    int
}

// Run implements [source.Provider].
func (s stopped) Run(ctx context.Context, yield func([]source.Item)) error {
	return s.Provider.Run(ctx, func(items []source.Item) {
		s.process.host.gate.pass(s.turn)
		yield(items)
	})
}

// noRules is what the rules of the configuration say of definitions on the server.
func noRules(p publication.Publication) publication.Publication { return p }

// isKilled reports whether the process has no effect any more.
func (p *process) isKilled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

// listen returns sockets of the simulated network.
func (p *process) listen() *conn {
	p.ears.Add(1)
	return &conn{Conn: p.host.net.Conn(), process: p}
}

// wake has the process look at its sockets.
func (p *process) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn != nil {
		p.conn.Wake()
	}
}

// kill ends the process at once.
func (p *process) kill() {
	p.mu.Lock()
	p.killed = true
	p.mu.Unlock()
	p.fs.Kill()
	p.host.sockets.release(p)
	delete(p.host.running, p)
	p.host.gate.open()
	p.end(daemon.ErrRestart)
}

// signal asks the process to end for a cause.
func (p *process) signal(cause error) {
	if p.asked.IsZero() {
		p.asked, p.cause = time.Now(), cause
	}
	p.stop(cause)
}

// end ends the process for a cause, and waits for it.
func (p *process) end(cause error) {
	p.signal(cause)
	<-p.ended
}

// isOver reports whether the process has ended.
func (p *process) isOver() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// leave checks that a process that has ended holds nothing, unless a call of it hangs.
func (p *process) leave() {
	synctest.Wait()
	if !p.host.isBlind() && p.host.settings.release == nil && !p.host.kernel.isBlind() {
		p.compareResources(nil)
	}
	p.fs.Kill()
	delete(p.host.running, p)
}

// status returns what the daemon says of itself, if it answers.
func (p *process) status() (s status.Status, ok bool) {
	p.mu.Lock()
	d := p.daemon
	p.mu.Unlock()
	if d == nil {
		return s, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s, err := d.Status(ctx)
	return s, err == nil
}

// hangup sends SIGHUP.
func (p *process) hangup() {
	for _, server := range p.host.places {
		server.busy = time.Time{} // a reload asks at once
	}
	select {
	case p.hangups <- struct{}{}:
	default:
	}
}

// tick is the timer that goes on while the machine sleeps.
func (p *process) tick(ctx context.Context) {
	defer close(p.ticks)
	every := time.NewTicker(10 * time.Second)
	defer every.Stop()
	for {
		select {
		case <-every.C:
			p.host.gate.pass(turnOfClock)
			select {
			case p.ticks <- struct{}{}:
			default:
			}
		case <-ctx.Done():
			return
		}
	}
}

// sleeps calls woke when the process has stood still.
func (p *process) sleeps(_ context.Context, woke func(time.Duration)) {
	wakeup.WatchClocks(wakeup.Clocks{Alarm: p.alarm, Read: p.host.clocks}, func(slept time.Duration) {
		p.host.gate.pass(turnOfClock)
		woke(slept)
	})
}

// alarm calls tick with each tick of the clock.
func (p *process) alarm(tick func()) {
	for range p.ticks {
		tick()
	}
}

// There implements [daemon.Manager].
func (p *process) There() bool { return true }

// Watchdog implements [daemon.Manager].
func (p *process) Watchdog() (time.Duration, error) { return watchdog, nil }

// Notify implements [daemon.Manager].
func (p *process) Notify(message string) error {
	p.host.gate.pass(turnOfManager)
	return p.host.hear(message)
}
