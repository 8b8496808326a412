package daemon

import (
	"context"
	"log/slog"

	"announcer/internal/health"
	"announcer/internal/mdns"
	"announcer/internal/netwatch"
	"announcer/internal/source"
)

// Assembly puts a daemon together once its definitions were read for the first time. What it is made of touches the system;
// a simulated host has other parts.
type Assembly struct {
	Definitions *source.Source                              // it does not run yet
	Usable      func(source.Snapshot) error                 // why the daemon can't begin with the first snapshot
	Logger      func(source.Snapshot) (*slog.Logger, error) // the log that the configuration asks for
	Open        func(*Daemon) (mdns.Publisher, error)       // opens the engine; the daemon has its snapshot and its log
	Links       func(*slog.Logger) *netwatch.Watcher
	Checks      func(*slog.Logger) *health.Monitor
	Complete    func(*Daemon) // is called when the daemon has all its parts, and may add tasks
}

// Run reads what is defined, gives the daemon its parts, and runs it until ctx ends, see [Daemon.Run]. It returns nil if ctx
// ends before the definitions are read.
func (a Assembly) Run(ctx context.Context, d *Daemon) (err error) {
	reading := Begin(ctx, a.Definitions)
	select {
	case u := <-a.Definitions.Updates():
		d.Definitions, d.Snapshot = a.Definitions, u.Snapshot
	case <-ctx.Done():
		return nil
	}
	if err := a.Usable(d.Snapshot); err != nil {
		return err
	}
	if d.Log, err = a.Logger(d.Snapshot); err != nil {
		return err
	}
	if d.Publisher, err = a.Open(d); err != nil {
		return err
	}
	links := a.Links(d.Log)
	d.Links, d.Health = links, a.Checks(d.Log)
	d.Tasks = append(d.Tasks, reading, links, d.Health)
	a.Complete(d)
	return d.Run(ctx)
}
