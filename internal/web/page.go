package web

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"announcer/internal/diag"
	"announcer/internal/escape"
	"announcer/internal/health"
	"announcer/internal/mdns"
	"announcer/internal/phones"
	"announcer/internal/remote"
	"announcer/internal/source"
	"announcer/internal/status"
)

//go:embed page.html
var pageText string

// pageTemplate is parsed when a page is asked for first, so that a daemon without one does not keep it in memory.
var pageTemplate = sync.OnceValue(func() *template.Template { return template.Must(template.New("page").Parse(pageText)) })

// view is what the page shows, the most urgent first.
type view struct {
	status.Status
	Mood     string // the class for the style sheet: "ok"; "wait" if something is still being announced; "bad" if there are problems
	Problems []string
	Hints    []string
	Search   string // as it was typed
	Sought   string // the same as text
	Line     string
	Host     string
	Up       string
	Read     string  // how long ago the definitions were read
	Changes  string  // what that changed
	Update   *update // nil if no firmware is served
	Tables   []table
	Chart    chart
}

// sentencesMost is the most problems, and hints, that are shown.
const sentencesMost = 50

func printable(texts []string) (all []string) {
	for _, t := range texts[:min(sentencesMost, len(texts))] {
		all = append(all, escape.Text(t))
	}
	if more := len(texts) - len(all); more > 0 {
		all = append(all, fmt.Sprintf("and %d more: see the tables below, or status.json", more))
	}
	return all
}

// reloadTime is the number of seconds after which a browser asks again for a page that was not there.
const reloadTime = "10"

func (s server) page(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Refresh", reloadTime)
	st, ok := State(w, r, s.daemon)
	if !ok {
		return
	}
	page, err := s.render(r.Context(), st, request{r.URL.Query()})
	if err != nil {
		Stuck(w, err)
		return
	}
	Timely(w)
	w.Header().Del("Refresh") // the page itself reloads or follows
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(page)
}

// render returns the whole page, so that an error leaves no half of one.
func (s server) render(ctx context.Context, st status.Status, r request) ([]byte, error) {
	if !s.pages.enter(ctx) {
		return nil, errBusy
	}
	defer s.pages.leave()
	var page bytes.Buffer
	err := pageTemplate().Execute(&page, look(st, r))
	return page.Bytes(), err
}

// look returns the state as a person wants to see it.
func look(s status.Status, r request) view {
	changes, _, _ := strings.Cut(s.Reload.Text(), "\n")
	return view{
		Status: s, Mood: mood(s), Problems: printable(s.Problems), Hints: printable(s.Hints), Search: r.Get("q"), Sought: escape.Text(r.Get("q")),
		Line: escape.Text(s.Line()), Host: escape.Text(s.Daemon.Host), Up: ago(s.Time.Sub(s.Daemon.Started)), Read: ago(s.Time.Sub(s.Reload.Time)), Changes: escape.Text(changes),
		Update: sum(s.Firmware, s.Time), Chart: draw(s.History), Tables: tables(s, r),
	}
}

func mood(s status.Status) string {
	switch {
	case !s.Healthy:
		return "bad"
	case !s.Settled():
		return "wait"
	}
	return "ok"
}

// tables returns all tables, in the order in which they stand on the page.
func tables(s status.Status, r request) []table {
	seen := []table{
		r.table("services", "Services", "No service is defined.",
			[]string{"Name", "Type", "Port", "Link", "State", "For", "Why", "Defined in"}, 0, serviceRows(s)),
		r.table("phones", "Hosts that asked", "No host has asked yet.",
			[]string{"Address", "Hardware address", "Vendor", "Model", "Firmware", "Link", "Type", "First", "Last", "Questions", "Answered"}, -9, askerRows(s)).
			with(rest(s.Asked.Forgotten, "more hosts asked, a longer time ago.")),
		r.table("others", "Other announcers", "No other host announces these types.",
			[]string{"Name", "Type", "Link", "Address", "Hardware address", "For"}, 0, foreignRows(s)).
			with(rest(s.Crowded, "more services were heard than there is room for; a host that announces so many is no server for phones.")),
		r.table("conflicts", "Conflicts", "No other host had one of these names.",
			[]string{"Before", "Name", "Link", "What", "With", "Details"}, 0, conflictRows(s)),
	}
	links := r.table("links", "Links", "This host has no link.",
		[]string{"Name", "Used", "Addresses", "Heard others", "Received", "Answers", "Unicast answers", "Errors"}, 0, linkRows(s))
	if s.Firmware != nil {
		return slices.Concat([]table{transferTable(s, r)}, seen, []table{links, imageTable(s, r)})
	}
	return append(seen,
		r.table("files", "Files", "No file defines anything.",
			[]string{"File", "State", "Since", "In use", "Services", "Errors", "Warnings"}, 0, fileRows(s)),
		r.table("findings", "Findings in files", "No file has errors or warnings.",
			[]string{"Severity", "Place", "What is wrong", "Rule"}, 0, findingRows(s)),
		links,
		r.table("sources", "Sources", "There is no source of definitions.",
			[]string{"Place", "Files", "Refused", "State", "Since", "Last answer", "Revision"}, 0, sourceRows(s)),
	)
}

// rest is a sentence about what a table does not have, "" if it has all.
func rest(n uint64, what string) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10) + " " + what
}

// serviceOnLink is a service on a link, or on none.
type serviceOnLink struct {
	*status.Service
	on *status.OnLink // nil: on none
}

// serviceRows has the services that are not announced first, then those that are not yet, then the others.
func serviceRows(s status.Status) rows {
	all := make([]serviceOnLink, 0, len(s.Services))
	for i := range s.Services {
		service := &s.Services[i]
		if len(service.Links) == 0 {
			all = append(all, serviceOnLink{service, nil})
		}
		for l := range service.Links {
			all = append(all, serviceOnLink{service, &service.Links[l]})
		}
	}
	slices.SortStableFunc(all, func(a, b serviceOnLink) int { return a.rank() - b.rank() })
	return rowsOf(all, func(one serviceOnLink) []cell {
		link, state, since, why := one.standing(s)
		return []cell{name(one.Name), kind(one.Type), number(uint64(one.Port)), text(link), state, since, long(why), name(one.File)}
	})
}

// rank is lower if a service needs attention more.
func (one serviceOnLink) rank() int {
	const wrong, waits, well = 0, 1, 2
	switch {
	case one.on != nil && one.on.State == mdns.Announced:
		return well
	case one.on != nil && one.on.State != mdns.Refused, one.on == nil && one.Check != nil && one.Check.State == health.Pending:
		return waits
	}
	return wrong
}

// standing returns the link of a service, its state there, since when, and why.
func (one serviceOnLink) standing(s status.Status) (link string, is, since cell, why string) {
	switch {
	case one.on != nil:
		return one.on.Link, onWire(one.on.State), moment(one.on.Since, s.Time), whyOnLink(*one.Service, *one.on)
	case one.Check != nil && !one.Check.State.Announced():
		return "–", held(one.Check), moment(one.Check.Since, s.Time), one.Check.Error
	}
	return "–", state("nowhere", "bad"), cell{}, one.Absence(s.Links)
}

// held returns the state of a service that is not announced because of its check.
func held(c *status.Check) cell {
	if c.State == health.Pending {
		return state(c.State.String(), "wait")
	}
	return state(c.State.String(), "bad")
}

func onWire(s mdns.State) cell {
	switch s {
	case mdns.Announced:
		return state(s.String(), "ok")
	case mdns.Refused:
		return state(s.String(), "bad")
	}
	return state(s.String(), "wait")
}

func whyOnLink(s status.Service, l status.OnLink) string {
	why := l.Why
	if l.Rival.IsValid() {
		why += " (" + l.Rival.String() + " " + l.MAC + ")"
	}
	if s.Check != nil && s.Check.State != health.Up && s.Check.Error != "" {
		why = s.Check.Error
	}
	return why
}

func askerRows(s status.Status) rows {
	return rowsOf(s.Asked.Hosts, func(a phones.Asker) []cell {
		vendor := a.Vendor
		if a.Own {
			vendor = "this host"
		}
		return []cell{
			address(a.Host), name(a.MAC), text(vendor), text(a.Model), name(a.Firmware), text(a.Link), kind(a.Type),
			moment(a.First, s.Time), moment(a.Last, s.Time), number(a.Count), number(a.Answered),
		}
	})
}

func foreignRows(s status.Status) rows {
	return rowsOf(s.Foreign, func(f mdns.Foreign) []cell {
		from := address(f.From)
		if f.Own {
			from = text("this host")
		}
		return []cell{name(f.Name), kind(f.Type), text(f.Link), from, name(f.MAC), moment(f.Since, s.Time)}
	})
}

func conflictRows(s status.Status) rows {
	return rowsOf(s.Conflicts, func(c status.Conflict) []cell {
		with := c.MAC
		if c.Rival.IsValid() {
			with = c.Rival.String() + " " + with
		}
		return []cell{moment(c.Time, s.Time), name(c.Name), text(c.Link), text(c.Kind.String()), name(with), long(c.Text)}
	})
}

// file is what is known of a definition file, or of a group in the configuration.
type file struct {
	path                       string
	services, errors, warnings uint64
	refused                    *source.Refusal
}

// fileRows has the files that are refused first, then those with findings, then the others.
func fileRows(s status.Status) rows {
	var files []*file
	known := map[string]*file{}
	at := func(path string) *file {
		if known[path] == nil {
			known[path] = &file{path: path}
			files = append(files, known[path])
		}
		return known[path]
	}
	for i, r := range s.Files.Refusals {
		at(r.File).refused = &s.Files.Refusals[i]
	}
	for _, f := range s.Files.Findings {
		if f.Severity >= diag.Unfit {
			at(f.File).errors++
		} else {
			at(f.File).warnings++
		}
	}
	for i := range s.Services {
		at(s.Services[i].File).services++
	}
	return rowsOf(files, func(f *file) []cell {
		fate, since, used := f.fate(s.Time)
		return []cell{name(f.path), fate, since, used, number(f.services), number(f.errors), number(f.warnings)}
	})
}

// fate returns what became of the file: whether it was refused, since when, and what is in use of it.
func (f *file) fate(now time.Time) (fate, since, used cell) {
	switch {
	case f.refused == nil:
		return state("accepted", "ok"), cell{}, text("this version")
	case f.refused.Good.IsZero():
		return state("refused", "bad"), moment(f.refused.Since, now), text("nothing")
	}
	return state("refused", "bad"), moment(f.refused.Since, now), text("the version of " + f.refused.Good.Local().Format(time.DateTime))
}

func findingRows(s status.Status) rows {
	return rowsOf(s.Files.Findings, func(f diag.Finding) []cell {
		kind := "wait"
		if f.Severity >= diag.Unfit {
			kind = "bad"
		}
		what := f.Text
		if f.Element != "" {
			what = f.Element + ": " + what
		}
		return []cell{state(f.Severity.String(), kind), name(f.Place()), long(what), name(f.Code)}
	})
}

func linkRows(s status.Status) rows {
	return rowsOf(s.Links, func(l status.Link) []cell {
		var addresses []string
		for _, a := range l.Addresses {
			addresses = append(addresses, a.String())
		}
		return []cell{
			name(l.Name), used(l), name(strings.Join(addresses, ", ")), moment(l.Traffic.Heard, s.Time),
			number(l.Traffic.Received), number(l.Traffic.Answers), number(l.Traffic.Unicasts), number(l.Traffic.SendErrors),
		}
	})
}

// used returns whether a link is used, and why not, or why not by which IP version.
func used(l status.Link) cell {
	switch {
	case !l.Used:
		return state("no: "+l.Unused(), "")
	case len(l.Faults) == 0:
		return state("yes", "ok")
	}
	var faults []string
	for _, f := range l.Faults {
		faults = append(faults, fmt.Sprintf("not by IPv%d: %s", f.Version, f.Why))
	}
	return state(strings.Join(faults, "; "), "bad")
}

func sourceRows(s status.Status) rows {
	return rowsOf(s.Sources, func(place source.PlaceStatus) []cell {
		answers := state("answers", "ok")
		if !place.Silent.IsZero() {
			answers = state("does not answer since "+place.Silent.Local().Format(time.DateTime), "bad")
		}
		row := []cell{name(place.Name), number(uint64(place.Files)), number(uint64(place.Refused)), answers, text(""), text(""), text("")}
		if server := place.Server; server != nil {
			copy(row[3:], []cell{serverState(server), moment(server.Since, s.Time), answered(*server, s.Time), name(server.Revision)})
		}
		return row
	})
}

// answered returns when a server last answered.
func answered(s remote.State, now time.Time) cell {
	if s.Future(now) {
		return text("in the future")
	}
	return moment(s.Success, now)
}

// serverState returns how the server of a place answers.
func serverState(s *remote.State) cell {
	switch {
	case s.Connected:
		return state(s.Word(), "ok")
	case s.Error != "":
		return state(s.Word()+": "+s.Error, "bad")
	}
	return state(s.Word(), "wait")
}

// address returns an address that sorts by its bytes.
func address(a netip.Addr) cell {
	c := name(a.String())
	if a.Is4() {
		b := a.As4()
		c.key = float64(b[0])*(1<<24) + float64(b[1])*(1<<16) + float64(b[2])*(1<<8) + float64(b[3])
	} else {
		c.key = 1 << 32
	}
	return c
}
