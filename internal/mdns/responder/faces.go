package responder

import (
	"cmp"
	"iter"
	"slices"

	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
)

// faceKey names a face: a link by its index, and an IP version.
type faceKey struct {
	link    int
	version publication.IPVersion
}

// faces has a face for each IP version of each link.
type faces struct {
	all    []*face // in the order of the links, then those that are no longer wanted
	byLink map[faceKey]*face
	links  []*link
	placed publication.Links // that the faces were last made for
	agenda
}

// place makes a face for each IP version of each link, marks those that are no longer wanted, and returns which links a plan
// must look at: those that have changed, and those on which another host has a name.
func (s *faces) place(r *Responder) (stirred map[int]bool) {
	stirred = map[int]bool{}
	for old, l := range publication.Changed(s.placed, r.desired.Links) {
		if old != nil {
			s.retire(old.Index, l)
		}
		if l != nil {
			stirred[l.Index] = true
		}
	}
	for _, f := range s.all {
		if f.unwanted || f.lost {
			stirred[f.link.Index] = true
		}
	}
	for i := range r.desired.Links {
		if l := &r.desired.Links[i]; stirred[l.Index] || s.isHeir(r, l) {
			stirred[l.Index] = true
			s.follow(r, *l)
		}
	}
	s.placed, r.estate.grown = r.desired.Links, false
	s.arrange()
	return stirred
}

// retire marks the faces of a link that are no longer wanted, and keeps what they have announced for when they are wanted again.
// The link as it is now is nil if it is gone.
func (s *faces) retire(index int, now *publication.Link) {
	for f := range s.of(index) {
		if f.unwanted || now != nil && now.Has(f.version) {
			continue
		}
		f.bequeath()
		f.farewells.forgetSaid(goodbyeTimes)
		f.unwanted = true
	}
}

// follow makes the faces of a link those of the link as it is now.
func (s *faces) follow(r *Responder, l publication.Link) {
	r.estate.replace(l)
	if s.isRenamed(r, l) {
		r.estate.rename(l)
	}
	for _, v := range publication.IPVersions() {
		if l.Has(v) {
			s.face(r, l, v)
		}
	}
}

// face makes the face of a link, if need be, and has it follow the link.
func (s *faces) face(r *Responder, l publication.Link, v publication.IPVersion) {
	key := faceKey{l.Index, v}
	f := s.byLink[key]
	if f == nil {
		f = newFace(r, s.link(l), v)
		s.byLink[key], s.all = f, append(s.all, f)
	}
	f.sources = l.Sources(v)
	if f.link.Name != l.Name {
		r.news.on(f.link.Name)
		r.news.on(l.Name)
	}
	f.link.Link, f.unwanted = l, false
	f.inherit()
}

// isRenamed reports whether a link had another name, also if it was away meanwhile and owes something.
func (s *faces) isRenamed(r *Responder, l publication.Link) bool {
	if before, ok := r.estate.away[l.Index]; ok {
		return before.Name != l.Name
	}
	for f := range s.of(l.Index) {
		return f.link.Name != l.Name
	}
	return false
}

// isHeir reports whether something is owed on a link that is as it was, such as a bridge, one of whose ports was a link of its
// own until now.
func (s *faces) isHeir(r *Responder, l *publication.Link) bool {
	if !r.estate.grown {
		return false
	}
	for f := range s.of(l.Index) {
		for at := range f.legs() {
			if r.estate.owes(at) {
				return true
			}
		}
	}
	return false
}

// arrange puts the faces into their order.
func (s *faces) arrange() {
	slices.SortFunc(s.all, (*face).compare)
	s.rank()
}

// compare orders the faces by their links, those last that are no longer wanted.
func (f *face) compare(g *face) int {
	switch {
	case f.unwanted == g.unwanted:
		return cmp.Or(cmp.Compare(f.link.Index, g.link.Index), cmp.Compare(f.version, g.version))
	case g.unwanted:
		return -1
	}
	return 1
}

// rank has the faces know their places.
func (s *faces) rank() {
	for i, f := range s.all {
		f.rank = i
	}
}

// cameUp returns the indices of the links that were there before, but behind which something has come up.
func (s *faces) cameUp(links publication.Links) map[int]bool {
	up := map[int]bool{}
	for old, l := range publication.Changed(s.placed, links) {
		if old != nil && l != nil && len(l.CameUp(*old)) > 0 {
			up[l.Index] = true
		}
	}
	return up
}

// drop forgets the faces that are no longer wanted and have said their goodbyes.
func (s *faces) drop() {
	gone := func(f *face) bool { return f.unwanted && f.next() == forever }
	if n := len(s.all); n == 0 || !s.all[n-1].unwanted || !slices.ContainsFunc(s.all, gone) {
		return
	}
	s.remove(gone)
}

// remove forgets some faces, and the links that have none any more.
func (s *faces) remove(gone func(*face) bool) {
	for _, f := range s.all {
		if gone(f) {
			delete(s.byLink, faceKey{f.link.Index, f.version})
			s.forget(f)
		}
	}
	s.all = slices.DeleteFunc(s.all, gone)
	s.rank()
	used := map[*link]bool{}
	for _, f := range s.all {
		used[f.link] = true
	}
	s.links = slices.DeleteFunc(s.links, func(l *link) bool { return !used[l] })
}

// link returns what is known of a link, made if need be.
func (s *faces) link(l publication.Link) *link {
	i := slices.IndexFunc(s.links, func(known *link) bool { return known.Index == l.Index })
	if i < 0 {
		i = len(s.links)
		s.links = append(s.links, &link{Link: l, heard: never})
	}
	return s.links[i]
}

// of goes through the faces of a link, by its index.
func (s *faces) of(link int) iter.Seq[*face] {
	return func(yield func(*face) bool) {
		for _, v := range publication.IPVersions() {
			if f := s.byLink[faceKey{link, v}]; f != nil && !yield(f) {
				return
			}
		}
	}
}

// claims returns the claims on a name on a link.
func (s *faces) claims(l *link, key string) namesakes {
	var claims namesakes
	for f := range s.of(l.Index) {
		if c := f.zone.claim(key); c != nil {
			claims = append(claims, c)
		}
	}
	return claims
}

// claimAgain probes again for a name that no other host of a link has any more.
func (s *faces) claimAgain(l *link, key string, start moment) {
	for _, c := range s.claims(l, key) {
		if c.phase == held {
			c.probe(start)
		}
	}
}

// ask makes sure that a question is asked on a link, by each IP version.
func (s *faces) ask(l *link, q question) {
	for f := range s.of(l.Index) {
		f.questions.add(q)
	}
}

// say reports whether this host says a record now, on any link.
func (s *faces) say(in *wire.Reader, rec wire.Resource) bool {
	for _, f := range s.all {
		n := f.zone.heard(rec.Key)
		switch {
		case n == nil:
		case n.find(in, rec) != nil, n.claim != nil && n.claim.says() && n.claim.holds(in, rec):
			return true
		}
	}
	return false
}
