package responder

import (
	"fmt"
	"net/netip"
	"time"

	"announcer/internal/mdns"
)

// When there are this many conflicts in so much time, so long is waited before each further attempt (RFC 6762 §8.1),
// until there were none for a while.
const (
	conflictMost  = 15
	conflictTime  = 10 * time.Second
	conflictPause = 5 * time.Second
	conflictCalm  = time.Minute
)

// conflictLog knows whether there were too many conflicts lately.
type conflictLog struct {
	at     [conflictMost]moment // of the last conflicts, in a ring
	count  int
	latest moment
	many   bool
}

func (l *conflictLog) add(now moment) {
	if now-l.latest > conflictCalm {
		*l = conflictLog{}
	}
	l.at[l.count%conflictMost], l.latest = now, now
	l.count++
	l.many = l.many || l.count >= conflictMost && l.at[l.count%conflictMost] > now-conflictTime
}

// after returns the time for another attempt after a conflict.
func (l *conflictLog) after(at moment) moment {
	if l.many {
		return max(at, l.latest+conflictPause)
	}
	return at
}

// correct announces our data again where caches have just got what we said before.
func (c *claim) correct(t mdns.Type) {
	for _, s := range c.sets {
		if s.live && s.kind() == t {
			c.face.answers.again(s)
		}
	}
}

// differs describes the record of a rival beside ours.
func (a assertion) differs() string {
	data, ok := a.claim.face.r.reader.Value(a.rec)
	if !ok {
		return ""
	}
	for _, s := range a.claim.sets {
		if s.kind() == a.rec.Type {
			return fmt.Sprintf(" with %s %s, where ours is %s", a.rec.Type, data, s.records[0].Data)
		}
	}
	return fmt.Sprintf(" with %s %s", a.rec.Type, data)
}

// defend probes again for a name that another host contradicts: the host that answers the probe keeps it (RFC 6762 §9).
func (x contest) defend() {
	r := x.claim.face.r
	r.stats.Conflicts++
	r.conflicts.add(r.now)
	x.restart(r.conflicts.after(r.now + r.random(0, probeJitter)))
}

// yield waits a second before it probes again for a name that another host probes for with greater data (RFC 6762
// §8.2). What is announced already stays so: the other host hears of it.
func (x contest) yield() {
	f := x.claim.face
	if x.claim.live {
		x.claim.probe(f.now + tieBreakWait)
		return
	}
	x.restart(f.now + tieBreakWait)
}

// restart takes a name off the link, without goodbyes, and begins to probe for it at a time.
func (x contest) restart(at moment) {
	for _, other := range x.claim.namesakes() {
		if other.phase != held {
			other.contested(x.rival.addr)
			other.silence(false)
			other.probe(at)
			other.noteDependents()
		}
	}
}

// A name that is contested for longer than this, with pauses no longer than that, is kept off by another host.
const (
	contestTime  = 5 * time.Second
	contestPause = 10 * time.Second
	contestAsk   = 2 * time.Second // after which that host is asked directly, so that its hardware address gets known
)

// quarrel is how long a name has been contested, and by whom.
type quarrel struct {
	since, last moment
	by          netip.Addr
	asked       bool
}

// contested notes that another host contests the name.
func (c *claim) contested(by netip.Addr) {
	now, h := c.face.now, c.changing()
	if h.quarrel == nil || now-h.quarrel.last > contestPause {
		h.quarrel = &quarrel{since: now}
	}
	q := h.quarrel
	q.last, q.by = now, by
	if now-q.since >= contestAsk && !q.asked && c.face.carries(by) && c.face.link.onLink(by) {
		q.asked = true
		c.face.start(c.face.limit(), 0).Question(c.plan.name, mdns.TypeANY, false)
		c.face.unicast(netip.AddrPortFrom(by, mdns.Port), netip.Addr{})
	}
}

// keptOff returns why a name is kept off the link, the one of the claim or of the host that it needs: another host contests it
// again and again, or has each name that is tried. It returns nil if none does.
func (c *claim) keptOff() *loss {
	if q := c.past().quarrel; q != nil && c.phase == probing && !c.live && q.last-q.since >= contestTime {
		return &loss{q.by, fmt.Sprintf("%s contests the name %q again and again", q.by, c.plan.name)}
	}
	if because := c.nameless(); because != nil && !c.live {
		return because
	}
	if host := c.face.zone.claim(c.plan.needs); host != nil && host.plan.kind != service {
		return host.keptOff()
	}
	return nil
}

// nameless returns why the service or host of a claim gets no name; nil if it may get one.
func (c *claim) nameless() *loss {
	n := &c.face.r.names
	switch {
	case c.plan.kind == hostName:
		return n.nameless("")
	case c.plan.kind == service && len(c.slots) > 0:
		return n.nameless(c.slots[0].instance.ID)
	}
	return nil
}

// noteDependents reports the change of a host to the services on it.
func (c *claim) noteDependents() {
	if c.plan.kind == service {
		return
	}
	for _, other := range c.face.claims {
		if other.plan.needs == c.plan.key {
			other.note()
		}
	}
}

// giveWay leaves a name to the host that has it, and takes another one.
func (x contest) giveWay() {
	why, f := x.lose(), x.claim.face
	if x.claim.plan.kind == hostName {
		f.r.names.renameHost(f, x.claim, x.rival.addr, why)
	} else {
		f.r.names.rename(f, x.claim, x.rival.addr, why)
	}
}

// stayOff leaves a name to the host that has it, and watches for its end to have it back.
func (x contest) stayOff() {
	x.lose()
	x.claim.watchHeld(x.rival.addr, mdns.TypeANY, firstInterval, wantedInterval)
}

// lose takes a name that another host has off the link, without goodbyes: they would hurt that host. It returns who has
// the name.
func (x contest) lose() (why string) {
	r := x.claim.face.r
	r.stats.Conflicts++
	r.conflicts.add(r.now)
	why = fmt.Sprintf("%s has the name %q%s", x.rival.addr, x.claim.plan.name, x.rival.what)
	x.hold(why)
	return why
}

// hold takes a name off the link, without goodbyes.
func (x contest) hold(why string) {
	because := &loss{x.rival.addr, why}
	for _, other := range x.claim.namesakes() {
		other.hold(because)
	}
}
