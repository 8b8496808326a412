package responder

import (
	"net/netip"
	"slices"
	"time"
)

// A querier that says that more known answers follow is waited for, and again after each message that says so
// (RFC 6762 §7.2).
const (
	truncatedWait   = 400 * time.Millisecond
	truncatedJitter = 100 * time.Millisecond
	truncatedMost   = 64 // queriers at a time; others are answered without the wait
	truncatedTimes  = 8  // messages of one querier
)

// truncated is a query of which more is to come.
type truncated struct {
	at         moment
	inquiry    inquiry
	src        netip.AddrPort
	candidates []candidate
	times      int
}

// waiting has the queries that are kept back.
type waiting []*truncated

// next returns the time at which the next of them is answered.
func (w waiting) next() moment {
	at := forever
	for _, t := range w {
		at = min(at, t.at)
	}
	return at
}

// await keeps a query back. It says false if too many are waiting already.
func (w *waiting) await(q inquiry, candidates []candidate) bool {
	if len(*w) == truncatedMost {
		return false
	}
	unknown := make([]candidate, 0, len(candidates))
	for _, c := range candidates {
		if !q.knows(c.set) {
			unknown = append(unknown, c)
		}
	}
	q.raw, q.waited = nil, true
	*w = append(*w, &truncated{
		at: q.wholeAt(), inquiry: q, src: q.src, candidates: unknown, times: 1,
	})
	return true
}

// wholeAt returns the time at which a query is answered, unless more of it comes before.
func (q *inquiry) wholeAt() moment {
	return q.face.now + q.face.random(truncatedWait, truncatedWait+truncatedJitter)
}

// moreKnown takes the known answers of a message without questions that belongs to an earlier query.
func (w waiting) moreKnown(q inquiry, more bool) bool {
	i := slices.IndexFunc(w, func(t *truncated) bool { return t.src == q.src && t.inquiry.face == q.face })
	if i < 0 || q.count > 0 {
		return false
	}
	t := w[i]
	t.candidates = slices.DeleteFunc(t.candidates, func(c candidate) bool { return q.knows(c.set) })
	t.times++
	if more && t.times < truncatedTimes {
		t.at = q.wholeAt()
	}
	return true
}

// run answers the queries that are complete by now.
func (w *waiting) run(now moment) {
	*w = slices.DeleteFunc(*w, func(t *truncated) bool {
		if t.at > now {
			return false
		}
		t.inquiry.answer(t.candidates, false)
		return true
	})
}
