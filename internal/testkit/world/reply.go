//go:build linux

package world

import (
	"bytes"
	"slices"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
	"announcer/internal/testkit/memlink"
)

// utterance is that a host says something to all on a segment, by an IP version.
type utterance struct {
	host    *memlink.Host
	version publication.IPVersion
	fact    string
}

// overhear keeps what a querier is to check, and notes when records were last multicast.
func (s *segment) overhear(p sent, m *wire.Message) {
	if s.overheard != nil {
		s.overheard = append(s.overheard, reply{p, m})
	}
	if !m.Response() || !p.Multicast() {
		return
	}
	for _, r := range slices.Concat(m.Answers, m.Additional) {
		s.spoken[utterance{p.from, p.Version(), fact(r)}] = p.at
	}
}

// reply is a packet that a querier may have waited for.
type reply struct {
	sent
	*wire.Message
}

// answer is a record in the answer section of a reply.
type answer struct {
	mdns.Record
	direct bool // by unicast
}

// judge checks what a host has answered to a query.
func (q *query) judge(h *host) {
	if !h.isSettled() {
		return
	}
	var got, others []answer // and of other hosts, to all: a host does not repeat them (RFC 6762 §7.4)
	direct, noise := 0, false
	for _, r := range q.segment.overheard {
		switch {
		case !r.Response():
			noise = noise || r.from != q.segment.phone
		case r.from != h.net && r.To == mdns.Group(q.version):
			others = append(others, answers(r, false)...)
		case r.from != h.net:
		case r.To == q.from:
			direct++
			q.judgeDirect(h, r)
			got = append(got, answers(r, true)...)
		case r.To == mdns.Group(q.version):
			q.judgeHeader(h, r, 0)
			got = append(got, answers(r, false)...)
		}
	}
	switch {
	case !q.isAnswered(h):
		if direct > 0 {
			h.fail("%s answers %v", h.name, q)
		}
		return
	case q.isLegacy() && direct > 1:
		h.fail("%s sends %d answers to %v", h.name, direct, q)
	}
	for _, r := range h.zone(q.segment) {
		if q.asksFor(r) {
			q.judgeRecord(h, r, got, others, noise || isWanted(r))
		}
	}
	q.judgeMissing(h, got)
}

// isWanted reports whether a record is about the name that all want: it changes hands when hosts hear each other again, and is
// announced then, asked for or not.
func isWanted(r mdns.Record) bool {
	name, ok := instanceOf(r)
	return ok && baseName(name) == sharedName
}

// isAnswered reports whether a query gets to a host, and is one that is answered (RFC 6762 §6, §11).
func (q *query) isAnswered(h *host) bool {
	via := h.reaches(q.segment)
	here := via != nil && !h.jam.hits(via, q.version) && (q.to == mdns.Group(q.version) || via.has(q.to.Addr()) && !q.isFar())
	return here && via.port.Link().Has(q.version) && (q.class == 0 || q.class == wire.ClassANY)
}

func answers(r reply, direct bool) (all []answer) {
	for _, record := range r.Answers {
		all = append(all, answer{record, direct})
	}
	return all
}

// judgeHeader checks what is so of all answers (RFC 6762 §18).
func (q *query) judgeHeader(h *host, r reply, id uint16) {
	if r.Flags != wire.FlagResponse|wire.FlagAuthority || r.ID != id {
		h.fail("%s answers %v with the flags %#x and the ID %d; want %d", h.name, q, r.Flags, r.ID, id)
	}
	if via := h.reaches(q.segment); via != nil && !via.has(r.From.Addr()) || r.From.Port() != mdns.Port {
		h.fail("%s answers %v from %v", h.name, q, r.From)
	}
	if len(r.Questions) > 0 && !(q.isLegacy() && r.To == q.from) {
		h.fail("%s repeats the questions of %v", h.name, q)
	}
}

// judgeDirect checks an answer by unicast (RFC 6762 §5.4, §6.7, §18.1).
func (q *query) judgeDirect(h *host, r reply) {
	q.judgeHeader(h, r, q.id)
	if via := h.reaches(q.segment); via != nil && via.has(q.to.Addr()) && r.From != q.to {
		h.fail("%s answers %v from %v", h.name, q, r.From)
	}
	if q.isLegacy() && !(len(r.Questions) == len(q.questions) && bytes.HasPrefix(r.Data[wire.HeaderSize:], q.raw())) {
		h.fail("%s does not repeat the questions of %v", h.name, q)
	}
	for _, record := range slices.Concat(r.Answers, r.Additional) {
		if q.isLegacy() && (record.TTL > legacyTTL || record.Unique) {
			h.fail("%s answers %v with %v", h.name, q, record)
		}
	}
	for _, record := range r.Answers {
		if _, denies := record.Data.(mdns.NSEC); !denies && !q.asksFor(record) {
			h.fail("%s answers %v with %v, which it does not ask for", h.name, q, record)
		}
	}
}

// judgeRecord checks that a record which is asked for was given, in one of the ways in which it may be and in no other.
func (q *query) judgeRecord(h *host, r mdns.Record, got, others []answer, noise bool) {
	mayDirect, mayAll := q.ways(h, r)
	direct, all := q.isIn(got, r, true), q.isIn(got, r, false)
	switch {
	case direct && !mayDirect, all && !mayAll && !noise:
		h.fail("%s answers %v with %v; it may by unicast: %t, by multicast: %t", h.name, q, r, mayDirect, mayAll)
	case (mayDirect || mayAll) && !(direct && mayDirect) && !((all || q.isIn(others, r, false)) && mayAll):
		h.fail("%s does not answer %v with %v; it may by unicast: %t, by multicast: %t", h.name, q, r, mayDirect, mayAll)
	}
}

// ways returns how a record may be given: by unicast if that is asked for and the record was multicast not long ago (RFC 6762
// §5.4), not at all if it is known (§7.1).
func (q *query) ways(h *host, r mdns.Record) (direct, all bool) {
	switch {
	case q.knows(r):
		return false, false
	case q.isLegacy():
		return true, false
	case !q.wantsUnicast():
		return false, true
	}
	last, spoken := q.spoken[utterance{h.net, q.version, fact(r)}]
	age, part := q.at.Sub(last), time.Duration(r.TTL)*time.Second/freshPart
	return spoken && age < part+freshSpare, !spoken || age > part-freshSpare
}

func (q *query) wantsUnicast() bool {
	return q.to != mdns.Group(q.version) || !slices.ContainsFunc(q.questions, func(question wire.Query) bool { return !question.QU })
}

// isIn reports whether answers have a record, with its TTL and cache-flush bit if the querier is one of multicast DNS.
func (q *query) isIn(got []answer, r mdns.Record, direct bool) bool {
	return slices.ContainsFunc(got, func(a answer) bool {
		return a.direct == direct && fact(a.Record) == fact(r) && (q.isLegacy() || a.TTL == r.TTL && a.Unique == r.Unique)
	})
}

// judgeMissing checks that a host says of its names which types they don't have (RFC 6762 §6.1).
func (q *query) judgeMissing(h *host, got []answer) {
	zone := h.zone(q.segment)
	for _, question := range q.questions {
		owns := slices.ContainsFunc(zone, func(r mdns.Record) bool { return r.Unique && r.Name.Equal(question.Name) })
		has := slices.ContainsFunc(zone, func(r mdns.Record) bool { return asks(question, r) })
		denied := slices.ContainsFunc(got, func(a answer) bool {
			nsec, is := a.Data.(mdns.NSEC)
			return is && a.Name.Equal(question.Name) && !slices.Contains(nsec.Types(), question.Type)
		})
		if owns && !has && !denied && !q.isLegacy() {
			h.fail("%s does not deny %v %v in its answer to %v", h.name, question.Name, question.Type, q)
		}
	}
}
