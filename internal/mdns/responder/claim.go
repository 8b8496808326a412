package responder

import (
	"net/netip"
	"slices"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// phase is how far a claim is.
type phase uint8

const (
	probing phase = iota
	parked        // free, but the host's own name is not yet known to be
	settled       // ours
	held          // not announced: another host has the name
)

// claim is a name that must be ours alone on a face, with its records and those that point to it.
type claim struct {
	timer
	face    *face
	node    *node
	plan    *plan
	slots   []*slot
	sets    []*set // unique ones, in the order of the plan
	shared  []*set // while live
	phase   phase
	live    bool     // answered for
	ready   bool     // in face.probes
	round   int32    // probes sent, then announcements and questions
	seen    uint32   // the plan that last had it
	trial   *trial   // nil: the name is not probed for
	history *history // nil: there is none
}

// trial is what a claim needs while it is probed for.
type trial struct {
	proposed []*mdns.Record // by the last probe
	owed     []*set         // caches may hold it from before a sleep, see wake.go
}

// history is what happens to few claims.
type history struct {
	updates updates
	localAt moment   // when another program of this host last announced the name
	loss    *loss    // why it is held
	quarrel *quarrel // of a name that was contested
	review  *review  // of a name that another host wants to serve too, see standby.go
}

// past returns the history of a claim.
func (c *claim) past() history {
	if c.history == nil {
		return history{localAt: never}
	}
	return *c.history
}

// changing returns the history of a claim, to change it.
func (c *claim) changing() *history {
	if c.history == nil {
		c.history = &history{localAt: never}
	}
	return c.history
}

// loss records who has a name that is held, and how that is known.
type loss struct {
	rival netip.Addr
	why   string
}

// claim takes up a name: it is probed for from a time on.
func (f *face) claim(w want, at moment) {
	n := f.zone.node(w.plan.key)
	c := &claim{face: f, node: n, plan: w.plan, slots: w.slots, seen: f.r.round}
	n.claim = c
	for _, s := range w.plan.unique {
		c.sets = append(c.sets, newSet(n, s))
	}
	f.claims = append(f.claims, c)
	for _, s := range c.slots {
		s.claims = append(s.claims, c)
	}
	if sibling := c.namesakes().heldBeside(c); sibling != nil && sibling.plan.policy == c.plan.policy && !c.plan.policy.Renames() {
		c.lose(sibling.past().loss)
	} else {
		c.probe(at)
	}
}

// win makes a name ours on its link, once each IP version has probed for it.
func (c *claim) win() {
	claims := c.namesakes()
	if slices.ContainsFunc(claims, func(other *claim) bool { return other.phase == probing && !other.free() }) {
		return
	}
	for _, other := range claims {
		if other.free() {
			other.settle()
		}
	}
}

// settle makes a claim ours: its name is free, and so is the host's.
func (c *claim) settle() {
	f := c.face
	if host := c.blocker(); host != nil {
		c.phase = parked
		f.parked = append(f.parked, c)
		return
	}
	c.phase = settled
	if !c.live {
		c.enliven()
	}
	c.trial = nil
	c.announce()
	c.note()
	c.unpark()
	c.noteDependents()
}

// blocker returns the claim on the host that a service is on, if it is ours and not yet settled.
func (c *claim) blocker() *claim {
	host := c.face.zone.claim(c.plan.needs)
	if c.plan.needs == "" || host == nil || host.live || host.phase == held {
		return nil
	}
	return host
}

// unpark goes on with the claims that waited for this one.
func (c *claim) unpark() {
	f := c.face
	if c.plan.kind == service {
		return
	}
	waiting := f.parked
	f.parked = nil
	for _, other := range waiting {
		other.settle()
	}
}

// enliven makes the records of a claim ones that are answered.
func (c *claim) enliven() {
	f := c.face
	c.live = true
	c.repay()
	for _, s := range c.sets {
		s.rounds = announcements
		f.show(s)
	}
	c.shared = make([]*set, 0, len(c.plan.shared))
	for _, s := range c.plan.shared {
		c.shared = append(c.shared, f.acquire(s))
	}
}

// acquire returns the set of a shared record of a plan, for one more user.
func (f *face) acquire(of *rrset) *set {
	record := of.records[0]
	n := f.zone.node(record.Name.Key())
	for _, s := range n.withTarget(of.target) {
		if s.records[0].Data == record.Data {
			s.users++
			return s
		}
	}
	s := newSet(n, of)
	s.users, s.rounds = 1, announcements
	f.show(s)
	return s
}

// release gives up the use of a shared record.
func (f *face) release(s *set, bye bool) {
	s.users--
	if s.users > 0 {
		return
	}
	f.hide(s)
	if bye {
		f.r.past.remember(s) // without goodbye it is a rival's now
	}
	if bye && !f.wants(s.records[0]) {
		f.farewells.say(s)
	}
}

// wants reports whether a claim that is not settled yet will need a shared record.
func (f *face) wants(record mdns.Record) bool {
	p := f.planning
	if p == nil || f.r.closing || f.unwanted {
		return false
	}
	if p.coming == nil {
		p.coming = map[mdns.Record]bool{}
		for _, w := range p.wants {
			if c := f.zone.claim(w.plan.key); c == nil || c.phase != held {
				for _, s := range w.plan.shared {
					p.coming[s.records[0]] = true
				}
			}
		}
	}
	return p.coming[record]
}

// silence takes the records of a claim off the wire, with goodbyes or, where a rival has them now, without.
func (c *claim) silence(bye bool) {
	f := c.face
	if c.says() {
		f.r.past.remember(c.sets...)
	}
	f.steps.remove(c)
	f.probes.remove(c)
	if c.phase == parked {
		f.parked = slices.DeleteFunc(f.parked, func(other *claim) bool { return other == c })
	}
	if !c.live {
		if bye {
			c.repay()
		}
		c.forgive()
		return
	}
	c.live = false
	for _, s := range c.shared {
		f.release(s, bye)
	}
	c.shared = nil
	for _, s := range c.sets {
		f.hide(s)
		if bye {
			f.farewells.say(s)
		}
	}
}

// drop ends a claim.
func (c *claim) drop() {
	f := c.face
	c.silence(true)
	c.unwatch()
	c.node.claim = nil
	for _, other := range c.namesakes() {
		if other.free() {
			other.face.steps.set(other, f.now) // it may have waited for this one
		}
	}
	f.answers.retire(c.node)
	f.zone.tidy(c.node)
	for _, s := range c.slots {
		s.claims = slices.DeleteFunc(s.claims, func(other *claim) bool { return other == c })
	}
}

// hold keeps a claim from being announced because another host has the name.
func (c *claim) hold(because *loss) {
	c.silence(false)
	c.lose(because)
	c.note()
	c.unpark()
}

// lose notes that another host has the name.
func (c *claim) lose(because *loss) {
	c.phase, c.trial = held, nil
	c.changing().loss = because
	c.face.lost = true
}

// namesakes are the claims on one name on a link, one per IP version.
type namesakes []*claim

// namesakes returns the claims on the name of a claim on its link, itself included.
func (c *claim) namesakes() namesakes { return c.face.r.faces.claims(c.face.link, c.node.key) }

// byIPv4 returns the one by IPv4, nil if there is none.
func (n namesakes) byIPv4() *claim {
	for _, c := range n {
		if c.face.version == publication.V4 {
			return c
		}
	}
	return nil
}

// heldBeside returns one that is held and is not c, nil if there is none.
func (n namesakes) heldBeside(c *claim) *claim {
	for _, other := range n {
		if other != c && other.phase == held {
			return other
		}
	}
	return nil
}
