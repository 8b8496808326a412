package responder

import (
	"net/netip"
	"slices"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

// The times of answers (RFC 6762 §6).
const (
	sameRecord   = time.Second            // between two multicasts of a record
	sameToProbe  = 250 * time.Millisecond // the same where it answers a probe
	sharedDelay  = 20 * time.Millisecond  // of what others may answer too, at least
	sharedJitter = 100 * time.Millisecond // and as much more at random
	quarter      = 4                      // the part of its TTL in which a record must have been multicast (§5.4)
)

// candidate is a set that a query asks for.
type candidate struct {
	set     *set
	unicast bool // the querier asks for a unicast answer, and nothing but that
}

// query answers a query, or makes sure that it is answered when it is time.
func (f *face) query(p Packet) {
	r := &f.r.reader
	asked := inquiry{face: f, serial: f.number(), src: p.Src, length: len(p.Data), legacy: p.Src.Port() != mdns.Port}
	if !p.Dst.IsMulticast() {
		asked.asked = p.Dst
	}
	candidates := asked.questions(f.r.candidates[:0])
	f.r.candidates = candidates[:0]
	asked.id, asked.raw, asked.count = r.ID, r.QuestionBytes(), r.Counts[0]
	probe := asked.records(p)
	if r.Err() != nil {
		return
	}
	asked.report()
	if len(f.r.waiting) > 0 && f.r.waiting.moreKnown(asked, r.Truncated()) {
		return
	}
	if r.Truncated() && !asked.legacy && !probe && len(candidates) > 0 && f.r.waiting.await(asked, candidates) {
		return
	}
	asked.answer(candidates, asked.count > 1)
}

// inquiry is a query that is being read.
type inquiry struct {
	face   *face
	serial uint32
	src    netip.AddrPort
	asked  netip.Addr // the address of ours that it was sent to; zero if that was the group
	legacy bool       // from a program that is no multicast DNS querier (RFC 6762 §6.7)
	waited bool       // for more known answers, so that the answer needs no other delay (RFC 6762 §6, §7.2)
	length int        // of the packet, in bytes
	id     uint16
	raw    []byte // the questions as they came
	count  uint16
}

// questions adds what is asked for and there is (RFC 6762 §6): each set once, by unicast only if all questions for it
// allow that, and only to a host on the link, since others expect no unicast (§11). A legacy query has its reply in any
// case (§6.7).
func (q *inquiry) questions(candidates []candidate) []candidate {
	r := &q.face.r.reader
	q.face.r.asks = q.face.r.asks[:0]
	for {
		question, ok := r.Question()
		if !ok {
			break
		}
		if question.Class != wire.ClassIN && question.Class != wire.ClassANY {
			continue
		}
		n := q.face.zone.heard(question.Key)
		q.note(question, n)
		if n == nil {
			continue
		}
		unicast := q.asked.IsValid() || question.QU && q.face.link.onLink(q.src.Addr())
		if !n.isNews(q.serial, question.Type, unicast) {
			continue
		}
		found := false
		for _, s := range n.sets {
			if s.answers(question.Type) {
				found = true
				candidates = q.candidate(candidates, s, unicast)
			}
		}
		if !found && n.claim != nil && n.claim.live {
			candidates = q.candidate(candidates, n.negative(), unicast)
		}
	}
	for i := range candidates {
		candidates[i].unicast = candidates[i].set.multi != q.serial
	}
	return candidates
}

// isNews reports whether the packet with a serial has not asked for a name in the same way before: a packet has room for hundreds
// of questions, and a name for thousands of sets.
func (n *node) isNews(serial uint32, t mdns.Type, unicast bool) bool {
	if n.asked != serial {
		n.asked, n.questions = serial, 0
	}
	bit := uint16(1) << (2*slices.Index(askedTypes[:], t) + 2) // type 0 of the list is bit 2; all others are bit 0
	if unicast {
		bit <<= 1
	}
	first := n.questions&bit == 0
	n.questions |= bit
	return first
}

// askedTypes are the types that there are records of, and the one that asks for all. A name has no record of any other type, so
// that all questions for those have the same answer.
var askedTypes = [...]mdns.Type{mdns.TypePTR, mdns.TypeSRV, mdns.TypeTXT, mdns.TypeA, mdns.TypeAAAA, mdns.TypeANY}

func (q *inquiry) candidate(candidates []candidate, s *set, unicast bool) []candidate {
	if !unicast {
		s.multi = q.serial
	}
	if s.wanted == q.serial {
		return candidates
	}
	s.wanted = q.serial
	return append(candidates, candidate{set: s})
}

// records reads the known answers and the probes of a query, and reports whether it is a probe for a name of ours.
func (q *inquiry) records(p Packet) (probe bool) {
	f, r := q.face, &q.face.r.reader
	for {
		rec, ok := r.Resource()
		if !ok {
			return probe
		}
		if rec.Class != wire.ClassIN || rec.Section == wire.Additional {
			continue
		}
		n := f.zone.heard(rec.Key)
		if n == nil {
			continue
		}
		if rec.Section == wire.Answer {
			q.known(n, rec)
			continue
		}
		first := n.probed != q.serial
		n.probed, probe = q.serial, true
		// A program of this host is no rival (§8.2, §14).
		if c := n.claim; first && c != nil && c.asking() && !f.fromHere(q.src.Addr()) {
			c.meetProbe(p)
		}
	}
}

// known notes an answer that the querier has, with at least half of its life left (RFC 6762 §7.1).
func (q *inquiry) known(n *node, rec wire.Resource) {
	s := n.find(&q.face.r.reader, rec)
	if s == nil || rec.TTL < s.ttl()/2 {
		return
	}
	if s.known != q.serial {
		s.known, s.knownCount = q.serial, 0
	}
	s.knownCount++
}

// knows reports whether the querier has all records of a set.
func (q *inquiry) knows(s *set) bool {
	return s.known == q.serial && int(s.knownCount) >= len(s.records)
}

// answer sends or queues what the querier doesn't know.
func (q *inquiry) answer(candidates []candidate, several bool) {
	f, now := q.face, q.face.now
	shared := several
	for _, c := range candidates {
		shared = shared || !c.set.unique()
	}
	replies := f.r.sent[:0]
	for _, c := range candidates {
		s := c.set
		switch stale := now-s.last > s.life()/quarter; {
		case !s.live:
		case q.knows(s):
			f.stats.Suppressed++
		case q.legacy:
			replies = append(replies, s)
		case s.node.probed == q.serial: // another host's probe, §6 and §8.1
			if c.unicast {
				replies = append(replies, s)
			}
			if !c.unicast || stale {
				f.answers.addFor(q.src.Addr(), s, max(now, s.last+sameToProbe))
			}
		case c.unicast && !stale: // §5.4
			replies = append(replies, s)
		case shared && !q.waited:
			f.answers.addFor(q.src.Addr(), s, max(f.answers.delayed(), s.last+sameRecord))
		default:
			f.answers.addFor(q.src.Addr(), s, max(now, s.last+sameRecord))
		}
	}
	if len(replies) > 0 {
		q.reply(replies)
	}
	f.r.sent = replies[:0]
}
