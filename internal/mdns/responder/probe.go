package responder

import (
	"slices"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
)

// The schedule of probing (RFC 6762 §8.1, §8.2).
const (
	probeCount    = 3
	probeInterval = 250 * time.Millisecond
	probeJitter   = 250 * time.Millisecond // before the first one
	tieBreakWait  = time.Second            // of who lost to a simultaneous probe
)

// probe begins to probe for a claim at a time. What is live stays so.
func (c *claim) probe(at moment) {
	if c.phase == held {
		c.unwatch()
	}
	c.face.probes.remove(c)
	c.phase, c.round = probing, 0
	if c.trial == nil {
		c.trial = &trial{}
	}
	c.face.steps.set(c, at)
	c.note()
}

// asking reports whether a first probe went out: what was heard before doesn't count (RFC 6762 §8.1).
func (c *claim) asking() bool { return c.phase == probing && c.round > 0 }

// free reports whether no host has answered the probes of a claim.
func (c *claim) free() bool { return c.phase == probing && c.round == probeCount && !c.queued() }

// probes has the claims to be probed for now, in the order of their times.
type probes struct {
	*sender
	ready []*claim
	qu    moment // when a question with QU last went out
}

// add takes up a claim.
func (p *probes) add(c *claim) {
	c.ready = true
	p.ready = append(p.ready, c)
	p.touch()
}

// remove takes a claim out, if it is there.
func (p *probes) remove(c *claim) {
	if c.ready {
		c.ready = false
		p.ready = slices.DeleteFunc(p.ready, func(other *claim) bool { return other == c })
		p.touch()
	}
}

// sendProbes sends one message with as many of the probes that are due as fit (RFC 6762 §8.1).
func (f *face) sendProbes() bool {
	if len(f.probes.ready) == 0 {
		return false
	}
	for _, c := range f.probes.send(f.takesUnicast()) {
		c.round++
		c.ready = false
		f.steps.set(c, f.now+probeInterval)
	}
	return true
}

// send sends one message for as many of the claims as fit, and returns these. qu asks for the answer at once, by unicast.
func (p *probes) send(qu bool) []*claim {
	batch := p.batch()
	n := len(batch)
	for !p.write(batch[:n], qu) && n > 1 {
		n--
	}
	if qu {
		p.qu = p.now
	}
	p.ready = following(p.ready, n)
	p.multicast(&p.link.traffic.Probes)
	return batch[:n]
}

// batch returns the claims to probe for now, no more than may fit.
func (p *probes) batch() []*claim {
	size := wire.HeaderSize
	for i, c := range p.ready {
		size += c.probeSize()
		if i > 0 && size > p.limit() {
			return p.ready[:i]
		}
	}
	return p.ready
}

// write writes the questions, then what we propose (RFC 6762 §8.1). It reports whether all of it fits. What does not fit is
// not proposed: a message larger than the MTU may hold one record only (§17), and two hosts that propose a part of their
// records each must compare the same parts.
func (p *probes) write(batch []*claim, qu bool) bool {
	b := p.start(p.limit(), 0)
	ok := true
	for _, c := range batch {
		ok = b.Question(c.plan.name, mdns.TypeANY, qu) && ok
	}
	for _, c := range batch {
		proposed := c.trial.proposed[:0]
		for _, s := range c.sets {
			for i := range s.records {
				if b.Record(wire.Authority, &s.records[i], s.ttl(), false) {
					proposed = append(proposed, &s.records[i])
				} else {
					ok = false
				}
			}
		}
		c.trial.proposed = proposed
	}
	return ok
}

// takesUnicast reports whether a reply by unicast would reach us (RFC 6762 §15.1), and be believed to come from the link:
// where our addresses are in no network, none would (§11).
func (f *face) takesUnicast() bool {
	return !f.r.config.SharedPort && slices.ContainsFunc(f.link.Addrs, func(a publication.LinkAddr) bool {
		return a.Addr().Is4() == (f.version == publication.V4) && !a.IsSingleIP()
	})
}

// probeSize guesses what a claim adds to a message. Names are shared with others except their first label.
func (c *claim) probeSize() int {
	size := 1 + len(c.plan.name.Label()) + 2 + 4
	for _, s := range c.sets {
		for i := range s.records {
			size += 2 + 10 + dataSize(s.records[i].Data)
		}
	}
	return size
}

func dataSize(data mdns.Data) int {
	switch d := data.(type) {
	case mdns.SRV:
		return 6 + 2
	case mdns.TXT:
		return len(d.Wire())
	case mdns.Address:
		return d.BitLen() / 8
	}
	return 2
}
