package daemon

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"announcer/internal/diag"
	"announcer/internal/mdns"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/status"
)

// recently is how long a failure of the engine counts as a problem: what lasts is reported again and again.
const recently = time.Minute

// problems returns what is wrong beside the definitions and the services.
func (v view) problems() []string {
	list := slices.Clone(v.troubles)
	if v.behind != nil {
		list = append(list, "the current links and servers are not announced yet: "+v.behind.Error())
	}
	if len(v.desired.Links) == 0 && len(v.absences.recent(v.now)) == 0 {
		list = append(list, "there is no interface to announce on")
	}
	if v.failure.Kind == mdns.EngineFailed && v.now.Sub(v.failure.Time) < recently {
		list = append(list, "the network fails: "+v.failure.Detail)
	}
	list = append(list, status.SourceProblems(v.snapshot.Places, v.now)...)
	return append(list, v.unreached()...)
}

// unreached returns a sentence for each interface that is named in full and on which no host can be reached. A definition
// that is announced nowhere has a problem of its own.
func (v view) unreached() []string {
	names := slices.Clone(v.snapshot.Config.Interfaces)
	for _, p := range v.desired.Groups {
		if !p.OnNone(v.desired.Links) {
			names = append(names, p.Interfaces...)
		}
	}
	var list []string
	for _, name := range inFull(names) {
		if why := v.whyUnreached(name); why != "" && !v.absences.isShort(v.now, name) {
			list = append(list, fmt.Sprintf("no host is reached on %q, which is named: %s", name, why))
		}
	}
	return list
}

// namedInterfaces lists the interfaces that the configuration and the definitions name in full.
func (p *plan) namedInterfaces() []string { return inFull(p.globs()) }

// globs lists the names of interfaces, and the globs for them, in the configuration and the definitions.
func (p *plan) globs() []string {
	globs := slices.Clone(p.snapshot.Config.Interfaces)
	for _, group := range p.snapshot.Publications {
		globs = append(globs, group.Interfaces...)
	}
	return globs
}

// inFull returns those of some globs that are names, sorted, each once.
func inFull(globs []string) []string {
	names := slices.DeleteFunc(globs, func(glob string) bool { return strings.ContainsAny(glob, `*?[\`) })
	slices.Sort(names)
	return slices.Compact(names)
}

// absent is the state of an interface that is named and does not exist.
var absent = publication.Outage{Why: "it does not exist", Remedy: "check the name, or plug it in"}

// whyUnreached returns why no host is reached on an interface, "" if one may be.
func (v view) whyUnreached(name string) string {
	link, ok := v.reading.Links.ByName(name)
	if !ok {
		return absent.String()
	}
	if why := netwatch.Why(link, v.snapshot.Config.Interfaces, v.snapshot.Config.InterfacesDeny); !why.IsZero() {
		return why.String()
	}
	if link.Master != "" {
		return fmt.Sprintf("it is a port of %s, which receives every question; want %[1]s in the list", link.Master)
	}
	return ""
}

// hints returns what may be wrong, or is worth knowing, beside the problems of a status.
func (v view) hints(s status.Status) []string {
	var hints []string
	if v.assumed != "" {
		hints = append(hints, v.assumed)
	}
	hints = append(hints, v.definitionHints(s.Healthy)...)
	for _, find := range []func(publication.Links) string{duplicates, outlived, withoutARP} {
		if found := find(v.desired.Links); found != "" {
			hints = append(hints, found)
		}
	}
	if v.silence.lasts {
		hints = append(hints, silenceHint)
	}
	if !v.history.greedy.IsZero() && v.now.Sub(v.history.greedy) < greedyTime {
		hints = append(hints, greedyHint)
	}
	hints = append(hints, v.others.twice...)
	if len(v.others.sharers) > 0 {
		hints = append(hints, sharedHint(v.others.sharers))
	}
	hints = append(hints, s.ForeignHints()...)
	hints = append(hints, v.more...)
	if !v.observes {
		hints = append(hints, fmt.Sprintf("the engine %s does not report hosts that ask or announce", s.Daemon.Engine))
	}
	return hints
}

// definitionHints returns what is worth knowing about settings and definitions. healthy reports that there is no problem.
func (v view) definitionHints(healthy bool) []string {
	var hints []string
	for _, setting := range afterRestart(v.initial, v.snapshot.Config) {
		hints = append(hints, setting.String())
	}
	if len(v.desired.Groups) == 0 {
		hints = append(hints, nothingDefined)
	} else if idle := idleLinks(v.desired); idle != "" {
		hints = append(hints, idle)
	}
	hints = append(hints, v.snapshot.Remarks...)
	if n := len(v.findings.Warnings()); n > 0 && healthy {
		hints = append(hints, fmt.Sprintf("warnings about the definitions: %d", n))
	}
	return hints
}

// duplicates returns a sentence about addresses that another host has, "" if there are none.
func duplicates(links publication.Links) string {
	found := onLinks(links, func(l publication.Link) (addrs []netip.Addr) {
		for _, a := range l.Addrs {
			if a.Duplicate {
				addrs = append(addrs, a.Addr())
			}
		}
		return addrs
	})
	if found == "" {
		return ""
	}
	return found + ": not announced, since another host on the link has the address; give one of the two another address"
}

// outlived returns a sentence about links that have only addresses whose lifetime has run out, "" if there are none.
func outlived(links publication.Links) string {
	found := onLinks(links, publication.Link.Outlived)
	if found == "" {
		return ""
	}
	return found + ": its lifetime has run out (deprecated), and the link has no other address; want it renewed by the DHCP client or the router"
}

// onLinks names some addresses of each link, with the link; "" if there are none.
func onLinks(links publication.Links, some func(publication.Link) []netip.Addr) string {
	var found []string
	for _, link := range links {
		for _, a := range some(link) {
			found = append(found, fmt.Sprintf("%s on %s", a, link.Name))
		}
	}
	if len(found) == 0 {
		return ""
	}
	return publication.Names(found)
}

// withoutARP returns a sentence about links on which no host finds the hardware address, "" if there are none.
func withoutARP(links publication.Links) string {
	var found []string
	for _, link := range links {
		if link.NoARP {
			found = append(found, link.Name)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return fmt.Sprintf("ARP is off on %s: hosts find the services there, and reach none; want ip link set %s arp on", publication.Names(found), found[0])
}

// idleLinks returns a sentence about the links that no definition is for, "" if there are none.
func idleLinks(desired publication.Desired) string {
	var idle []string
	for _, link := range desired.Links {
		if !slices.ContainsFunc(desired.Groups, func(p publication.Publication) bool { return p.On(link) }) {
			idle = append(idle, link.Name)
		}
	}
	if len(idle) == 0 {
		return ""
	}
	return fmt.Sprintf("nothing is announced on %s: no definition applies there", publication.Names(idle))
}

// line is the state in a line, with the number of problems that it does not show otherwise.
func (v view) line() string {
	line := status.Status{Services: v.services, Files: v.files(), Reload: v.last, Links: v.links()}.Line()
	more := len(v.problems())
	for _, f := range v.findings {
		if f.Severity == diag.Danger || f.Severity == diag.Unfit {
			more++
		}
	}
	if more > 0 {
		line += fmt.Sprintf("; more problems: %d (announcer status)", more)
	}
	return line
}
