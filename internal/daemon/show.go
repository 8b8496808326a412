package daemon

import (
	"os"
	"time"

	"announcer/internal/diag"
	"announcer/internal/mdns"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/source"
	"announcer/internal/status"
)

// view is what a daemon shows of itself at a moment.
type view struct {
	*plan
	*memory
	now      time.Time
	version  string
	build    status.Build
	last     status.Reload
	behind   error    // as in [backlog]
	troubles []string // what does not work beside announcing
	services []status.Service
	seen     mdns.Observation // what the engine has seen
	observes bool             // the engine reports what it sees
	more     []string         // hints
}

// view returns what there is to be shown now. It asks the engine.
func (d *Daemon) view() view {
	v := view{
		plan: &d.plan, memory: &d.memory, now: time.Now(), version: d.Version, build: d.Build, last: d.last, behind: d.behind,
		troubles: d.troubles.list(), services: status.Services(d.desired.Groups, d.Publisher.Status(), d.Health.States()),
	}
	if o, ok := d.Publisher.(mdns.Observer); ok {
		v.seen, v.observes = o.Observe(), true
	}
	if d.Hints != nil {
		v.more = d.Hints()
	}
	return v
}

// status returns all of it.
func (v view) status() status.Status {
	s := status.Status{
		Version: status.Version, Time: v.now, Hints: []string{},
		Daemon:   status.Daemon{Version: v.version, Build: v.build, PID: os.Getpid(), Started: v.started, Engine: v.initial.Engine, Host: v.desired.Host},
		Services: v.services, Files: v.files(), Sources: append([]source.PlaceStatus{}, v.snapshot.Places...), Reload: v.last,
		Conflicts: v.conflictsOf(v.desired.Groups), Foreign: append([]mdns.Foreign{}, v.seen.Foreign...), Crowded: v.seen.Crowded, Asked: v.asked(),
		Neighbours: append([]string{}, v.others.sharers...), Links: v.links(), Traffic: v.seen.Traffic,
		History: v.history.list(),
	}
	s.Diagnose(v.problems()...)
	s.Hints = append(s.Hints, v.hints(s)...)
	return s.Aligned()
}

func (v view) files() status.Files {
	refused := len(v.snapshot.Refused)
	if len(v.snapshot.BadConfig) > 0 {
		refused-- // that one is shown by itself
	}
	return status.Files{
		Read: v.snapshot.Files, Refused: refused, Refusals: append([]source.Refusal{}, v.snapshot.Refused...),
		Findings: append(diag.Findings{}, v.findings...),
	}
}

// links returns those that matter to people, and the interfaces that are named, or have just gone away, and do not exist.
func (v view) links() []status.Link {
	list := []status.Link{}
	globs := append(v.globs(), v.absences.recent(v.now)...)
	for _, l := range netwatch.Shown(v.reading.Links, globs) {
		list = append(list, v.link(l, netwatch.Why(l, v.snapshot.Config.Interfaces, v.snapshot.Config.InterfacesDeny)))
	}
	for _, name := range inFull(globs) {
		if _, ok := v.reading.Links.ByName(name); !ok {
			list = append(list, v.link(publication.Link{Name: name}, absent))
		}
	}
	return list
}

// link returns what is known of a link that is used unless there is a reason why not.
func (v view) link(l publication.Link, why publication.Outage) status.Link {
	link := status.NewLink(l, why).With(v.seen)
	link.Lost = v.absences[l.Name]
	return link
}
