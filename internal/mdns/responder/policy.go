package responder

import (
	"net/netip"
	"slices"

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

// reaction returns what a policy does in a situation. This is the only place where policies are distinguished by name: one that
// is new has no reaction until it has its case here. What else the responder asks of a policy are its traits, Renames and
// StandsBy of [publication.Policy].
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

// assertion is a record with which another host announces a name of ours.
type assertion struct {
	claim *claim
	rec   wire.Resource
	src   netip.Addr
}

// confront takes the assertion of another host. different reports that it is none of our own records.
func (a assertion) confront(different bool) {
	c, r := a.claim, a.claim.face.r
	s, ok := c.situation()
	if !ok {
		return
	}
	standby := c.plan.policy.StandsBy()
	switch {
	case standby && a.serves():
		contest{c, rival{addr: a.src}}.meet(s)
	case !different, !a.contradicts(), r.faces.say(&r.reader, a.rec):
	case r.past.said(&r.reader, a.rec):
		c.correct(a.rec.Type)
	case !standby:
		contest{c, rival{a.src, a.differs()}}.meet(s)
	}
}

// meetProbe compares the probe of another host with ours for the same name (RFC 6762 §8.2, §8.2.1).
func (c *claim) meetProbe(p Packet) {
	theirs, echo := c.face.r.proposals(p, c.node.key)
	standby := c.plan.policy.StandsBy()
	if echo && (!standby || c.pointsHere()) {
		return
	}
	ours := proposalsOf(c.trial.proposed)
	// In standby the addresses of the hosts decide, not their data.
	if standby || slices.CompareFunc(ours, theirs, proposal.compare) < 0 {
		contest{c, rival{addr: p.Src.Addr()}}.meet(simultaneousProbe)
	}
}
