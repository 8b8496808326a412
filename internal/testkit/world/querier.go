//go:build linux

package world

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
)

// answerTime is longer than an answer takes: until the last known answer (RFC 6762 §7.2), a second after the last multicast of a
// record, and the wait for other hosts (§6).
const answerTime = 500*time.Millisecond + time.Second + 200*time.Millisecond

// Of an answer to a querier without multicast DNS (RFC 6762 §6.7), and of answers by unicast (§5.4).
const (
	legacyTTL  = 10 // seconds
	freshPart  = 4  // a record multicast in this part of its TTL is sent by unicast
	freshSpare = 2 * time.Second
)

// query is what a phone or another program asks, and how.
type query struct {
	segment   *segment
	version   publication.IPVersion
	from, to  netip.AddrPort
	id        uint16
	class     uint16 // of all questions; 0: IN
	questions []wire.Query
	known     []mdns.Record // with their TTLs
	parts     int           // packets of known answers
	at        time.Time
	spoken    map[utterance]time.Time // what was multicast before
}

// String describes a query for a failure.
func (q *query) String() string {
	var what []string
	for _, question := range q.questions {
		what = append(what, fmt.Sprintf("%v %v QU=%t", question.Name, question.Type, question.QU))
	}
	return fmt.Sprintf("[%s] class %d from %v to %v with ID %d and %d known answers in %d packets",
		strings.Join(what, ", "), q.class, q.from, q.to, q.id, len(q.known), q.parts)
}

// forms are the ways to ask. Each changes a query by multicast from port 5353 for everything of a type.
var forms = []func(q *query, w *World, dice *rand.Rand){
	func(*query, *World, *rand.Rand) {},
	func(q *query, _ *World, _ *rand.Rand) { q.wantUnicast() },
	func(q *query, _ *World, dice *rand.Rand) { q.id = uint16(dice.Uint32()); q.wantUnicast() },
	func(q *query, _ *World, dice *rand.Rand) { q.legacy(dice) },
	func(q *query, w *World, dice *rand.Rand) { q.legacy(dice); q.toHost(w, dice) },
	func(q *query, w *World, dice *rand.Rand) { q.toHost(w, dice) },
	func(q *query, w *World, dice *rand.Rand) { q.knowing(w, dice) },
	func(q *query, w *World, dice *rand.Rand) { q.wantUnicast(); q.knowing(w, dice) },
	func(q *query, _ *World, _ *rand.Rand) { q.class = wire.ClassANY },
	func(q *query, _ *World, _ *rand.Rand) { q.class = 3 }, // CHAOS
	func(q *query, w *World, dice *rand.Rand) { q.toHost(w, dice); q.fromAfar() },
	func(q *query, w *World, dice *rand.Rand) { q.legacy(dice); q.toHost(w, dice); q.fromAfar() },
}

// inquire has phones ask for records of all kinds, in all ways, and checks what they get.
func (w *World) inquire(dice *rand.Rand) {
	s := w.segments[dice.IntN(len(w.segments))]
	for range 4 {
		q := &query{segment: s, version: publication.IPVersions()[dice.IntN(2)], parts: 1}
		q.to, q.from = mdns.Group(q.version), netip.AddrPortFrom(s.phoneAddr(q.version), mdns.Port)
		q.ask(w, dice)
		forms[dice.IntN(len(forms))](q, w, dice)
		q.send(w, dice)
		w.rest(answerTime)
		for _, h := range w.hosts {
			q.judge(h)
		}
		s.overheard = nil
		w.rest(time.Duration(dice.Int64N(int64(time.Minute))))
	}
}

func (s *segment) phoneAddr(v publication.IPVersion) netip.Addr {
	for _, a := range s.phone.Links()[0].Addrs {
		if a.Addr().Is4() == (v == publication.V4) {
			return a.Addr()
		}
	}
	return netip.Addr{}
}

// ask draws the questions: for what there is, for types of it that there are not, and in other letters.
func (q *query) ask(w *World, dice *rand.Rand) {
	var all []mdns.Record
	for _, h := range w.hosts {
		all = append(all, h.zone(q.segment)...)
	}
	types := []mdns.Type{mdns.TypeANY, mdns.TypeANY, mdns.TypeSRV, mdns.TypeAAAA, 13}
	names := []dnsname.Name{metaName, typeName, subtypeName}
	for range 1 + dice.IntN(2)*dice.IntN(4) {
		question := wire.Query{Name: names[dice.IntN(len(names))], Type: mdns.TypePTR}
		if len(all) > 0 && dice.IntN(2) == 0 {
			r := all[dice.IntN(len(all))]
			question = wire.Query{Name: r.Name, Type: r.Data.Type()}
		}
		if dice.IntN(4) == 0 {
			question.Type = types[dice.IntN(len(types))]
		}
		if dice.IntN(4) == 0 {
			question.Name, _ = dnsname.FromWire(upper(question.Name.Wire()))
		}
		q.questions = append(q.questions, question)
	}
}

// upper returns a name in capitals. Lengths of labels are no letters.
func upper(name string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, name)
}

func (q *query) wantUnicast() {
	for i := range q.questions {
		q.questions[i].QU = true
	}
}

// legacy makes it the query of a program without multicast DNS, which has a port of its own.
func (q *query) legacy(dice *rand.Rand) {
	q.from = netip.AddrPortFrom(q.from.Addr(), uint16(32768+dice.IntN(28000)))
	q.id = uint16(dice.Uint32())
}

func (q *query) isLegacy() bool { return q.from.Port() != mdns.Port }

// toHost sends it to one host (RFC 6762 §5.5).
func (q *query) toHost(w *World, dice *rand.Rand) {
	via := w.hosts[dice.IntN(len(w.hosts))].reaches(q.segment)
	if via == nil {
		return
	}
	for _, a := range via.published() {
		if a.Is4() == (q.version == publication.V4) {
			q.to = netip.AddrPortFrom(a, mdns.Port)
		}
	}
}

// fromAfar has the query come from another network, whatever way it took (RFC 6762 §11).
func (q *query) fromAfar() {
	far := netip.MustParseAddr("192.0.2.7")
	if q.version == publication.V6 {
		far = netip.MustParseAddr("2001:db8::7")
	}
	q.from = netip.AddrPortFrom(far, q.from.Port())
}

func (q *query) isFar() bool { return q.from.Addr() != q.segment.phoneAddr(q.version) }

// knowing lists some of the answers as known, in several packets (RFC 6762 §7.1, §7.2).
func (q *query) knowing(w *World, dice *rand.Rand) {
	q.parts = 1 + dice.IntN(4)
	for _, h := range w.hosts {
		for _, r := range h.zone(q.segment) {
			if _, several := r.Data.(mdns.Address); !several && q.asksFor(r) && dice.IntN(2) == 0 {
				r.TTL = r.TTL/2 - uint32(dice.IntN(2))*r.TTL/4
				q.known = append(q.known, r)
			}
		}
	}
	for range dice.IntN(20) { // what others have
		q.known = append(q.known, mdns.Record{Name: typeName, TTL: mdns.OtherTTL, Data: mdns.PTR{Target: subtypeName}})
	}
	dice.Shuffle(len(q.known), func(i, j int) { q.known[i], q.known[j] = q.known[j], q.known[i] })
}

func (q *query) asksFor(r mdns.Record) bool {
	return slices.ContainsFunc(q.questions, func(question wire.Query) bool { return asks(question, r) })
}

// knows reports whether the querier needs no answer with a record (RFC 6762 §7.1).
func (q *query) knows(r mdns.Record) bool {
	return slices.ContainsFunc(q.known, func(known mdns.Record) bool { return fact(known) == fact(r) && known.TTL >= r.TTL/2 })
}

// send sends the packets of a query, each soon after the other, and so that none overtakes another.
func (q *query) send(w *World, dice *rand.Rand) {
	q.segment.overheard, q.spoken = []reply{}, maps.Clone(q.segment.spoken)
	for i := range q.parts {
		m := wire.Message{Header: wire.Header{ID: q.id}, Answers: q.known[len(q.known)*i/q.parts : len(q.known)*(i+1)/q.parts]}
		if i == 0 {
			m.Questions, q.at = q.questions, time.Now()
		} else {
			w.rest(fine.Jitter + time.Duration(dice.Int64N(int64(300*time.Millisecond))))
		}
		if i < q.parts-1 {
			m.Flags = wire.FlagTruncated
		}
		data, _ := m.Encode(mdns.MaxMessage)
		if i == 0 && q.class != 0 {
			data = q.inClass()
		}
		_ = q.segment.phone.Send(link.Packet{Data: data, Link: 2, From: q.from, To: q.to})
	}
}

// inClass returns the query with questions of its class.
func (q *query) inClass() []byte {
	data := binary.BigEndian.AppendUint16(nil, q.id)
	data = append(data, 0, 0, 0, byte(len(q.questions)), 0, 0, 0, 0, 0, 0)
	for _, question := range q.questions {
		data = append(data, question.Name.Wire()...)
		data = binary.BigEndian.AppendUint16(data, uint16(question.Type))
		data = binary.BigEndian.AppendUint16(data, q.class)
	}
	return data
}

// raw returns the questions in wire form.
func (q *query) raw() []byte {
	data, _ := wire.Message{Questions: q.questions}.Encode(mdns.MaxMessage)
	return data[wire.HeaderSize:]
}
