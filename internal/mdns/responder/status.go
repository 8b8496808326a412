package responder

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"announcer/internal/mdns"
	"announcer/services"
)

// slot is how a service stands on a link.
type slot struct {
	standing
	instance *mdns.Instance
	link     int       // index of the interface
	since    time.Time // it has had its name and state
	claims   []*claim  // one per IP version
	seen     uint32    // the plan that last had it
	told     bool      // how it stands was worked out once
}

// standing is the name of a service on a link with its state, and the reason if there is one.
type standing struct {
	name  string
	state mdns.State
	why   string
	rival netip.Addr // that has the name wanted
}

// status returns how the service stands.
func (s *slot) status() mdns.ServiceStatus {
	in := s.instance
	l, _ := in.Links.ByIndex(s.link)
	return mdns.ServiceStatus{
		ID: in.ID, Service: in.Index, Type: in.Service.Type, Wanted: in.Wanted, Link: l.Name,
		Name: s.name, State: s.state, Since: s.since, Why: s.why, Rival: s.rival,
	}
}

// board shows how the services stand, and what has happened.
type board struct {
	*clock
	slots  [][]*slot // of each instance, one per link
	before [][]*slot // in the plan before, while one is made
	placed []*slot   // by the plan, on links that it looks at
	events []mdns.Event
	missed uint64 // events that found no room
}

// status returns how each service stands on each link, in the order of the groups and links.
func (b *board) status() []mdns.ServiceStatus {
	all := slices.Concat(b.slots...)
	status := make([]mdns.ServiceStatus, len(all))
	for i, s := range all {
		status[i] = s.status()
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
func (b *board) event(kind mdns.EventKind, of mdns.ServiceStatus, rival netip.Addr, detail string) {
	if len(b.events) >= eventsMost {
		b.missed++
		return
	}
	b.events = append(b.events, mdns.Event{
		Time: b.date(b.now), Kind: kind, ID: of.ID, Service: of.Service, Type: of.Type,
		Name: of.Name, Link: of.Link, Detail: detail, Rival: rival,
	})
}

// place makes a slot for each instance and each of its links. Those on links that are stirred get their claims from the plan.
func (b *board) place(instances []mdns.Instance, round uint32, isStirred func(link int) bool) [][]*slot {
	before := map[serviceKey][]*slot{}
	for _, slots := range b.slots {
		if len(slots) > 0 {
			before[keyOf(slots[0].instance)] = slots
		}
	}
	b.before, b.slots, b.placed = b.slots, make([][]*slot, len(instances)), nil
	for i := range instances {
		in := &instances[i]
		old := before[keyOf(in)]
		b.slots[i] = make([]*slot, len(in.Links))
		at := -1 // in old
		for j, l := range in.Links {
			var s *slot
			if k := find(old, l.Index, at+1); k < 0 {
				s = &slot{link: l.Index}
			} else {
				s, at = old[k], k
			}
			s.instance, s.seen = in, round
			if isStirred(l.Index) {
				s.claims = s.claims[:0]
				b.placed = append(b.placed, s)
			}
			b.slots[i][j] = s
		}
	}
	return b.slots
}

// serviceKey names a service.
type serviceKey struct {
	id    string // of the publication
	index int    // in its group
}

func keyOf(in *mdns.Instance) serviceKey { return serviceKey{in.ID, in.Index} }

// find returns the position of the slot of a link, -1 if there is none. It looks at a position first, which is right if the links
// are in the order that they had, and then behind it.
func find(slots []*slot, link, first int) int {
	for i := range slots {
		at := (first + i) % len(slots)
		if slots[at].link == link {
			return at
		}
	}
	return -1
}

// finish reports the news of a plan: of the services that are there, and of those that went.
func (b *board) finish(round uint32) {
	for _, s := range b.placed {
		b.refresh(s)
	}
	var gone []mdns.ServiceStatus
	for _, s := range slices.Concat(b.before...) {
		if s.seen != round && s.state == mdns.Announced {
			gone = append(gone, s.status())
		}
	}
	b.before, b.placed = nil, nil
	slices.SortFunc(gone, compareStatus)
	for _, status := range gone {
		b.event(mdns.ServiceWithdrawn, status, netip.Addr{}, "")
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
	before := s.standing
	s.standing = s.stands()
	if s.told && before.state == s.state && before.name == s.name {
		return
	}
	s.since = b.date(b.now)
	if s.told && before.name != s.name {
		b.event(mdns.ServiceRenamed, s.status(), s.rival, fmt.Sprintf("it was %q before", before.name))
	}
	s.told = true
	switch s.state {
	case mdns.Announced:
		b.event(mdns.ServiceAnnounced, s.status(), netip.Addr{}, "")
	case mdns.StandingBy:
		b.event(mdns.ServiceStandingBy, s.status(), s.rival, s.why)
	case mdns.Refused:
		b.event(mdns.ServiceRefused, s.status(), s.rival, s.why)
	}
}

// stands returns how a service stands now.
func (s *slot) stands() standing {
	in := s.instance
	now := standing{name: in.Label, state: in.State, why: in.Why}
	if in.State != mdns.Probing {
		return now
	}
	if len(s.claims) == 0 {
		now.state, now.why = mdns.Refused, s.noClaim()
		return now
	}
	announced := 0
	for _, c := range s.claims {
		off := c.keptOff()
		switch {
		case c.phase == held && !c.plan.policy.Renames():
			now.state, now.why, now.rival = mdns.Refused, c.past().loss.why, c.past().loss.rival
			if c.plan.policy.StandsBy() {
				now.state = mdns.StandingBy
			}
			return now
		case off != nil:
			now.state, now.why, now.rival = mdns.Refused, off.why, off.rival
			return now
		case c.live:
			announced++
		}
	}
	if announced == len(s.claims) {
		now.state = mdns.Announced
	}
	if move := s.claims[0].face.r.renamed[in.ID]; move != nil && in.Label != in.Wanted {
		now.why, now.rival = move.why, move.rival
	}
	return now
}

func (s *slot) noClaim() string {
	l, _ := s.instance.Links.ByIndex(s.link)
	var faults []string
	for _, fault := range l.Faults {
		if fault.Version.Carries(s.instance.Service.Protocol) {
			faults = append(faults, fault.String())
		}
	}
	if len(faults) > 0 {
		return strings.Join(faults, "; ")
	}
	if s.instance.Service.Protocol == services.AnyProtocol && s.instance.Name().IsZero() {
		return fmt.Sprintf("the full name with %q is too long", s.instance.Label)
	}
	return mdns.Lack(l, s.instance.Service.Protocol)
}

func compareStatus(a, b mdns.ServiceStatus) int {
	return slices.Compare([]string{a.ID, a.Link, a.Type.String()}, []string{b.ID, b.Link, b.Type.String()})
}
