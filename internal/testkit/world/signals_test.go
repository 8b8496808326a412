//go:build linux

package world

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/daemon"
)

// TestExit checks that the end of a process is judged: whether it was asked for, when it came, and what neighbours know then.
func TestExit(t *testing.T) {
	for _, test := range []struct {
		name, want string // "": there is nothing to complain of
		end        func(*host)
	}{
		{"goodbyes", "", func(h *host) { h.stop(errTerminated) }},
		{"no goodbyes", `has ended, and segment 0 knows "pbx0`, func(h *host) {
			h.process.asked, h.process.cause = time.Now(), errTerminated
			h.stop(daemon.ErrRestart)
		}},
		{"restart", "", func(h *host) { h.stop(daemon.ErrRestart) }},
		{"goodbyes for a restart", "has ended for a restart, and segment 0 knows", func(h *host) {
			h.process.asked, h.process.cause = time.Now(), daemon.ErrRestart
			h.stop(errTerminated)
		}},
		{"late", "has ended 3s after it was asked to", func(h *host) {
			h.process.signal(errTerminated)
			h.process.asked = time.Now().Add(-3 * time.Second)
			h.stop(errTerminated)
		}},
		{"by itself", "has ended by itself", func(h *host) {
			h.process.stop(nil)
			<-h.process.ended
			h.exited()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(1, Settings{Hosts: 1})
				w.rest(settleTime)
				w.check()
				test.end(w.hosts[0])
				if got := strings.Join(w.failures, "\n"); !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
					t.Errorf("the failures are %q, want %q", got, test.want)
				}
			})
		})
	}
}

// TestIsNameLost checks when caches may hold an address of a host because another has its name: if that is there, and has none that
// they would hold instead.
func TestIsNameLost(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(other *host, n *nic)
		lost   bool
	}{
		{"it has an address of that type", func(*host, *nic) {}, false},
		{"it has none", func(_ *host, n *nic) {
			n.addrs = slices.DeleteFunc(n.addrs, func(a address) bool { return a.Addr().Is4() })
		}, true},
		{"it can't be heard", func(other *host, _ *nic) { other.held = true }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(1, Settings{Hosts: 1})
				h, s := w.hosts[0], w.segments[0]
				c := w.copyOf(h, "rename", h.dice)
				c.kernel.change(func() { test.change(c, c.reaches(s)) })
				if lost := h.isNameLost(s, h.reaches(s).published()[0]); lost != test.lost {
					t.Errorf("its name is lost: %t, want %t", lost, test.lost)
				}
				h.crash()
			})
		})
	}
}
