package responder

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"announcer/internal/mdns"
	"announcer/services"
)

// slot is how a service stands on a link.
type slot struct {
	status   mdns.ServiceStatus
	instance *mdns.Instance
	claims   []*claim // one per IP version
	seen     uint32   // the plan that last had it
	told     bool     // status was set once
}

type slotKey struct {
	id          string
	index, link int
}

// board shows how the services stand, and what has happened.
type board struct {
	*clock
	slots  []*slot
	index  map[slotKey]*slot
	placed []*slot // by the plan, on links that it looks at
	events []mdns.Event
	missed uint64 // events that found no room
}

// status returns how each service stands on each link, in the order of the groups and links.
func (b *board) status() []mdns.ServiceStatus {
	status := make([]mdns.ServiceStatus, len(b.slots))
	for i, s := range b.slots {
		status[i] = s.status
	}
	return status
}

// take returns what happened since the last call.
func (b *board) take() []mdns.Event {
	events := b.events
	b.events = nil
	return events
}

// eventsMost is the most events kept for a caller who does not fetch them.
const eventsMost = mdns.EventsMost

// event adds what has happened to a service.
func (b *board) event(kind mdns.EventKind, s *slot, rival netip.Addr, detail string) {
	if len(b.events) >= eventsMost {
		b.missed++
		return
	}
	b.events = append(b.events, mdns.Event{
		Time: b.date(b.now), Kind: kind, ID: s.status.ID, Service: s.status.Service, Type: s.status.Type,
		Name: s.status.Name, Link: s.status.Link, Detail: detail, Rival: rival,
	})
}

// place makes a slot for each instance and each of its links. Those on links that are stirred get their claims from the plan.
func (b *board) place(instances []mdns.Instance, round uint32, isStirred func(link int) bool) [][]*slot {
	b.slots, b.placed = b.slots[:0], nil
	placed := make([][]*slot, len(instances))
	for i := range instances {
		in := &instances[i]
		for _, l := range in.Links {
			key := slotKey{in.ID, in.Index, l.Index}
			s := b.index[key]
			if s == nil {
				s = &slot{}
				b.index[key] = s
			}
			s.instance, s.seen = in, round
			if isStirred(l.Index) {
				s.claims = s.claims[:0]
				b.placed = append(b.placed, s)
			}
			s.status.ID, s.status.Service, s.status.Type = in.ID, in.Index, in.Service.Type
			s.status.Wanted, s.status.Link = in.Wanted, l.Name
			placed[i] = append(placed[i], s)
			b.slots = append(b.slots, s)
		}
	}
	return placed
}

// finish reports the news of a plan: of the services that are there, and of those that went.
func (b *board) finish(round uint32) {
	for _, s := range b.placed {
		b.refresh(s)
	}
	b.placed = nil
	if len(b.index) == len(b.slots) {
		return
	}
	var gone []*slot
	for key, s := range b.index {
		if s.seen != round {
			delete(b.index, key)
			gone = append(gone, s)
		}
	}
	slices.SortFunc(gone, func(a, b *slot) int { return compareStatus(a.status, b.status) })
	for _, s := range gone {
		if s.status.State == mdns.Announced {
			b.event(mdns.ServiceWithdrawn, s, netip.Addr{}, "")
		}
	}
}

// note notifies the places that a claim stands for of its change.
func (c *claim) note() {
	for _, s := range c.slots {
		c.face.r.board.refresh(s)
	}
}

// refresh works out how a service stands on its link, and reports what is new.
func (b *board) refresh(s *slot) {
	before := s.status
	now := s.standing()
	s.status.Name, s.status.State, s.status.Why, s.status.Rival = now.Name, now.State, now.Why, now.Rival
	if s.told && before.State == now.State && before.Name == now.Name {
		return
	}
	s.status.Since = b.date(b.now)
	if s.told && before.Name != now.Name {
		b.event(mdns.ServiceRenamed, s, now.Rival, fmt.Sprintf("it was %q before", before.Name))
	}
	s.told = true
	switch now.State {
	case mdns.Announced:
		b.event(mdns.ServiceAnnounced, s, netip.Addr{}, "")
	case mdns.StandingBy:
		b.event(mdns.ServiceStandingBy, s, now.Rival, now.Why)
	case mdns.Refused:
		b.event(mdns.ServiceRefused, s, now.Rival, now.Why)
	}
}

// standing returns name, state and reason.
func (s *slot) standing() mdns.ServiceStatus {
	in := s.instance
	now := mdns.ServiceStatus{Name: in.Label, State: in.State, Why: in.Why}
	if in.State != mdns.Probing {
		return now
	}
	if len(s.claims) == 0 {
		now.State, now.Why = mdns.Refused, s.noClaim()
		return now
	}
	announced := 0
	for _, c := range s.claims {
		switch {
		case c.phase == held && !c.plan.policy.Renames():
			now.State, now.Why, now.Rival = mdns.Refused, c.loss.why, c.loss.rival
			if c.plan.policy.StandsBy() {
				now.State = mdns.StandingBy
			}
			return now
		case c.keptOff() != nil:
			off := c.keptOff()
			now.State, now.Rival = mdns.Refused, off.quarrel.by
			now.Why = fmt.Sprintf("%s contests the name %q again and again", off.quarrel.by, off.node.name)
			return now
		case c.live:
			announced++
		}
	}
	if announced == len(s.claims) {
		now.State = mdns.Announced
	}
	if move := s.claims[0].face.r.renamed[in.ID]; move != nil && in.Label != in.Wanted {
		now.Why, now.Rival = move.why, move.rival
	}
	return now
}

func (s *slot) noClaim() string {
	l, _ := s.instance.Links.ByName(s.status.Link)
	var faults []string
	for _, fault := range l.Faults {
		if fault.Version.Carries(s.instance.Service.Protocol) {
			faults = append(faults, fault.String())
		}
	}
	if len(faults) > 0 {
		return strings.Join(faults, "; ")
	}
	switch s.instance.Service.Protocol {
	case services.IPv4:
		return mdns.NoIPv4Address
	case services.IPv6:
		return mdns.NoIPv6Address
	}
	if s.instance.Name().IsZero() {
		return fmt.Sprintf("the full name with %q is too long", s.instance.Label)
	}
	return mdns.NoAddress
}

func compareStatus(a, b mdns.ServiceStatus) int {
	return slices.Compare([]string{a.ID, a.Link, a.Type.String()}, []string{b.ID, b.Link, b.Type.String()})
}
