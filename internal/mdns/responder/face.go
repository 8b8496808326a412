package responder

import (
	"net/netip"
	"slices"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// face is what the host shows on one link by one IP version. What it hears is answered there and nowhere else, with the
// addresses of that link (RFC 6762 §6, §6.2, §20).
type face struct {
	sender
	r      *Responder
	zone   *zone
	claims []*claim // in the order of the plan

	steps     queue[*claim] // to be probed for, settled, announced or asked for
	parked    []*claim      // that wait for the host's name
	probes    probes
	answers   answers
	farewells farewells
	questions questions
	inherited inheritance
	inquest   moment // when it is asked who has that now
	burial    moment // when it gets its goodbyes

	planning *planning // while the plan is applied
	unwanted bool      // no longer in the plan; it goes with its last goodbye
	lost     bool      // another host has a name, or had one when the last plan was made
	touched  bool      // the agenda looks at it
	rank     int       // in faces.all
	due      timer     // in the agenda
}

// planning is what a face needs while the plan is applied.
type planning struct {
	wants  []want
	coming map[mdns.Record]bool // the shared records of what is wanted; made when first needed
}

func (f *face) timing() *timer { return &f.due }

func newFace(r *Responder, l *link, v publication.IPVersion) *face {
	f := &face{r: r, zone: &zone{}, inquest: forever, burial: forever}
	touch := func() { r.faces.touch(f) }
	f.sender = sender{clock: r.clock, outbox: &r.outbox, stats: &r.stats, link: l, version: v, clear: never, touch: touch}
	f.probes = probes{sender: &f.sender, qu: never}
	f.answers = answers{clock: r.clock, sources: &f.sources, sharedAt: never}
	f.farewells = farewells{clock: r.clock}
	f.questions = questions{sender: &f.sender, zone: f.zone}
	f.steps.moved, f.answers.moved, f.farewells.moved = touch, touch, touch
	return f
}

// isOwn reports whether a source address is one of this host now; a link-local one counts on its link only. All on the
// loopback is: for multicast there Linux takes the address of another interface, or none.
func (f *face) isOwn(src netip.Addr) bool {
	if f.link.Loopback {
		return true
	}
	if src.IsLinkLocalUnicast() {
		return slices.ContainsFunc(f.link.Addrs, func(a publication.LinkAddr) bool { return a.Addr().WithZone("") == src })
	}
	return f.r.own.has(src)
}

// fromHere reports whether a packet with this source address comes from another program of this host. Without one that
// has the port, it comes from a host that has the same address or pretends to.
func (f *face) fromHere(src netip.Addr) bool {
	return f.link.Loopback || f.r.config.SharedPort && f.isOwn(src)
}

// show makes a set one that is answered for.
func (f *face) show(s *set) {
	s.node.add(s)
	f.answers.retire(s.node)
	f.recall(s)
	f.news()
}

// hide is the opposite of show.
func (f *face) hide(s *set) {
	f.answers.remove(s)
	s.node.remove(s)
	f.answers.retire(s.node)
	f.zone.tidy(s.node)
	f.news()
}

// news records that what is announced on the link has changed.
func (f *face) news() { f.r.news.on(f.link.Name) }

// run sends what is due, one packet by multicast at a time.
func (f *face) run() {
	f.step()
	for f.now >= f.clear {
		if !f.sendAnswers() && !f.sendProbes() && !f.sendGoodbyes() && !f.questions.send() {
			return
		}
	}
}

// next returns the time of the next thing to do.
func (f *face) next() moment {
	at := min(f.answers.next(), f.farewells.next())
	if len(f.questions.list) > 0 || len(f.probes.ready) > 0 {
		at = f.now
	}
	return min(max(at, f.clear), f.steps.next())
}
