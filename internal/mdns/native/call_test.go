package native

import (
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/mdns/link"
	"announcer/internal/testkit/memlink"
)

// hangingConn is a network of which nobody gets to know who shares the port.
type hangingConn struct {
	link.Conn
	goOn chan struct{}
}

func (c hangingConn) Shared() bool { <-c.goOn; return false }

// TestHangingHost has /proc and netlink hang: what is announced goes on, and ends with a goodbye.
func TestHangingHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memlink.Live(1)
		h := net.NewHost("alpha")
		h.Plug(net.NewSegment(), netip.MustParsePrefix("192.0.2.1/24"))
		goOn := make(chan struct{})
		p := New(Config{
			Conn: hangingConn{h.Conn(), goOn}, Log: slog.New(slog.DiscardHandler), Seed: [2]uint64{1, 2},
			Own: func() []netip.Addr { <-goOn; return nil },
			MAC: func(int, netip.Addr) string { <-goOn; return "" },
		})
		start := time.Now()
		m := machine{p, h, "alpha"}
		m.apply(t)
		if took := time.Since(start); took != callTime {
			t.Errorf("it takes %v, want %v", took, callTime)
		}
		start = time.Now()
		err := p.do(t.Context(), func() { p.mac(h.Links()[0].Name, netip.MustParseAddr("192.0.2.9")) })
		if took := time.Since(start); err != nil || took != callTime {
			t.Errorf("a hardware address takes %v, error %v", took, err)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
		close(goOn)
	})
}

func TestCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c call[int]
		goOn := make(chan struct{})
		slow := func() int { <-goOn; return 2 }
		for _, step := range []struct {
			f    func() int
			want int
			ok   bool
			took time.Duration
		}{
			{func() int { return 1 }, 1, true, 0},
			{slow, 1, false, callTime},
			{func() int { return 3 }, 1, false, 0}, // the other one has not returned
		} {
			start := time.Now()
			if got, ok := c.of(step.f); got != step.want || ok != step.ok || time.Since(start) != step.took {
				t.Errorf("%d %t after %v, want %d %t after %v", got, ok, time.Since(start), step.want, step.ok, step.took)
			}
		}
		close(goOn)
		synctest.Wait()
		if got, ok := c.of(func() int { return 4 }); got != 4 || !ok {
			t.Errorf("when it has returned: %d %t", got, ok)
		}
	})
}
