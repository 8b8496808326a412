package daemon

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"time"

	"announcer/internal/diag"
	"announcer/internal/limit"
	"announcer/internal/mdns"
	"announcer/internal/phones"
)

// journal is the log of the daemon. It belongs to the loop.
type journal struct {
	*slog.Logger
	limits limits
	lines  lines
	own    *limit.Lines // about this host's services, which a host that contests a name causes
}

// Lines about this host's services in a minute: at the start and after a change each service has one per link, unless one line
// stands for all of them.
const (
	ownMost   = 3 * mdns.BulkMore
	ownWindow = time.Minute
)

func newJournal(log *slog.Logger) *journal {
	return &journal{log, limits{}, newLines(), limit.New(ownMost, ownMost, ownWindow)}
}

// finding writes a line for something that is wrong with a definition.
func (j *journal) finding(f diag.Finding) {
	level := slog.LevelWarn
	if f.Severity == diag.Error {
		level = slog.LevelError
	}
	j.line(level, f.Text, 0, []attr{{"file", f.Place()}, {"element", f.Element}, {"rule", f.Code}})
}

// events writes lines for events. If there may be many, they are gathered first.
func (j *journal) events(events []mdns.Event) {
	for _, e := range events {
		j.event(e)
	}
	if !j.lines.bulky {
		j.flush()
	}
}

// asker writes a line for a host that had not asked before.
func (j *journal) asker(asker phones.Asker) {
	if suppressed, ok := j.limits.let("asked"); ok {
		j.line(slog.LevelInfo, "asked for the first time", suppressed, []attr{
			{"from", asker.Host.String()}, {"type", asker.Type.String()}, {"link", asker.Link}, {"mac", asker.MAC}, {"vendor", asker.Vendor},
		})
	}
}

// event writes a line for an event about another host, as often as the limits allow. The others are gathered.
func (j *journal) event(e mdns.Event) {
	if !e.Rival.IsValid() {
		j.lines.add(e)
	} else if suppressed, ok := j.limits.let(e.Kind.String()); ok {
		j.one(e, suppressed)
	}
}

// flush writes the lines for the events that were gathered.
func (j *journal) flush() {
	for _, events := range j.lines.take() {
		if len(events) > mdns.BulkMore {
			j.bulk(events)
			continue
		}
		for _, e := range events {
			if j.own.Admit(cmp.Or(e.Name, e.Link), time.Now()) {
				j.one(e, 0)
			}
		}
	}
}

// bulk writes one line for many events of a kind, as often as the limit allows.
func (j *journal) bulk(events []mdns.Event) {
	first := events[0]
	if j.own.Admit(cmp.Or(first.Name, first.Link), time.Now()) {
		j.line(levelOfAll(events), mdns.Bulk(first.Kind, events), 0, []attr{{"detail", first.Detail}})
	}
}

// leftOut reports the lines about this host's services that were not written, when their minute is over.
func (j *journal) leftOut() { j.excess(j.own.Excess(time.Now())) }

// end writes what was gathered or left out until now.
func (j *journal) end() {
	j.flush()
	j.excess(j.own.Rest())
}

func (j *journal) excess(e limit.Excess, any bool) {
	if any {
		j.Warn("lines about services are left out: another host contests a name again and again", "lines", e.Lines, "most", e.Most)
	}
}

// one writes a line for an event, with the number of those like it that were not written.
func (j *journal) one(e mdns.Event, suppressed int) {
	j.line(levelOf(e), e.Kind.String(), suppressed, []attr{
		{"service", e.Name}, {"type", e.Type.String()}, {"link", e.Link}, {"file", e.ID}, {"rival", addressText(e.Rival)}, {"mac", e.MAC}, {"detail", e.Detail},
	})
}

// levelOfAll returns the highest level of some events.
func levelOfAll(events []mdns.Event) slog.Level {
	level := slog.LevelInfo
	for _, e := range events {
		level = max(level, levelOf(e))
	}
	return level
}

func levelOf(e mdns.Event) slog.Level {
	switch e.Kind {
	case mdns.ServiceRenamed, mdns.ServiceConflict, mdns.ForeignSeen:
		return slog.LevelWarn
	case mdns.ServiceRefused:
		if mdns.LacksAddress(e.Detail) {
			return slog.LevelInfo
		}
		return slog.LevelError
	case mdns.EngineFailed, mdns.Unreachable:
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

// line writes a line.
func (j *journal) line(level slog.Level, message string, suppressed int, attrs []attr) {
	var all []any
	for _, a := range attrs {
		if a.value != "" {
			all = append(all, a.key, a.value)
		}
	}
	if suppressed > 0 {
		all = append(all, "suppressed", suppressed)
	}
	j.Log(context.Background(), level, message, all...)
}
