package daemon

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"announcer/internal/diag"
	"announcer/internal/mdns"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/status"
)

// problems returns what is wrong beside the definitions and the services.
func (d *Daemon) problems(now time.Time) []string {
	list := d.troubles.list()
	if d.behind != nil {
		list = append(list, "what the links and servers are now is not announced yet: "+d.behind.Error())
	}
	if len(d.desired.Links) == 0 {
		list = append(list, "there is no interface to announce on")
	}
	if d.failure.Kind == mdns.EngineFailed && now.Sub(d.failure.Time) < recently {
		list = append(list, "the network fails: "+d.failure.Detail)
	}
	return append(list, d.unreached()...)
}

// unreached returns a sentence for each interface that is named in full and on which nobody can be reached.
func (d *Daemon) unreached() []string {
	var list []string
	for _, name := range d.namedInterfaces() {
		if why := d.whyUnreached(name); why != "" {
			list = append(list, fmt.Sprintf("nobody is reached on %q, which is named: %s", name, why))
		}
	}
	return list
}

// namedInterfaces lists the interfaces that the configuration and the definitions name in full. A definition that is
// announced nowhere has a problem of its own.
func (d *Daemon) namedInterfaces() []string {
	globs := slices.Clone(d.Snapshot.Config.Interfaces)
	for _, p := range d.desired.Groups {
		if !p.OnNone(d.desired.Links) {
			globs = append(globs, p.Interfaces...)
		}
	}
	names := slices.DeleteFunc(globs, func(glob string) bool { return strings.ContainsAny(glob, `*?[\`) })
	slices.Sort(names)
	return slices.Compact(names)
}

// whyUnreached returns why nobody is reached on an interface, "" if somebody may be.
func (d *Daemon) whyUnreached(name string) string {
	link, ok := d.reading.Links.ByName(name)
	if !ok {
		return "no interface of that name is up"
	}
	if why := netwatch.Why(link, d.Snapshot.Config.Interfaces, d.Snapshot.Config.InterfacesDeny); why != "" {
		return why
	}
	if link.Master != "" {
		return fmt.Sprintf("it is a port of %s, to which every question goes; want %[1]s named", link.Master)
	}
	return ""
}

// definitionHints returns what is worth knowing about settings and definitions. healthy reports that there is no problem.
func (d *Daemon) definitionHints(healthy bool) []string {
	var hints []string
	for _, setting := range afterRestart(d.initial, d.Snapshot.Config) {
		hints = append(hints, setting.String())
	}
	if len(d.desired.Groups) == 0 {
		hints = append(hints, nothingDefined)
	} else {
		hints = append(hints, idleLinks(d.desired)...)
	}
	hints = append(hints, d.Snapshot.Remarks...)
	if n := len(d.findings.Warnings()); n > 0 && healthy {
		hints = append(hints, fmt.Sprintf("warnings about the definitions: %d", n))
	}
	return hints
}

// idleLinks returns a sentence for each link that no definition is for.
func idleLinks(desired publication.Desired) []string {
	var hints []string
	for _, link := range desired.Links {
		if !slices.ContainsFunc(desired.Groups, func(p publication.Publication) bool { return p.On(link) }) {
			hints = append(hints, fmt.Sprintf("nothing is announced on %s: no definition is for it", link.Name))
		}
	}
	return hints
}

// line is the state in a line, with the number of problems that it does not show otherwise.
func (d *Daemon) line() string {
	line := status.Status{Services: d.services(), Files: d.files(), Reload: d.last, Links: d.linkList(d.observe())}.Line()
	more := len(d.problems(time.Now()))
	for _, f := range d.findings {
		if f.Severity == diag.Danger || f.Severity == diag.Unfit {
			more++
		}
	}
	if more > 0 {
		line += fmt.Sprintf("; more problems: %d (announcer status)", more)
	}
	return line
}
