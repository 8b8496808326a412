package responder

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
)

// inheritTime is the time after which there is a goodbye for what was announced on a link before it came, unless it is
// announced again or about to be.
const inheritTime = 10 * time.Second

// inheritAnswer is the time for the answers to the last question for the names that were inherited, before the goodbyes.
const inheritAnswer = 3 * time.Second

// relicsMost is the most records that are kept for links that have no face.
const relicsMost = 1 << 17

// leg is an IP version of a link, by the name that the link keeps when this process is started again, or by its index while
// it is away and another link has that name.
type leg struct {
	link    string // "" if the link has no name
	index   int    // 0 if it has
	version publication.IPVersion
}

// legOf returns a leg of a link by its name, or by its index if it has none.
func legOf(index int, name string, v publication.IPVersion) leg {
	if name != "" {
		index = 0
	}
	return leg{name, index, v}
}

// relic is a record that was announced.
type relic struct {
	mdns.Record
	until moment // it may be in caches
}

// heirloom is what is owed on a leg.
type heirloom struct {
	relics []relic
	until  moment // the longest of them may be in caches
}

// estate is what was announced on links that have no face: by the process before this one, or by this one before the link
// went and nothing could be withdrawn there any more.
type estate struct {
	*clock
	news  *news
	faces *faces
	legs  map[leg]heirloom
	away  map[int]publication.Link // those that have no face, as they were: they may get another name meanwhile
	size  int                      // relics of all legs
	grown bool                     // since the links last took what is theirs
	swept moment                   // when it was last full, and what is over was forgotten
	asks  moment                   // when the faces that inherited last ask who has that now
	at    moment                   // of the next thing to do
}

// leave keeps what was announced on a link. Each of its IP versions owes that: the one that announced it may come back later
// than the other, or never, and caches need not keep them apart.
func (e *estate) leave(link string, relics []relic) {
	for _, v := range publication.IPVersions() {
		e.add(legOf(0, link, v), relics)
	}
}

// add keeps what is owed on a leg, each record once, if there is room.
func (e *estate) add(at leg, relics []relic) {
	if len(relics) == 0 {
		return
	}
	if e.size+len(relics) > relicsMost && e.now-e.swept >= time.Second {
		e.swept = e.now
		e.expire()
	}
	h := e.legs[at]
	merged := merge(h.relics, relics)
	size := e.size + len(merged) - len(h.relics)
	if size > relicsMost {
		return
	}
	h.relics, e.size = merged, size
	for _, left := range relics {
		h.until = max(h.until, left.until)
	}
	e.legs[at], e.grown = h, true
	e.at = min(e.at, h.until)
	e.news.on(at.link)
}

// merge returns the relics of two lists, each record once, with the longer of its times.
func merge(relics, more []relic) []relic {
	merged := make([]relic, 0, len(relics)+len(more))
	index := make(map[mdns.Record]int, len(relics)+len(more))
	for _, left := range slices.Concat(relics, more) {
		key := left.Record
		key.TTL = 0
		i, known := index[key]
		switch {
		case !known:
			index[key] = len(merged)
			merged = append(merged, left)
		case left.until > merged[i].until:
			merged[i] = left
		}
	}
	return merged
}

// rename has what was announced on a link stay with it under another name, and what another link left under that name
// with that one, which is away.
func (e *estate) rename(l publication.Link) {
	for index, other := range e.away {
		if other.Name == l.Name && index != l.Index {
			e.call(other, "")
		}
	}
	if before, ok := e.away[l.Index]; ok {
		e.call(before, l.Name)
	}
}

// call sets another name of a link that owes something.
func (e *estate) call(l publication.Link, name string) {
	for _, v := range publication.IPVersions() {
		e.add(legOf(l.Index, name, v), e.take(legOf(l.Index, l.Name, v)))
	}
	l.Name = name
	e.away[l.Index] = l
}

// replace forgets that the one is away that had the index of another interface: that one has no name of it, and owes nothing for it.
func (e *estate) replace(l publication.Link) {
	if before, ok := e.away[l.Index]; ok && l.Replaces(before) {
		delete(e.away, l.Index)
	}
}

// owes reports whether anything is kept that was announced on one of some legs.
func (e *estate) owes(legs ...leg) bool {
	return slices.ContainsFunc(legs, func(at leg) bool { return len(e.legs[at].relics) > 0 })
}

// isPaid reports whether nothing is kept of a link.
func (e *estate) isPaid(l publication.Link) bool {
	return !e.owes(legOf(l.Index, l.Name, publication.V4), legOf(l.Index, l.Name, publication.V6))
}

// take removes what was announced on a leg, and returns what of it may be in caches.
func (e *estate) take(at leg) []relic {
	h, ok := e.legs[at]
	if !ok {
		return nil
	}
	e.forget(at)
	e.news.on(at.link)
	return slices.DeleteFunc(slices.Clone(h.relics), func(left relic) bool { return left.until <= e.now })
}

// forget forgets what was announced on a leg.
func (e *estate) forget(at leg) {
	e.size -= len(e.legs[at].relics)
	delete(e.legs, at)
}

// expire forgets what is in no cache any more.
func (e *estate) expire() {
	for at, h := range e.legs {
		if h.until <= e.now {
			e.forget(at)
		}
	}
	maps.DeleteFunc(e.away, func(_ int, l publication.Link) bool { return e.isPaid(l) })
}

// legs returns those of the network behind a face: that of its link, and those of the ports of a bridge, which are links of
// their own before and after. What a VLAN is on is another network.
func (f *face) legs() iter.Seq[leg] {
	return func(yield func(leg) bool) {
		if !yield(legOf(0, f.link.Name, f.version)) {
			return
		}
		for _, c := range f.link.Carriers {
			if c.Name != f.link.Name && !c.Under && !yield(legOf(0, c.Name, f.version)) {
				return
			}
		}
	}
}

// bequeath keeps what caches may hold from a face whose link has gone, or can't be sent on any more. Whether the goodbyes
// still get out is not known.
func (f *face) bequeath() {
	var relics []relic
	add := func(s *set, said moment) {
		for _, record := range s.records {
			relics = append(relics, relic{record, said + s.life()})
		}
	}
	for _, n := range f.zone.inOrder() {
		for _, s := range n.sets {
			add(s, f.now)
		}
	}
	for _, c := range f.claims {
		for _, s := range c.owed() {
			add(s, f.now)
		}
	}
	for _, w := range f.farewells.items {
		add(w.set, f.now)
	}
	for _, s := range f.inherited.inOrder() {
		add(s, s.last)
	}
	for at := range f.legs() {
		f.r.estate.leave(at.link, relics)
	}
	if len(relics) > 0 {
		f.r.estate.away[f.link.Index] = f.link.Link
	}
}

// inherit takes over what was announced on the link of a face before it came, or on a port of a bridge before that joined,
// except what the face announces.
func (f *face) inherit() {
	e := &f.r.estate
	var relics []relic
	for at := range f.legs() {
		relics = append(relics, e.take(at)...)
	}
	for _, left := range relics {
		f.inherited = f.inherited.with(left)
	}
	maps.DeleteFunc(f.inherited, func(id identity, _ *set) bool { return f.zone.has(id) })
	if e.isPaid(f.link.Link) {
		delete(e.away, f.link.Index)
	}
	if len(relics) > 0 {
		f.news()
		f.ask()
	}
}

// ask has a face ask soon who has what it inherited, and then withdraw what no host has.
func (f *face) ask() {
	if len(f.inherited) > 0 {
		f.inquest, f.burial = f.r.estate.inquest(), f.now+inheritTime
	}
}

// heirs returns the faces of the link that have inherited something. What is heard by one IP version counts for both: caches
// need not keep them apart.
func (f *face) heirs() (heirs []*face) {
	for other := range f.r.faces.of(f.link.Index) {
		if len(other.inherited) > 0 {
			heirs = append(heirs, other)
		}
	}
	return heirs
}

// inquest returns when a face that inherits now asks who has that: at a random time, the same for all that do so together.
func (e *estate) inquest() moment {
	if e.asks <= e.now {
		e.asks = e.now + e.random(sharedDelay, sharedDelay+sharedJitter) // RFC 6762 §5.2
	}
	e.at = min(e.at, e.asks)
	return e.asks
}

// inheritance is what was announced on the link of a face before it came.
type inheritance map[identity]*set

// with adds a record. What it returns has it.
func (i inheritance) with(left relic) inheritance {
	if i == nil {
		i = inheritance{}
	}
	s := newSet(&node{key: left.Name.Key()}, &rrset{[]mdns.Record{left.Record}, targetKey(left.Data)})
	s.last, s.index = left.until-s.life(), int32(len(i))
	same := i[s.identity()]
	if same == nil {
		i[s.identity()] = s
		return i
	}
	same.last = max(same.last, left.until-same.life())
	if !slices.ContainsFunc(same.records, func(r mdns.Record) bool { return r.Data == left.Data }) {
		same.records = append(same.records, left.Record)
	}
	return i
}

// inOrder returns the sets in the order in which they were announced.
func (i inheritance) inOrder() []*set {
	return slices.SortedFunc(maps.Values(i), func(a, b *set) int { return cmp.Compare(a.index, b.index) })
}

// forget drops what another process or host announces, which a goodbye would take from it, and reports whether there was
// such. Who announces a record of a unique name has the name, and what points to it.
func (i inheritance) forget(in *wire.Reader, rec wire.Resource) bool {
	before := len(i)
	if key := string(rec.Key); i.owns(key) {
		maps.DeleteFunc(i, func(other identity, s *set) bool {
			return other.key == key || s.kind() == mdns.TypePTR && s.target == key
		})
	} else if data, ok := in.Value(rec); ok {
		delete(i, identity{key: key, kind: rec.Type, data: data})
	}
	return len(i) < before
}

// owns reports whether there is a unique set of a name.
func (i inheritance) owns(key string) bool {
	for _, kind := range [...]mdns.Type{mdns.TypeSRV, mdns.TypeTXT, mdns.TypeA, mdns.TypeAAAA, mdns.TypePTR} {
		if i[identity{key: key, kind: kind}] != nil {
			return true
		}
	}
	return false
}

// run asks for what was inherited and sends goodbyes for it, when it is time, and forgets what is in no cache any more.
func (e *estate) run() {
	if e.at > e.now {
		return
	}
	e.expire()
	e.at = forever
	for _, h := range e.legs {
		e.at = min(e.at, h.until)
	}
	for _, f := range e.faces.all {
		e.at = min(e.at, f.execute())
	}
}

// execute asks who has the names that were inherited, twice, and then sends goodbyes for what no host has. It returns the
// time of the next thing to do.
func (f *face) execute() moment {
	if f.inquest <= f.now {
		f.inquire()
		f.inquest = f.burial - inheritAnswer
		if f.inquest <= f.now {
			f.inquest = forever
		}
	}
	if f.burial <= f.now {
		f.bury(false)
		f.burial = forever
	}
	return min(f.inquest, f.burial)
}

// inquire asks for the names that were inherited and are not claimed. A goodbye for one that another host has now would
// take it from caches (RFC 6762 §10.2).
func (f *face) inquire() {
	asked := map[string]bool{}
	for _, s := range f.inherited.inOrder() {
		if key := s.node.key; s.unique() && !asked[key] && f.zone.claim(key) == nil {
			asked[key] = true
			f.questions.add(question{s.records[0].Name, mdns.TypeANY})
		}
	}
}

// bury sends goodbyes for what was inherited and is not announced on the link. Unless all is true, it spares what may still be
// announced there, and what the other IP version announces.
func (f *face) bury(all bool) {
	if len(f.inherited) == 0 {
		f.inherited = nil
		return
	}
	f.news()
	kept := inheritance{}
	for other := range f.r.faces.of(f.link.Index) {
		maps.Copy(kept, f.inherited.spare(other, all))
	}
	for _, s := range f.inherited.inOrder() {
		if !f.isLocal(s) {
			f.r.past.remember(s)
			f.farewells.say(s)
		}
	}
	f.inherited = kept
}

// spare drops what another host has, by the claims of a face, and unless all is true what the face announces or may still
// announce. It returns the latter.
func (i inheritance) spare(f *face, all bool) (kept inheritance) {
	kept = inheritance{}
	if !all {
		maps.DeleteFunc(i, func(id identity, _ *set) bool { return f.zone.has(id) })
	}
	for _, c := range f.claims {
		if c.phase == held || !all && !c.live {
			for _, id := range c.identities() {
				if s := i[id]; s != nil && c.phase != held {
					kept[id] = s
				}
				delete(i, id)
			}
		}
	}
	return kept
}

// identities returns what the records of a claim are; if it is held, without the shared ones that do not point to its name.
func (c *claim) identities() []identity {
	var ids []identity
	for _, s := range c.sets {
		ids = append(ids, s.identity())
	}
	for _, s := range c.plan.shared {
		record := s.records[0]
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
	n := f.zone.find(s.node.key)
	return f.r.config.SharedPort || n != nil && n.claim != nil && n.claim.past().localAt != never
}
