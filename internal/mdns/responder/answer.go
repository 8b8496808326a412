package responder

import (
	"net/netip"

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
	first, ok := f.answers.due(f.now)
	if !ok {
		return false
	}
	a := answerer{face: f}
	a.start()
	sent := f.r.sent[:0]
	asker := first.asker
	for {
		s, ok := f.answers.due(f.now)
		if !ok {
			break
		}
		if !a.add(wire.Answer, s) {
			if len(sent) == 0 {
				f.answers.remove(s)
				a.split(s, a.multicast(s.asker, &f.link.traffic.Answers))
				return true
			}
			break
		}
		f.answers.remove(s)
		sent = append(sent, s)
		if !f.sources.Together(asker, s.asker) {
			asker = netip.Addr{}
		}
	}
	a.additionals(sent)
	f.r.sent = sent[:0]
	f.multicastTo(asker, &f.link.traffic.Answers)
	return true
}

// reply answers by unicast (RFC 6762 §5.4, §6.7), as far as the budget allows; the rest is multicast, as any answer may be. A
// legacy querier reads one message.
func (q *inquiry) reply(sets []*set) {
	a := answerer{face: q.face, query: q}
	src := q.asked
	if !q.face.r.own.has(src) {
		src = netip.Addr{} // a broadcast address
	}
	budget, free := &q.face.r.budget, freeTimes*q.length
	send := func() (more bool) {
		bytes := q.face.unicast(q.src, src)
		if cost := bytes - free; cost > 0 {
			budget.spend(q.face.now, q.src.Addr(), cost)
		}
		free = max(0, free-bytes)
		return !q.legacy
	}
	for packets := 0; len(sets) > 0; packets++ {
		affordable := budget.allows(q.face.now, q.src.Addr())
		if !affordable {
			q.face.stats.Throttled++
		}
		if packets == replyMost || !affordable {
			q.multicast(sets)
			return
		}
		if !a.start() {
			return
		}
		n := 0
		for n < len(sets) && a.add(wire.Answer, sets[n]) {
			n++
		}
		if n == 0 {
			a.split(sets[0], send)
			n = 1
		} else {
			a.additionals(sets[:n])
			send()
		}
		if q.legacy {
			return
		}
		sets = sets[n:]
	}
}

// multicast answers by multicast, when the records may be sent again; a probe is answered in time, or the name is lost. A
// legacy querier does not hear it.
func (q *inquiry) multicast(sets []*set) {
	if q.legacy {
		return
	}
	for _, s := range sets {
		pause := moment(sameRecord)
		if s.node.probed == q.serial {
			pause = sameToProbe
		}
		q.face.answers.addFor(q.src.Addr(), s, max(q.face.now, s.last+pause))
	}
}

// answerer writes messages of answers, one after another: to all hosts or, if there is a query, to its querier.
type answerer struct {
	face   *face
	build  *wire.Builder
	query  *inquiry
	bye    bool // they are goodbyes (RFC 6762 §10.1)
	serial uint32
}

// start begins a message: a reply to one querier with the ID of its query (RFC 6762 §18.1), a reply to a legacy query with its
// questions, too (§6.7), which may not fill it.
func (a *answerer) start() bool {
	a.build = a.face.start(a.face.limit(), responseFlags)
	a.serial = a.face.serial
	if a.query == nil {
		return true
	}
	a.build.Start(a.face.arena, a.face.limit(), a.query.id, responseFlags)
	if !a.query.legacy {
		return true
	}
	a.build.WholeTargets = true // §18.14
	return len(a.query.raw) <= a.face.limit()/2 && a.build.Questions(a.query.raw, a.query.count)
}

// multicast returns a function that sends the message by multicast for a host that asked, and counts it. The zero Addr
// stands for all hosts.
func (a *answerer) multicast(asker netip.Addr, count *uint64) func() (more bool) {
	return func() bool {
		a.face.multicastTo(asker, count)
		return true
	}
}

// add writes all records of a set, or none if they do not fit.
func (a *answerer) add(section wire.Section, s *set) bool {
	mark := a.build.Mark()
	for i := range s.records {
		if !a.record(section, s, i) {
			a.build.Rewind(mark)
			return false
		}
	}
	a.added(s)
	return true
}

// record writes one record of a set if it fits.
func (a *answerer) record(section wire.Section, s *set, i int) bool {
	ttl, flush := s.ttl(), s.unique()
	switch {
	case a.bye:
		ttl = 0
	case a.query != nil && a.query.legacy:
		ttl, flush = min(ttl, legacyTTL), false // RFC 6762 §6.7
	}
	return a.build.Record(section, &s.records[i], ttl, flush)
}

// added notes that a set was written.
func (a *answerer) added(s *set) {
	s.packed = a.serial
	if a.query == nil && !a.bye {
		s.last = a.face.now
	}
}

// split sends a set that fits no ordinary message: in each as many of its records as fit. A record that fits none goes
// alone in a larger one: more than one record is never fragmented (RFC 6762 §17). It ends when send wants no more.
func (a *answerer) split(s *set, send func() (more bool)) {
	a.added(s)
	for i := 0; i < len(s.records); {
		a.start()
		first := i
		for i < len(s.records) && a.record(wire.Answer, s, i) {
			i++
		}
		if i == first {
			a.build.Limit(a.face.hardLimit())
			a.record(wire.Answer, s, i)
			i++
		}
		if !send() {
			return
		}
	}
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
			a.hostOf(a.face.zone.find(s.target))
		case mdns.TypeSRV:
			a.host(s.target)
		case mdns.TypeA, mdns.TypeAAAA:
			a.host(s.node.key)
		}
	}
}

// instance adds SRV and TXT of an instance.
func (a *answerer) instance(key string) {
	if n := a.face.zone.find(key); n != nil {
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
	n := a.face.zone.find(key)
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
		a.extra(n.negative())
	}
}

// extra adds a set as additional, unless the receivers have it or are about to get it.
func (a *answerer) extra(s *set) {
	now := a.face.now
	switch {
	case s.packed == a.serial:
	case a.query == nil && (s.queued() || now-s.last < sameRecord): // §6: at most once a second
	case a.query != nil && a.query.knows(s):
	default:
		a.add(wire.Additional, s)
	}
}
