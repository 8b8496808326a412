package responder

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
)

const (
	foreignMost  = 256         // services of others that are remembered
	foreignEach  = 32          // of one address on a link
	steady       = time.Second // between two records that confirm that a service is there
	surveyTimes  = 3           // questions for a type, on a link on which it is new
	surveyPause  = time.Second // after the first of them; then twice as long each time (RFC 6762 §5.2)
	refreshParts = 10          // a service is asked for after 8 and 9 of so many parts of its life, and gone at its end
	longestLife  = 24 * time.Hour
)

// others is what is known of those who ask for the service types that are watched, and who announce them too.
type others struct {
	*clock
	faces   *faces
	board   *board
	topics  map[string]*topic // by the keys of the types, and of the subtypes that we publish
	foreign map[foreignKey]*foreigner
	ends    queue[*foreigner]
	surveys queue[*survey]
	crowded uint64 // services that there was no room for, or no more
}

func (o *others) next() moment { return min(o.ends.next(), o.surveys.next()) }

// topic is a service type that is watched.
type topic struct {
	name    dnsname.Name // in its domain
	typ     dnsname.Name
	links   publication.Links
	surveys map[int]*survey // of each of the links, by its index
	asked   uint32          // serial of the packet that asks for it
}

// survey asks who announces a type on a link.
type survey struct {
	timer
	topic *topic
	link  *link
	asked int
}

// foreigner is a service of another host.
type foreigner struct {
	timer
	mdns.Foreign
	topic *topic
	link  *link
	key   foreignKey
	part  moment // of its life
	asked int    // how often, since it was heard
	heard moment
	times uint8 // how often it was heard, with some time between
	bye   bool
}

type foreignKey struct {
	link int
	name string // folded
}

func (k foreignKey) compare(other foreignKey) int {
	return cmp.Or(cmp.Compare(k.link, other.link), cmp.Compare(k.name, other.name))
}

// watch takes up the types that are desired to be watched, on all links, and forgets the others.
func (o *others) watch(d publication.Desired) {
	old := o.topics
	o.topics = map[string]*topic{}
	for _, name := range d.Watched {
		if t := old[name.Key()]; t != nil && t.name.Equal(name) {
			o.topics[name.Key()] = t
		} else if t := newTopic(name); t != nil {
			o.topics[name.Key()] = t
		}
	}
	o.forget(old, d.Links)
	for _, name := range d.Watched {
		if t := o.topics[name.Key()]; t != nil {
			o.survey(t, d.Links)
		}
	}
	o.watchSubtypes(d.Groups)
}

// newTopic returns nil for what is no service type in a domain.
func newTopic(name dnsname.Name) *topic {
	labels := name.Labels()
	if len(labels) < 2 {
		return nil
	}
	typ, err := dnsname.New(labels[:2]...)
	if err != nil {
		return nil
	}
	return &topic{name: name, typ: typ, surveys: map[int]*survey{}}
}

// watchSubtypes counts questions for the subtypes that we publish as questions for their types.
func (o *others) watchSubtypes(groups []publication.Publication) {
	for _, p := range groups {
		for _, s := range p.Group.Services {
			full, err := s.Type.Join(s.In())
			t := o.topics[full.Key()]
			if err != nil || t == nil {
				continue
			}
			for _, subtype := range s.Subtypes {
				if full, err := subtype.Join(s.In()); err == nil {
					o.topics[full.Key()] = t
				}
			}
		}
	}
}

// forget drops what belongs to types and links that are no longer there.
func (o *others) forget(old map[string]*topic, links publication.Links) {
	isGone := func(t *topic) bool { return o.topics[t.name.Key()] != t }
	for key, x := range o.foreign {
		if isGone(x.topic) || !links.Has(x.link.Index) {
			o.ends.remove(x)
			delete(o.foreign, key)
		}
	}
	for _, t := range old {
		if isGone(t) {
			o.survey(t, nil)
		}
	}
}

// survey asks for a type on the links on which it has not asked yet, and no more on those that are no longer there.
func (o *others) survey(t *topic, links publication.Links) {
	for old, l := range publication.Across(t.links, links) {
		switch {
		case l == nil:
			o.surveys.remove(t.surveys[old.Index])
			delete(t.surveys, old.Index)
		case old == nil:
			s := &survey{topic: t, link: o.faces.link(*l)}
			t.surveys[l.Index] = s
			o.surveys.set(s, o.now+o.random(sharedDelay, sharedDelay+sharedJitter)) // RFC 6762 §5.2
		}
	}
	t.links = links
}

// surveyAgain asks for all types on some links once more.
func (o *others) surveyAgain(links map[int]bool) {
	if len(links) == 0 {
		return
	}
	at := o.now + o.random(sharedDelay, sharedDelay+sharedJitter) // RFC 6762 §5.2
	for _, s := range o.allSurveys() {
		if links[s.link.Index] {
			s.asked = 0
			o.surveys.set(s, at)
		}
	}
}

// allSurveys returns the surveys of all types, by type and link.
func (o *others) allSurveys() []*survey {
	var all []*survey
	for _, key := range slices.Sorted(maps.Keys(o.topics)) {
		surveys := o.topics[key].surveys
		for _, link := range slices.Sorted(maps.Keys(surveys)) {
			all = append(all, surveys[link])
		}
	}
	return all
}

// run asks the questions that are due, and forgets the hosts that have not answered.
func (o *others) run() {
	for s, ok := o.surveys.due(o.now); ok; s, ok = o.surveys.due(o.now) {
		o.faces.ask(s.link, question{s.topic.name, mdns.TypePTR})
		if s.asked++; s.asked < surveyTimes {
			o.surveys.set(s, o.now+surveyPause<<(s.asked-1))
		} else {
			o.surveys.remove(s)
		}
	}
	for x, ok := o.ends.due(o.now); ok; x, ok = o.ends.due(o.now) {
		if x.bye || x.asked == 2 {
			o.ends.remove(x)
			delete(o.foreign, x.key)
			o.event(mdns.ForeignGone, x, "")
			continue
		}
		x.asked++
		o.faces.ask(x.link, question{x.topic.name, mdns.TypePTR})
		o.ends.set(x, o.now+x.part)
	}
}

// sighting is a record with which another host announces a service of a type that is watched.
type sighting struct {
	*others
	face  *face
	topic *topic
	rec   wire.Resource
	src   netip.Addr
	own   bool // it comes from another program of this host
}

// note notes who announces the service.
func (s sighting) note() {
	f := s.face
	target := f.r.reader.Target(s.rec)
	if n := f.zone.heard(target); n != nil && n.claim != nil && !s.own {
		return // that we want the name as well is a conflict, reported as such
	}
	x := s.foreign[foreignKey{f.link.Index, string(target)}]
	switch {
	case x == nil && !s.own && f.r.echo(&f.r.reader, s.rec):
		s.surveyLater(s.topic, f.link)
		return
	case x == nil && s.rec.TTL > 0:
		x = s.add()
		if x == nil {
			return
		}
	case x == nil:
		return
	case s.rec.TTL == 0:
		if !x.bye {
			x.bye = true
			s.ends.set(x, s.now+goodbyeWait)
		}
		return
	}
	switch {
	case x.Own && !s.own:
		x.From, x.Own = s.src, false
		s.event(mdns.ForeignSeen, x, x.detail(f.zone))
	case s.own && f.isOwn(x.From):
		x.From, x.Own = s.src, true
	case !x.From.Is4() && x.Own == s.own:
		x.From = s.src
	}
	if s.now-x.heard >= steady && x.times < math.MaxUint8 {
		x.times++
	}
	x.heard, x.asked, x.bye = s.now, 0, false
	x.part = min(moment(s.rec.TTL)*time.Second, longestLife) / refreshParts
	s.ends.set(x, s.now+x.part*(refreshParts-2))
}

// add takes up a service that was not known; nil if the record does not name one, or there is no room.
func (s sighting) add() *foreigner {
	name, err := dnsname.FromWire(string(s.face.r.reader.AppendData(nil, s.rec)))
	if err != nil || !name.Parent().Equal(s.topic.name) {
		return nil
	}
	l := s.face.link
	if !s.makeRoom() {
		return nil
	}
	x := &foreigner{topic: s.topic, link: l, key: foreignKey{l.Index, name.Key()}, heard: never, Foreign: mdns.Foreign{
		Link: l.Name, Type: s.topic.typ, Name: name.Label(), From: s.src, Own: s.own, Since: s.date(s.now),
	}}
	s.foreign[x.key] = x
	s.event(mdns.ForeignSeen, x, x.detail(s.face.zone))
	return x
}

// makeRoom reports whether there is room for one more service of the source. If no room is left at all, the least credible one goes:
// that was heard least often and longest ago. What was heard more than once goes for none that is new, so that a host that invents
// services hides none that is there.
func (s sighting) makeRoom() bool {
	same := 0
	var least *foreigner
	for _, x := range s.foreign {
		if x.link == s.face.link && x.From == s.src {
			same++
		}
		if !x.Own && x.times <= 1 && (least == nil || x.lessCredible(least)) {
			least = x
		}
	}
	switch {
	case same >= foreignEach, len(s.foreign) >= foreignMost && least == nil:
		s.crowded++
		return false
	case len(s.foreign) >= foreignMost:
		s.crowded++
		s.ends.remove(least)
		delete(s.foreign, least.key)
	}
	return true
}

// lessCredible compares two services that were heard once at most.
func (x *foreigner) lessCredible(y *foreigner) bool {
	return cmp.Or(cmp.Compare(x.times, y.times), cmp.Compare(x.heard, y.heard), x.key.compare(y.key)) < 0
}

// surveyLater asks for a type once what this host said of it is past: another host may have taken it over.
func (o *others) surveyLater(t *topic, l *link) {
	if s := t.surveys[l.Index]; s != nil && !s.queued() {
		s.asked = surveyTimes - 1
		o.surveys.set(s, o.now+SaidTime+time.Second)
	}
}

// detail describes who announces what.
func (x *foreigner) detail(zone *zone) string {
	who, what := x.From.String(), "a service of this type"
	if x.Own {
		who = "another program of this host"
	}
	if zone.find(x.key.name) != nil {
		what = "this very service"
	}
	return fmt.Sprintf("%s announces %s", who, what)
}

func (o *others) event(kind mdns.EventKind, x *foreigner, detail string) {
	o.board.event(kind, mdns.ServiceStatus{Type: x.Type, Name: x.Name, Link: x.Link}, x.From, detail)
}

// list returns the services of watched types that others announce, in the order in which they were first heard.
func (o *others) list() []mdns.Foreign {
	var all []mdns.Foreign
	for _, x := range o.foreign {
		x.Heard = o.date(x.heard)
		all = append(all, x.Foreign)
	}
	slices.SortFunc(all, func(a, b mdns.Foreign) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Link, b.Link), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type.String(), b.Type.String()))
	})
	return all
}

// asking is a question for a type that is watched.
type asking struct {
	topic    *topic
	answered bool
}

// note remembers a question for a type that is watched, until it is known that the packet is whole.
func (q *inquiry) note(question wire.Question, n *node) {
	r := q.face.r
	if t := r.others.topics[string(question.Key)]; t != nil && r.config.Asked != nil && t.asked != q.serial &&
		(question.Type == mdns.TypePTR || question.Type == mdns.TypeANY) {
		t.asked = q.serial
		r.asks = append(r.asks, asking{t, n != nil && len(n.sets) > 0})
	}
}

// report passes on the questions that were noted.
func (q *inquiry) report() {
	r := q.face.r
	for _, a := range r.asks {
		r.config.Asked(mdns.Asked{
			Time: r.date(r.now), Link: q.face.link.Name, From: q.src.Addr(), Type: a.topic.typ,
			Answered: a.answered, Own: q.face.isOwn(q.src.Addr()),
		})
	}
}
