package native

import (
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/publication"
	"announcer/internal/testkit/memlink"
)

// walled is a network with a firewall that can be opened.
type walled struct {
	link.Conn
	mu   sync.Mutex
	err  error
	bars func(p link.Packet) bool
	sent int // packets that were let through
}

func (w *walled) Write(batch []link.Packet) (sent int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range batch {
		if batch[i].Err = w.err; w.err == nil || !w.bars(batch[i]) {
			w.Conn.Write(batch[i : i+1])
			w.sent++
		}
		if batch[i].Err == nil {
			sent++
		}
	}
	return sent
}

// count returns how many packets were let through.
func (w *walled) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent
}

func (w *walled) set(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

// A link on which nothing can be sent is a fault for as long as that lasts, however seldom something is to be sent; then
// everything is announced there. A moment in which nothing can be sent is none.
func TestBlockade(t *testing.T) {
	all := func(link.Packet) bool { return true }
	byIPv6 := func(p link.Packet) bool { return p.Version() == publication.V6 }
	unicast := func(p link.Packet) bool { return !p.Multicast() }
	const reason = ": no packet can be sent: operation not permitted; look for a firewall (outgoing UDP port 5353)"
	lost4, lost6 := "no phone can be reached by IPv4 on eth0"+reason, "no phone can be reached by IPv6 on eth0"+reason
	const full = ": no packet can be sent: no buffer space available"
	full4, full6 := "no phone can be reached by IPv4 on eth0"+full, "no phone can be reached by IPv6 on eth0"+full
	for _, c := range []struct {
		name  string
		err   error
		bars  func(p link.Packet) bool
		from  time.Duration // after the start
		lasts time.Duration
		lost  []string
		state string // meanwhile
	}{
		{"from the start", syscall.EPERM, all, 0, time.Hour, []string{lost4, lost6}, "Desk refused"},
		{"later", syscall.EPERM, all, time.Minute, 4 * time.Hour, []string{lost4, lost6}, "Desk refused"},
		{"by IPv6", syscall.EPERM, byIPv6, 0, time.Hour, []string{lost6}, "Desk announced"},
		{"another reason", syscall.ENETDOWN, byIPv6, 0, time.Hour, []string{"no phone can be reached by IPv6 on eth0: no packet can be sent: network is down"}, "Desk announced"},
		{"for a moment", syscall.EPERM, all, 0, 2 * time.Second, nil, ""},
		{"unicast only", syscall.EPERM, unicast, 0, time.Hour, nil, "Desk announced"},
		{"a full queue", syscall.ENOBUFS, all, 0, time.Hour, []string{full4, full6}, "Desk refused"},
		{"a full queue for a moment", syscall.ENOBUFS, all, 0, 2 * time.Second, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := memlink.Live(1)
				h := net.NewHost("pbx")
				h.Plug(net.NewSegment(), netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("fe80::1/64"))
				w := &walled{Conn: h.Conn(), bars: c.bars}
				m := machine{New(Config{Conn: w, Log: slog.New(slog.DiscardHandler), Seed: [2]uint64{1, 2}}), h, "pbx"}
				if c.from == 0 {
					w.set(c.err)
				}
				m.apply(t, sip("Desk"))
				time.Sleep(c.from)
				pending(m)
				w.set(c.err)
				time.Sleep(c.lasts)
				var lost []string
				for _, f := range m.Observe().Faults {
					lost = append(lost, f.String())
				}
				if !slices.Equal(lost, c.lost) {
					t.Errorf("the faults are %q, want %q", lost, c.lost)
				}
				if got := m.state(); c.state != "" && got != c.state {
					t.Errorf("%s, want %s", got, c.state)
				}
				if got := kinds(pending(m), mdns.Unreachable); len(got) != len(c.lost) {
					t.Errorf("got the events %q, want one for each of %q", got, c.lost)
				}

				before := w.count()
				w.set(nil)
				time.Sleep(blockedAgain + 10*time.Second)
				if got := m.state(); got != "Desk announced" || len(m.Observe().Faults) > 0 {
					t.Errorf("%s, faults %v", got, m.Observe().Faults)
				}
				if got := kinds(pending(m), mdns.Reachable); len(got) != len(c.lost) {
					t.Errorf("got the events %q, want one for each of %q", got, c.lost)
				}
				if n, want := w.count()-before, 8*len(c.lost); n < want {
					t.Errorf("%d packets, want %d: three probes, four announcements and a test for each IP version", n, want)
				}
				if err := m.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
