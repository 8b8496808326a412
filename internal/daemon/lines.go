package daemon

import (
	"time"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// bulkTime is the time for which events are gathered for a line that stands for many: links start to probe up to 250 ms
// apart (RFC 6762 §8.1).
const bulkTime = 500 * time.Millisecond

// lines gathers the events that are about this host, until they are logged.
type lines struct {
	bulky  bool // so many services are announced, or were before, that one line may stand for many
	kinds  []mdns.EventKind
	events map[mdns.EventKind][]mdns.Event
	timer  *time.Timer
}

func newLines() lines {
	timer := time.NewTimer(bulkTime)
	timer.Stop()
	return lines{events: map[mdns.EventKind][]mdns.Event{}, timer: timer}
}

func (l *lines) add(e mdns.Event) {
	if len(l.kinds) == 0 {
		l.timer.Reset(bulkTime)
	}
	if l.events[e.Kind] == nil {
		l.kinds = append(l.kinds, e.Kind)
	}
	l.events[e.Kind] = append(l.events[e.Kind], e)
}

// take returns what was gathered, by kind, in the order in which the kinds came first.
func (l *lines) take() (all [][]mdns.Event) {
	for _, kind := range l.kinds {
		all = append(all, l.events[kind])
	}
	l.timer.Stop()
	l.kinds = nil
	clear(l.events)
	return all
}

// isBulky reports whether more services are to be announced, each counted once per link, than get a line each.
func isBulky(d publication.Desired) bool {
	n := 0
	for _, p := range d.Groups {
		for _, l := range d.Links {
			if p.On(l) {
				n += len(p.Group.Services)
			}
			if n > mdns.BulkMore {
				return true
			}
		}
	}
	return false
}
