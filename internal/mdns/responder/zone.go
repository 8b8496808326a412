package responder

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

// fewNodes is the number of names up to which a zone is a list: it takes less memory than a map, and no more time.
const fewNodes = 8

// zone has the names that a face answers for or claims.
type zone struct {
	few  []*node
	many map[string]*node // all, by their keys; nil if there were never more than few
}

// node is a name with what it has.
type node struct {
	key     string
	sets    []*set          // that are answered
	targets map[string]*set // the PTR sets by target, if there are many sets
	claim   *claim          // on the name as a unique one, or nil
	nsec    *set            // made when first needed
	others  int32           // sets that are no PTR
	probed  uint32          // serial of the packet that holds a probe for the name
	asked   uint32          // serial of the packet that holds questions for the name

	questions uint16 // those questions, see isNews
}

// set is what travels together: all records of a unique name and type, or one shared record.
type set struct {
	timer             // when it is to be multicast
	asker  netip.Addr // that this is for; zero for all hosts
	node   *node
	*rrset        // of the plan
	last   moment // when it was multicast
	index  int32  // in node.sets
	users  int32  // claims that need it, if it is shared
	rounds int8   // announcements still to come
	live   bool   // in node.sets: to be answered
	asked  bool   // it is queued because of a question

	knownCount                   int32
	wanted, multi, known, packed uint32 // serials of the packet that last did so, see query.go
}

// rrset has the records of a set. It is not changed once a plan has it: the faces share it.
type rrset struct {
	records []mdns.Record // of one name and type, at least one
	target  string        // key of the name in PTR or SRV data
}

func newSet(n *node, of *rrset) *set { return &set{node: n, rrset: of, last: never} }

func targetKey(data mdns.Data) string {
	switch d := data.(type) {
	case mdns.PTR:
		return d.Target.Key()
	case mdns.SRV:
		return d.Target.Key()
	}
	return ""
}

func (s *rrset) kind() mdns.Type { return s.records[0].Data.Type() }
func (s *rrset) unique() bool    { return s.records[0].Unique }
func (s *rrset) ttl() uint32     { return s.records[0].TTL }
func (s *rrset) life() moment    { return moment(s.ttl()) * time.Second }

// equal reports whether the records are the same, in the same order.
func (s *rrset) equal(other *rrset) bool { return s == other || slices.Equal(s.records, other.records) }

// answers reports whether a question for a type asks for the set (RFC 6762 §6.5).
func (s *rrset) answers(t mdns.Type) bool { return t == mdns.TypeANY || t == s.kind() }

// find returns the node of a name, nil if there is none.
func (z *zone) find(key string) *node { return z.heard([]byte(key)) } // the compiler copies nothing

// heard returns the node of a name in a packet, nil if there is none.
func (z *zone) heard(key []byte) *node {
	if z.many != nil {
		return z.many[string(key)]
	}
	for _, n := range z.few {
		if n.key == string(key) {
			return n
		}
	}
	return nil
}

// node returns the node of a name, made if need be.
func (z *zone) node(key string) *node {
	n := z.find(key)
	if n == nil {
		n = &node{key: key}
		z.add(n)
	}
	return n
}

func (z *zone) add(n *node) {
	if z.many == nil && len(z.few) < fewNodes {
		z.few = append(z.few, n)
		return
	}
	if z.many == nil {
		z.many = map[string]*node{}
		for _, one := range z.few {
			z.many[one.key] = one
		}
		z.few = nil
	}
	z.many[n.key] = n
}

// inOrder returns all nodes, in the order of their keys.
func (z *zone) inOrder() []*node {
	all := slices.AppendSeq(slices.Clone(z.few), maps.Values(z.many))
	slices.SortFunc(all, func(a, b *node) int { return strings.Compare(a.key, b.key) })
	return all
}

// has reports whether a set is answered for.
func (z *zone) has(id identity) bool {
	n := z.find(id.key)
	if n == nil {
		return false
	}
	return slices.ContainsFunc(n.withTarget(targetKey(id.data)), func(s *set) bool { return s.identity() == id })
}

// holds reports whether a set with the same records is answered for.
func (z *zone) holds(s *set) bool {
	n, id := z.find(s.node.key), s.identity()
	return n != nil && slices.ContainsFunc(n.withTarget(targetKey(id.data)), func(other *set) bool {
		return other.identity() == id && other.equal(s.rrset)
	})
}

// tidy forgets a node that has nothing left.
func (z *zone) tidy(n *node) {
	if len(n.sets) == 0 && n.claim == nil {
		delete(z.many, n.key)
		z.few = slices.DeleteFunc(z.few, func(one *node) bool { return one == n })
	}
}

// claim returns the claim on a name, nil if there is none.
func (z *zone) claim(key string) *claim {
	if n := z.find(key); n != nil {
		return n.claim
	}
	return nil
}

// manySets is the number of sets from which on a node has an index of them.
const manySets = 8

// add makes a set one of the node.
func (n *node) add(s *set) {
	s.live, s.index = true, int32(len(n.sets))
	if s.kind() != mdns.TypePTR {
		n.others++
	}
	n.sets = append(n.sets, s)
	if len(n.sets) > manySets && n.targets == nil {
		n.targets = map[string]*set{}
		for _, other := range n.sets {
			n.index(other)
		}
	}
	n.index(s)
}

func (n *node) index(s *set) {
	if n.targets != nil && s.kind() == mdns.TypePTR {
		n.targets[s.target] = s
	}
}

// remove is the opposite of add.
func (n *node) remove(s *set) {
	last := len(n.sets) - 1
	n.sets[last].index = s.index
	n.sets[s.index] = n.sets[last]
	n.sets[last] = nil
	n.sets = n.sets[:last]
	if n.targets[s.target] == s {
		delete(n.targets, s.target)
	}
	if s.kind() != mdns.TypePTR {
		n.others--
	}
	s.live = false
}

// find returns the set of a node that holds a record of a packet, or nil.
func (n *node) find(r *wire.Reader, rec wire.Resource) *set {
	if n.targets != nil && rec.Type == mdns.TypePTR {
		return n.targets[string(r.Target(rec))]
	}
	if rec.Type == mdns.TypeNSEC && n.nsec != nil && n.nsec.holds(r, rec) {
		return n.nsec
	}
	if n.targets != nil && n.others == 0 {
		return nil // a packet has room for hundreds of such records
	}
	for _, s := range n.sets {
		if s.holds(r, rec) {
			return s
		}
	}
	return nil
}

func (s *rrset) holds(r *wire.Reader, rec wire.Resource) bool {
	for i := range s.records {
		if r.Is(rec, s.records[i].Data) {
			return true
		}
	}
	return false
}

// withTarget returns the sets that a PTR record to target may be among.
func (n *node) withTarget(target string) []*set {
	if n.targets == nil {
		return n.sets
	}
	if s := n.targets[target]; s != nil {
		return n.sets[s.index : s.index+1]
	}
	return nil
}

// negative returns the record that says which types a name of ours has, for a question for another (RFC 6762 §6.1).
func (n *node) negative() *set {
	if n.nsec == nil {
		types := make([]mdns.Type, 0, len(n.sets))
		for _, s := range n.sets {
			types = append(types, s.kind())
		}
		name := n.claim.plan.name
		record := mdns.Record{Name: name, TTL: n.claim.plan.kind.life(), Unique: true, Data: mdns.NewNSEC(name, types...)}
		n.nsec = newSet(n, &rrset{records: []mdns.Record{record}})
		n.nsec.live = true
	}
	return n.nsec
}

// life returns the TTL of a record whose type says no more: what belongs to a host or to its address lives shorter
// (RFC 6762 §10).
func (k kind) life() uint32 {
	if k == service {
		return mdns.OtherTTL
	}
	return mdns.HostTTL
}
