package native

import (
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/mdns/wire"
	"announcer/internal/testkit/memlink"
)

// hangingConn is a network that never finds out which program shares the port.
type hangingConn struct {
	link.Conn
	goOn chan struct{}
}

func (c hangingConn) Shared() bool { <-c.goOn; return false }

// TestHangingHost has /proc and netlink hang while the engine runs: nothing waits for them, and what is announced ends with a
// goodbye. Only the start and the end wait, for a moment.
func TestHangingHost(t *testing.T) {
	rival := netip.MustParseAddr("192.0.2.9")
	synctest.Test(t, func(t *testing.T) {
		net := memlink.Live(1)
		h := net.NewHost("alpha")
		h.Plug(net.NewSegment(), netip.MustParsePrefix("192.0.2.1/24"))
		goOn := make(chan struct{})
		takes := func(want time.Duration, what string, f func()) {
			t.Helper()
			start := time.Now()
			f()
			if took := time.Since(start); took != want {
				t.Errorf("%s takes %v, want %v", what, took, want)
			}
		}
		var p *Publisher
		takes(hostTime, "the start", func() {
			p = New(Config{
				Conn: hangingConn{h.Conn(), goOn}, Log: slog.New(slog.DiscardHandler), Seed: [2]uint64{1, 2},
				MAC: func(int, netip.Addr) string { <-goOn; return "02:00:00:00:00:09" },
			})
		})
		m := machine{p, h, "alpha"}
		for range 3 {
			takes(0, "a change", func() { m.apply(t) })
		}
		conflict := mdns.Event{Kind: mdns.ServiceConflict, Link: h.Links()[0].Name, Rival: rival}
		takes(0, "a conflict", func() {
			if err := p.do(t.Context(), func() { p.emit(conflict); p.status() }); err != nil {
				t.Error(err)
			}
		})
		takes(callTime, "the event of a conflict", func() {
			if e := (<-p.Events())[0]; e.Rival != rival || e.MAC != "" {
				t.Errorf("the event is %+v", e)
			}
		})
		takes(0, "the event of another conflict", func() {
			if err := p.do(t.Context(), func() { p.emit(conflict) }); err != nil {
				t.Error(err)
			}
			<-p.Events()
		})
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
		close(goOn)
	})
}

// TestHostIsLookedAt has another program open the port, which takes effect with the next change: no unicast answer is asked for any more.
func TestHostIsLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memlink.Live(1)
		segment := net.NewSegment()
		h, heard := net.NewHost("alpha"), listen(net, segment)
		h.Plug(segment, netip.MustParsePrefix("192.0.2.1/24"))
		conn := h.Conn()
		p := New(Config{Conn: conn, Log: slog.New(slog.DiscardHandler), Seed: [2]uint64{1, 2}})
		m := machine{p, h, "alpha"}
		m.apply(t, sip("alone"))
		time.Sleep(time.Minute)

		conn.SetShared(true)
		m.apply(t, sip("alone"), sip("beside"))
		time.Sleep(time.Minute)
		if !heard.asksForUnicast("alone") || heard.asksForUnicast("beside") {
			t.Error("unicast answers are not asked for before the port is shared, or are asked for then")
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// asksForUnicast reports whether a question for a name was heard that asks for a unicast answer.
func (c *capture) asksForUnicast(label string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.messages, func(m wire.Message) bool {
		return slices.ContainsFunc(m.Questions, func(q wire.Query) bool { return q.QU && q.Name.Label() == label })
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
