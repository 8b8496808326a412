package responder

import (
	"net/netip"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
)

// How a name that another host has is watched.
const (
	standbyInterval = 5 * time.Second  // between questions, in standby
	wantedInterval  = 30 * time.Second // the same for a name that was given up
	wantedAfter     = time.Minute      // a name that was given up for another is not tried again before that
	askAgain        = 1500 * time.Millisecond
	askTimes        = 3           // questions without an answer: nobody has the name any more
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

// watch begins to watch a name.
func (r *Responder) watch(w *watch) *watch {
	r.unwatch(w.link.watches[w.key])
	w.asked, w.heard = never, r.now
	w.link.watches[w.key] = w
	r.watches.set(w, r.now+w.interval)
	return w
}

func (r *Responder) unwatch(w *watch) {
	if w == nil {
		return
	}
	r.watches.remove(w)
	if w.link.watches[w.key] == w {
		delete(w.link.watches, w.key)
	}
}

// overhear takes a record of a name that is watched.
func (r *Responder) overhear(w *watch, rec wire.Resource, src netip.Addr) {
	if !w.queued() || w.standby && !w.link.onLink(src) || !w.standby && r.echo(&r.reader, rec) {
		return
	}
	switch {
	case rec.Type == mdns.TypeNSEC:
	case rec.TTL > 0:
		w.heard, w.misses, w.rival = r.now, 0, src
		if w.bye {
			w.bye = false
			r.watches.set(w, r.now+w.interval)
		}
	case !w.bye:
		w.bye = true
		r.watches.set(w, r.now+goodbyeWait)
	}
}

// runWatches asks where it is time to.
func (r *Responder) runWatches() {
	for {
		w, ok := r.watches.due(r.now)
		if !ok {
			return
		}
		r.stepWatch(w)
	}
}

func (r *Responder) stepWatch(w *watch) {
	answered := w.heard >= w.asked
	if !answered {
		w.misses++
	}
	switch {
	case (w.bye || w.misses >= askTimes) && r.now >= w.earliest:
		r.unwatch(w)
		w.over()
	case w.misses >= askTimes || w.bye:
		w.misses, w.bye, w.asked = 0, false, never
		r.watches.set(w, w.earliest)
	case answered && w.asked+w.interval > r.now:
		r.watches.set(w, w.asked+w.interval)
	default:
		if w.asked != never {
			w.interval = min(2*w.interval, w.longest)
		}
		w.asked = r.now
		r.watches.set(w, r.now+askAgain)
		r.ask(w.link, question{w.name, w.kind})
	}
}

// watchHeld waits for the end of a name that is held on a link, and then probes for it again.
func (c *claim) watchHeld(rival netip.Addr, kind mdns.Type, interval, longest moment) {
	f := c.face
	r, l, key := f.r, f.link, c.node.key
	r.watch(&watch{
		link: l, name: c.node.name, key: key, kind: kind, rival: rival,
		interval: interval, longest: longest, earliest: never, standby: c.plan.policy.StandsBy(), held: true,
		over: func() { r.wake(l, key) },
	})
}

// unwatch ends the watch for a claim that is held, unless another one is.
func (c *claim) unwatch() {
	f := c.face
	w := f.link.watches[c.node.key]
	if w != nil && w.held && c.heldBeside() == nil {
		f.r.unwatch(w)
	}
}

// heldBeside returns a held claim on the same name on this link, nil if there is none.
func (c *claim) heldBeside() *claim {
	for _, other := range c.everywhere() {
		if other != c && other.phase == held {
			return other
		}
	}
	return nil
}

// wake probes again for a name that no other host has any more.
func (r *Responder) wake(l *link, key string) {
	start := r.now + r.random(0, probeJitter)
	for _, c := range l.claims(r, key) {
		if c.phase == held {
			c.probe(start)
		}
	}
}

// question is one that we ask.
type question struct {
	name dnsname.Name
	kind mdns.Type
}

// ask sees to it that a question is asked on a link, by each IP version.
func (r *Responder) ask(l *link, q question) {
	for _, v := range publication.IPVersions() {
		if f := r.byLink[faceKey{l.Index, v}]; f != nil {
			f.questions = append(f.questions, q)
		}
	}
}

// sendQuestions sends one message with as many of the questions to be asked as fit.
func (f *face) sendQuestions() bool {
	if len(f.questions) == 0 {
		return false
	}
	b := f.start(f.limit(), 0)
	n := 0
	for n < len(f.questions) && b.Question(f.questions[n].name, f.questions[n].kind, false) {
		n++
	}
	for _, q := range f.questions[:n] {
		f.knownAnswers(b, q)
	}
	f.questions = f.questions[max(n, 1):]
	f.multicastUntil(&f.link.traffic.Questions, netip.Addr{}, f.r.now+questionEcho)
	return true
}

// knownAnswers adds our own answers to a question of ours, as many as fit: nobody need give them (RFC 6762 §7.1).
func (f *face) knownAnswers(b *wire.Builder, q question) {
	if q.kind != mdns.TypePTR {
		return
	}
	n := f.zone[q.name.Key()]
	if n == nil {
		return
	}
	for _, s := range n.sets {
		if s.kind() == q.kind && !b.Record(wire.Answer, &s.records[0], s.ttl(), false) {
			return
		}
	}
}

// watchWanted waits for a name that was given up, so that it can be had back.
func (r *Responder) watchWanted(id string, l *link, c *claim, rival netip.Addr) *watch {
	return r.watch(&watch{
		link: l, name: c.node.name, key: c.node.key, kind: mdns.TypeANY, rival: rival,
		interval: wantedInterval, longest: wantedInterval, earliest: r.now + wantedAfter,
		over: func() {
			delete(r.renamed, id)
			if id == "" {
				r.host = r.desired.Host
				r.forgetRenames()
			}
			r.planAt = r.now
		},
	})
}
