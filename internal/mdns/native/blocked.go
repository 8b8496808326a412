package native

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/publication"
)

// Where no multicast can be sent, a packet that asks for nothing is sent again and again until one goes out. If none has
// for blockedAfter, the IP version of that link is a fault.
const (
	blockedAfter = 3 * time.Second
	blockedTest  = time.Second      // between two such packets before that
	blockedAgain = 10 * time.Second // and after it
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

// legs returns the legs in order.
func (b blockades) legs() []leg {
	return slices.SortedFunc(maps.Keys(b), func(a, b leg) int { return cmp.Or(cmp.Compare(a.link, b.link), cmp.Compare(a.version, b.version)) })
}

// faults returns those that have lasted, in order.
func (b blockades) faults() (faults []link.Fault) {
	for _, at := range b.legs() {
		if b[at].isFault {
			faults = append(faults, link.Fault{Link: at.link, Version: at.version, Why: whyBlocked(b[at].why)})
		}
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

// noteBlockades notes on which legs multicasts of the batch could be sent, and on which not.
func (p *Publisher) noteBlockades(now time.Time) {
	for i := range p.packets {
		out := &p.packets[i]
		at := leg{out.Link, out.Version()}
		b := p.blockades[at]
		switch {
		case !out.Multicast():
		case out.Err == nil && b != nil && !b.isFault:
			delete(p.blockades, at)
		case out.Err != nil && b == nil && p.desired != nil && p.isFailure(out) && !noRoom(out.Err):
			p.blockades[at] = &blockade{since: now, test: now.Add(blockedTest), why: out.Err}
		}
	}
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
	for _, at := range p.blockades.legs() {
		b := p.blockades[at]
		if now.Before(b.test) {
			continue
		}
		test := []link.Packet{{Data: emptyQuery, Link: at.link, To: mdns.Group(at.version)}}
		if !p.speaksOn(at) || p.config.Conn.Write(test) == 1 {
			delete(p.blockades, at)
			continue
		}
		b.why, b.isFault = test[0].Err, now.Sub(b.since) >= blockedAfter
		b.test = now.Add(blockedTest)
		if b.isFault {
			b.test = now.Add(blockedAgain)
		}
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
