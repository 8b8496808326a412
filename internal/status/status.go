// Package status holds the state of a daemon as a value, and prints it as text, JSON and metrics.
package status

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/internal/health"
	"announcer/internal/mdns"
	"announcer/internal/phones"
	"announcer/internal/publication"
	"announcer/internal/source"
)

// Version is the version of the JSON format. It grows when a field is removed or gets another meaning; new fields may come without
// that.
const Version = 1

// Status is the state of a daemon.
type Status struct {
	Version    int                  `json:"version"` // [Version]
	Time       time.Time            `json:"time"`    // when this was so
	Healthy    bool                 `json:"healthy"` // there are no problems
	Problems   []string             `json:"problems"`
	Hints      []string             `json:"hints"` // what may be wrong, or worth knowing
	Daemon     Daemon               `json:"daemon"`
	Services   []Service            `json:"services"`
	Files      Files                `json:"files"`
	Sources    []source.PlaceStatus `json:"sources"` // the configuration file, and the places where definitions are
	Reload     Reload               `json:"reload"`
	Conflicts  []Conflict           `json:"conflicts"`       // the last one of each definition, the newest first
	Foreign    []mdns.Foreign       `json:"foreign"`         // what others announce of the types that we do, and of the phones'
	Crowded    uint64               `json:"foreign_crowded"` // services of others that there was no room for
	Asked      Asked                `json:"asked"`           // who asks for these types
	Links      []Link               `json:"links"`           // of this host
	Neighbours []string             `json:"neighbours"`      // other programs of this host that speak multicast DNS
	Traffic    mdns.Traffic         `json:"traffic"`
	History    []Minute             `json:"history"`            // of the last hour, the oldest first
	Firmware   *Firmware            `json:"firmware,omitempty"` // if firmware is served
}

// Minute counts the packets of a minute, on all links.
type Minute struct {
	Time      time.Time `json:"time"`      // when it began
	Questions uint64    `json:"questions"` // packets with questions that were heard
	Answers   uint64    `json:"answers"`   // packets with answers that were sent
}

// Daemon is the process.
type Daemon struct {
	Version string    `json:"version"`
	Build   Build     `json:"build"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Engine  string    `json:"engine"`
	Host    string    `json:"host"` // its name on the network, without the domain
}

// Build is what the build of the program recorded.
type Build struct {
	Version  string `json:"version"`  // such as "v1.2.3", or "(devel)"
	Revision string `json:"revision"` // the commit, with "-modified" if files differed from it; "" if unknown
	Go       string `json:"go"`       // the release of Go
}

// Service is one service of a definition.
type Service struct {
	File   string       `json:"file"` // or the key of the group in the configuration
	Wanted string       `json:"wanted"`
	Name   string       `json:"name"` // the instance name as announced
	Type   dnsname.Name `json:"type"`
	Port   uint16       `json:"port"`
	Check  *Check       `json:"check,omitempty"` // if it is announced only as long as its server answers
	Links  []OnLink     `json:"links"`

	interfaces []string // globs; empty: all
}

// Check is the state of the server of a service.
type Check struct {
	Kind    string       `json:"kind"`
	State   health.State `json:"state"`
	Since   time.Time    `json:"since"`
	Error   string       `json:"error,omitempty"` // why it did not answer when it was last asked
	Latency float64      `json:"latency_seconds"` // of its last answer
}

// OnLink is the state of a service on a link.
type OnLink struct {
	Link  string     `json:"link"`
	State mdns.State `json:"state"`
	Since time.Time  `json:"since"`
	Why   string     `json:"why,omitempty"` // if it is not announced, or has another name than the one wanted
	Rival netip.Addr `json:"rival,omitzero"`
	MAC   string     `json:"mac,omitempty"`
}

// Files describes the definitions.
type Files struct {
	Read     int              `json:"read"`
	Refused  int              `json:"refused"`
	Refusals []source.Refusal `json:"refusals"` // what is not used because of an error, and what is used instead
	Findings diag.Findings    `json:"findings"` // errors and warnings
}

// Reload is the result of the last reload.
type Reload struct {
	Time  time.Time `json:"time"`
	OK    bool      `json:"ok"`              // false: the configuration is unusable, and everything stayed as it was
	Error string    `json:"error,omitempty"` // if not ok: what is wrong, and what stays as it was
	source.Changes
	Good time.Time `json:"good"` // when it last went well
}

// ReloadReport is the JSON of a reload.
type ReloadReport struct {
	Version int `json:"version"` // [Version]
	Reload
}

// Conflict is a name that another host had.
type Conflict struct {
	Time  time.Time      `json:"time"`
	Kind  mdns.EventKind `json:"kind"`           // what came of it
	File  string         `json:"file,omitempty"` // "" if it is about the name of the host
	Name  string         `json:"name"`
	Type  dnsname.Name   `json:"type"`
	Link  string         `json:"link"`
	Rival netip.Addr     `json:"rival,omitzero"`
	MAC   string         `json:"mac,omitempty"`
	Text  string         `json:"text"` // what differed, and what was done
}

// Asked lists the hosts that asked for the service types.
type Asked struct {
	Hosts     []phones.Asker      `json:"hosts"` // who asked last stands in front
	Forgotten uint64              `json:"forgotten"`
	Counts    []phones.AskedCount `json:"counts"`
}

// Link is an interface of this host.
type Link struct {
	Name      string              `json:"name"`
	Used      bool                `json:"used"`
	Why       string              `json:"why,omitempty"`    // if it is not used
	Remedy    string              `json:"remedy,omitempty"` // what to do about that
	Lost      time.Time           `json:"lost,omitzero"`    // if it was used, and went away: when
	Addresses []netip.Addr        `json:"addresses"`
	Faults    []publication.Fault `json:"faults"` // IP versions by which no host is reached, though it has addresses of them
	Traffic   mdns.LinkTraffic    `json:"traffic"`
}

// Unused returns why the link is not used, and what to do about it; "" if it is used.
func (l Link) Unused() string {
	if l.Used {
		return ""
	}
	return publication.Outage{Why: l.Why, Remedy: l.Remedy}.String()
}

// AbsenceMost is how long an interface may be away before it is a problem.
const AbsenceMost = time.Minute

// Event is something that the daemon reports to its watchers: of these one is set.
type Event struct {
	Asked    *AskedEvent `json:"asked,omitempty"`
	Event    *WireEvent  `json:"event,omitempty"`
	Transfer *Transfer   `json:"transfer,omitempty"` // it has begun, goes on or has ended
	Reload   *Reload     `json:"reload,omitempty"`   // the definitions were read, and something about them is new
	Missed   uint64      `json:"missed,omitempty"`   // events that came too fast for this watcher
}

// EventReport is the JSON of an event.
type EventReport struct {
	Version int `json:"version"` // [Version]
	Event
}

// AskedEvent is a question for a service type.
type AskedEvent struct {
	mdns.Asked
	MAC    string `json:"mac,omitempty"`
	Vendor string `json:"vendor,omitempty"`
	First  bool   `json:"first"` // the host had not asked before
}

// WireEvent is an event of a service.
type WireEvent struct {
	Time  time.Time      `json:"time"`
	Kind  mdns.EventKind `json:"kind"`
	File  string         `json:"file,omitempty"`
	Name  string         `json:"name,omitempty"`
	Type  dnsname.Name   `json:"type,omitzero"`
	Link  string         `json:"link,omitempty"`
	Text  string         `json:"text,omitempty"`
	Rival netip.Addr     `json:"rival,omitzero"`
	MAC   string         `json:"mac,omitempty"`
}

// Services returns the state of each service of the groups: of its server, if that is checked, and on each of its links.
func Services(groups []publication.Publication, statuses []mdns.ServiceStatus, checks []health.PublicationState) []Service {
	services := []Service{}
	type key struct {
		id    string
		index int
	}
	at := map[key]int{}
	checked := map[string]*Check{}
	for _, c := range checks {
		checked[c.ID] = &Check{c.Check, c.State, c.Since, c.LastError, c.Latency.Seconds()}
	}
	for _, p := range groups {
		for i, s := range p.Group.Services {
			at[key{p.ID, i}] = len(services)
			services = append(services, Service{File: p.ID, Wanted: p.Group.Name, Name: p.Group.Name, Type: s.Type, Port: s.Port, Check: checked[p.ID], Links: []OnLink{}, interfaces: p.Interfaces})
		}
	}
	for _, s := range statuses {
		i, ok := at[key{s.ID, s.Service}]
		if !ok {
			continue
		}
		services[i].Wanted, services[i].Name = s.Wanted, s.Name
		services[i].Links = append(services[i].Links, OnLink{s.Link, s.State, s.Since, s.Why, s.Rival, s.MAC})
	}
	return services
}

// Line is the state in a line: "3 services on eth0, vlan20; 1 file refused".
func (s Status) Line() string {
	announced, coming, links, seen := 0, 0, []string{}, map[string]bool{}
	for _, service := range s.Services {
		on := service.on(mdns.Announced)
		switch {
		case len(on) > 0:
			announced++
		case len(service.on(mdns.Probing)) > 0:
			coming++
		}
		for _, link := range on {
			if !seen[link] {
				seen[link] = true
				links = append(links, link)
			}
		}
	}
	line := count(announced, "service")
	if len(links) > 0 {
		line += " on " + publication.Names(links)
	}
	if coming > 0 {
		line += fmt.Sprintf("; %d being announced", coming)
	}
	if others := len(s.Services) - announced - coming; others > 0 {
		line += fmt.Sprintf("; %d not announced", others)
	}
	if s.Files.Refused > 0 {
		line += "; " + count(s.Files.Refused, "file") + " refused"
	}
	if !s.Reload.OK {
		line += "; the last reload failed"
	}
	if s.Firmware != nil {
		line += "; " + s.Firmware.line()
	}
	for _, v := range publication.IPVersions() {
		if on := s.unreachable(v); len(on) > 0 {
			line += fmt.Sprintf("; no host is reached by IPv%d on %s", v, publication.Names(on))
		}
	}
	return line
}

// unreachable returns the links on which no host is reached by an IP version.
func (s Status) unreachable(v publication.IPVersion) (links []string) {
	for _, f := range s.Faults() {
		if f.Version == v {
			links = append(links, f.Link)
		}
	}
	return links
}

// Faults returns the IP versions by which no host is reached, of all links.
func (s Status) Faults() []publication.Fault {
	var all []publication.Fault
	for _, l := range s.Links {
		all = append(all, l.Faults...)
	}
	return all
}

// on returns the links on which the service is in a state.
func (s Service) on(state mdns.State) []string {
	var links []string
	for _, l := range s.Links {
		if l.State == state {
			links = append(links, l.Link)
		}
	}
	return links
}

// count returns "1 file", "2 files".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Diagnose fills in the problems, from what else is in the status; more are those that are known already. No problem
// means that every definition is announced or being announced, as its file has it now, on every link that it is for, that
// phones can take it and find no other server there, and that nothing of the daemon fails.
func (s *Status) Diagnose(more ...string) {
	s.Problems = append([]string{}, more...)
	for _, f := range publication.Merged(s.Faults()) {
		s.Problems = append(s.Problems, f.String())
	}
	isConfig := func(r source.Refusal) bool { return r.Config }
	if !s.Reload.OK && !slices.ContainsFunc(s.Files.Refusals, isConfig) {
		s.Problems = append(s.Problems, firstLine(s.Reload.Error))
	}
	s.Problems = append(s.Problems, s.Files.problems()...)
	for _, service := range s.Services {
		if problem := service.problem(s.Time, s.Links); problem != "" {
			s.Problems = append(s.Problems, problem)
		}
	}
	s.Problems = append(s.Problems, serversOf(s.foreignServers(true))...)
	s.Healthy = len(s.Problems) == 0
}

// fileProblemsMost is the most files whose problems are listed one by one.
const fileProblemsMost = 20

// problems returns a sentence for each file with findings that are more than a hint: the worst of them, and what is used
// of the file.
func (f Files) problems() []string {
	worst, counts := map[string]diag.Finding{}, map[string]int{}
	var files, list []string
	for _, found := range f.Findings.Problems() {
		if counts[found.File]++; counts[found.File] == 1 {
			files = append(files, found.File)
		}
		if counts[found.File] == 1 || found.Severity > worst[found.File].Severity {
			worst[found.File] = found
		}
	}
	for _, file := range files[:min(fileProblemsMost, len(files))] {
		problem := worst[file].String()
		if n := counts[file]; n > 1 {
			problem += fmt.Sprintf(" (and %d more)", n-1)
		}
		list = append(list, problem+f.fate(file))
	}
	if more := len(files) - len(list); more > 0 {
		list = append(list, "and "+count(more, "more file")+" with problems")
	}
	return list
}

// fate is what is used instead of a file that is refused, "" if it is not.
func (f Files) fate(file string) string {
	i := slices.IndexFunc(f.Refusals, func(r source.Refusal) bool { return r.File == file })
	if i < 0 {
		return ""
	}
	r := f.Refusals[i]
	if r.Good.IsZero() {
		return "; refused since " + date(r.Since) + "; not announced"
	}
	return "; refused since " + date(r.Since) + "; its last good version of " + date(r.Good) + " is in use"
}

// date is a time for people, in the zone of this host.
func date(t time.Time) string { return t.Local().Format(time.DateTime) }

// probingMost is how long a name may be asked for before it is a problem: with some renames it takes a few seconds.
const probingMost = 30 * time.Second

// problem returns why a service is not announced as it should be, "" if it is, is being announced, or waits for its turn.
func (s Service) problem(now time.Time, links []Link) string {
	if s.Check != nil && s.Check.State != health.Up {
		return s.Check.problem(s)
	}
	if s.waits(now, links) {
		return ""
	}
	if len(s.Links) == 0 {
		return fmt.Sprintf("%q (%s) is not announced on any link: %s", s.Name, s.Type, s.Absence(links))
	}
	for _, l := range s.rivalsFirst() {
		switch {
		case l.waits(now):
		case l.State == mdns.Refused:
			return fmt.Sprintf("%q (%s) is not announced on %s: %s%s", s.Name, s.Type, l.Link, l.Why, macInBrackets(l.MAC))
		case l.State == mdns.Probing && now.Sub(l.Since) > probingMost:
			return fmt.Sprintf("%q (%s) is not announced on %s: still probing for the name since %s", s.Name, s.Type, l.Link, date(l.Since))
		}
	}
	return ""
}

// rivalsFirst returns the links, those first on which another host keeps the service off: what is wrong with a link itself is a
// problem of its own.
func (s Service) rivalsFirst() []OnLink {
	place := func(l OnLink) int {
		if l.State == mdns.Refused && l.Rival.IsValid() {
			return 0
		}
		return 1
	}
	return slices.SortedStableFunc(slices.Values(s.Links), func(a, b OnLink) int { return place(a) - place(b) })
}

// Absence returns why a service that is not held back by its check is on no link: which of its interfaces are here, and why they
// are not used.
func (s Service) Absence(links []Link) string {
	var unused []string
	for _, l := range links {
		if !l.Used && (publication.Link{Name: l.Name}).Matches(s.interfaces) {
			unused = append(unused, fmt.Sprintf("%s is not used: %s", l.Name, l.Unused()))
		}
	}
	if len(unused) == 0 {
		return "none of its interfaces exists"
	}
	return publication.Names(unused)
}

// waits reports whether the service is on no link because an interface has just gone away.
func (s Service) waits(now time.Time, links []Link) bool {
	return len(s.Links) == 0 && slices.ContainsFunc(links, func(l Link) bool {
		return !l.Lost.IsZero() && now.Sub(l.Lost) < AbsenceMost && (publication.Publication{Interfaces: s.interfaces}).On(publication.Link{Name: l.Name})
	})
}

// waits reports whether the service waits for an address of a link that has just come up, or lost its last one.
func (l OnLink) waits(now time.Time) bool {
	return l.State == mdns.Refused && mdns.LacksAddress(l.Why) && now.Sub(l.Since) < AbsenceMost
}

// Settled reports whether no service is still being announced, or waits for the first answer of its server, for an interface
// that has just gone away, or for an address.
func (s Status) Settled() bool {
	return !slices.ContainsFunc(s.Services, func(service Service) bool {
		return service.Check != nil && service.Check.State == health.Pending || len(service.on(mdns.Probing)) > 0 ||
			service.waits(s.Time, s.Links) || slices.ContainsFunc(service.Links, func(l OnLink) bool { return l.waits(s.Time) })
	})
}

func (c *Check) problem(s Service) string {
	switch c.State {
	case health.Down:
		return fmt.Sprintf("%q (%s) is not announced because its server does not answer: %s", s.Name, s.Type, c.Error)
	case health.Degraded:
		return fmt.Sprintf("%q (%s) is announced, but part of its server does not answer: %s", s.Name, s.Type, c.Error)
	}
	return ""
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
