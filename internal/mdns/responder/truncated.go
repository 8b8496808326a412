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

// await keeps a query back. It says false where too many are waiting already.
func (r *Responder) await(q inquiry, candidates []candidate) bool {
	if len(r.waiting) == truncatedMost {
		return false
	}
	unknown := make([]candidate, 0, len(candidates))
	for _, c := range candidates {
		if !q.knows(c.set) {
			unknown = append(unknown, c)
		}
	}
	q.raw, q.waited = nil, true
	r.waiting = append(r.waiting, &truncated{
		at: r.truncatedAt(), inquiry: q, src: q.src, candidates: unknown, times: 1,
	})
	return true
}

func (r *Responder) truncatedAt() moment {
	return r.now + r.random(truncatedWait, truncatedWait+truncatedJitter)
}

// moreKnown takes the known answers of a message without questions that belongs to an earlier query.
func (r *Responder) moreKnown(q inquiry, more bool) bool {
	i := slices.IndexFunc(r.waiting, func(t *truncated) bool { return t.src == q.src && t.inquiry.face == q.face })
	if i < 0 || q.count > 0 {
		return false
	}
	t := r.waiting[i]
	t.candidates = slices.DeleteFunc(t.candidates, func(c candidate) bool { return q.knows(c.set) })
	t.times++
	if more && t.times < truncatedTimes {
		t.at = r.truncatedAt()
	}
	return true
}

// runTruncated answers the queries that are complete by now.
func (r *Responder) runTruncated() {
	r.waiting = slices.DeleteFunc(r.waiting, func(t *truncated) bool {
		if t.at > r.now {
			return false
		}
		t.inquiry.answer(t.candidates, false)
		return true
	})
}
