package daemon

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"announcer/internal/mdns"
	"announcer/internal/status"
)

func TestHistory(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)
	seen := func(queries, answers, unicasts, throttled uint64) mdns.Observation {
		return mdns.Observation{Traffic: mdns.Traffic{Queries: queries, Throttled: throttled}, Links: []mdns.LinkTraffic{{Answers: answers}, {Unicasts: unicasts}}}
	}
	minute := func(n int, questions, answers uint64) status.Minute {
		return status.Minute{Time: start.Truncate(time.Minute).Add(time.Duration(n) * time.Minute), Questions: questions, Answers: answers}
	}
	var h history
	h.note(start, seen(3, 1, 1, 0))
	h.note(start.Add(20*time.Second), seen(4, 1, 2, 0))
	h.note(start.Add(3*time.Minute), seen(10, 2, 2, 5))
	h.note(start.Add(4*time.Minute), seen(10, 0, 2, 5)) // a link is gone
	want := []status.Minute{minute(0, 4, 3), minute(1, 0, 0), minute(2, 0, 0), minute(3, 6, 1), minute(4, 0, 0)}
	if diff := cmp.Diff(want, h.list()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if h.greedy != start.Add(3*time.Minute) {
		t.Errorf("the budget was used up at %v", h.greedy)
	}
	for n := range 100 {
		h.note(start.Add(time.Duration(5+n)*time.Minute), seen(11, 0, 2, 5))
	}
	if got := h.list(); len(got) != historyMost || got[historyMost-1] != minute(104, 0, 0) {
		t.Errorf("%d minutes, the last %+v", len(got), got[len(got)-1])
	}
	h.note(start.Add(103*time.Minute), seen(12, 0, 2, 5)) // the clock went back a little
	if got := h.list(); len(got) != historyMost || got[historyMost-1] != minute(104, 1, 0) {
		t.Errorf("a minute back: the last of %d is %+v", len(got), got[len(got)-1])
	}
	h.note(start.Add(-24*time.Hour), seen(15, 0, 2, 5))
	h.note(start.Add(-24*time.Hour+time.Minute), seen(16, 0, 2, 5))
	if diff := cmp.Diff([]status.Minute{minute(-1440, 3, 0), minute(-1439, 1, 0)}, h.list()); diff != "" {
		t.Errorf("a day back: -want +got:\n%s", diff)
	}
	h.note(start.Add(1000*time.Hour), seen(18, 0, 2, 5))
	if got := h.list(); len(got) != 1 || got[0] != minute(60_000, 2, 0) {
		t.Errorf("after a sleep: %+v", got)
	}
}
