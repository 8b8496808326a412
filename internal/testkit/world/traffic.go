//go:build linux

package world

import (
	"slices"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
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

// mostPackets returns the most packets of a host in a trafficTime: more while names change hands, as they do when hosts meet that have
// the same.
func (w *World) mostPackets() int {
	if w.trouble != nil || time.Now().Before(w.contested) {
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

// checkSize checks that a packet fits its link, unless it has a single record, which must not be split (RFC 6762 §17).
func (h *host) checkSize(p sent, m *wire.Message) {
	n := h.kernel.byIndex(p.Link)
	if n == nil || !h.isSettled() || len(m.Answers)+len(m.Authority)+len(m.Additional) == 1 {
		return
	}
	most := min(int(n.mtu), mdns.EthernetMTU)
	if size := len(p.Data) + mdns.Headers(p.Version()); size > most {
		h.fail("%s sends a packet of %d bytes on %s; want at most %d", h.net.Name, size, n.name, most)
	}
}
