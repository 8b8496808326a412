package responder

import (
	"net/netip"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

// How a name that another host has is watched.
const (
	standbyInterval = 5 * time.Second  // between questions, in standby
	wantedInterval  = 30 * time.Second // the same for a name that was given up
	wantedAfter     = time.Minute      // a name that was given up for another is not tried again before that
	askAgain        = 1500 * time.Millisecond
	askTimes        = 3           // questions without an answer: no host has the name any more
	goodbyeWait     = time.Second // RFC 6762 §10.1: so long a goodbye can be taken back
)

// watch waits for the end of a name that another host has on a link: it hears goodbyes, and asks.
type watch struct {
	timer
	link     *link
	name     dnsname.Name
	key      string
	kind     mdns.Type // to ask for
	interval moment    // between questions that are answered; it doubles (RFC 6762 §5.2)
	longest  moment    // and is no longer than this
	earliest moment    // not over before that
	rival    netip.Addr
	asked    moment
	heard    moment
	misses   int
	bye      bool
	standby  bool // only for hosts of the link
	held     bool // for a claim that is held
	over     func()
}

// watches has the names that are watched.
type watches struct {
	*clock
	queue[*watch]
	faces *faces
}

// add begins to watch a name.
func (q *watches) add(w *watch) *watch {
	q.drop(w.link.watches[w.key])
	w.asked, w.heard = never, q.now
	if w.link.watches == nil {
		w.link.watches = map[string]*watch{}
	}
	w.link.watches[w.key] = w
	q.set(w, q.now+w.interval)
	return w
}

// drop ends a watch, if there is one.
func (q *watches) drop(w *watch) {
	if w == nil {
		return
	}
	q.remove(w)
	if w.link.watches[w.key] == w {
		delete(w.link.watches, w.key)
	}
}

// overhear takes a record of another host under a name that is watched.
func (q *watches) overhear(w *watch, rec wire.Resource, src netip.Addr) {
	switch {
	case rec.Type == mdns.TypeNSEC:
	case rec.TTL > 0:
		w.heard, w.misses, w.rival = q.now, 0, src
		if w.bye {
			w.bye = false
			q.set(w, q.now+w.interval)
		}
	case !w.bye:
		w.bye = true
		q.set(w, q.now+goodbyeWait)
	}
}

// run asks the questions that are due.
func (q *watches) run() {
	for {
		w, ok := q.due(q.now)
		if !ok {
			return
		}
		q.step(w)
	}
}

func (q *watches) step(w *watch) {
	answered := w.heard >= w.asked
	if !answered {
		w.misses++
	}
	switch {
	case (w.bye || w.misses >= askTimes) && q.now >= w.earliest:
		q.drop(w)
		w.over()
	case w.misses >= askTimes || w.bye:
		w.misses, w.bye, w.asked = 0, false, never
		q.set(w, w.earliest)
	case answered && w.asked+w.interval > q.now:
		q.set(w, w.asked+w.interval)
	default:
		if w.asked != never {
			w.interval = min(2*w.interval, w.longest)
		}
		w.asked = q.now
		q.set(w, q.now+askAgain)
		q.faces.ask(w.link, question{w.name, w.kind})
	}
}

// watchHeld waits for the end of a name that is held on a link, and then probes for it again.
func (c *claim) watchHeld(rival netip.Addr, kind mdns.Type, interval, longest moment) {
	f := c.face
	r, l, key := f.r, f.link, c.node.key
	r.watches.add(&watch{
		link: l, name: c.plan.name, key: key, kind: kind, rival: rival,
		interval: interval, longest: longest, earliest: never, standby: c.plan.policy.StandsBy(), held: true,
		over: func() { r.faces.claimAgain(l, key, r.now+r.random(0, probeJitter)) },
	})
}

// unwatch ends the watch for a claim that is held, unless another one is.
func (c *claim) unwatch() {
	f := c.face
	w := f.link.watches[c.node.key]
	if w != nil && w.held && c.namesakes().heldBeside(c) == nil {
		f.r.watches.drop(w)
	}
}
