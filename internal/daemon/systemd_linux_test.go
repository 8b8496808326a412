package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// manager is a service manager's socket.
type manager struct{ conn *net.UnixConn }

func newManager(t *testing.T, watchdog time.Duration) manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	if watchdog > 0 {
		t.Setenv("WATCHDOG_USEC", fmt.Sprint(watchdog.Microseconds()))
		t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
	}
	return manager{conn}
}

// heard returns what the daemon has reported so far, one message each.
func (m manager) heard(t *testing.T) []string {
	t.Helper()
	var all []string
	buf := make([]byte, 4096)
	raw, err := m.conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		err := raw.Read(func(fd uintptr) bool {
			n, err := unix.Read(int(fd), buf)
			if more = err == nil; more {
				all = append(all, string(buf[:n]))
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestServiceManagerIsTold(t *testing.T) {
	m := newManager(t, 0)
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"x.service": definition, "bad.service": "<service-group>"})
		if got := m.heard(t); !slices.Equal(got, []string{"READY=1\nSTATUS=1 service on eth0; 1 file refused"}) {
			t.Errorf("after the start: %q", got)
		}
		time.Sleep(3 * heartbeat)
		if got := m.heard(t); len(got) > 0 {
			t.Errorf("without any news: %q", got)
		}
		if err := os.Remove(filepath.Join(b.dir, "bad.service")); err != nil {
			t.Fatal(err)
		}
		b.reload <- struct{}{}
		synctest.Wait()
		got := m.heard(t)
		if len(got) != 2 || !strings.HasPrefix(got[0], "RELOADING=1\nMONOTONIC_USEC=") || got[1] != "READY=1\nSTATUS=1 service on eth0" {
			t.Errorf("after a reload: %q", got)
		}
		b.links = append(b.links, testLink(2, "vlan20"))
		b.changed <- struct{}{}
		time.Sleep(2 * heartbeat)
		synctest.Wait()
		if got := m.heard(t); !slices.Equal(got, []string{"STATUS=1 service on eth0, vlan20"}) {
			t.Errorf("after a change of the links: %q", got)
		}
		if err := b.end(); err != nil {
			t.Error(err)
		}
		if got := m.heard(t); !slices.Equal(got, []string{"STOPPING=1"}) {
			t.Errorf("at the end: %q", got)
		}
	})
}

// The watchdog gets its sign of life as long as the engine answers, and none from a daemon whose engine hangs.
func TestWatchdog(t *testing.T) {
	m := newManager(t, 3*time.Second)
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"x.service": definition})
		m.heard(t)
		time.Sleep(10*time.Second + 500*time.Millisecond)
		if got := m.heard(t); len(got) != 10 || got[0] != "WATCHDOG=1" {
			t.Errorf("in ten seconds: %q", got)
		}
		free := b.publisher.Stick()
		time.Sleep(10 * time.Second)
		if got := m.heard(t); len(got) > 0 {
			t.Errorf("while the engine hangs: %q", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.daemon.Status(ctx); err == nil {
			t.Error("a status while the engine hangs")
		}
		free()
		if err := b.end(); err != nil {
			t.Error(err)
		}
	})
}

// deafManager can't be given some messages.
type deafManager struct {
	unheard int
	why     error
	heard   []string
}

func (*deafManager) There() bool                      { return true }
func (*deafManager) Watchdog() (time.Duration, error) { return time.Minute, nil }

func (m *deafManager) Notify(message string) error {
	if m.unheard > 0 {
		m.unheard--
		return m.why
	}
	m.heard = append(m.heard, message)
	return nil
}

// TestMessagesAreKept wants messages that could not be sent to be sent later: the newest of each kind.
func TestMessagesAreKept(t *testing.T) {
	for _, test := range []struct {
		name    string
		unheard int
		why     error
		send    func(s *systemd)
		want    []string
	}{
		{"all are heard", 0, nil, func(s *systemd) { s.ready("one"); s.alive("two") }, []string{"READY=1\nSTATUS=one", "STATUS=two", "WATCHDOG=1"}},
		{"the first is not", 1, unix.EAGAIN, func(s *systemd) { s.ready("one"); s.alive("one") }, []string{"READY=1\nSTATUS=one", "WATCHDOG=1"}},
		{"none but the last", 2, unix.ENOBUFS, func(s *systemd) {
			s.ready("one")
			s.alive("two")
			s.alive("three")
		}, []string{"READY=1\nSTATUS=one", "STATUS=three", "WATCHDOG=1"}},
		{"its end", 2, unix.EMFILE, func(s *systemd) { s.ready("one"); s.stopping(); s.stopping() }, []string{"READY=1\nSTATUS=one", "STOPPING=1"}},
		{"it is not there for a while", 3, unix.ECONNREFUSED, func(s *systemd) { s.ready("one"); s.alive("one"); s.alive("two"); s.alive("two") },
			[]string{"WATCHDOG=1", "WATCHDOG=1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := &deafManager{unheard: test.unheard, why: test.why}
			s := newSystemd(m, slog.New(slog.DiscardHandler))
			test.send(&s)
			if !slices.Equal(m.heard, test.want) || s.owes() {
				t.Errorf("heard %q, owes %q; want %q", m.heard, s.unsent, test.want)
			}
		})
	}
}

// TestManagerStandsStill wants a service manager that reads nothing not to hold up the daemon, and to get all when it does.
func TestManagerStandsStill(t *testing.T) {
	m := newManager(t, time.Second)
	s := newSystemd(nil, slog.New(slog.DiscardHandler))
	for range 10_000 { // more than its queue takes
		s.alive("well")
	}
	if !s.owes() {
		t.Fatal("a queue takes everything")
	}
	for s.owes() {
		m.heard(t)
		s.deliver()
	}
	if got := m.heard(t); len(got) == 0 || got[len(got)-1] != "WATCHDOG=1" {
		t.Errorf("at last it hears %q", got)
	}
}

// TestMessengerWithoutDescriptors wants a process that had no descriptor for its messages to send them when it has one.
func TestMessengerWithoutDescriptors(t *testing.T) {
	manager, messenger := newManager(t, 0), newMessenger()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 0
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	err := messenger.Notify("READY=1")
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, unix.EMFILE) {
		t.Errorf("without a descriptor: %v; want %v", err, unix.EMFILE)
	}
	if err := messenger.Notify("READY=1"); err != nil {
		t.Errorf("with one: %v", err)
	}
	if got := manager.heard(t); !slices.Equal(got, []string{"READY=1"}) {
		t.Errorf("the manager hears %q", got)
	}
}
