package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"announcer/internal/deployment"
	"announcer/internal/escape"
	"announcer/internal/layout"
	"announcer/internal/limit"
	"announcer/internal/mdns"
	"announcer/internal/phones/fileserver"
)

const (
	redrawTime  = 500 * time.Millisecond
	standardRow = 20 // rows of the table, where the height of the terminal is not known

	// Lines in a minute, of a phone and of all: a transfer has two.
	linesOfPhone = 40
	linesOfAll   = 1200
)

// transferView shows who loads what: on a terminal a table that is drawn again, else a line for each event.
type transferView struct {
	out      io.Writer
	terminal bool
	json     bool // the lines are JSON
	until    int  // phones that are to have a whole file; 0: no such end
	update   *deployment.Deployment
	lines    *limit.Lines

	mu    sync.Mutex
	ended []fileserver.Transfer // the last of them, for the table
	drawn int                   // lines of the table on the screen
}

func newTransferView(out io.Writer, asJSON bool, until int, update *deployment.Deployment) *transferView {
	return &transferView{out: out, terminal: isTerminal(out) && !asJSON, json: asJSON, until: until, update: update, lines: limit.New(linesOfPhone, linesOfAll, time.Minute)}
}

// begin shows what is served, and the URL of the page, "" if there is none.
func (p *transferView) begin(files []fileserver.File, page string) {
	if p.json {
		p.print(serveOutput{Images: deployment.Images(files), Page: page})
		return
	}
	printFiles(p.out, files)
	if page != "" {
		escape.Fprintf(p.out, "page %s\n", page)
	}
}

// announced reports that phones can find the firmware.
func (p *transferView) announced(events []mdns.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.json {
		printAnnounced(p.out, events)
		return
	}
	for _, e := range events {
		p.print(serveOutput{Announced: &announcedService{e.Name, e.Type.String(), e.Link}})
	}
}

// print prints a line of JSON. A write error is ignored: serving goes on.
func (p *transferView) print(o serveOutput) {
	o.Version = formatVersion
	_ = json.NewEncoder(escape.JSON(p.out)).Encode(o)
}

// report takes the server's report on a transfer.
func (p *transferView) report(t fileserver.Transfer) {
	phone := p.update.Phone(t)
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.Ended {
		p.ended = append(p.ended[max(0, len(p.ended)-standardRow*5):], t)
	}
	isNew := p.update.Report(t, phone)
	switch {
	case p.terminal, !isNew && !p.lines.Admit(t.Phone.String(), time.Now()):
	case p.json:
		p.print(serveOutput{Transfer: new(deployment.Shown(t))})
	default:
		escape.Fprintf(p.out, "%s\n", p.line(t))
	}
}

// leftOut prints how many lines were left out.
func (p *transferView) leftOut(e limit.Excess, any bool) {
	if !any || p.terminal {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.json {
		p.print(serveOutput{Missed: e.Lines})
		return
	}
	escape.Fprintf(p.out, "%s\n", e)
}

// line reports a transfer that begins or has ended.
func (p *transferView) line(t fileserver.Transfer) string {
	who := fmt.Sprintf("%s %s %s", t.Phone, orDash(t.Agent.Model), orDash(t.Agent.Version))
	switch {
	case !t.Ended:
		return fmt.Sprintf("%s loads %s", who, t.File.Path)
	case t.Whole:
		return fmt.Sprintf("%s has %s, %s in %s (%s/s); %s done", who, t.File.Path, bytesText(t.File.Size), t.Took.Round(time.Millisecond), bytesText(int64(t.Rate())), p.count())
	}
	return fmt.Sprintf("%s stopped after %s of %s, %d %%", who, bytesText(t.Sent), t.File.Path, t.Percent())
}

// count returns "3 of 6 phones".
func (p *transferView) count() string {
	if p.until > 0 {
		return fmt.Sprintf("%d of %s", p.update.Done(), count(p.until, "phone"))
	}
	return count(p.update.Done(), "phone")
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// run shows the transfers until ctx is done, enough phones are, or the server has failed.
func (p *transferView) run(ctx context.Context, failed <-chan struct{}, running func() []fileserver.Transfer) {
	tick := time.NewTicker(redrawTime)
	defer tick.Stop()
	for {
		p.draw(running())
		p.leftOut(p.lines.Excess(time.Now()))
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
		case <-p.update.Reached():
		case <-failed:
		}
		p.draw(running())
		p.leftOut(p.lines.Rest())
		return
	}
}

// draw draws the table over the one before.
func (p *transferView) draw(running []fileserver.Transfer) {
	if !p.terminal {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	lines := p.table(running, p.height(), columnsOf(p.out))
	if p.drawn > 0 {
		controlTerminal(p.out, fmt.Sprintf("\x1b[%dA", p.drawn)) // up to where it began
	}
	for _, line := range lines {
		controlTerminal(p.out, "\r\x1b[K")
		escape.Fprintf(p.out, "%s\n", line)
	}
	controlTerminal(p.out, "\x1b[J") // what was below
	p.drawn = len(lines)
}

// height returns how many rows the table has room for.
func (p *transferView) height() int {
	if f, ok := p.out.(descriptor); ok {
		if _, rows, err := term.GetSize(int(f.Fd())); err == nil && rows > 4 {
			return rows - 3
		}
	}
	return standardRow
}

// table returns the lines of the table: those that run, and the last that ended, as many as there is room for.
func (p *transferView) table(running []fileserver.Transfer, room, columns int) []string {
	for most := room; ; most-- {
		lines := p.rows(running, most, columns)
		if len(lines) <= room+2 || most == 1 {
			return lines
		}
	}
}

// rows returns the lines of the table with at most so many transfers. Each of them may take several lines.
func (p *transferView) rows(running []fileserver.Transfer, most, columns int) []string {
	shown := running[:min(len(running), most)]
	rest := most - len(shown)
	all := append(p.ended[max(0, len(p.ended)-rest):len(p.ended):len(p.ended)], shown...)
	var rows [][]string
	for _, t := range all {
		rows = append(rows, []string{
			t.Phone.String(), orDash(t.Agent.Model), orDash(t.Agent.Version), t.File.Path,
			fmt.Sprintf("%d %%", t.Percent()), bytesText(int64(t.Rate())) + "/s", fateOf(t),
		})
	}
	var b strings.Builder
	_ = layout.Table(&b, columns, "PHONE MODEL HAS FILE DONE RATE", rows) // memory does not fail
	fmt.Fprintf(&b, "%s done, %d loading\n", p.count(), len(running))
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

func fateOf(t fileserver.Transfer) string {
	switch {
	case t.Whole:
		return "done"
	case t.Ended:
		return "stopped"
	}
	return ""
}
