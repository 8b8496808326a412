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

// traffic is when hosts have sent packets on a segment in the last trafficTime.
type traffic map[*memlink.Host][]time.Time

// contest has names change hands for a time: a host may send more, until there were so many conflicts that it waits between attempts
// (RFC 6762 §8.1), and when it gets its names back.
func (w *World) contest(d time.Duration) { w.contested = time.Now().Add(d + 2*trafficTime) }

// mostPackets returns the most packets of a host in a trafficTime: more while names change hands.
func (w *World) mostPackets() int {
	if time.Now().Before(w.contested) {
		return 2 * mostPackets * int(trafficTime/time.Second)
	}
	return mostPackets * int(trafficTime/time.Second)
}

// count counts a packet of a host, and returns how many there were.
func (t traffic) count(from *memlink.Host, at time.Time) int {
	old := func(sent time.Time) bool { return at.Sub(sent) > trafficTime }
	t[from] = append(slices.DeleteFunc(t[from], old), at)
	return len(t[from])
}
