package responder

import (
	"fmt"
	"net/netip"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// Standby compares senders, not data: the two hosts usually hold the same files. Who serves a name keeps it;
// of two that wake at once the lower source address serves. Where both hosts have both IP versions, the IPv4 one decides;
// where they have several networks in common, the lowest does.
const (
	reviewWait  = 150 * time.Millisecond // in which the same host may be heard by IPv4 too
	reviewSight = 10 * time.Second       // in which a host heard by IPv4, or in a lower network, decides
)

// review is how a claim stands with a host that wants to serve its name too. It is in the queue while it is put off which of
// the two hosts serves.
type review struct {
	timer
	contest
	met moment     // when that host was last heard
	own netip.Addr // our address in the network of that host
}

// serves reports whether the record shows that another host serves a name that we stand by for.
func (a assertion) serves() bool {
	r, kind := a.claim.face.r, a.rec.Type
	return (kind == mdns.TypeSRV || kind == mdns.TypeTXT) && (!a.claim.pointsHere() || !r.echo(&r.reader, a.rec))
}

// pointsHere reports whether a service is one of this host by name, so that its data is no other host's. Two hosts that
// stand by for one another may announce a third one in the same words.
func (c *claim) pointsHere() bool { return c.plan.needs == mdns.HostName(c.face.r.host).Key() }

// elect decides which of two hosts serves that both want to.
func (x contest) elect() {
	c, f := x.claim, x.claim.face
	if !x.onLink() {
		return
	}
	own := f.sources.To(x.rival.addr)
	h := c.changing()
	if c.hasMet(f.now) && h.review.own.Less(own) {
		return // the hosts have met in a lower network
	}
	if h.review == nil {
		h.review = &review{}
	}
	h.review.met, h.review.own = f.now, own
	if f.version == publication.V6 && c.namesakes().byIPv4() != nil {
		h.review.contest = x
		f.r.reviews.set(h.review, f.now+reviewWait)
		return
	}
	x.decide()
}

// onLink reports whether the rival is a host of the link: only those stand by for one another.
func (x contest) onLink() bool { return x.claim.face.link.onLink(x.rival.addr) }

// hasMet reports whether a host that wants to serve the name too was heard lately.
func (c *claim) hasMet(now moment) bool {
	review := c.past().review
	return review != nil && now-review.met <= reviewSight
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
		other := c.namesakes().byIPv4()
		if c.node.claim == c && c.phase != held && (other == nil || !other.hasMet(now)) {
			v.decide()
		}
	}
}

// decide elects the host with the lower source address.
func (x contest) decide() {
	c, f := x.claim, x.claim.face
	lower := x.rival.addr.Less(f.sources.To(x.rival.addr))
	switch {
	case lower && c.phase == probing && !c.live:
		x.restart(f.now + tieBreakWait) // until then the other one serves, or is gone
	case lower:
		x.fallSilent()
	case c.live:
		for _, s := range c.sets {
			f.answers.again(s) // so that the other one hears that the name is served
		}
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
