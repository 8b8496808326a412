package responder

import (
	"net/netip"

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

// contest is a claim that meets a rival.
type contest struct {
	claim *claim
	rival rival
}

// meet does what the policy of the claim asks for. A name belongs to a link: what happens to a claim on one IP version
// happens to the one on the other, too.
func (x contest) meet(s situation) { reaction(x.claim.plan.policy, s)(x) }

// reaction returns what a policy does in a situation. This is the only place where policies are told apart: one that is new
// has no reaction until it has its case here.
func reaction(p publication.Policy, s situation) func(contest) {
	switch p {
	case publication.Rename:
		switch s {
		case rivalWhileProbing:
			return contest.giveWay
		case rivalWhileAnnounced:
			return contest.defend
		case simultaneousProbe:
			return contest.yield
		}
	case publication.Fail:
		switch s {
		case rivalWhileProbing:
			return contest.stayOff
		case rivalWhileAnnounced:
			return contest.defend
		case simultaneousProbe:
			return contest.yield
		}
	case publication.Standby:
		switch s {
		case rivalWhileProbing:
			return contest.standBy
		case rivalWhileAnnounced, simultaneousProbe:
			return contest.elect
		}
	}
	return nil
}

// situation returns how a claim meets a host that announces its name; ok is false if that means nothing: the name was
// given up, or is not asked for yet (RFC 6762 §8.1).
func (c *claim) situation() (s situation, ok bool) {
	switch {
	case c.phase == held:
		return 0, false
	case c.asking() && !(c.live && c.plan.policy.StandsBy()):
		return rivalWhileProbing, true
	case c.live || c.phase == parked:
		return rivalWhileAnnounced, true
	}
	return 0, false
}

// confront takes a record that another host announces under a name of ours. different reports that it is none of our
// own records.
func (c *claim) confront(rec wire.Resource, src netip.Addr, different bool) {
	f := c.face
	s, ok := c.situation()
	if !ok {
		return
	}
	switch in := &f.r.reader; {
	case c.plan.policy.StandsBy() && c.served(rec):
		contest{c, rival{addr: src}}.meet(s)
	case !different, !c.contradicts(rec, src), f.r.faces.say(in, rec):
	case f.r.past.said(in, rec):
		c.correct(rec.Type)
	case !c.plan.policy.StandsBy():
		contest{c, rival{src, c.differs(rec)}}.meet(s)
	}
}
