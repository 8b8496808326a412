package responder

import (
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

const responseFlags = wire.FlagResponse | wire.FlagAuthority // TC stays 0 (RFC 6762 §18.4, §18.5)

// legacyTTL is the longest that a program without multicast DNS may keep an answer, in seconds (RFC 6762 §6.7).
const legacyTTL = 10

// replyMost is the most packets of one reply by unicast; what does not fit is multicast.
const replyMost = 16

// sendAnswers sends one message with as many of the answers that are due as fit (RFC 6762 §6.4, §17).
func (f *face) sendAnswers() bool {
	if _, ok := f.answers.due(f.r.now); !ok {
		return false
	}
	a := answerer{face: f}
	a.start(responseFlags)
	sent := f.r.sent[:0]
	for {
		s, ok := f.answers.due(f.r.now)
		if !ok {
			break
		}
		if !a.add(wire.Answer, s) {
			if len(sent) == 0 {
				f.answers.remove(s)
				f.sendLarge(s)
				return true
			}
			break
		}
		f.answers.remove(s)
		sent = append(sent, s)
	}
	a.additionals(sent)
	f.r.sent = sent[:0]
	f.multicast(&f.link.traffic.Answers)
	return true
}

// sendLarge sends a set that does not fit an ordinary packet: alone, up to 9000 bytes (RFC 6762 §17). More than that,
// hundreds of addresses, is split.
func (f *face) sendLarge(s *set) {
	b := f.start(f.hardLimit(), responseFlags)
	for i := range s.records {
		if !b.Record(wire.Answer, &s.records[i], s.ttl(), s.unique()) && !b.Empty() {
			f.multicast(&f.link.traffic.Answers)
			b = f.start(f.hardLimit(), responseFlags)
			b.Record(wire.Answer, &s.records[i], s.ttl(), s.unique())
		}
	}
	s.last = f.r.now
	f.multicast(&f.link.traffic.Answers)
}

// reply answers by unicast (RFC 6762 §5.4, §6.7).
func (q *inquiry) reply(sets []*set) {
	a := answerer{face: q.face, query: q}
	for packets := 0; len(sets) > 0; packets++ {
		if packets == replyMost {
			for _, s := range sets {
				q.face.queue(s, max(q.face.r.now, s.last+sameRecord))
			}
			return
		}
		if !a.startReply() {
			return
		}
		n := 0
		for n < len(sets) && a.add(wire.Answer, sets[n]) {
			n++
		}
		if n == 0 {
			n = a.addLarge(sets[0])
		}
		a.additionals(sets[:n])
		q.face.unicast(q.src)
		if q.legacy {
			return // one answer is all that such a program reads
		}
		sets = sets[n:]
	}
}

// answerer writes one message of answers: to everybody or, where there is a query, to its querier.
type answerer struct {
	face   *face
	build  *wire.Builder
	query  *inquiry
	serial uint32
}

func (a *answerer) start(flags uint16) {
	a.build = a.face.start(a.face.limit(), flags)
	a.serial = a.face.r.serial
}

// startReply begins a reply: to a legacy query with its ID and its questions (RFC 6762 §6.7), which may not fill it.
func (a *answerer) startReply() bool {
	a.start(responseFlags)
	if !a.query.legacy {
		return true
	}
	r := a.face.r
	r.build.Start(r.arena, a.face.limit(), a.query.id, responseFlags)
	r.build.WholeTargets = true // §18.14
	return len(a.query.raw) <= a.face.limit()/2 && r.build.Questions(a.query.raw, a.query.count)
}

// add writes all records of a set, or none where they don't fit.
func (a *answerer) add(section wire.Section, s *set) bool {
	ttl, flush := s.ttl(), s.unique()
	if a.query != nil && a.query.legacy {
		ttl, flush = min(ttl, legacyTTL), false // RFC 6762 §6.7
	}
	mark := a.build.Mark()
	for i := range s.records {
		if !a.build.Record(section, &s.records[i], ttl, flush) {
			a.build.Rewind(mark)
			return false
		}
	}
	s.packed = a.serial
	if a.query == nil {
		s.last = a.face.r.now
	}
	return true
}

// addLarge writes a set that does not fit an ordinary packet, and gives the number of sets that it has done.
func (a *answerer) addLarge(s *set) int {
	a.build.Limit(a.face.hardLimit())
	a.add(wire.Answer, s)
	return 1
}

// additionals adds what the receivers will want to know next, as long as it fits (RFC 6763 §12, RFC 6762 §6.2).
func (a *answerer) additionals(answers []*set) {
	for _, s := range answers {
		if s.kind() == mdns.TypePTR {
			a.instance(s.target)
		}
	}
	for _, s := range answers {
		switch s.kind() {
		case mdns.TypePTR:
			a.hostOf(a.face.zone[s.target])
		case mdns.TypeSRV:
			a.host(s.target)
		case mdns.TypeA, mdns.TypeAAAA:
			a.host(s.node.key)
		}
	}
}

// instance adds SRV and TXT of an instance.
func (a *answerer) instance(key string) {
	if n := a.face.zone[key]; n != nil {
		for _, s := range n.sets {
			if s.kind() == mdns.TypeSRV || s.kind() == mdns.TypeTXT {
				a.extra(s)
			}
		}
	}
}

// hostOf adds the addresses of the host that an instance is on.
func (a *answerer) hostOf(instance *node) {
	if instance == nil {
		return
	}
	for _, s := range instance.sets {
		if s.kind() == mdns.TypeSRV {
			a.host(s.target)
		}
	}
}

// host adds the addresses of a host, and where it has none of one IP version a record that says so.
func (a *answerer) host(key string) {
	n := a.face.zone[key]
	if n == nil || n.claim == nil || !n.claim.live {
		return
	}
	found := 0
	for _, s := range n.sets {
		if s.kind() == mdns.TypeA || s.kind() == mdns.TypeAAAA {
			found++
			a.extra(s)
		}
	}
	if found == 1 && (a.query == nil || !a.query.legacy) {
		a.extra(a.face.negative(n, mdns.TypeA))
	}
}

// extra adds a set as additional, unless the receivers have it or are about to get it.
func (a *answerer) extra(s *set) {
	now := a.face.r.now
	switch {
	case s.packed == a.serial:
	case a.query == nil && (s.queued() || now-s.last < sameRecord): // §6: at most once a second
	case a.query != nil && a.query.knows(s):
	default:
		a.add(wire.Additional, s)
	}
}
