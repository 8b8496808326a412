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
	all    []*face // in the order of the links
	byLink map[faceKey]*face
	links  []*link
}

// place makes a face for each IP version of each link, and marks those that are no longer wanted.
func (s *faces) place(r *Responder) {
	old := s.all
	s.all = nil
	for _, f := range old {
		f.retire(r.desired.Links)
	}
	for _, l := range r.desired.Links {
		for _, v := range publication.IPVersions() {
			if l.Has(v) {
				s.all = append(s.all, s.face(r, l, v))
			}
		}
	}
	for _, f := range old {
		if f.unwanted {
			s.all = append(s.all, f)
		}
	}
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

// face returns the face of a link, made if need be.
func (s *faces) face(r *Responder, l publication.Link, v publication.IPVersion) *face {
	key := faceKey{l.Index, v}
	f := s.byLink[key]
	isNew := f == nil
	if isNew {
		f = newFace(r, s.link(l), v)
		s.byLink[key] = f
	}
	returns := isNew || f.unwanted
	f.sources = l.Sources(v)
	f.link.Link, f.unwanted = l, false
	if returns {
		f.inherit()
	}
	return f
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
	if !slices.ContainsFunc(s.all, gone) {
		return
	}
	for _, f := range s.all {
		if gone(f) {
			delete(s.byLink, faceKey{f.link.Index, f.version})
		}
	}
	s.all = slices.DeleteFunc(s.all, gone)
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
		s.links = append(s.links, &link{Link: l, watches: map[string]*watch{}, heard: never})
	}
	return s.links[i]
}

// next returns the time of the next thing that a face must do.
func (s *faces) next() moment {
	at := forever
	for _, f := range s.all {
		at = min(at, f.next())
	}
	return at
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
		n := f.zone[string(rec.Key)]
		switch {
		case n == nil:
		case n.find(in, rec) != nil, n.claim != nil && n.claim.says() && n.claim.holds(in, rec):
			return true
		}
	}
	return false
}
