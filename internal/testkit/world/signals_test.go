//go:build linux

package world

import (
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
