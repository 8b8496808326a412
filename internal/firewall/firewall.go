// Package firewall finds the packet filter rule of this host that drops multicast DNS. [Read] runs the tools that list the
// rules; [Rules.Judge], which is pure, follows a packet through them.
package firewall

import (
	"slices"

	"announcer/internal/publication"
)

// Packet is a multicast DNS packet of which only this much is known: UDP from port 5353 to port 5353 of the group.
type Packet struct {
	Interface string
	Version   publication.IPVersion
	Out       bool // this host sends it
}

// Verdict is what becomes of a packet.
type Verdict uint8

// The verdicts.
const (
	Passes  Verdict = iota
	MayDrop         // it depends on what is not known, such as the address of its sender
	Drops           // of any host
)

// depthMost is the most chains that jump from one to the next.
const depthMost = 16

// Rules are the rules of this host that packets pass. The zero value has none.
type Rules struct {
	bases  []*chain // where packets begin
	chains map[string]*chain
}

// chain is a list of rules.
type chain struct {
	name     string // for people
	out      bool   // of packets that this host sends; of others if not
	versions []publication.IPVersion
	on       string // the only interface; "" for all
	drops    bool   // what no rule accepts
	rules    []rule
}

// rule is one rule.
type rule struct {
	text       string // for people
	conditions []condition
	action     action
	target     string // the chain that [jump] and [follow] go to
}

// action is what a rule does with a packet that fulfils its conditions.
type action uint8

const (
	goOn action = iota
	accept
	drop
	back
	jump   // and come back
	follow // and don't come back
)

// answer is whether a packet fulfils a condition.
type answer uint8

const (
	no answer = iota
	unknown
	yes
)

type condition func(Packet) answer

// not is the opposite of a condition.
func (c condition) not() condition {
	return func(p Packet) answer { return yes - c(p) }
}

// is is a condition that is known without a packet.
func is(a answer) condition { return func(Packet) answer { return a } }

// which returns yes or no.
func which(fulfilled bool) answer {
	if fulfilled {
		return yes
	}
	return no
}

// either is the condition that one of some is fulfilled.
func either(all []condition) condition {
	return func(p Packet) answer {
		best := no
		for _, c := range all {
			best = max(best, c(p))
		}
		return best
	}
}

// matches reports whether a packet fulfils all conditions.
func (r rule) matches(p Packet) answer {
	worst := yes
	for _, c := range r.conditions {
		worst = min(worst, c(p))
	}
	return worst
}

// fates are the things that can become of a packet in a chain, of which one happens.
type fates struct {
	accepted, ended, returned bool // ended: it came to the end of the chain
	dropped                   string
}

// Judge returns what becomes of a packet, and the first rule that drops it, for people; "" if none does.
func (rs Rules) Judge(p Packet) (v Verdict, by string) {
	for _, c := range rs.bases {
		if c.out != p.Out || !slices.Contains(c.versions, p.Version) || c.on != "" && c.on != p.Interface {
			continue
		}
		f := rs.walk(c, p, 0)
		if c.drops && (f.ended || f.returned) && f.dropped == "" {
			f.dropped = "the policy of " + c.name
		}
		survives := f.accepted || !c.drops && (f.ended || f.returned)
		switch {
		case f.dropped != "" && !survives:
			return Drops, f.dropped
		case f.dropped != "" && v == Passes:
			v, by = MayDrop, f.dropped
		}
	}
	return v, by
}

// walk follows a packet through a chain.
func (rs Rules) walk(c *chain, p Packet, depth int) (f fates) {
	if c == nil || depth > depthMost {
		return fates{accepted: true, ended: true} // nothing is known
	}
	for _, r := range c.rules {
		matches := r.matches(p)
		if matches == no {
			continue
		}
		then := rs.do(r, p, depth)
		f.accepted = f.accepted || then.accepted
		f.returned = f.returned || then.returned
		if f.dropped == "" {
			f.dropped = then.dropped
		}
		if matches == yes && !then.ended {
			return f
		}
	}
	f.ended = true
	return f
}

// do returns what becomes of a packet that fulfils the conditions of a rule.
func (rs Rules) do(r rule, p Packet, depth int) fates {
	switch r.action {
	case accept:
		return fates{accepted: true}
	case drop:
		return fates{dropped: r.text}
	case back:
		return fates{returned: true}
	case jump:
		f := rs.walk(rs.chains[r.target], p, depth+1)
		f.ended, f.returned = f.ended || f.returned, false
		return f
	case follow:
		f := rs.walk(rs.chains[r.target], p, depth+1)
		f.ended, f.returned = false, f.ended || f.returned
		return f
	}
	return fates{ended: true}
}

// Join returns the rules of several lists. Their chains have different names.
func Join(lists ...Rules) Rules {
	joined := Rules{chains: map[string]*chain{}}
	for _, rs := range lists {
		joined.bases = append(joined.bases, rs.bases...)
		for name, c := range rs.chains {
			joined.chains[name] = c
		}
	}
	return joined
}
