package responder

import (
	"reflect"
	"slices"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// kind is the kind of a claimed name.
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
	unique []*rrset           // by type
	shared []*rrset           // one for each record that points to it
	needs  string             // key of the host that a service is on
	policy publication.Policy // of a publication; Rename for the host's name, Fail for what only points to or from it
}

// want is a plan for a face, with the places where its fate is reported.
type want struct {
	plan  *plan
	slots []*slot
}

func (p *plan) equal(other *plan) bool {
	return p.name == other.name && p.policy == other.policy && p.needs == other.needs &&
		slices.EqualFunc(p.unique, other.unique, (*rrset).equal) && slices.EqualFunc(p.shared, other.shared, (*rrset).equal)
}

// target returns the key of the name in PTR or SRV data: the one that the plan holds already, if it is the same.
func (p *plan) target(data mdns.Data) string {
	switch key := targetKey(data); key {
	case p.key:
		return p.key
	case p.needs:
		return p.needs
	default:
		return key
	}
}

// add puts records into the plan, the unique ones with those of their type.
func (p *plan) add(records ...mdns.Record) {
	for _, record := range records {
		one := &rrset{[]mdns.Record{record}, p.target(record.Data)}
		if !record.Unique {
			if !slices.ContainsFunc(p.shared, one.equal) {
				p.shared = append(p.shared, one)
			}
			continue
		}
		i := slices.IndexFunc(p.unique, func(s *rrset) bool { return s.kind() == one.kind() })
		switch {
		case i < 0:
			p.unique = append(p.unique, one)
		case !slices.Contains(p.unique[i].records, record):
			p.unique[i].records = append(p.unique[i].records, record)
		}
	}
}

// merged returns a plan with the records of both.
func (p *plan) merged(other *plan) *plan {
	m := *p
	m.unique, m.shared = nil, nil
	for _, s := range slices.Concat(p.unique, p.shared, other.unique, other.shared) {
		m.add(s.records...)
	}
	return &m
}

// servicePlans returns the plans of each instance that is to be published: its own, then those of foreign hosts.
func servicePlans(d publication.Desired, instances []mdns.Instance) [][]*plan {
	own := mdns.HostName(d.Host)
	ownKey := own.Key()
	policies := map[string]publication.Policy{}
	for _, p := range d.Groups {
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
		p := &plan{kind: service, name: name, key: name.Key(), needs: ownKey, policy: policies[in.ID]}
		if target != own {
			p.needs = target.Key()
		}
		foreign := &plan{kind: foreignHost, name: target, key: p.needs, policy: publication.Fail}
		for _, record := range in.Records(own) {
			if record.Name == name {
				p.name = record.Name // of which there need not be two in memory
			}
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

// planned is what there is to be claimed: the host, and each instance with its plans.
type planned struct {
	host      string // label
	groups    []publication.Publication
	instances []mdns.Instance
	plans     [][]*plan
	isNew     bool // it is another one than before, on links that stay as they are, too
}

// then returns what there is to be claimed after this. The plans stay if the services do.
func (all planned) then(d publication.Desired, instances []mdns.Instance) planned {
	next := planned{host: d.Host, groups: d.Groups, instances: instances, plans: all.plans}
	next.isNew = all.host != d.Host || !reflect.DeepEqual(all.groups, d.Groups) || !slices.EqualFunc(all.instances, instances, alike)
	if next.isNew {
		next.plans = servicePlans(d, instances)
	}
	return next
}

// alike reports whether two instances differ at most in their links.
func alike(a, b mdns.Instance) bool {
	a.Links, b.Links = nil, nil
	return reflect.DeepEqual(a, b)
}

// on returns what the face of a link and IP version should claim: the host first, which has plans for the link, then the services
// in their order. slots has those of each instance, one per link.
func (all planned) on(link int, v publication.IPVersion, host []*plan, slots [][]*slot) []want {
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
	if !slices.ContainsFunc(all.instances, func(in mdns.Instance) bool { return in.Links.Has(link) }) {
		return nil // without a service, the host is not needed
	}
	for _, p := range host {
		add(p)
	}
	for i := range all.instances {
		in := &all.instances[i]
		at := in.Links.Place(link)
		if at < 0 || !v.Carries(in.Service.Protocol) {
			continue
		}
		for _, p := range all.plans[i] {
			if p.kind == service {
				add(p, slots[i][at])
			} else {
				add(p)
			}
		}
	}
	return wants
}

// hostPlans returns the plans for the host's name on a link, and for the reverse names.
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

// lacks reports whether other has a unique record that p has not.
func (p *plan) lacks(other *plan) bool {
	return slices.ContainsFunc(other.unique, func(s *rrset) bool {
		return slices.ContainsFunc(s.records, func(record mdns.Record) bool { return !p.has(record) })
	})
}

func (p *plan) has(record mdns.Record) bool {
	return slices.ContainsFunc(p.unique, func(s *rrset) bool { return slices.Contains(s.records, record) })
}
