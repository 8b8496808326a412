//go:build linux

package world

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/mdns"
)

// TestForgottenAddress checks that a neighbour may know an address that the host no longer has only while it can't have heard that:
// the process that announced the address was killed, and the disk had no room for its note.
func TestForgottenAddress(t *testing.T) {
	for _, test := range []struct {
		name      string
		full      bool
		killed    bool
		after     time.Duration
		tolerated bool
	}{
		{"no reason", false, false, 0, false},
		{"disk full", true, false, 0, false},
		{"killed", false, true, 0, false},
		{"killed, disk full", true, true, 0, true},
		{"killed, disk full, the TTL is over", true, true, 150 * time.Second, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(1, Settings{Hosts: 1})
				w.rest(settleTime)
				h, s := w.hosts[0], w.segments[1]
				if test.full {
					h.unwritable = noRoom
				}
				if test.killed {
					h.crash()
					h.boot()
				}
				w.rest(settleTime + test.after)
				w.check()
				s.cache.take(time.Now(), h.net, mdns.Record{
					Name: mdns.HostName(h.name), TTL: 120, Unique: true, Data: mdns.Address{Addr: prefix("10.1.0.99/16").Addr()},
				})
				w.compare()
				if got := strings.Join(w.failures, "\n"); strings.Contains(got, "10.1.0.99") == test.tolerated {
					t.Errorf("the failures are %q; tolerated: %v", got, test.tolerated)
				}
				h.stop(errTerminated)
			})
		})
	}
}

// TestForgottenAddressLives has the world live in which an address goes that no process can know of.
func TestForgottenAddressLives(t *testing.T) {
	r := live(t, 6649, []Step{
		{"disk full", 0, 0x229d01fb89b109e3},
		{"save", 0, 0x88b8206b9a05339e},
		{"netlink hangs", 0, 0x1eb034317923da4b},
		{"address state", 0, 0x38524c3a82f95e3a},
		{"kill", 0, 0x9d4befc4b23e6958},
	})
	if len(r.Failures) > 0 {
		t.Error(strings.Join(r.Failures, "\n"))
	}
}
