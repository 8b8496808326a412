// Package limit bounds the lines that other hosts can cause, in a log or on a terminal, and counts those that are left out.
package limit

import (
	"fmt"
	"sync"
	"time"
)

// sourcesMost is the number of sources that are counted one by one in a window.
const sourcesMost = 1000

// Lines admits lines: so many of each source, and of all sources together, in a window of time. Several goroutines can use it.
type Lines struct {
	each, all int
	window    time.Duration

	mu       sync.Mutex
	began    time.Time // of the window
	admitted int
	sources  map[string]count
	others   int    // left out, of sources that are not counted one by one
	over     Excess // of windows that are over
}

// count is that of a source in a window.
type count struct{ admitted, left int }

// Excess is what was left out.
type Excess struct {
	Lines int
	Most  string // the source of the most of them, in the last window with any
}

// String returns "1200 more lines, most of them of 192.0.2.66".
func (e Excess) String() string {
	return fmt.Sprintf("%d more lines, most of them of %s", e.Lines, e.Most)
}

// New makes a limit of lines of each source, and of all, in a window of time.
func New(each, all int, window time.Duration) *Lines {
	return &Lines{each: each, all: all, window: window, sources: map[string]count{}}
}

// Admit reports whether a line of a source may be written now.
func (l *Lines) Admit(source string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.began) >= l.window {
		l.settle()
		l.began = now
	}
	c, known := l.sources[source]
	ok := c.admitted < l.each && l.admitted < l.all
	if ok {
		c.admitted++
		l.admitted++
	} else {
		c.left++
	}
	switch {
	case known || len(l.sources) < sourcesMost:
		l.sources[source] = c
	case !ok:
		l.others++
	}
	return ok
}

// Excess returns what was left out in windows that are over, once.
func (l *Lines) Excess(now time.Time) (e Excess, any bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.began) >= l.window {
		l.settle()
	}
	return l.take()
}

// Rest returns what was left out until now, once.
func (l *Lines) Rest() (e Excess, any bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle()
	return l.take()
}

func (l *Lines) take() (e Excess, any bool) {
	e, l.over = l.over, Excess{}
	return e, e.Lines > 0
}

// settle ends a window.
func (l *Lines) settle() {
	most := 0
	for source, c := range l.sources {
		l.over.Lines += c.left
		if c.left > most || c.left == most && most > 0 && source < l.over.Most {
			most, l.over.Most = c.left, source
		}
	}
	l.over.Lines += l.others
	clear(l.sources)
	l.admitted, l.others = 0, 0
}
