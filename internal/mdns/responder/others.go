package responder

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

const (
	foreignMost  = 256         // services of others that are remembered
	surveyTimes  = 3           // questions for a type, on a link where it is new
	surveyPause  = time.Second // after the first of them; then twice as long each time (RFC 6762 §5.2)
	refreshParts = 10          // a service is asked for after 8 and 9 of so many parts of its life, and gone at its end
	longestLife  = 24 * time.Hour
)

// others is what is known of those who ask for the service types that are watched, and who announce them too.
type others struct {
	topics  map[string]*topic // by the keys of the types, and of the subtypes that we publish
	foreign map[foreignKey]*foreigner
	ends    queue[*foreigner]
	surveys queue[*survey]
}

func (o *others) next() moment { return min(o.ends.next(), o.surveys.next()) }

// topic is a service type that is watched.
type topic struct {
	name    dnsname.Name // in its domain
	typ     dnsname.Name
	surveys map[int]*survey // by the index of the link
}

// survey asks who announces a type on a link.
type survey struct {
	timer
	topic *topic
	link  *link
	asked int
}

// foreigner is a service of somebody else.
type foreigner struct {
	timer
	mdns.Foreign
	topic *topic
	link  *link
	key   foreignKey
	part  moment // of its life
	asked int    // how often, since it was heard
	heard moment
	bye   bool
}

type foreignKey struct {
	link int
	name string // folded
}

// watchTopics takes up the types that are desired to be watched, on all links, and forgets the others.
func (r *Responder) watchTopics() {
	old := r.others.topics
	r.others.topics = map[string]*topic{}
	for _, name := range r.desired.Watched {
		if t := old[name.Key()]; t != nil && t.name.Equal(name) {
			r.others.topics[name.Key()] = t
		} else if t := newTopic(name); t != nil {
			r.others.topics[name.Key()] = t
		}
	}
	r.forgetOthers(old)
	for _, name := range r.desired.Watched {
		if t := r.others.topics[name.Key()]; t != nil {
			r.surveyAll(t)
		}
	}
	r.watchSubtypes()
}

// newTopic gives nil for what is no service type in a domain.
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

// watchSubtypes lets questions for the subtypes that we publish be questions for their types.
func (r *Responder) watchSubtypes() {
	for _, p := range r.desired.Groups {
		for _, s := range p.Group.Services {
			full, err := s.Type.Join(s.In())
			t := r.others.topics[full.Key()]
			if err != nil || t == nil {
				continue
			}
			for _, subtype := range s.Subtypes {
				if full, err := subtype.Join(s.In()); err == nil {
					r.others.topics[full.Key()] = t
				}
			}
		}
	}
}

// forgetOthers drops what belongs to types and links that are no longer there.
func (r *Responder) forgetOthers(old map[string]*topic) {
	gone := func(t *topic, l *link) bool {
		return r.others.topics[t.name.Key()] != t || !r.desired.Links.Has(l.Index)
	}
	for key, x := range r.others.foreign {
		if gone(x.topic, x.link) {
			r.others.ends.remove(x)
			delete(r.others.foreign, key)
		}
	}
	for _, t := range old {
		for index, s := range t.surveys {
			if gone(t, s.link) {
				r.others.surveys.remove(s)
				delete(t.surveys, index)
			}
		}
	}
}

// surveyAll asks for a type on the links where it was not asked for yet.
func (r *Responder) surveyAll(t *topic) {
	for _, d := range r.desired.Links {
		if t.surveys[d.Index] == nil {
			s := &survey{topic: t, link: r.faces.link(d)}
			t.surveys[d.Index] = s
			r.others.surveys.set(s, r.now+r.random(sharedDelay, sharedDelay+sharedJitter)) // RFC 6762 §5.2
		}
	}
}

// runOthers asks where it is time to, and forgets who has not answered.
func (r *Responder) runOthers() {
	for s, ok := r.others.surveys.due(r.now); ok; s, ok = r.others.surveys.due(r.now) {
		r.faces.ask(s.link, question{s.topic.name, mdns.TypePTR})
		if s.asked++; s.asked < surveyTimes {
			r.others.surveys.set(s, r.now+surveyPause<<(s.asked-1))
		} else {
			r.others.surveys.remove(s)
		}
	}
	for x, ok := r.others.ends.due(r.now); ok; x, ok = r.others.ends.due(r.now) {
		if x.bye || x.asked == 2 {
			r.others.ends.remove(x)
			delete(r.others.foreign, x.key)
			r.foreignEvent(mdns.ForeignGone, x, "")
			continue
		}
		x.asked++
		r.faces.ask(x.link, question{x.topic.name, mdns.TypePTR})
		r.others.ends.set(x, r.now+x.part)
	}
}

// meet takes a record with which somebody else announces a service of a type that is watched.
func (f *face) meet(t *topic, rec wire.Resource, src netip.Addr, own bool) {
	target := f.r.reader.Target(rec)
	if n := f.zone[string(target)]; n != nil && n.claim != nil && !own {
		return // that we want the name as well is a conflict, told as such
	}
	x := f.r.others.foreign[foreignKey{f.link.Index, string(target)}]
	switch {
	case x == nil && !own && f.r.echo(&f.r.reader, rec):
		f.surveyLater(t)
		return
	case x == nil && rec.TTL > 0 && len(f.r.others.foreign) < foreignMost:
		x = f.newForeigner(t, rec, src, own)
		if x == nil {
			return
		}
	case x == nil:
		return
	case rec.TTL == 0:
		if !x.bye {
			x.bye = true
			f.r.others.ends.set(x, f.r.now+goodbyeWait)
		}
		return
	}
	switch {
	case x.Own && !own:
		x.From, x.Own = src, false
		f.r.foreignEvent(mdns.ForeignSeen, x, f.foreignDetail(x))
	case own && f.isOwn(x.From):
		x.From, x.Own = src, true
	case !x.From.Is4() && x.Own == own:
		x.From = src
	}
	x.heard, x.asked, x.bye = f.r.now, 0, false
	x.part = min(moment(rec.TTL)*time.Second, longestLife) / refreshParts
	f.r.others.ends.set(x, f.r.now+x.part*(refreshParts-2))
}

// surveyLater asks for a type once what this host said of it is past: another host may have taken it over.
func (f *face) surveyLater(t *topic) {
	if s := t.surveys[f.link.Index]; s != nil && !s.queued() {
		s.asked = surveyTimes - 1
		f.r.others.surveys.set(s, f.r.now+SaidTime+time.Second)
	}
}

func (f *face) newForeigner(t *topic, rec wire.Resource, src netip.Addr, own bool) *foreigner {
	name, err := dnsname.FromWire(string(f.r.reader.AppendData(nil, rec)))
	if err != nil || !name.Parent().Equal(t.name) {
		return nil
	}
	r := f.r
	x := &foreigner{topic: t, link: f.link, key: foreignKey{f.link.Index, name.Key()}, Foreign: mdns.Foreign{
		Link: f.link.Name, Type: t.typ, Name: name.Label(), From: src, Own: own, Since: r.date(r.now),
	}}
	r.others.foreign[x.key] = x
	r.foreignEvent(mdns.ForeignSeen, x, f.foreignDetail(x))
	return x
}

// foreignDetail says who announces what.
func (f *face) foreignDetail(x *foreigner) string {
	who, what := x.From.String(), "a service of this type"
	if x.Own {
		who = "another program of this host"
	}
	if f.zone[x.key.name] != nil {
		what = "this very service"
	}
	return fmt.Sprintf("%s announces %s", who, what)
}

func (r *Responder) foreignEvent(kind mdns.EventKind, x *foreigner, detail string) {
	s := slot{status: mdns.ServiceStatus{Type: x.Type, Name: x.Name, Link: x.Link}}
	r.board.event(kind, &s, x.From, detail)
}

// Foreign gives the services of watched types that others announce, in the order in which they were first heard.
func (r *Responder) Foreign() []mdns.Foreign {
	var all []mdns.Foreign
	for _, x := range r.others.foreign {
		x.Heard = r.date(x.heard)
		all = append(all, x.Foreign)
	}
	slices.SortFunc(all, func(a, b mdns.Foreign) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Link, b.Link), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// Traffic counts the packets on each link.
func (r *Responder) Traffic() []mdns.LinkTraffic {
	all := make([]mdns.LinkTraffic, len(r.faces.links))
	for i, l := range r.faces.links {
		l.traffic.Link = l.Name
		all[i] = l.traffic
		if l.heard != never {
			all[i].Heard = r.date(l.heard)
		}
	}
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
	if t := r.others.topics[string(question.Key)]; t != nil && r.config.Asked != nil &&
		(question.Type == mdns.TypePTR || question.Type == mdns.TypeANY) {
		r.asks = append(r.asks, asking{t, n != nil && len(n.sets) > 0})
	}
}

// tell tells of the questions that were noted.
func (q *inquiry) tell() {
	r := q.face.r
	for _, a := range r.asks {
		r.config.Asked(mdns.Asked{
			Time: r.date(r.now), Link: q.face.link.Name, From: q.src.Addr(), Type: a.topic.typ,
			Answered: a.answered, Own: q.face.isOwn(q.src.Addr()),
		})
	}
}
