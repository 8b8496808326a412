package daemon

import (
	"announcer/internal/diag"
	"announcer/internal/mdns"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/source"
	"announcer/internal/status"
	"cmp"
	"net/netip"
	"os"
	"slices"
	"time"
)

// state gives how everything stands.
func (d *Daemon) state() status.Status {
	d.macs.look()
	s := status.Status{
		Version: status.Version, Time: time.Now(), Hints: []string{},
		Daemon:   status.Daemon{Version: d.Version, PID: os.Getpid(), Started: d.started, Engine: d.initial.Engine, Host: d.desired.Host},
		Services: d.services(), Files: d.files(), Sources: append([]source.PlaceStatus{}, d.Snapshot.Places...), Reload: d.last,
		Conflicts: d.conflictList(), Foreign: []mdns.Foreign{},
		Asked:      status.Asked{Hosts: d.askers.List(d.table), Forgotten: d.askers.Forgotten(), Counts: d.askers.Counts()},
		Neighbours: append([]string{}, d.others.sharers...),
	}
	seen := d.observe()
	s.Foreign, s.Traffic = append(s.Foreign, seen.Foreign...), seen.Traffic
	s.Links = d.linkList(seen)
	s.Diagnose(d.problems(s.Time)...)
	d.hints(&s)
	return s
}

// observe returns what the engine has seen, nothing if it does not observe.
func (d *Daemon) observe() mdns.Observation {
	if o, ok := d.Publisher.(mdns.Observer); ok {
		return o.Observe()
	}
	return mdns.Observation{}
}

func (d *Daemon) services() []status.Service {
	return status.Services(d.desired.Groups, d.Publisher.Status(), d.Health.States())
}

func (d *Daemon) files() status.Files {
	refused := len(d.Snapshot.Refused)
	if len(d.Snapshot.BadConfig) > 0 {
		refused-- // that one is told by itself
	}
	return status.Files{
		Read: d.Snapshot.Files, Refused: refused, Refusals: append([]source.Refusal{}, d.Snapshot.Refused...),
		Findings: append(diag.Findings{}, d.findings...),
	}
}

// conflictList gives the last conflict of each definition that is still there, the newest first.
func (d *Daemon) conflictList() []status.Conflict {
	list := []status.Conflict{}
	for id, c := range d.conflicts {
		if id != "" && !slices.ContainsFunc(d.desired.Groups, func(p publication.Publication) bool { return p.ID == id }) {
			delete(d.conflicts, id)
			continue
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b status.Conflict) int { return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.File, b.File)) })
	return list
}

func (d *Daemon) linkList(seen mdns.Observation) []status.Link {
	list := []status.Link{}
	for _, l := range d.reading.Links {
		link := status.Link{Name: l.Name, Addresses: []netip.Addr{}, Faults: []publication.Fault{}, Traffic: mdns.LinkTraffic{Link: l.Name}}
		link.Why = netwatch.Why(l, d.Snapshot.Config.Interfaces, d.Snapshot.Config.InterfacesDeny)
		link.Used = link.Why == ""
		for _, a := range l.Addrs {
			link.Addresses = append(link.Addresses, a.Addr())
		}
		for _, f := range seen.Faults {
			if f.Link == l.Name {
				link.Faults = append(link.Faults, f)
			}
		}
		if i := slices.IndexFunc(seen.Links, func(t mdns.LinkTraffic) bool { return t.Link == l.Name }); i >= 0 {
			link.Traffic = seen.Links[i]
		}
		list = append(list, link)
	}
	return list
}
