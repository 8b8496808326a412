package web

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"announcer/internal/diag"
	"announcer/internal/escape"
	"announcer/internal/health"
	"announcer/internal/mdns"
	"announcer/internal/status"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// view is what the page shows, the most urgent first.
type view struct {
	status.Status
	Problems []string
	Hints    []string
	Search   string // as it was typed
	Sought   string // the same as text
	Line     string
	Up       string
	Tables   []table
	Chart    chart
}

func printable(texts []string) (all []string) {
	for _, t := range texts {
		all = append(all, escape.Text(t))
	}
	return all
}

func (s server) page(w http.ResponseWriter, r *http.Request) {
	st, ok := State(w, r, s.daemon)
	if !ok {
		return
	}
	var page bytes.Buffer // so that an error leaves no half of a page
	if err := pageTemplate.Execute(&page, look(st, request{r.URL.Query()})); err != nil {
		http.Error(w, "the page cannot be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(page.Bytes())
}

// look returns the state as a person wants to see it.
func look(s status.Status, r request) view {
	return view{
		Status: s, Problems: printable(s.Problems), Hints: printable(s.Hints), Search: r.Get("q"), Sought: escape.Text(r.Get("q")), Line: escape.Text(s.Line()), Up: ago(s.Time.Sub(s.Daemon.Started)), Chart: draw(s.History),
		Tables: []table{
			r.table("services", "Services", "No service is defined.",
				[]string{"Name", "Type", "Port", "Link", "State", "For", "Why", "Defined in"}, 0, serviceRows(s)),
			r.table("phones", "Hosts that asked", "No host has asked yet.",
				[]string{"Address", "Hardware address", "Vendor", "Link", "Type", "First", "Last", "Questions", "Answered"}, -7, askerRows(s)),
			r.table("others", "Other announcers", "No other host announces these types.",
				[]string{"Name", "Type", "Link", "Address", "Hardware address", "For"}, 0, foreignRows(s)),
			r.table("conflicts", "Conflicts", "No other host had one of these names.",
				[]string{"Before", "Name", "Link", "What", "With", "Details"}, 0, conflictRows(s)),
			r.table("findings", "Findings in files", "No file has errors or warnings.",
				[]string{"Severity", "Place", "What is wrong", "Rule"}, 0, findingRows(s)),
			r.table("links", "Links", "This host has no link.",
				[]string{"Name", "Used", "Addresses", "Received", "Answers", "Unicast answers", "Errors"}, 0, linkRows(s)),
			r.table("sources", "Sources", "There is no source of definitions.",
				[]string{"Place", "Files", "State"}, 0, sourceRows(s)),
		},
	}
}

func serviceRows(s status.Status) (rows [][]cell) {
	for _, service := range s.Services {
		row := func(link string, state, since cell, why string) {
			rows = append(rows, []cell{name(service.Name), text(service.Type.String()), number(uint64(service.Port)), text(link), state, since, text(why), name(service.File)})
		}
		if len(service.Links) == 0 {
			row("–", held(service), cell{}, whyHeld(service))
		}
		for _, l := range service.Links {
			row(l.Link, onWire(l.State), since(l.Since, s.Time), whyOnLink(service, l))
		}
	}
	return rows
}

// held returns the state of a service that is on no link.
func held(s status.Service) cell {
	if s.Check == nil {
		return state("nowhere", "bad")
	}
	if s.Check.State == health.Pending {
		return state(s.Check.State.String(), "wait")
	}
	return state(s.Check.State.String(), "bad")
}

func whyHeld(s status.Service) string {
	if s.Check == nil {
		return "none of its interfaces is used"
	}
	return s.Check.Error
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

func askerRows(s status.Status) (rows [][]cell) {
	for _, a := range s.Asked.Hosts {
		vendor := a.Vendor
		if a.Own {
			vendor = "this host"
		}
		rows = append(rows, []cell{
			address(a.Host), name(a.MAC), text(vendor), text(a.Link), text(a.Type.String()),
			since(a.First, s.Time), since(a.Last, s.Time), number(a.Count), number(a.Answered),
		})
	}
	return rows
}

func foreignRows(s status.Status) (rows [][]cell) {
	for _, f := range s.Foreign {
		from := address(f.From)
		if f.Own {
			from = text("this host")
		}
		rows = append(rows, []cell{name(f.Name), text(f.Type.String()), text(f.Link), from, name(f.MAC), since(f.Since, s.Time)})
	}
	return rows
}

func conflictRows(s status.Status) (rows [][]cell) {
	for _, c := range s.Conflicts {
		with := c.MAC
		if c.Rival.IsValid() {
			with = c.Rival.String() + " " + with
		}
		rows = append(rows, []cell{since(c.Time, s.Time), name(c.Name), text(c.Link), text(c.Kind.String()), name(with), text(c.Text)})
	}
	return rows
}

func findingRows(s status.Status) (rows [][]cell) {
	for _, f := range s.Files.Findings {
		kind := "wait"
		if f.Severity >= diag.Unfit {
			kind = "bad"
		}
		what := f.Text
		if f.Element != "" {
			what = f.Element + ": " + what
		}
		rows = append(rows, []cell{state(f.Severity.String(), kind), name(f.Place()), text(what), name(f.Code)})
	}
	return rows
}

func linkRows(s status.Status) (rows [][]cell) {
	for _, l := range s.Links {
		used := state("yes", "ok")
		if !l.Used {
			used = state("no: "+l.Why, "")
		}
		for _, f := range l.Faults {
			used = state(f.Why, "bad")
		}
		var addresses []string
		for _, a := range l.Addresses {
			addresses = append(addresses, a.String())
		}
		rows = append(rows, []cell{name(l.Name), used, name(strings.Join(addresses, ", ")), number(l.Traffic.Received), number(l.Traffic.Answers), number(l.Traffic.Unicasts), number(l.Traffic.SendErrors)})
	}
	return rows
}

func sourceRows(s status.Status) (rows [][]cell) {
	for _, place := range s.Sources {
		answers := state("answers", "ok")
		if !place.Silent.IsZero() {
			answers = state("does not answer since "+place.Silent.Local().Format(time.DateTime), "bad")
		}
		rows = append(rows, []cell{name(place.Name), number(uint64(place.Files)), answers})
	}
	return rows
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

// chart is a drawing of the last hour: two lines, in an SVG whose units are pixels.
type chart struct {
	Width, Height int
	Most          uint64 // the height of the drawing, in packets a minute
	Questions     string // the points of the lines
	Answers       string
	Text          string // the same for a screen reader
}

const (
	chartMinutes = 60
	minuteWidth  = 10
	chartHeight  = 120
)

// draw draws the questions and answers of the last hour, the newest at the right.
func draw(history []status.Minute) chart {
	c := chart{Width: (chartMinutes - 1) * minuteWidth, Height: chartHeight, Most: 1}
	var questions, answers uint64
	for _, m := range history {
		c.Most = max(c.Most, m.Questions, m.Answers)
		questions += m.Questions
		answers += m.Answers
	}
	first := chartMinutes - len(history)
	for i, m := range history {
		x := strconv.Itoa((first+i)*minuteWidth) + ","
		c.Questions += x + c.y(m.Questions) + " "
		c.Answers += x + c.y(m.Answers) + " "
	}
	c.Text = strconv.FormatUint(questions, 10) + " questions and " + strconv.FormatUint(answers, 10) + " answers in the last hour, at most " +
		strconv.FormatUint(c.Most, 10) + " a minute"
	return c
}

func (c chart) y(n uint64) string {
	return strconv.FormatFloat(float64(c.Height)*(1-float64(n)/float64(c.Most)), 'f', 1, 64)
}
