package responder

import (
	"net/netip"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

// question is one that we ask.
type question struct {
	name dnsname.Name
	kind mdns.Type
}

// questions has the questions to be asked.
type questions struct {
	*sender
	zone *zone
	list []question
}

func (q *questions) add(more question) {
	q.list = append(q.list, more)
	q.touch()
}

// drop forgets the questions.
func (q *questions) drop() {
	q.list = nil
	q.touch()
}

// send sends one message with as many of the questions to be asked as fit.
func (q *questions) send() bool {
	if len(q.list) == 0 {
		return false
	}
	b := q.start(q.limit(), 0)
	n := 0
	for n < len(q.list) && b.Question(q.list[n].name, q.list[n].kind, false) {
		n++
	}
	for _, asked := range q.list[:n] {
		q.knownAnswers(b, asked)
	}
	q.list = following(q.list, max(n, 1))
	q.multicastUntil(&q.link.traffic.Questions, netip.Addr{}, q.now+questionEcho)
	return true
}

// knownAnswers adds our own answers to a question of ours, as many as fit: no host need give them (RFC 6762 §7.1).
func (q *questions) knownAnswers(b *wire.Builder, asked question) {
	if asked.kind != mdns.TypePTR {
		return
	}
	n := q.zone.find(asked.name.Key())
	if n == nil {
		return
	}
	for _, s := range n.sets {
		if s.kind() == asked.kind && !b.Record(wire.Answer, &s.records[0], s.ttl(), false) {
			return
		}
	}
}
