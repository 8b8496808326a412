package status

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"announcer/internal/diag"
	"announcer/internal/escape"
	"announcer/internal/health"
	"announcer/internal/layout"
	"announcer/internal/mdns"
	"announcer/internal/phones"
)

// askersShown is the number of hosts that the text shows; the JSON has all.
const askersShown = 20

// WriteText writes the status for people, with tables that fit so many columns of a terminal; 0 is no limit.
func (s Status) WriteText(w io.Writer, columns int) error {
	p := page{w: w, columns: columns, now: s.Time}
	p.linef("announcer %s, pid %d, up %s, engine %s, host %s", s.Daemon.Version, s.Daemon.PID, p.ago(s.Daemon.Started), s.Daemon.Engine, s.Daemon.Host)
	if s.Healthy && s.Settled() {
		p.line(s.Line() + "; all is well")
	} else {
		p.line(s.Line())
	}
	for _, problem := range s.Problems {
		p.line("PROBLEM: " + problem)
	}
	for _, hint := range s.Hints {
		p.line("HINT: " + hint)
	}
	p.services(s.Services)
	p.sources(s.Sources)
	p.findings(s.Files.Findings)
	p.conflicts(s.Conflicts)
	p.foreign(s.Foreign)
	if s.Crowded > 0 {
		p.linef("%d more services of others were heard than there is room for; a host that announces so many is no server for phones", s.Crowded)
	}
	p.asked(s.Asked)
	p.links(s.Links)
	p.reload(s.Reload)
	if len(s.Neighbours) > 0 {
		p.linef("\nPort 5353 is shared with %s.", strings.Join(s.Neighbours, " and "))
	}
	return p.err
}

// page writes text, and remembers the first error.
type page struct {
	w       io.Writer
	columns int
	now     time.Time
	err     error
}

func (p *page) line(text string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, escape.Text(strings.TrimPrefix(text, "\n")))
	}
}

func (p *page) linef(format string, args ...any) {
	if strings.HasPrefix(format, "\n") && p.err == nil {
		_, p.err = fmt.Fprintln(p.w)
	}
	p.line(fmt.Sprintf(format, args...))
}

// table writes rows below headings, in columns, if there are rows.
func (p *page) table(headings string, rows [][]string) {
	if len(rows) == 0 || p.err != nil {
		return
	}
	fmt.Fprintln(p.w)
	for _, row := range rows {
		for i := range row {
			row[i] = escape.Text(row[i])
		}
	}
	p.err = layout.Table(p.w, p.columns, headings, rows)
}

func (p *page) services(services []Service) {
	var rows [][]string
	for _, s := range services {
		if len(s.Links) == 0 {
			rows = append(rows, []string{s.Name, s.Type.String(), "-", s.nowhere(), "-", s.File})
		}
		for _, l := range s.Links {
			rows = append(rows, []string{s.Name, s.Type.String(), l.Link, l.State.String(), p.ago(l.Since), s.File})
		}
	}
	p.table("NAME TYPE LINK STATE FOR DEFINED-IN", rows)
	for _, s := range services {
		for _, l := range s.Links {
			if l.Why != "" {
				p.linef("%q on %s: %s%s", s.Wanted, l.Link, l.Why, macInBrackets(l.MAC))
			}
		}
	}
}

// nowhere is the state of a service that is on no link.
func (s Service) nowhere() string {
	if s.Check != nil && s.Check.State != health.Up {
		return s.Check.State.String()
	}
	return "nowhere"
}

func macInBrackets(mac string) string {
	if mac == "" {
		return ""
	}
	return " (" + mac + ")"
}

func (p *page) findings(findings diag.Findings) {
	for i, f := range findings {
		if i == 0 {
			p.linef("\nFOUND IN THE DEFINITIONS")
		}
		p.line(f.String())
	}
}

func (p *page) conflicts(conflicts []Conflict) {
	for i, c := range conflicts {
		if i == 0 {
			p.linef("\nCONFLICTS")
		}
		p.linef("%s ago on %s: %s: %q: %s%s", p.ago(c.Time), c.Link, c.Kind, c.Name, c.Text, macInBrackets(c.MAC))
	}
}

func (p *page) foreign(all []mdns.Foreign) {
	var rows [][]string
	for _, f := range all {
		from := f.From.String()
		if f.Own {
			from = "this host"
		}
		rows = append(rows, []string{f.Name, f.Type.String(), f.Link, from, orDash(f.MAC), p.ago(f.Since)})
	}
	p.table("ALSO-ANNOUNCED TYPE LINK BY MAC FOR", rows)
}

func (p *page) asked(a Asked) {
	var rows [][]string
	for _, h := range a.Hosts[:min(askersShown, len(a.Hosts))] {
		rows = append(rows, []string{
			who(h), h.Type.String(), h.Link, orDash(strings.TrimSpace(h.MAC + " " + h.Vendor)),
			fmt.Sprintf("%d", h.Count), fmt.Sprintf("%d", h.Answered), p.ago(h.First), p.ago(h.Last),
		})
	}
	p.table("ASKED-BY TYPE LINK MAC QUESTIONS ANSWERED FIRST LAST", rows)
	if more := len(a.Hosts) - len(rows); more > 0 {
		p.linef("and %s more (--json has all)", count(more, "host"))
	}
}

func who(h phones.Asker) string {
	if h.Own {
		return h.Host.String() + " (this host)"
	}
	return h.Host.String()
}

func (p *page) links(links []Link) {
	var rows [][]string
	for _, l := range links {
		used, heard := "used", "no host yet"
		if !l.Used {
			used, heard = "not used: "+l.Unused(), "-"
		} else if !l.Traffic.Heard.IsZero() {
			heard = p.ago(l.Traffic.Heard) + " ago"
		}
		for _, f := range l.Faults {
			used += fmt.Sprintf(", not by IPv%d", f.Version)
		}
		rows = append(rows, []string{l.Name, addresses(l.Addresses), heard, used})
	}
	p.table("INTERFACE ADDRESSES HEARD-OTHERS USE", rows)
}

func addresses(all []netip.Addr) string {
	var words []string
	for _, a := range all {
		words = append(words, a.String())
	}
	return orDash(strings.Join(words, ","))
}

func (p *page) reload(r Reload) {
	p.linef("\nRead %s ago: %s", p.ago(r.Time), firstLine(r.Text()))
}

// Text returns the result of a reload, one thing a line.
func (r Reload) Text() string {
	var text, counts, lines []string
	if r.Error != "" {
		text = append(text, r.Error)
	}
	for _, part := range []struct {
		what string
		list []string
	}{{"added", r.Added}, {"changed", r.Changed}, {"removed", r.Removed}, {"refused", r.Refused}} {
		counts = append(counts, fmt.Sprintf("%d %s", len(part.list), part.what))
		for _, name := range part.list {
			lines = append(lines, fmt.Sprintf("%-8s %s", part.what, escape.Text(name)))
		}
	}
	text = append(text, strings.Join(counts, ", "))
	return strings.Join(append(text, lines...), "\n")
}

// Text is the event as a line for people.
func (e Event) Text() string {
	switch {
	case e.Asked != nil:
		return e.Asked.text()
	case e.Event != nil:
		return escape.Text(e.Event.text())
	case e.Transfer != nil:
		return escape.Text(e.Transfer.text())
	case e.Reload != nil:
		return fmt.Sprintf("%s  %-10s %s", e.Reload.Time.Local().Format(time.TimeOnly), "read", escape.Text(strings.ReplaceAll(e.Reload.Text(), "\n", "; ")))
	}
	return fmt.Sprintf("%d events were dropped because they came too fast", e.Missed)
}

func (a AskedEvent) text() string {
	answer := "answered"
	if !a.Answered {
		answer = "not answered"
	}
	who := phones.Asker{Host: a.From, MAC: a.MAC, Vendor: a.Vendor, Own: a.Own}.Who()
	return fmt.Sprintf("%s  asked      %s for %s on %s: %s", a.Time.Local().Format(time.TimeOnly), who, a.Type, a.Link, answer)
}

func (e WireEvent) text() string {
	text := mdns.Event{Kind: e.Kind, Name: e.Name, Type: e.Type, Link: e.Link, Detail: e.Text}.String()
	what := strings.TrimLeft(strings.TrimPrefix(text, e.Kind.String()), ": ")
	return fmt.Sprintf("%s  %-10s %s", e.Time.Local().Format(time.TimeOnly), e.Kind, what)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// ago returns how long ago something was, in its two largest units: "3d4h", "12m5s".
func (p *page) ago(t time.Time) string {
	d := max(p.now.Sub(t), 0)
	switch {
	case t.IsZero():
		return "-"
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
