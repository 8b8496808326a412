package daemon

import (
	"cmp"
	"net/netip"
	"os"
	"slices"
	"time"

	"announcer/internal/config"
	"announcer/internal/diag"
	"announcer/internal/mdns"
	"announcer/internal/netwatch"
	"announcer/internal/phones"
	"announcer/internal/source"
	"announcer/internal/status"
)

// recently is how long a failure of the engine counts as a problem: what lasts is told again and again.
const recently = time.Minute

// The hardware addresses of neighbours are all read at once, which takes a while: whoever has one may have got another
// one so long ago, and whoever has none may have got one so long ago.
const (
	macsAge  = 10 * time.Second
	noMACAge = time.Second
)

// memory is what the loop remembers of what has happened.
type memory struct {
	started    time.Time
	spare      *time.Timer   // fires when memory is to be given back
	spareAt    time.Time     // when it does, or last did
	initial    config.Config // what the daemon was started with
	findings   diag.Findings // all that is wrong with the definitions
	together   diag.Findings // what of it is wrong only because of other definitions, the links or the engine
	desired    mdns.Desired
	applied    mdns.Desired // what of it answers
	assumed    string
	present    []mdns.Link // all links of this host
	last       status.Reload
	asked      <-chan []mdns.Asked
	askers     phones.Askers
	conflicts  map[string]status.Conflict // by definition; "" is the host
	failure    mdns.Event                 // of the engine, the last one
	troubles   map[string]string          // what does not work beside announcing, by what it is
	neighbours neighbours
	silent     bool      // nobody else is to be heard
	heard      time.Time // when somebody else last was, or could first have been

	lookUp   func(link string, host netip.Addr) string // hardware addresses
	lookedUp time.Time

	hub    hub
	limits limits
}

func newMemory() memory {
	now := time.Now()
	return memory{
		started: now, heard: now, conflicts: map[string]status.Conflict{}, troubles: map[string]string{}, limits: limits{},
	}
}

// state gives how everything stands.
func (d *Daemon) state() status.Status {
	s := status.Status{
		Version: status.Version, Time: time.Now(), Hints: []string{},
		Daemon:   status.Daemon{Version: d.Version, PID: os.Getpid(), Started: d.started, Engine: d.initial.Engine, Host: d.desired.Host},
		Services: d.services(), Files: d.files(), Reload: d.last,
		Conflicts: d.conflictList(), Foreign: []mdns.Foreign{},
		Asked:      status.Asked{Hosts: d.askers.List(d.mac), Forgotten: d.askers.Forgotten(), Counts: d.askers.Counts()},
		Neighbours: append([]string{}, d.neighbours.sharers...),
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

// giveBack gives memory that is no longer used back to the system after a time, or when it was to be anyway, if that is
// later.
func (m *memory) giveBack(after time.Duration) {
	if at := time.Now().Add(after); at.After(m.spareAt) {
		m.spareAt = at
		m.spare.Reset(after)
	}
}

// mac gives the hardware address of a neighbour, as it was known not long ago.
func (d *Daemon) mac(link string, host netip.Addr) string {
	if d.MACs == nil {
		return ""
	}
	if age := time.Since(d.lookedUp); age < macsAge {
		if mac := d.lookUp(link, host); mac != "" || age < noMACAge {
			return mac
		}
	}
	d.lookUp, d.lookedUp = d.MACs(), time.Now()
	return d.lookUp(link, host)
}

// conflictList gives the last conflict of each definition that is still there, the newest first.
func (d *Daemon) conflictList() []status.Conflict {
	list := []status.Conflict{}
	for id, c := range d.conflicts {
		if id != "" && !slices.ContainsFunc(d.desired.Groups, func(p mdns.Publication) bool { return p.ID == id }) {
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
	for _, l := range d.present {
		link := status.Link{Name: l.Name, Addresses: []netip.Addr{}, Faults: []mdns.Fault{}, Traffic: mdns.LinkTraffic{Link: l.Name}}
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
