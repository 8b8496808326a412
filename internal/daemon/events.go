package daemon

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"

	"announcer/internal/mdns"
	"announcer/internal/phones"
	"announcer/internal/status"
)

// happened takes events of the engine: they are logged, remembered if they are conflicts, and passed to those who watch.
func (d *Daemon) happened(events []mdns.Event) {
	var told []status.Event
	for _, e := range events {
		d.logEvent(e)
		if d.isOurs(e.Rival) {
			d.lookAround() // another program of this host has opened the port since the last look
		}
		switch {
		case e.Kind == mdns.EngineFailed:
			d.failure = e
		case e.Kind == mdns.HostWoke:
			d.woke()
		case e.Rival.IsValid() && e.Kind != mdns.ForeignSeen && e.Kind != mdns.ForeignGone:
			d.remember(e)
		}
		told = append(told, status.Event{Event: &status.WireEvent{
			Time: e.Time, Kind: e.Kind, File: e.ID, Name: e.Name, Type: e.Type, Link: e.Link, Text: e.Detail, Rival: e.Rival, MAC: e.MAC,
		}})
	}
	if !d.lines.bulky {
		d.logGathered()
	}
	d.hub.tell(told...)
}

// woke looks at what may have changed while the host slept: the links, and what answers.
func (d *Daemon) woke() {
	d.Links.Refresh()
	d.Health.Recheck()
}

// remember keeps the last conflict of a definition. That a service was renamed after a conflict adds nothing to it.
func (d *Daemon) remember(e mdns.Event) {
	if e.Kind == mdns.ServiceRenamed && d.conflicts[e.ID].Rival == e.Rival {
		return
	}
	d.conflicts[e.ID] = status.Conflict{
		Time: e.Time, Kind: e.Kind, File: e.ID, Name: e.Name, Type: e.Type, Link: e.Link, Rival: e.Rival, MAC: e.MAC, Text: e.Detail,
	}
}

// asks takes questions of others, with the hardware addresses of those who asked.
func (d *Daemon) asks(s seen) {
	d.table = s.mac
	watched := d.hub.watched()
	for _, a := range s.questions {
		asker, first := d.askers.Add(a, s.mac)
		if first {
			d.logAsker(asker)
		}
		if watched {
			d.hub.tell(status.Event{Asked: &status.AskedEvent{Asked: a, MAC: asker.MAC, Vendor: asker.Vendor, First: first}})
		}
	}
}

// logAsker tells of a host that had not asked before.
func (d *Daemon) logAsker(asker phones.Asker) {
	if suppressed, ok := d.limits.let("asked"); ok {
		d.log(slog.LevelInfo, "asked for the first time", suppressed, []attr{
			{"host", asker.Host.String()}, {"type", asker.Type.String()}, {"iface", asker.Link}, {"mac", asker.MAC}, {"vendor", asker.Vendor},
		})
	}
}

// logEvent writes a line for an event about another host, as often as the limits allow. The others are gathered.
func (d *Daemon) logEvent(e mdns.Event) {
	if !e.Rival.IsValid() {
		d.lines.add(e)
	} else if suppressed, ok := d.limits.let(e.Kind.String()); ok {
		d.logOne(e, suppressed)
	}
}

// logGathered writes the lines for the events that were gathered.
func (d *Daemon) logGathered() {
	for _, events := range d.lines.take() {
		if len(events) > mdns.BulkMore {
			first := events[0]
			d.log(levelOf(first.Kind), mdns.Bulk(first.Kind, events), 0, []attr{{"detail", first.Detail}})
			continue
		}
		for _, e := range events {
			d.logOne(e, 0)
		}
	}
}

func (d *Daemon) logOne(e mdns.Event, suppressed int) {
	d.log(levelOf(e.Kind), e.Kind.String(), suppressed, []attr{
		{"service", e.Name}, {"type", e.Type.String()}, {"iface", e.Link}, {"file", e.ID}, {"rival", addressText(e.Rival)}, {"mac", e.MAC}, {"detail", e.Detail},
	})
}

func levelOf(k mdns.EventKind) slog.Level {
	switch k {
	case mdns.ServiceRenamed, mdns.ServiceConflict, mdns.ForeignSeen:
		return slog.LevelWarn
	case mdns.ServiceRefused, mdns.EngineFailed, mdns.Unreachable:
		return slog.LevelError
	}
	return slog.LevelInfo
}

func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// attr is something that a line of the log says; one without a value is left out.
type attr struct{ key, value string }

func (d *Daemon) log(level slog.Level, message string, suppressed int, attrs []attr) {
	write(d.Log, level, message, suppressed, attrs)
}

func write(log *slog.Logger, level slog.Level, message string, suppressed int, attrs []attr) {
	var all []any
	for _, a := range attrs {
		if a.value != "" {
			all = append(all, a.key, a.value)
		}
	}
	if suppressed > 0 {
		all = append(all, "suppressed", suppressed)
	}
	log.Log(context.Background(), level, message, all...)
}

// met takes what was found about other programs, and logs what is new. The engine has to know whether there are any.
func (d *Daemon) met(ctx context.Context, now others) {
	before := d.others
	d.others = now
	for _, what := range now.twice {
		if !slices.Contains(before.twice, what) {
			d.Log.Warn(what)
		}
	}
	if slices.Equal(before.sharers, now.sharers) {
		return
	}
	if len(now.sharers) > 0 {
		d.Log.Info(sharedHint(now.sharers))
	}
	if err := d.Publisher.Apply(ctx, d.applied); err != nil {
		d.Log.Error("the engine does not know who shares its port", "error", err)
	}
}
