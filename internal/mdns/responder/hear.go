package responder

import (
	"net/netip"
	"slices"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

// hear takes a response of another host; the questions in it mean nothing (RFC 6762 §6).
func (f *face) hear(p Packet) {
	r := &f.r.reader
	own := f.fromHere(p.Src.Addr())
	heirs := f.heirs()
	for {
		rec, ok := r.Resource()
		if !ok {
			return
		}
		if rec.Class != wire.ClassIN || rec.Section == wire.Authority {
			continue
		}
		if len(f.link.watches) > 0 && !own {
			if w := f.link.watches[string(rec.Key)]; w != nil && f.concerns(w, rec, p.Src.Addr()) {
				f.r.watches.overhear(w, rec, p.Src.Addr())
			}
		}
		if rec.Type == mdns.TypePTR {
			if t := f.r.others.topics[string(rec.Key)]; t != nil {
				sighting{&f.r.others, f, t, rec, p.Src.Addr(), own}.note()
			}
		}
		for _, heir := range heirs {
			if rec.TTL > 0 && heir.inherited.forget(r, rec) {
				heir.news()
			}
		}
		n := f.zone.heard(rec.Key)
		if n == nil {
			continue
		}
		s := n.find(r, rec)
		if s != nil {
			f.hearOurs(s, rec, f.isOwn(p.Src.Addr()))
		}
		if n.claim != nil && !own && rec.TTL > 0 {
			assertion{n.claim, rec, p.Src.Addr()}.confront(s == nil)
		}
	}
}

// concerns reports whether a record shows what becomes of the host that is watched: in standby one of another host of the
// link, else any that this host does not say itself.
func (f *face) concerns(w *watch, rec wire.Resource, src netip.Addr) bool {
	if !w.queued() {
		return false
	}
	if w.standby {
		return f.link.onLink(src)
	}
	return !f.r.echo(&f.r.reader, rec)
}

// hearOurs takes a record of ours from another responder, which is cooperation (RFC 6762 §6.6).
func (f *face) hearOurs(s *set, rec wire.Resource, own bool) {
	if own && s.node.claim != nil {
		at := f.now
		if rec.TTL == 0 {
			at = never
		}
		s.node.claim.changing().localAt = at
	}
	if !s.live {
		return
	}
	switch {
	case rec.TTL < s.ttl()/2:
		// Caches are about to lose it: §6.6 if the TTL is low, §10.1 if it is a goodbye.
		f.answers.again(s)
	case rec.TTL >= s.ttl() && s.queued() && s.asked && len(s.records) == 1:
		// §7.4: another host just gave the answer.
		f.answers.remove(s)
		f.stats.Suppressed++
	}
}

// contradicts reports whether a record that is not ours contradicts a claim on its name (RFC 6762 §9). While we probe,
// so does any unique record of another host: the name has an owner (§8.1).
func (a assertion) contradicts() bool {
	c, f, rec := a.claim, a.claim.face, a.rec
	if rec.Type == mdns.TypeNSEC || f.ownAddress(rec) || c.holds(&f.r.reader, rec) {
		return false
	}
	sameKind := slices.ContainsFunc(c.sets, func(s *set) bool { return s.kind() == rec.Type })
	return sameKind || c.asking() && !c.live && rec.Flush && !f.isOwn(a.src)
}

// ownAddress reports whether a record holds an address of this host, which never contradicts (RFC 6762 §14).
func (f *face) ownAddress(rec wire.Resource) bool {
	if rec.Type != mdns.TypeA && rec.Type != mdns.TypeAAAA {
		return false
	}
	data, ok := f.r.reader.Value(rec)
	return ok && f.r.own.has(data.(mdns.Address).Addr)
}
