package browse

import (
	"net/netip"
	"slices"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
	"announcer/services"
)

// cacheMost is the most records that are kept of a link; what comes beyond is dropped.
const cacheMost = 50_000

// metMost is the most hosts of a link that are asked something themselves.
const metMost = 256

// cache is what was heard on a link: who says which record. What several hosts say of one name is kept apart, so that
// rivals show.
type cache struct {
	link    publication.Link
	records map[recordKey][]saying
	size    int
	now     time.Time
	met     map[netip.Addr]bool // hosts that said something
	unasked []netip.Addr        // those of them that were not asked anything themselves
}

type recordKey struct {
	name string // folded
	kind mdns.Type
}

// saying is a record that a host has sent.
type saying struct {
	mdns.Record
	from  netip.Addr
	at    time.Time // when it was last heard
	until time.Time // when its TTL is over
}

func newCache(l publication.Link) *cache {
	return &cache{link: l, records: map[recordKey][]saying{}, met: map[netip.Addr]bool{}}
}

// take notes what a response says.
func (v *cache) take(m wire.Message, from netip.Addr) {
	if !v.met[from] && len(v.met) < metMost && v.onLink(from) {
		v.met[from] = true
		v.unasked = append(v.unasked, from)
	}
	for _, r := range slices.Concat(m.Answers, m.Additional) {
		switch r.Data.Type() {
		case mdns.TypePTR, mdns.TypeSRV, mdns.TypeTXT, mdns.TypeA, mdns.TypeAAAA:
			v.note(r, from)
		}
	}
}

// goodbyeGrace is how long a record outlives its goodbye: another host that has it too may say so (RFC 6762 §10.1).
const goodbyeGrace = time.Second

func (v *cache) onLink(a netip.Addr) bool {
	return slices.ContainsFunc(v.link.Addrs, func(own publication.LinkAddr) bool { return own.Masked().Contains(a) && own.Addr() != a })
}

// note takes the place of what the same host said before: of the same record, and of all of the name and type from
// over a second ago where the record is unique (RFC 6762 §10.2).
func (v *cache) note(r mdns.Record, from netip.Addr) {
	key := recordKey{r.Name.Key(), r.Data.Type()}
	said := v.records[key]
	if r.TTL == 0 {
		for i := range said {
			if s := &said[i]; s.from == from && sameData(s.Data, r.Data) && s.until.After(v.now.Add(goodbyeGrace)) {
				s.until = v.now.Add(goodbyeGrace)
			}
		}
		return
	}
	v.size -= len(said)
	said = slices.DeleteFunc(said, func(s saying) bool {
		return s.from == from && (sameData(s.Data, r.Data) || r.Unique && v.now.Sub(s.at) > time.Second)
	})
	if v.size+len(said) < cacheMost {
		said = append(said, saying{r, from, v.now, v.now.Add(time.Duration(r.TTL) * time.Second)})
	}
	v.size += len(said)
	if len(said) == 0 {
		delete(v.records, key)
	} else {
		v.records[key] = said
	}
}

func sameData(a, b mdns.Data) bool {
	if a, ok := a.(mdns.PTR); ok {
		b, ok := b.(mdns.PTR)
		return ok && a.Target.Equal(b.Target)
	}
	return a == b
}

// said returns the records of a name and type that hold.
func (v *cache) said(name dnsname.Name, kind mdns.Type) []saying {
	var live []saying
	for _, s := range v.records[recordKey{name.Key(), kind}] {
		if s.until.After(v.now) {
			live = append(live, s)
		}
	}
	return live
}

// instances returns the names one label below a name that PTR records of it point to.
func (v *cache) instances(name dnsname.Name) []dnsname.Name {
	return slices.DeleteFunc(v.pointed(name), func(target dnsname.Name) bool { return !target.Parent().Equal(name) })
}

// pointed returns the names that PTR records of a name point to, each once.
func (v *cache) pointed(name dnsname.Name) []dnsname.Name {
	var targets []dnsname.Name
	known := map[string]bool{}
	for _, s := range v.said(name, mdns.TypePTR) {
		if target := s.Data.(mdns.PTR).Target; !known[target.Key()] {
			known[target.Key()] = true
			targets = append(targets, target)
		}
	}
	return targets
}

// typesMost is the number of service types of a link that are asked for.
const typesMost = 1000

// types returns the service types that there are in a domain.
func (v *cache) types(domain dnsname.Name) []dnsname.Name {
	name, err := Question{Domain: domain}.name()
	if err != nil {
		return nil
	}
	var all []dnsname.Name
	for _, target := range v.pointed(name) {
		if typ, err := dnsname.New(below(target, domain)...); err == nil && target.HasSuffix(domain) && len(all) < typesMost {
			all = append(all, typ)
		}
	}
	return all
}

// typed returns questions with the types that there are, instead of those for every type.
func (v *cache) typed(questions []Question) []Question {
	var all []Question
	for _, q := range questions {
		if !q.Type.IsZero() {
			all = append(all, q)
			continue
		}
		for _, typ := range v.types(q.Domain) {
			all = append(all, Question{typ, q.Domain})
		}
	}
	return all
}

// wanted returns what is to be asked, as things stand, to answer questions.
func (v *cache) wanted(questions []Question) []question {
	var wanted []question
	for _, q := range questions {
		if name, err := q.name(); err == nil && q.Type.IsZero() {
			wanted = append(wanted, question{name, mdns.TypePTR})
		}
	}
	for _, q := range v.typed(questions) {
		name, err := q.name()
		if err != nil {
			continue
		}
		wanted = append(wanted, question{name, mdns.TypePTR})
		for _, instance := range v.instances(name) {
			wanted = append(wanted, v.missing(instance)...)
		}
	}
	return wanted
}

// missing returns the questions for what is not known of an instance, or not for much longer.
func (v *cache) missing(instance dnsname.Name) []question {
	var wanted []question
	for _, kind := range []mdns.Type{mdns.TypeSRV, mdns.TypeTXT} {
		if len(v.said(instance, kind)) == 0 || v.expiring(instance, kind) {
			wanted = append(wanted, question{instance, kind})
		}
	}
	for _, s := range v.said(instance, mdns.TypeSRV) {
		host := s.Data.(mdns.SRV).Target
		unknown := len(v.addresses(host)) == 0
		for _, kind := range []mdns.Type{mdns.TypeA, mdns.TypeAAAA} {
			if unknown || v.expiring(host, kind) {
				wanted = append(wanted, question{host, kind})
			}
		}
	}
	return wanted
}

// expiring reports whether a record of a name and type has less than a fifth of its life left (RFC 6762 §5.2).
func (v *cache) expiring(name dnsname.Name, kind mdns.Type) bool {
	return slices.ContainsFunc(v.said(name, kind), func(s saying) bool {
		return s.until.Sub(v.now) < time.Duration(s.TTL)*time.Second/5
	})
}

func (v *cache) addresses(host dnsname.Name) []netip.Addr {
	var addrs []netip.Addr
	for _, s := range slices.Concat(v.said(host, mdns.TypeA), v.said(host, mdns.TypeAAAA)) {
		addrs = append(addrs, s.Data.(mdns.Address).Addr)
	}
	return Sorted(addrs)
}

// entries returns what is said of an instance: one entry, or more where hosts contradict each other.
func (v *cache) entries(instance dnsname.Name, q Question) []Entry {
	var all []Entry
	for _, s := range v.said(instance, mdns.TypeSRV) {
		srv := s.Data.(mdns.SRV)
		e := Entry{
			Link: v.link.Name, Instance: instance.Label(), Type: q.Type, Domain: q.Domain, Host: srv.Target, Port: srv.Port,
			TXT: v.text(instance, s.from), Addrs: v.addresses(srv.Target), From: []Sender{{Addr: s.from}},
		}
		i := slices.IndexFunc(all, func(other Entry) bool {
			return other.Host.Equal(e.Host) && other.Port == e.Port && slices.Equal(other.TXT, e.TXT)
		})
		if i < 0 {
			all = append(all, e)
		} else {
			all[i].From = append(all[i].From, Sender{Addr: s.from})
			slices.SortFunc(all[i].From, func(a, b Sender) int { return a.Addr.Compare(b.Addr) })
		}
	}
	return all
}

// text returns the TXT strings of an instance as a host last sent them or, if it sent none, as any host did; nil if none
// did.
func (v *cache) text(instance dnsname.Name, from netip.Addr) services.TXT {
	var latest *saying
	for _, s := range v.said(instance, mdns.TypeTXT) {
		better := latest == nil || s.from == from && (latest.from != from || s.at.After(latest.at))
		if better {
			latest = &s
		}
	}
	if latest == nil {
		return nil
	}
	return append(services.TXT{}, latest.Data.(mdns.TXT).Strings()...)
}

// Sorted returns addresses in order, each once. It sorts in place.
func Sorted(addrs []netip.Addr) []netip.Addr {
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}
