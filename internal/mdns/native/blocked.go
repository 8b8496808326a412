package native

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/publication"
)

// Where no multicast can be sent, a packet that asks for nothing is sent again and again until one goes out. If none has
// for blockedAfter, the IP version of that link is a fault; otherwise what was lost meanwhile is said again.
const (
	blockedAfter = 3 * time.Second
	blockedTest  = time.Second      // between two such packets before that
	blockedAgain = 10 * time.Second // and after it
	repeatPause  = 12 * time.Second // at least, between two times that something is said again: longer than until goodbyes for it
)

// emptyQuery is a message without a question (RFC 1035 §4.1.1).
var emptyQuery = make([]byte, 12)

// leg is an IP version of a link.
type leg struct {
	link    int
	version publication.IPVersion
}

// blockade is why no multicast can be sent on a leg: a firewall, for example.
type blockade struct {
	since, test time.Time
	why         error
	isFault     bool
}

// blockades are the legs on which no multicast can be sent.
type blockades map[leg]*blockade

// next returns when to test one, zero if there is none.
func (b blockades) next() (at time.Time) {
	for _, one := range b {
		at = earliest(at, one.test)
	}
	return at
}

// legs returns some of the legs, in order.
func (b blockades) legs(are func(*blockade) bool) (legs []leg) {
	for at, one := range b {
		if are(one) {
			legs = append(legs, at)
		}
	}
	slices.SortFunc(legs, func(a, b leg) int { return cmp.Or(cmp.Compare(a.link, b.link), cmp.Compare(a.version, b.version)) })
	return legs
}

// faults returns those that have lasted, in order.
func (b blockades) faults() (faults []link.Fault) {
	for _, at := range b.legs(func(one *blockade) bool { return one.isFault }) {
		faults = append(faults, link.Fault{Link: at.link, Version: at.version, Why: whyBlocked(b[at].why)})
	}
	return faults
}

// whyBlocked returns why nothing can be sent, for people.
func whyBlocked(err error) string {
	why := fmt.Sprintf("no packet can be sent: %v", err)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		why += "; look for a firewall (outgoing UDP port 5353)"
	}
	return why
}

// block notes where multicasts were lost.
func (p *Publisher) block(now time.Time, lost []link.Packet) {
	for i := range lost {
		out := &lost[i]
		at := leg{out.Link, out.Version()}
		if p.blockades[at] == nil && p.desired != nil && out.Multicast() && p.isLoss(out) {
			test := now.Add(blockedTest)
			if rested := p.repeated.Add(repeatPause); rested.After(test) {
				test = rested
			}
			p.blockades[at] = &blockade{since: now, test: test, why: out.Err}
		}
	}
}

// isLoss reports whether a packet was lost that would be sent another time.
func (p *Publisher) isLoss(out *link.Packet) bool {
	if errors.Is(out.Err, link.ErrNoSocket) {
		return true
	}
	return p.isFailure(out) && !errors.Is(out.Err, syscall.EMSGSIZE)
}

// retestBlockades tries to send at once where nothing could be sent.
func (p *Publisher) retestBlockades(now time.Time) {
	for _, b := range p.blockades {
		b.test = now
	}
	p.testBlockades(now)
}

// testBlockades tries to send where nothing could be sent, when it is time.
func (p *Publisher) testBlockades(now time.Time) {
	due := p.blockades.legs(func(b *blockade) bool { return !now.Before(b.test) })
	if len(due) == 0 {
		return
	}
	for _, at := range due {
		b := p.blockades[at]
		if !p.speaksOn(at) {
			delete(p.blockades, at)
			continue
		}
		test := []link.Packet{{Data: emptyQuery, Link: at.link, To: mdns.Group(at.version)}}
		if p.config.Conn.Write(test) == 1 {
			delete(p.blockades, at)
			p.sayAgain(now, at, b)
			continue
		}
		lasts := now.Sub(b.since) >= blockedAfter
		b.why = test[0].Err
		b.isFault = lasts && !errors.Is(b.why, link.ErrNoSocket) // which is one already
		b.test = now.Add(blockedTest)
		if lasts {
			b.test = now.Add(blockedAgain)
		}
	}
	p.blocked = p.blockades.faults()
}

// sayAgain has the responder say again what was lost on a leg that has become passable, unless it does that anyway since it was
// a fault.
func (p *Publisher) sayAgain(now time.Time, at leg, b *blockade) {
	if !b.isFault {
		p.repeated = now
		p.responder.Repeat(now, at.link, at.version)
	}
}

// speaksOn reports whether there is a leg that should be spoken on.
func (p *Publisher) speaksOn(at leg) bool {
	if p.desired == nil {
		return false
	}
	l, ok := p.desired.Links.ByIndex(at.link)
	return ok && l.Has(at.version)
}
