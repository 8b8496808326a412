package browse

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"announcer/internal/mdns/link"
	"announcer/internal/publication"
)

// Where another program holds the port, what is found is not all that there is, and the error names the program.
func TestPortIsHeld(t *testing.T) {
	inLab(t, func(t *testing.T, l *lab) {
		const why = "port 5353 for IPv4 is held by dnsmasq (pid 9)"
		asker := l.net.NewHost("asker")
		conn := asker.Conn()
		conn.SetFaults(link.Fault{Version: publication.V4, Why: why})
		asker.Plug(l.segment, netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("fe80::1/64"))
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := find(ctx, conn, []Question{sipLocal}, asker.Links()); err == nil || err.Error() != "eth0 can't be asked on: "+why {
			t.Errorf("error %v", err)
		}
	})
}

// A question reaches the hosts of every network of a link, and leaves from no address that would not be published.
func TestQuestionsReachEveryNetwork(t *testing.T) {
	inLab(t, func(t *testing.T, l *lab) {
		asker := l.net.NewHost("asker")
		conn := asker.Conn()
		asker.Plug(l.segment, netip.MustParsePrefix("169.254.1.1/16"), netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("198.51.100.1/24"))
		var mu sync.Mutex
		var from []string
		listener := l.net.NewHost("listener")
		listener.Plug(l.segment, netip.MustParsePrefix("192.0.2.9/24"))
		listener.OnPacket(func(p link.Packet) {
			mu.Lock()
			defer mu.Unlock()
			from = append(from, p.From.Addr().String())
		})
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := find(ctx, conn, []Question{sipLocal}, asker.Links()); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		slices.Sort(from)
		if got := fmt.Sprint(from); got != "[192.0.2.1 198.51.100.1]" {
			t.Errorf("questions came from %s", got)
		}
	})
}
