package daemon

import (
	"context"
	"slices"
	"strings"

	"announcer/internal/mdns"
	"announcer/internal/status"
)

// happened takes events of the engine: they are logged, remembered if they are conflicts, and passed to those who watch.
func (d *Daemon) happened(events []mdns.Event) {
	d.log.events(events)
	watched := d.hub.Watched()
	var news []status.Event
	for _, e := range events {
		if e.Rival.IsValid() && d.isOurs(e.Rival) {
			d.contested = true
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
		if watched {
			news = append(news, status.NewEvent(e))
		}
	}
	d.hub.Publish(news...)
}

// woke looks at what may have changed while the host slept: the links, and what answers.
func (d *Daemon) woke() {
	d.Links.Refresh()
	d.Health.Recheck()
}

// asks takes questions of others, with the hardware addresses of those who asked.
func (d *Daemon) asks(s seen) {
	d.table = s.mac
	watched := d.hub.Watched()
	var news []status.Event
	for _, a := range s.questions {
		asker, first := d.askers.Add(a, s.mac)
		if first {
			d.log.asker(asker)
		}
		if watched {
			news = append(news, status.NewQuestion(a, asker, first))
		}
	}
	d.hub.Publish(news...)
}

// met takes what was found about other programs, logs what is new, and reports whether anything is. The engine must know whether
// there are any.
func (d *Daemon) met(ctx context.Context, now others) (isNews bool) {
	before := d.others
	d.others = now
	for _, what := range now.twice {
		if !slices.Contains(before.twice, what) {
			d.log.Warn(what)
		}
	}
	contested := d.contested
	d.contested = false
	switch {
	case slices.Equal(before.sharers, now.sharers):
		if !contested {
			return !slices.Equal(before.twice, now.twice)
		}
	case len(now.sharers) > 0:
		d.log.Info(sharedHint(now.sharers))
	default:
		d.log.Info("port 5353 is no longer shared", "with", strings.Join(before.sharers, " and "))
	}
	if err := d.Publisher.Apply(ctx, d.applied); err != nil {
		d.log.Error("the engine does not know who shares its port", "error", err)
	}
	return true
}
