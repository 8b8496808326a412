package main

import (
	"fmt"
	"io"
	"strings"
)

// progress is a bar on a terminal, and nothing elsewhere.
type progress struct {
	w                 io.Writer
	total, done, good int
}

// barWidth is how many characters stand for the whole.
const barWidth = 30

// newProgress makes a bar on stderr where that and stdout are terminals.
func newProgress(stdout, stderr io.Writer, total int) *progress {
	p := &progress{w: io.Discard, total: total}
	if isTerminal(stdout) && isTerminal(stderr) {
		p.w = stderr
	}
	p.draw()
	return p
}

// step counts one more that is done, well or not.
func (p *progress) step(good bool) {
	p.done++
	if good {
		p.good++
	}
	p.draw()
}

func (p *progress) draw() {
	filled := barWidth * p.done / max(p.total, 1)
	controlTerminal(p.w, "\r")
	fmt.Fprintf(p.w, "[%s%s] %d of %d, %d restarting", strings.Repeat("#", filled), strings.Repeat(".", barWidth-filled), p.done, p.total, p.good)
}

// clear removes the bar.
func (p *progress) clear() { controlTerminal(p.w, "\r\x1b[K") }
