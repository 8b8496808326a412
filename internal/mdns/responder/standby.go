package responder

import (
	"fmt"
	"net/netip"
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
	claim *claim
	rival netip.Addr
}

// served reports whether a record shows that another host serves a name that we stand by for.
func (f *face) served(c *claim, rec wire.Resource) bool {
	return (rec.Type == mdns.TypeSRV || rec.Type == mdns.TypeTXT) && (!f.pointsHere(c) || !f.r.echo(&f.r.reader, rec))
}

// pointsHere reports whether a service is one of this host by name, so that its data is no other host's. Two hosts that
// stand by for one another may announce a third one in the same words.
func (f *face) pointsHere(c *claim) bool { return c.plan.needs == mdns.HostName(f.r.host).Key() }

// elect decides which of two hosts serves that both want to.
func (f *face) elect(c *claim, rival netip.Addr) {
	own := f.sources.To(rival)
	if f.r.now-c.rivalAt < reviewSight && c.ownThere.Less(own) {
		return // the hosts have met in a lower network
	}
	c.rivalAt, c.ownThere = f.r.now, own
	if f.version == publication.V6 && f.byIPv4(c) != nil {
		f.r.reviews.set(c.reviewOf(rival), f.r.now+reviewWait)
		return
	}
	f.decide(c, rival)
}

// byIPv4 gives the claim on the same name by IPv4.
func (f *face) byIPv4(c *claim) *claim {
	for _, other := range f.link.claims(f.r, c.node.key) {
		if other.face.version == publication.V4 {
			return other
		}
	}
	return nil
}

func (c *claim) reviewOf(rival netip.Addr) *review {
	if c.review == nil {
		c.review = &review{claim: c}
	}
	c.review.rival = rival
	return c.review
}

// runReviews decides by IPv6 where the rival was not heard by IPv4.
func (r *Responder) runReviews() {
	for {
		v, ok := r.reviews.due(r.now)
		if !ok {
			return
		}
		r.reviews.remove(v)
		c := v.claim
		other := c.face.byIPv4(c)
		if c.node.claim == c && c.phase != held && (other == nil || other.rivalAt < r.now-reviewSight) {
			c.face.decide(c, v.rival)
		}
	}
}

// decide lets the lower source address serve.
func (f *face) decide(c *claim, rival netip.Addr) {
	lower := rival.Less(f.sources.To(rival))
	switch {
	case lower && c.phase == probing && !c.live:
		f.restart(c, rival, f.r.now+tieBreakWait) // by then the other one serves, or is gone
	case lower:
		f.standBy(c, rival)
	case c.live:
		f.insist(c)
	}
}

// insist announces again, so that the other one hears that the name is served.
func (f *face) insist(c *claim) {
	for _, s := range c.sets {
		f.queue(s, max(f.r.now, s.last+sameRecord))
		s.asked = false
	}
}

// standBy falls silent on the whole link and watches the host that serves.
func (f *face) standBy(c *claim, rival netip.Addr) {
	f.r.stats.Conflicts++
	why := fmt.Sprintf("%s serves it", rival)
	for _, other := range f.link.claims(f.r, c.node.key) {
		other.face.hold(other, rival, why)
	}
	f.watchHeld(c, rival, mdns.TypeSRV, standbyInterval, standbyInterval)
}

// standsBy reports whether a claim is silent while another host serves the name.
func (c *claim) standsBy() bool { return c.phase == held && c.plan.standsBy() }
