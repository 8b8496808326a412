//go:build linux

package world

import (
	"slices"
	"time"

	"announcer/internal/testkit/memlink"
)

// The most packets that a host may send on a segment in a second, on average over a time: it answers three questions in a look.
const (
	mostPackets = 5
	trafficTime = 20 * time.Second
)

// traffic is when hosts have sent packets on a segment in the last trafficTime, and the last before that.
type traffic map[*memlink.Host][]time.Time

// count counts a packet of a host. It reports false when there were too many.
func (t traffic) count(from *memlink.Host, at time.Time) bool {
	old := func(sent time.Time) bool { return at.Sub(sent) > trafficTime }
	t[from] = append(slices.DeleteFunc(t[from], old), at)
	return len(t[from]) <= mostPackets*int(trafficTime/time.Second)
}

// lastSent returns when a host last sent a packet on the segment, zero if it never did.
func (s *segment) lastSent(from *memlink.Host) (at time.Time) {
	if sent := s.traffic[from]; len(sent) > 0 {
		at = sent[len(sent)-1]
	}
	return at
}
