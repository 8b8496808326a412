package daemon

import (
	"slices"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/status"
)

// historyMost is the number of minutes that are remembered.
const historyMost = 60

// history counts the packets of each minute of the last hour. A minute without a heartbeat has no packets: what came in it is
// counted with the next one.
type history struct {
	minutes   []status.Minute
	questions uint64 // until now, since the start
	answers   uint64
	throttled uint64
	greedy    time.Time // when a question last got no more by unicast
}

// greedyTime is how long it is worth knowing that hosts asked for too much.
const greedyTime = time.Hour

const greedyHint = "in the last hour a host, or all together, asked for more than is answered by unicast; the rest was multicast. " +
	"This is no phone: see traffic.throttled in status --json"

// note takes what the engine has seen until now.
func (h *history) note(now time.Time, seen mdns.Observation) {
	questions, answers := seen.Traffic.Queries, uint64(0)
	for _, l := range seen.Links {
		answers += l.Answers + l.Unicasts
	}
	h.begin(now.Truncate(time.Minute))
	minute := &h.minutes[len(h.minutes)-1]
	minute.Questions += increase(h.questions, questions)
	minute.Answers += increase(h.answers, answers)
	h.questions, h.answers = questions, answers
	if seen.Traffic.Throttled > h.throttled {
		h.throttled, h.greedy = seen.Traffic.Throttled, now
	}
}

// setBack is the least time by which the clock is set back for the history to begin again.
const setBack = 2 * time.Minute

// begin adds the minutes up to one, and forgets those that are too old, and those to come of a clock that was set back.
func (h *history) begin(minute time.Time) {
	next := minute
	if len(h.minutes) > 0 {
		next = h.minutes[len(h.minutes)-1].Time.Add(time.Minute)
	}
	if late := minute.Sub(next); late >= historyMost*time.Minute || late < -setBack {
		h.minutes, next = nil, minute
	}
	for ; !next.After(minute); next = next.Add(time.Minute) {
		h.minutes = append(h.minutes, status.Minute{Time: next})
	}
	h.minutes = slices.Delete(h.minutes, 0, max(0, len(h.minutes)-historyMost))
}

// increase is what has come since a count. The counts of a link that was away begin again.
func increase(before, now uint64) uint64 {
	if now < before {
		return 0
	}
	return now - before
}

// list returns the minutes, the oldest first.
func (h *history) list() []status.Minute { return append([]status.Minute{}, h.minutes...) }
