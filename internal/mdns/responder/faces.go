package responder

import (
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
	agenda
}

// place makes a face for each IP version of each link, marks those that are no longer wanted, and returns which links a plan
// must look at: those that have changed, and those on which another host has a name.
func (s *faces) place(r *Responder) (stirred map[int]bool) {
	old := s.all
	for _, f := range old {
		f.retire(r.desired.Links)
	}
	s.all, stirred = make([]*face, 0, len(old)), map[int]bool{}
	for _, l := range r.desired.Links {
		if !s.isSettled(l) || s.isHeir(r, l) {
			stirred[l.Index] = true
			s.follow(r, l)
		}
		for _, v := range publication.IPVersions() {
			if l.Has(v) {
				s.all = append(s.all, s.byLink[faceKey{l.Index, v}])
			}
		}
	}
	r.estate.grown = false
	for _, f := range old {
		if f.unwanted {
			stirred[f.link.Index] = true
			s.all = append(s.all, f)
		}
	}
	s.rank()
	return stirred
}

// retire marks a face that is no longer wanted, and keeps what it has announced for when it is wanted again.
func (f *face) retire(links publication.Links) {
	if l, _ := links.ByIndex(f.link.Index); f.unwanted || l.Has(f.version) {
		return
	}
	f.bequeath()
	f.farewells.forgetSaid(goodbyeTimes)
	f.unwanted = true
}

// isSettled reports whether a link is as it was, and all names there are ours.
func (s *faces) isSettled(l publication.Link) bool {
	known := false
	for _, v := range publication.IPVersions() {
		if !l.Has(v) {
			continue
		}
		f := s.byLink[faceKey{l.Index, v}]
		if f == nil || f.unwanted || f.lost || !f.link.Same(l) {
			return false
		}
		known = true
	}
	return known
}

// follow makes the faces of a link those of the link as it is now.
func (s *faces) follow(r *Responder, l publication.Link) {
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
		s.byLink[key] = f
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
	if before, ok := r.estate.names[l.Index]; ok {
		return before != l.Name
	}
	for _, v := range publication.IPVersions() {
		if f := s.byLink[faceKey{l.Index, v}]; f != nil {
			return f.link.Name != l.Name
		}
	}
	return false
}

// isHeir reports whether something is owed on a link that is as it was, such as a bridge, one of whose ports was a link of its
// own until now.
func (s *faces) isHeir(r *Responder, l publication.Link) bool {
	if !r.estate.grown {
		return false
	}
	for _, v := range publication.IPVersions() {
		f := s.byLink[faceKey{l.Index, v}]
		if f == nil {
			continue
		}
		for at := range f.legs() {
			if r.estate.owes(at) {
				return true
			}
		}
	}
	return false
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
	for _, l := range s.links {
		if now, ok := links.ByIndex(l.Index); ok && len(now.CameUp(l.Link)) > 0 {
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

// of goes through the faces of a link.
func (s *faces) of(l *link) iter.Seq[*face] {
	return func(yield func(*face) bool) {
		for _, v := range publication.IPVersions() {
			if f := s.byLink[faceKey{l.Index, v}]; f != nil && !yield(f) {
				return
			}
		}
	}
}

// claims returns the claims on a name on a link.
func (s *faces) claims(l *link, key string) namesakes {
	var claims namesakes
	for f := range s.of(l) {
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
	for f := range s.of(l) {
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
