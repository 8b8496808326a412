package responder

import (
	"fmt"
	"net/netip"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
)

// situation is how a claim meets another host that has or wants its name.
type situation uint8

const (
	rivalWhileProbing   situation = iota // another host has the name that is probed for (RFC 6762 §8.1)
	rivalWhileAnnounced                  // another host contradicts what is announced (§9)
	simultaneousProbe                    // another host probes for the name, too, and its data is greater (§8.2)
)

// rival is another host that has or wants a name.
type rival struct {
	addr netip.Addr
	what string // how its data differs, "" if unknown
}

// contest does what the policy of a claim asks for. A name belongs to a link: what happens to a claim on one IP version
// happens to the one on the other, too.
func (f *face) contest(c *claim, s situation, by rival) {
	switch c.plan.policy {
	case publication.Rename:
		switch s {
		case rivalWhileProbing:
			f.giveWay(c, by)
		case rivalWhileAnnounced:
			f.defend(c, by)
		case simultaneousProbe:
			f.yield(c, by)
		}
	case publication.Fail:
		switch s {
		case rivalWhileProbing:
			f.stayOff(c, by)
		case rivalWhileAnnounced:
			f.defend(c, by)
		case simultaneousProbe:
			f.yield(c, by)
		}
	case publication.Standby:
		if !f.link.onLink(by.addr) {
			return // hosts of the link stand by for one another
		}
		switch s {
		case rivalWhileProbing:
			f.standBy(c, by.addr)
		case rivalWhileAnnounced, simultaneousProbe:
			f.elect(c, by.addr)
		}
	}
}

// situation returns how a claim meets a host that announces its name; ok is false if that means nothing: the name was
// given up, or is not asked for yet (RFC 6762 §8.1).
func (c *claim) situation() (s situation, ok bool) {
	switch {
	case c.phase == held:
		return 0, false
	case c.asking() && !(c.live && c.plan.standsBy()):
		return rivalWhileProbing, true
	case c.live || c.phase == parked:
		return rivalWhileAnnounced, true
	}
	return 0, false
}

// confront takes a record that another host announces under a name of ours. different reports that it is none of our
// own records.
func (f *face) confront(c *claim, rec wire.Resource, src netip.Addr, different bool) {
	s, ok := c.situation()
	if !ok {
		return
	}
	switch in := &f.r.reader; {
	case c.plan.standsBy() && f.served(c, rec):
		f.contest(c, s, rival{addr: src})
	case !different, !f.contradicts(c, rec, src), f.r.saysNow(in, rec):
	case f.r.saidBefore(in, rec):
		f.correct(c, rec.Type)
	case !c.plan.standsBy():
		f.contest(c, s, rival{src, f.differs(c, rec)})
	}
}

// correct announces our data again where caches have just got what we said before.
func (f *face) correct(c *claim, t mdns.Type) {
	for _, s := range c.sets {
		if s.live && s.kind() == t {
			f.queue(s, max(f.r.now, s.last+sameRecord))
			s.asked = false
		}
	}
}

// differs says what a record of a rival says, and what ours does.
func (f *face) differs(c *claim, rec wire.Resource) string {
	data, ok := f.r.reader.Value(rec)
	if !ok {
		return ""
	}
	for _, s := range c.sets {
		if s.kind() == rec.Type {
			return fmt.Sprintf(" with %s %s, where ours is %s", rec.Type, data, s.records[0].Data)
		}
	}
	return fmt.Sprintf(" with %s %s", rec.Type, data)
}

// defend probes again for a name that another host contradicts: whoever answers the probe keeps it (RFC 6762 §9).
func (f *face) defend(c *claim, by rival) {
	f.r.stats.Conflicts++
	f.restart(c, by.addr, f.pause(f.r.now+f.r.random(0, probeJitter)))
}

// yield waits a second before it probes again for a name that another host probes for with greater data (RFC 6762
// §8.2). What is announced already stays so: the other host hears of it.
func (f *face) yield(c *claim, by rival) {
	if c.live {
		f.probe(c, f.r.now+tieBreakWait)
		return
	}
	f.restart(c, by.addr, f.r.now+tieBreakWait)
}

// restart takes a name off the link, without goodbyes, and begins to probe for it at a time.
func (f *face) restart(c *claim, by netip.Addr, at moment) {
	for _, other := range f.link.claims(f.r, c.node.key) {
		if other.phase != held {
			other.contested(by)
			other.face.silence(other, false)
			other.face.probe(other, at)
			other.face.noteDependents(other)
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
	now := c.face.r.now
	q := &c.quarrel
	if now-q.last > contestPause {
		q.since, q.asked = now, false
	}
	q.last, q.by = now, by
	if now-q.since >= contestAsk && !q.asked && c.face.carries(by) && c.face.link.onLink(by) {
		q.asked = true
		c.face.start(c.face.limit(), 0).Question(c.node.name, mdns.TypeANY, false)
		c.face.unicast(netip.AddrPortFrom(by, mdns.Port), netip.Addr{})
	}
}

// carries reports whether an address is of the IP version of the face.
func (f *face) carries(a netip.Addr) bool { return a.Is4() == (f.version == publication.V4) }

// keptOff returns the claim that another host keeps off the link by contesting its name again and again: this one, or
// the one of the host that it needs. It returns nil if there is none.
func (c *claim) keptOff() *claim {
	if c.phase == probing && !c.live && c.quarrel.last-c.quarrel.since >= contestTime {
		return c
	}
	if host := c.face.zone[c.plan.needs]; host != nil && host.claim != nil && host.claim.plan.kind != service {
		return host.claim.keptOff()
	}
	return nil
}

// noteDependents reports the change of a host to the services on it.
func (f *face) noteDependents(host *claim) {
	if host.plan.kind == service {
		return
	}
	for _, c := range f.claims {
		if c.plan.needs == host.plan.key {
			c.note()
		}
	}
}

// giveWay leaves a name to the host that has it, and takes another one.
func (f *face) giveWay(c *claim, by rival) {
	why := f.lose(c, by)
	if c.plan.kind == hostName {
		f.r.renameHost(f, c, by.addr, why)
	} else {
		f.r.rename(f, c, by.addr, why)
	}
}

// stayOff leaves a name to the host that has it, and watches for its end to have it back.
func (f *face) stayOff(c *claim, by rival) {
	f.lose(c, by)
	f.watchHeld(c, by.addr, mdns.TypeANY, firstInterval, wantedInterval)
}

// lose takes a name that another host has off the link, without goodbyes: they would hurt that host. It returns who has
// the name.
func (f *face) lose(c *claim, by rival) (why string) {
	f.r.stats.Conflicts++
	f.r.conflicts.add(f.r.now)
	why = fmt.Sprintf("%s has the name %q%s", by.addr, c.node.name, by.what)
	for _, other := range f.link.claims(f.r, c.node.key) {
		other.face.hold(other, by.addr, why)
	}
	return why
}
