package responder

import (
	"maps"
	"slices"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// Announced holds what caches may hold of this host on a link, by any IP version.
type Announced struct {
	Link    string        // name of the interface
	Records []mdns.Record // that are announced
	Owed    []mdns.Record // that were announced and not withdrawn; the TTL is how long caches may still hold one, in seconds
}

// news is what the next process does not know yet.
type news struct {
	fresh bool            // since [Responder.SaidNews] was last called
	links map[string]bool // whose [Announced] has changed since [Responder.Changed] was last called
}

// on records that something has changed on a link, which may have no name.
func (n *news) on(link string) {
	if link == "" {
		return
	}
	n.fresh = true
	if n.links == nil {
		n.links = map[string]bool{}
	}
	n.links[link] = true
}

// SaidNews reports whether [Responder.Said] or [Responder.Announced] has changed since the last call, other than by time.
func (r *Responder) SaidNews() bool {
	fresh := r.news.fresh
	r.news.fresh = false
	return fresh
}

// Changed returns the names of the links whose [Announced] has changed since the last call, other than by time.
func (r *Responder) Changed() map[string]bool {
	links := r.news.links
	r.news.links = nil
	return links
}

// Announced returns what caches may hold on all links, for [Responder.Inherit] after a restart.
func (r *Responder) Announced(now time.Time) []Announced {
	links := map[string]bool{}
	for i := range r.desired.Links {
		links[r.desired.Links[i].Name] = true
	}
	for at := range r.estate.legs {
		links[at.link] = true
	}
	delete(links, "")
	return slices.DeleteFunc(r.AnnouncedOn(now, links), func(a Announced) bool { return len(a.Records)+len(a.Owed) == 0 })
}

// AnnouncedOn returns what caches may hold on some links, by their names, also of those on which that is nothing.
func (r *Responder) AnnouncedOn(now time.Time, links map[string]bool) []Announced {
	r.clock.advance(now)
	here := map[string]int{} // index
	for i := range r.desired.Links {
		if l := &r.desired.Links[i]; links[l.Name] {
			here[l.Name] = l.Index
		}
	}
	all := make([]Announced, 0, len(links))
	for _, name := range slices.Sorted(maps.Keys(links)) {
		a := Announced{Link: name}
		owed := debt{clock: r.clock}
		if index, ok := here[name]; ok {
			a.Records = r.faces.announced(index, &owed)
		}
		for _, v := range publication.IPVersions() {
			for _, left := range r.estate.legs[legOf(0, name, v)].relics {
				owed.add(left.Record, left.until)
			}
		}
		a.Owed = owed.records
		all = append(all, a)
	}
	return all
}

// announced returns what is announced on a link, each record once, and adds what is owed there.
func (s *faces) announced(link int, owed *debt) (records []mdns.Record) {
	var first *face
	for f := range s.of(link) {
		for _, n := range f.zone.inOrder() {
			for _, set := range n.sets {
				for _, record := range set.records {
					if first == nil || !first.zone.find(n.key).has(record) {
						records = append(records, record)
					}
				}
			}
		}
		for _, set := range f.inherited.inOrder() {
			for _, record := range set.records {
				owed.add(record, set.last+set.life())
			}
		}
		first = f
	}
	return records
}

// has reports whether a record is answered for. There may be no node.
func (n *node) has(record mdns.Record) bool {
	return n != nil && slices.ContainsFunc(n.withTarget(targetKey(record.Data)), func(s *set) bool { return slices.Contains(s.records, record) })
}

// debt is what is owed on a link.
type debt struct {
	*clock
	records []mdns.Record
	index   map[mdns.Record]int // in records, by the record without its TTL
}

// add adds a record that caches may hold until a moment.
func (d *debt) add(record mdns.Record, until moment) {
	if until <= d.now {
		return
	}
	record.TTL = 0
	i, known := d.index[record]
	if !known {
		if d.index == nil {
			d.index = map[mdns.Record]int{}
		}
		i = len(d.records)
		d.index[record] = i
		d.records = append(d.records, record)
	}
	d.records[i].TTL = max(d.records[i].TTL, uint32((until-d.now+time.Second-1)/time.Second))
}

// Inherit takes what the process before this one left, a time after it last announced that. For [SaidTime] since then no
// record that was announced is a rival's. What is owed, and what is not announced again, gets its goodbye ten seconds after
// the link is there, or at the end, as long as caches may hold it.
func (r *Responder) Inherit(now time.Time, after time.Duration, left []Announced) {
	r.begin(now)
	for _, a := range left {
		var relics []relic
		for _, record := range a.Records {
			if after < SaidTime {
				r.past.add(sumOf(record.Name.Key(), record.Data), r.now+SaidTime-after)
			}
			relics = append(relics, newRelic(record, r.now-after))
		}
		for _, record := range a.Owed {
			relics = append(relics, newRelic(record, r.now))
		}
		relics = slices.DeleteFunc(relics, func(left relic) bool { return left.until <= r.now })
		r.estate.leave(a.Link, relics)
	}
	r.news = news{} // who gave that has it
}

// newRelic returns a record that was announced at a moment.
func newRelic(record mdns.Record, said moment) relic {
	return relic{record, said + moment(record.TTL)*time.Second}
}
