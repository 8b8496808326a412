package responder

import (
	"fmt"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
)

// Standby goes by the sender, not by the data: the two hosts usually hold the same files. Who serves a name keeps it;
// of two that wake at once the lower source address serves. Where both hosts have both IP versions, the IPv4 one decides;
// where they have several networks in common, the lowest does.
const (
	reviewWait  = 150 * time.Millisecond // in which the same host may be heard by IPv4 too
	reviewSight = 10 * time.Second       // in which a host heard by IPv4, or in a lower network, decides
)

// review is the question, put off, which of two hosts serves.
type review struct {
	timer
	contest
}

// served reports whether a record shows that another host serves a name that we stand by for.
func (c *claim) served(rec wire.Resource) bool {
	f := c.face
	return (rec.Type == mdns.TypeSRV || rec.Type == mdns.TypeTXT) && (!c.pointsHere() || !f.r.echo(&f.r.reader, rec))
}

// pointsHere reports whether a service is one of this host by name, so that its data is no other host's. Two hosts that
// stand by for one another may announce a third one in the same words.
func (c *claim) pointsHere() bool { return c.plan.needs == mdns.HostName(c.face.r.host).Key() }

// elect decides which of two hosts serves that both want to.
func (x contest) elect() {
	c, f := x.claim, x.claim.face
	own := f.sources.To(x.rival.addr)
	switch met := f.now-c.rivalAt < reviewSight; {
	case !x.onLink():
		return
	case met && c.ownThere.Less(own):
		return // the hosts have met in a lower network
	}
	c.rivalAt, c.ownThere = f.now, own
	if f.version == publication.V6 && c.byIPv4() != nil {
		f.r.reviews.set(x.review(), f.now+reviewWait)
		return
	}
	x.decide()
}

// onLink reports whether the rival is a host of the link: only those stand by for one another.
func (x contest) onLink() bool { return x.claim.face.link.onLink(x.rival.addr) }

// byIPv4 returns the claim on the same name by IPv4, nil if there is none.
func (c *claim) byIPv4() *claim {
	for _, other := range c.everywhere() {
		if other.face.version == publication.V4 {
			return other
		}
	}
	return nil
}

// review returns the review of the claim, with this rival.
func (x contest) review() *review {
	c := x.claim
	if c.review == nil {
		c.review = &review{}
	}
	c.review.contest = x
	return c.review
}

// reviews are put off until the rival has had the time to be heard by IPv4.
type reviews struct{ queue[*review] }

// run decides by IPv6 where the rival was not heard by IPv4.
func (q *reviews) run(now moment) {
	for {
		v, ok := q.due(now)
		if !ok {
			return
		}
		q.remove(v)
		c := v.claim
		other := c.byIPv4()
		if c.node.claim == c && c.phase != held && (other == nil || other.rivalAt < now-reviewSight) {
			v.decide()
		}
	}
}

// decide lets the lower source address serve.
func (x contest) decide() {
	c, f := x.claim, x.claim.face
	lower := x.rival.addr.Less(f.sources.To(x.rival.addr))
	switch {
	case lower && c.phase == probing && !c.live:
		x.restart(f.now + tieBreakWait) // by then the other one serves, or is gone
	case lower:
		x.fallSilent()
	case c.live:
		c.insist()
	}
}

// insist announces again, so that the other one hears that the name is served.
func (c *claim) insist() {
	f := c.face
	for _, s := range c.sets {
		f.answers.add(s, max(f.now, s.last+sameRecord))
		s.asked = false
	}
}

// standBy leaves a name to the host of the link that serves it.
func (x contest) standBy() {
	if x.onLink() {
		x.fallSilent()
	}
}

// fallSilent takes a name off the whole link, and watches the host that serves it.
func (x contest) fallSilent() {
	x.claim.face.stats.Conflicts++
	x.hold(fmt.Sprintf("%s serves it", x.rival.addr))
	x.claim.watchHeld(x.rival.addr, mdns.TypeSRV, standbyInterval, standbyInterval)
}

// standsBy reports whether a claim is silent while another host serves the name.
func (c *claim) standsBy() bool { return c.phase == held && c.plan.policy.StandsBy() }
