package responder

import (
	"net/netip"
	"slices"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// kind says what a claimed name is.
type kind uint8

const (
	service kind = iota
	hostName
	foreignHost // a host whose addresses we publish for it
	reverseName // of an address of this host
)

func (k kind) ofHost() bool { return k == hostName || k == reverseName }

// plan is what a claim claims. It is not changed once made: the faces share it.
type plan struct {
	kind   kind
	name   dnsname.Name
	key    string
	unique [][]mdns.Record    // by type
	shared []mdns.Record      // those that point to it
	needs  string             // key of the host that a service is on
	policy publication.Policy // of a publication; Rename for the host's name, Fail for what only points to or from it
}

// want is a plan for a face, with the places where its fate is told.
type want struct {
	plan  *plan
	slots []*slot
}

func (p *plan) equal(other *plan) bool {
	return p.name == other.name && p.policy == other.policy && p.needs == other.needs &&
		slices.EqualFunc(p.unique, other.unique, slices.Equal) && slices.Equal(p.shared, other.shared)
}

// add puts records into the plan, the unique ones with those of their type.
func (p *plan) add(records ...mdns.Record) {
	for _, record := range records {
		if !record.Unique {
			if !slices.Contains(p.shared, record) {
				p.shared = append(p.shared, record)
			}
			continue
		}
		i := slices.IndexFunc(p.unique, func(same []mdns.Record) bool { return same[0].Data.Type() == record.Data.Type() })
		switch {
		case i < 0:
			p.unique = append(p.unique, []mdns.Record{record})
		case !slices.Contains(p.unique[i], record):
			p.unique[i] = append(p.unique[i], record)
		}
	}
}

// merged gives a plan with the records of both.
func (p *plan) merged(other *plan) *plan {
	m := *p
	m.unique = nil
	m.shared = slices.Clone(p.shared)
	for _, records := range append(slices.Clone(p.unique), other.unique...) {
		m.add(records...)
	}
	m.add(other.shared...)
	return &m
}

// adopt takes over what is desired.
func (r *Responder) adopt(d publication.Desired) {
	if !r.planned || d.Host != r.desired.Host || r.lostHere("") {
		r.host = d.Host
		r.forgetRename("")
	}
	r.planned, r.desired = true, d
	clear(r.own)
	for _, a := range d.Own {
		r.own[a.WithZone("")] = true
	}
	for _, l := range d.Links {
		for _, a := range l.Addrs {
			r.own[a.Addr().WithZone("")] = true
		}
	}
	r.own[netip.IPv6Loopback()] = true
	r.own[netip.AddrFrom4([4]byte{127, 0, 0, 1})] = true
	r.forgetRenames()
}

// plan works out what every face should hold, and begins whatever leads there. applied tells that something was
// asked for from outside, so that what was refused is tried again.
func (r *Responder) plan(applied bool) {
	r.planAt = forever
	r.planRound++
	desired := r.desired
	desired.Host = r.host
	instances := mdns.Settle(desired, r.labels())
	slots := r.board.place(instances, r.planRound)
	r.faces.place(r)
	r.echoes.fit(len(r.faces.all))
	plans := r.servicePlans(instances)
	start := r.now + r.random(0, probeJitter) // RFC 6762 §8.1
	if !applied {
		start = r.conflicts.after(start)
	}
	for _, f := range r.faces.all {
		if f.unwanted {
			f.apply(nil, start, applied)
			f.bury(true)
			continue
		}
		f.apply(f.wantsOf(instances, plans, slots), start, applied)
	}
	r.board.finish(r.planRound)
}

// servicePlans gives the plans of each instance that is to be published: its own, then those of foreign hosts.
func (r *Responder) servicePlans(instances []mdns.Instance) [][]*plan {
	own := mdns.HostName(r.host)
	policies := map[string]publication.Policy{}
	for _, p := range r.desired.Groups {
		policies[p.ID] = p.OnConflict
	}
	plans := make([][]*plan, len(instances))
	for i := range instances {
		in := &instances[i]
		name := in.Name()
		if in.State != mdns.Probing || name.IsZero() {
			continue
		}
		target := in.Target(own)
		p := &plan{kind: service, name: name, key: name.Key(), needs: target.Key(), policy: policies[in.ID]}
		foreign := &plan{kind: foreignHost, name: target, key: target.Key(), policy: publication.Fail}
		for _, record := range in.Records(own) {
			if _, ok := record.Data.(mdns.Address); ok {
				foreign.add(record)
			} else {
				p.add(record)
			}
		}
		plans[i] = []*plan{p}
		if len(foreign.unique) > 0 {
			plans[i] = append(plans[i], foreign)
		}
	}
	return plans
}

// wantsOf gives what this face should claim: the host first, then the services in their order.
func (f *face) wantsOf(instances []mdns.Instance, plans [][]*plan, slots [][]*slot) []want {
	var wants []want
	index := map[string]int{}
	add := func(p *plan, s ...*slot) {
		if i, ok := index[p.key]; ok {
			wants[i] = want{wants[i].plan.merged(p), append(wants[i].slots, s...)}
			return
		}
		index[p.key] = len(wants)
		wants = append(wants, want{p, s})
	}
	if !slices.ContainsFunc(instances, func(in mdns.Instance) bool { return in.Links.Has(f.link.Index) }) {
		return nil // where there is no service, nobody needs the host
	}
	for _, p := range hostPlans(mdns.HostName(f.r.host), f.link.Link) {
		add(p)
	}
	for i := range instances {
		in := &instances[i]
		at := in.Links.Place(f.link.Index)
		if at < 0 || !f.version.Carries(in.Service.Protocol) {
			continue
		}
		for _, p := range plans[i] {
			if p.kind == service {
				add(p, slots[i][at])
			} else {
				add(p)
			}
		}
	}
	return wants
}

// hostPlans gives the plans for the host's name on a link, and for the reverse names.
func hostPlans(own dnsname.Name, l publication.Link) []*plan {
	host := &plan{kind: hostName, name: own, key: own.Key()}
	plans := []*plan{host}
	for _, record := range mdns.HostRecords(own, l) {
		if record.Data.Type() != mdns.TypePTR {
			host.add(record)
			continue
		}
		p := &plan{kind: reverseName, name: record.Name, key: record.Name.Key(), policy: publication.Fail}
		p.add(record)
		plans = append(plans, p)
	}
	if len(host.unique) == 0 {
		return nil
	}
	return plans
}

// apply makes the claims of a face those that are wanted.
func (f *face) apply(wants []want, start moment, applied bool) {
	f.wanted, f.coming = wants, nil
	for _, w := range wants {
		if n := f.zone[w.plan.key]; n == nil || n.claim == nil {
			f.claim(w, start)
		} else {
			n.claim.amend(w, start, applied)
		}
	}
	var gone []*claim
	f.claims = slices.DeleteFunc(f.claims, func(c *claim) bool {
		if c.seen != f.r.planRound {
			gone = append(gone, c)
		}
		return c.seen != f.r.planRound
	})
	for _, c := range slices.Backward(gone) { // the host last
		c.drop()
	}
	f.wanted, f.coming = nil, nil
}

// amend makes a claim that exists one for what is wanted now.
func (c *claim) amend(w want, start moment, applied bool) {
	c.seen = c.face.r.planRound
	c.slots = w.slots
	for _, s := range c.slots {
		s.claims = append(s.claims, c)
	}
	changed := !c.plan.equal(w.plan)
	more := changed && c.plan.kind == hostName && c.plan.lacks(w.plan)
	if changed {
		c.revise(w.plan)
	}
	switch {
	case c.phase == held:
		if applied && !c.standsBy() || c.plan.policy.Renames() {
			c.probe(start)
		}
	case !changed || c.phase != settled:
	case more:
		c.probe(start) // RFC 6762 §8: a new address is probed for and announced
	default:
		c.update()
	}
}

// lacks says whether other has a unique record that p has not.
func (p *plan) lacks(other *plan) bool {
	return slices.ContainsFunc(other.unique, func(records []mdns.Record) bool {
		return slices.ContainsFunc(records, func(record mdns.Record) bool { return !p.has(record) })
	})
}

func (p *plan) has(record mdns.Record) bool {
	return slices.ContainsFunc(p.unique, func(records []mdns.Record) bool { return slices.Contains(records, record) })
}

// revise replaces the records of a claim. Where it is live, what is new is to be announced and what went gets a
// goodbye.
func (c *claim) revise(p *plan) {
	f := c.face
	old, says := c.sets, c.says()
	c.plan, c.sets = p, nil
	c.node.name = p.name
	for _, records := range p.unique {
		i := slices.IndexFunc(old, func(s *set) bool { return s.kind() == records[0].Data.Type() })
		if i < 0 {
			s := newSet(c.node, records)
			c.sets = append(c.sets, s)
			if c.live {
				s.rounds = announcements
				f.show(s)
			}
			continue
		}
		s := old[i]
		c.sets = append(c.sets, s)
		if !slices.Equal(s.records, records) {
			if says {
				f.r.past.remember(s)
			}
			s.records, s.target, s.rounds = records, targetKey(records[0].Data), announcements
		}
	}
	gone := slices.DeleteFunc(old, func(s *set) bool { return slices.Contains(c.sets, s) })
	if says {
		f.r.past.remember(gone...)
	}
	if !c.live {
		return
	}
	for _, s := range gone {
		f.hide(s)
		f.sayGoodbye(s)
	}
	c.reshare()
}

// reshare takes up the shared records of the plan and gives up those that are no longer in it.
func (c *claim) reshare() {
	f := c.face
	before := c.shared
	c.shared = nil
	for _, record := range c.plan.shared {
		c.shared = append(c.shared, f.acquire(record))
	}
	for _, s := range before {
		f.release(s, true)
	}
}
