package native

import (
	"log/slog"
	"net/netip"
	"strings"
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

// faulty is a network on which sending fails as long as the test wants.
type faulty struct {
	link.Conn

	mu     sync.Mutex
	err    error
	writes int // that failed
}

func (f *faulty) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *faulty) failed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes
}

func (f *faulty) Write(batch []link.Packet) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		return f.Conn.Write(batch)
	}
	f.writes++
	for i := range batch {
		batch[i].Err = f.err
	}
	return 0
}

// onFaulty runs a test with an engine on a network that fails, in a time of its own, and a listener. log holds what the
// engine logs.
func onFaulty(t *testing.T, test func(t *testing.T, m machine, net *faulty, heard *capture, log *strings.Builder)) {
	synctest.Test(t, func(t *testing.T) {
		lan := memlink.Live(1)
		segment := lan.NewSegment()
		h := lan.NewHost("pbx")
		h.Plug(segment, netip.MustParsePrefix("192.0.2.1/24"))
		heard := listen(lan, segment)
		var log strings.Builder
		net := &faulty{Conn: h.Conn()}
		m := machine{New(Config{Conn: net, Log: slog.New(slog.NewTextHandler(&log, nil)), Seed: [2]uint64{1, 2}}), h, "pbx"}
		test(t, m, net, heard, &log)
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

// What finds no room in the kernel is sent a little later.
func TestNoRoomToSend(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOBUFS, syscall.EAGAIN, syscall.ENOMEM} {
		t.Run(errno.Error(), func(t *testing.T) {
			onFaulty(t, func(t *testing.T, m machine, net *faulty, heard *capture, _ *strings.Builder) {
				m.apply(t, sip("PBX"))
				time.Sleep(20 * time.Second)
				net.fail(errno)
				time.AfterFunc(100*time.Millisecond, func() { net.fail(nil) })
				if err := m.Close(t.Context()); err != nil {
					t.Error(err)
				}
				time.Sleep(10 * time.Millisecond) // the packets travel
				if heard.goodbyes() == 0 {
					t.Error("no goodbye was heard")
				}
			})
		})
	}
}

// TestLostForAMoment has the packets of some seconds be lost, in which a service is added, one is changed and one is withdrawn.
func TestLostForAMoment(t *testing.T) {
	for _, errno := range []error{syscall.EPERM, syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.ENOBUFS, syscall.EAGAIN, syscall.EINTR, link.ErrNoSocket} {
		for _, lasts := range []time.Duration{100 * time.Millisecond, 2 * time.Second, 3 * time.Second, time.Minute} {
			if errno == link.ErrNoSocket && lasts > blockedAfter {
				continue // a socket that can't be opened again is a fault
			}
			t.Run(errno.Error()+" for "+lasts.String(), func(t *testing.T) {
				onFaulty(t, func(t *testing.T, m machine, net *faulty, heard *capture, _ *strings.Builder) {
					m.apply(t, sip("Gone"), sip("Desk"))
					time.Sleep(30 * time.Second)
					desk := sip("Desk")
					desk.Group.Services[0].Port++
					for range 2 { // the second time, soon after the first
						net.fail(errno)
						heard.forget()
						m.apply(t, desk, sip("New"))
						time.Sleep(lasts)
						net.fail(nil)
						time.Sleep(30 * time.Second)
						if got := heard.goodbyes(); got == 0 || !heard.has("Desk._sip._udp.local") || !heard.has("New._sip._udp.local") {
							t.Errorf("%d goodbyes were heard; Desk: %t, New: %t", got, heard.has("Desk._sip._udp.local"), heard.has("New._sip._udp.local"))
						}
						m.apply(t, sip("Gone"), sip("Desk"))
						time.Sleep(5 * time.Second)
					}
				})
			})
		}
	}
}

// TestAPacketThatNeverGetsOut has one packet fail each time, for its size: nothing else is said again because of it.
func TestAPacketThatNeverGetsOut(t *testing.T) {
	onFaulty(t, func(t *testing.T, m machine, net *faulty, heard *capture, _ *strings.Builder) {
		m.apply(t, sip("Desk"))
		time.Sleep(20 * time.Second)
		heard.forget()
		net.fail(syscall.EMSGSIZE)
		m.apply(t, sip("Desk"), sip("Hall"))
		time.Sleep(time.Second)
		net.fail(nil)
		time.Sleep(time.Hour)
		if heard.has("Desk._sip._udp.local") {
			t.Error("Desk is announced again")
		}
	})
}

// A firewall that lets nothing out, or a network that is gone, costs next to nothing for as long as it lasts, and one
// line of the log in ten seconds.
func TestNothingCanBeSent(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EPERM, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.ENOBUFS} {
		t.Run(errno.Error(), func(t *testing.T) {
			onFaulty(t, func(t *testing.T, m machine, net *faulty, heard *capture, log *strings.Builder) {
				net.fail(errno)
				m.apply(t, sip("PBX"), sip("Door"))
				time.Sleep(time.Hour)
				synctest.Wait()
				if n := net.failed(); n > 500 {
					t.Errorf("tried to send %d times in an hour", n)
				}
				var said []string
				for _, e := range pending(m) {
					if e.Kind == mdns.Unreachable {
						said = append(said, e.Detail)
					}
				}
				if n := strings.Count(log.String(), "\n") + len(said); n == 0 || n > 10 {
					t.Errorf("%d lines of the log and events in an hour:\n%s%q", n, log, said)
				}
				if !strings.Contains(log.String()+strings.Join(said, "\n"), errno.Error()) {
					t.Errorf("neither the log nor an event says so:\n%s%q", log, said)
				}
				net.fail(nil)
				m.apply(t, sip("PBX"), sip("Door"), sip("Hall"))
				time.Sleep(5 * time.Second)
				if s := m.Status()[2]; s.State != mdns.Announced || !heard.has("Hall._sip._udp.local") {
					t.Errorf("afterwards Hall is %v", s.State)
				}
			})
		})
	}
}

// TestLinkGoes has a link go away while there is something to send: until the engine hears of it, that is no failure.
func TestLinkGoes(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENODEV, syscall.ENXIO, syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EADDRNOTAVAIL} {
		t.Run(errno.Error(), func(t *testing.T) {
			onFaulty(t, func(t *testing.T, m machine, net *faulty, _ *capture, log *strings.Builder) {
				m.apply(t, sip("PBX"))
				time.Sleep(800 * time.Millisecond) // it is being probed for or announced
				net.fail(errno)
				time.Sleep(2 * time.Second)
				if net.failed() == 0 {
					t.Error("nothing was to be sent")
				}
				if err := m.Apply(t.Context(), publication.Desired{Host: m.name, Groups: []publication.Publication{sip("PBX")}}); err != nil {
					t.Fatal(err)
				}
				net.fail(nil)
				time.Sleep(time.Minute)
				if got := kinds(pending(m), mdns.EngineFailed, mdns.Unreachable); len(got) > 0 || log.Len() > 0 {
					t.Errorf("events %q, log %q", got, log)
				}
				m.apply(t, sip("PBX"))
				time.Sleep(5 * time.Second)
				if got := m.state(); got != "PBX announced" {
					t.Errorf("with the link again: %s", got)
				}
			})
		})
	}
}
