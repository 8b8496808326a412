//go:build linux

package world

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/daemon"
)

// TestSecondProcess checks that of two processes of a host one announces, and the other one ends and says why.
func TestSecondProcess(t *testing.T) {
	for _, test := range []struct {
		name, want string // "": there is nothing to complain of
		do         func(*World, *host)
	}{
		{"beside one that runs", "", func(w *World, h *host) {
			second := h.start()
			w.rest(refuseTime)
			h.refused(second, h.process)
		}},
		{"beside one that starts, after a kill", "", func(w *World, h *host) {
			h.crash()
			h.boot()
			time.Sleep(time.Microsecond)
			second := h.start()
			w.rest(refuseTime)
			h.refused(second, h.process)
		}},
		{"after the end", "", func(w *World, h *host) {
			h.stop(errTerminated)
			h.boot()
			w.rest(settleTime)
		}},
		{"at the end", "", func(w *World, h *host) {
			h.succeed(w, time.Microsecond)
			w.rest(settleTime)
		}},
		{"with sockets of its own", "a second process runs on pbx0", func(w *World, h *host) {
			h.sockets.files = map[string]*socketFile{}
			second := h.start()
			w.rest(refuseTime)
			h.refused(second, h.process)
		}},
		{"ends for another reason", "the second process on pbx0 has ended with <nil>", func(w *World, h *host) {
			second := h.start()
			second.end(errTerminated)
			h.refused(second, h.process)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(1, Settings{Hosts: 1})
				w.rest(settleTime)
				h := w.hosts[0]
				test.do(w, h)
				w.check()
				if got := strings.Join(w.failures, "\n"); !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
					t.Errorf("the failures are %q, want %q", got, test.want)
				}
				if owner := h.sockets.files[controlSocket].owner; test.want == "" && owner != h.process {
					t.Errorf("the socket is that of process %v, want that of %d", owner, h.process.pid)
				}
				h.stop(daemon.ErrRestart)
			})
		})
	}
}
