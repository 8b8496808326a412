package responder

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
)

// inheritTime is the time after which there is a goodbye for what the process before this one announced on a link, unless
// it is announced again or about to be.
const inheritTime = 10 * time.Second

// Announced holds what is announced on a link, by any IP version.
type Announced struct {
	Link    string // name of the interface
	Records []mdns.Record
}

// leg is an IP version of a link, by the name that the link keeps when this process is started again.
type leg struct {
	link    string
	version publication.IPVersion
}

// heirloom is what the process before this one announced on a leg.
type heirloom struct {
	records []mdns.Record
	until   moment // it may be in caches
}

// estate is what the process before this one announced.
type estate struct {
	*clock
	faces *faces
	legs  map[leg]heirloom // of links that have no face yet
	at    moment           // when there are goodbyes for what was inherited
}

// Announced returns what is announced now, with what the process before this one announced and none withdrew, for
// [Responder.Inherit] after a restart.
func (r *Responder) Announced() []Announced {
	byLink := map[string][]mdns.Record{}
	for _, f := range r.faces.all {
		byLink[f.link.Name] = f.announced(byLink[f.link.Name])
	}
	for at, h := range r.estate.legs { // one for each link
		if at.version == publication.V4 && h.until > r.now {
			byLink[at.link] = append(byLink[at.link], h.records...)
		}
	}
	var all []Announced
	for _, link := range slices.Sorted(maps.Keys(byLink)) {
		if len(byLink[link]) > 0 {
			all = append(all, Announced{link, byLink[link]})
		}
	}
	return all
}

// announced adds what is announced on a face, except what the IPv4 face of its link announces too.
func (f *face) announced(list []mdns.Record) []mdns.Record {
	other := f.r.faces.byLink[faceKey{f.link.Index, publication.V4}]
	if other == nil || other == f {
		other = &face{}
	}
	for _, key := range slices.Sorted(maps.Keys(f.zone)) {
		for _, s := range f.zone[key].sets {
			for _, record := range s.records {
				if !other.zone[key].has(record) {
					list = append(list, record)
				}
			}
		}
	}
	for _, s := range f.inherited.inOrder() {
		if other.inherited[s.identity()] == nil {
			list = append(list, s.records...)
		}
	}
	return list
}

// has reports whether a record is answered for. There may be no node.
func (n *node) has(record mdns.Record) bool {
	return n != nil && slices.ContainsFunc(n.withTarget(targetKey(record.Data)), func(s *set) bool { return slices.Contains(s.records, record) })
}

// Inherit takes what the process before this one announced and said no goodbye for, and how long caches may still hold it.
// What of it is not announced again gets its goodbye after ten seconds, or at the end.
func (r *Responder) Inherit(now time.Time, left time.Duration, announced []Announced) {
	r.begin(now)
	for _, a := range announced {
		for _, v := range publication.IPVersions() {
			r.estate.legs[leg{a.Link, v}] = heirloom{a.Records, r.now + left}
		}
	}
	r.estate.at = r.now + left
}

// inherit takes over what the process before this one announced on the link of a new face.
func (f *face) inherit() {
	at := leg{f.link.Name, f.version}
	estate := &f.r.estate
	h, ok := estate.legs[at]
	delete(estate.legs, at)
	if !ok || h.until <= f.now {
		return
	}
	f.inherited = inheritance{}
	for i, record := range h.records {
		s := newSet(&node{name: record.Name, key: record.Name.Key()}, []mdns.Record{record}, targetKey(record.Data))
		s.last, s.index = f.now, int32(i)
		if same := f.inherited[s.identity()]; same != nil {
			same.records = append(same.records, record)
		} else {
			f.inherited[s.identity()] = s
		}
	}
	estate.at = min(estate.at, f.now+inheritTime)
}

// inheritance is what the process before this one announced on the link of a face.
type inheritance map[identity]*set

// inOrder returns the sets in the order in which they were announced.
func (i inheritance) inOrder() []*set {
	return slices.SortedFunc(maps.Values(i), func(a, b *set) int { return cmp.Compare(a.index, b.index) })
}

// forget drops what another process or host announces, which a goodbye would take from it. Who announces a record of a unique
// name has the name, and what points to it.
func (i inheritance) forget(in *wire.Reader, rec wire.Resource) {
	id := identity{key: string(rec.Key), kind: rec.Type}
	if i[id] != nil {
		maps.DeleteFunc(i, func(other identity, s *set) bool {
			return other.key == id.key || s.kind() == mdns.TypePTR && s.target == id.key
		})
		return
	}
	if data, ok := in.Value(rec); ok {
		id.data = data
		delete(i, id)
	}
}

// run sends goodbyes for what was inherited, when it is time, and forgets what is in no cache any more.
func (e *estate) run() {
	if e.at > e.now {
		return
	}
	e.at = forever
	for at, h := range e.legs {
		if h.until <= e.now {
			delete(e.legs, at)
		} else {
			e.at = min(e.at, h.until)
		}
	}
	for _, f := range e.faces.all {
		f.bury(false)
	}
}

// bury sends goodbyes for what was inherited and is not announced. Unless all is true, it spares what may still be
// announced.
func (f *face) bury(all bool) {
	if len(f.inherited) == 0 {
		f.inherited = nil
		return
	}
	kept := inheritance{}
	for _, c := range f.claims {
		if c.phase == held || !all && !c.live {
			for _, id := range c.identities() {
				if s := f.inherited[id]; s != nil && c.phase != held {
					kept[id] = s
				}
				delete(f.inherited, id)
			}
		}
	}
	for _, s := range f.inherited.inOrder() {
		if !f.isLocal(s) {
			f.r.past.remember(s)
			f.farewells.say(s)
		}
	}
	f.inherited = kept
}

// identities returns what the records of a claim are; if it is held, without the shared ones that do not point to its name.
func (c *claim) identities() []identity {
	var ids []identity
	for _, s := range c.sets {
		ids = append(ids, s.identity())
	}
	for _, record := range c.plan.shared {
		if c.phase != held || targetKey(record.Data) == c.plan.key {
			ids = append(ids, identity{record.Name.Key(), record.Data.Type(), record.Data})
		}
	}
	return ids
}

// isLocal reports whether a set belongs to the host itself, and another program of it announces it or may do so.
func (f *face) isLocal(s *set) bool {
	isReverse := s.kind() == mdns.TypePTR && s.unique()
	if s.kind() != mdns.TypeA && s.kind() != mdns.TypeAAAA && !isReverse {
		return false
	}
	n := f.zone[s.node.key]
	return f.r.config.SharedPort || n != nil && n.claim != nil && n.claim.localAt != never
}
