// Package daemon is announcer at work for months: it announces what is defined, follows the links, reads everything
// anew when it is asked to, and says goodbye at the end.
package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"announcer/internal/diag"
	"announcer/internal/health"
	"announcer/internal/mdns"
	"announcer/internal/netwatch"
	"announcer/internal/source"
)

// goodbyeTime is how long the goodbyes may take: the process is gone within two seconds of a SIGTERM.
const goodbyeTime = 1500 * time.Millisecond

// Daemon is what a running daemon is made of.
type Daemon struct {
	Source       *source.Source
	Snapshot     source.Snapshot // what Source has given at the start
	Publisher    mdns.Publisher
	Links        func() ([]mdns.Link, error) // such as [netwatch.Read]
	LinksChanged <-chan struct{}             // asks for Links to be read anew
	FilesChanged <-chan struct{}             // asks for Source to be read anew, and for what is news to be taken
	Reload       <-chan struct{}             // asks for Source to be read anew, and for all of it to be taken
	Health       *health.Monitor             // nil: all that is defined is announced, whether it answers or not
	Log          *slog.Logger

	desired mdns.Desired
	assumed string
}

// Run announces until ctx ends, and then says goodbye. An error means that nothing can be announced at all.
func (d *Daemon) Run(ctx context.Context) error {
	d.logFindings(d.Snapshot.Findings)
	if err := d.apply(ctx); err != nil {
		return d.end(err)
	}
	for {
		select {
		case <-ctx.Done():
			return d.end(nil)
		case event := <-d.Publisher.Events():
			d.logEvent(event)
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
		case <-d.Reload:
			d.reload(ctx)
		case <-d.Health.Changed():
			if err := d.apply(ctx); err != nil {
				d.Log.Error("what answers now and what does not is not followed", "error", err)
			}
		}
	}
}

// end says goodbye. What led to it outweighs what goes wrong with that.
func (d *Daemon) end(cause error) error {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeTime)
	defer cancel()
	if err := d.Publisher.Close(ctx); err != nil && cause == nil {
		cause = fmt.Errorf("failed to say goodbye: %w", err)
	}
	d.Log.Info("ended")
	return cause
}

// reload takes what is defined now, whole, and tells all that is wrong with it; where that can't be announced, all
// stays as it is. What was refused on the network is tried again, changed or not.
func (d *Daemon) reload(ctx context.Context) {
	before := d.Snapshot
	snap, err := d.Source.Load()
	if err == nil {
		d.warnOfRestart(snap)
		d.logFindings(snap.Findings)
		d.Snapshot = snap
		err = d.apply(ctx)
	}
	if err != nil {
		d.Snapshot = before
		d.Log.Error("reload failed, everything stays as it was", "error", err)
		return
	}
	d.Log.Info("reloaded", attrs(snap.Since(before))...)
}

// warnOfRestart tells of settings that are used after a restart only.
func (d *Daemon) warnOfRestart(next source.Snapshot) {
	if next.Config.Engine != d.Snapshot.Config.Engine {
		d.Log.Warn("another engine is configured; it is used after a restart", "engine", next.Config.Engine)
	}
}

// apply hands the definitions and the links, as they are now, to the engine.
func (d *Daemon) apply(ctx context.Context) error {
	links, err := d.Links()
	if err != nil {
		return fmt.Errorf("failed to read the interfaces: %w", err)
	}
	desired, assumed := Desired(d.Snapshot, links)
	if assumed != d.assumed && assumed != "" {
		d.Log.Warn(assumed)
	}
	if len(desired.Groups) == 0 {
		d.Log.Warn("nothing is defined that could be announced")
	}
	d.warnOfAbsentLinks(desired)
	d.desired, d.assumed = desired, assumed
	return d.Publisher.Apply(ctx, d.Health.Answering(desired, d.Snapshot.Config.Check))
}

// warnOfAbsentLinks tells of each group that is for interfaces that are not here, when that is news.
func (d *Daemon) warnOfAbsentLinks(next mdns.Desired) {
	for _, p := range next.Groups {
		if len(next.Links) > 0 && p.OnNone(next.Links) && !p.OnNone(d.desired.Links) {
			d.Log.Warn("announced nowhere: none of its interfaces is here", "file", p.ID, "interfaces", p.Interfaces)
		}
	}
}

func (d *Daemon) logFindings(findings diag.Findings) {
	for _, f := range findings {
		level := slog.LevelWarn
		if f.Severity == diag.Error {
			level = slog.LevelError
		}
		attrs := []any{"file", f.Place()}
		if f.Element != "" {
			attrs = append(attrs, "element", f.Element)
		}
		d.Log.Log(context.Background(), level, f.Text, attrs...)
	}
}

func (d *Daemon) logEvent(e mdns.Event) {
	level := slog.LevelInfo
	switch e.Kind {
	case mdns.ServiceRenamed, mdns.ServiceConflict:
		level = slog.LevelWarn
	case mdns.ServiceRefused, mdns.EngineFailed:
		level = slog.LevelError
	}
	var attrs []any
	for _, a := range []struct{ key, value string }{
		{"service", e.Name}, {"type", e.Type.String()}, {"iface", e.Link}, {"file", e.ID}, {"detail", e.Detail},
	} {
		if a.value != "" {
			attrs = append(attrs, a.key, a.value)
		}
	}
	d.Log.Log(context.Background(), level, e.Kind.String(), attrs...)
}

// Desired joins what is defined with the links to announce it on. assumed is a sentence about the choice of links,
// "" where it was explicit.
func Desired(snap source.Snapshot, links []mdns.Link) (desired mdns.Desired, assumed string) {
	chosen, assumed := netwatch.Select(links, snap.Config.Interfaces, snap.Config.InterfacesDeny)
	return mdns.Desired{Host: snap.Host, Links: chosen, Groups: snap.Publications}, assumed
}
