//go:build linux

package world

import (
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"
)

// TestAnnounced checks that a world fails in which a record is not announced that is new, or that is old and must be said again.
func TestAnnounced(t *testing.T) {
	for _, test := range []struct {
		name, file string // of which nothing is heard; "": all is
		check      func(w *World)
		want       string
	}{
		{"what is new is heard", "", (*World).checkAnnounced, ""},
		{"what is new is not heard", "f2.service", (*World).checkAnnounced, `f2\.service`},
		{"what is old is not heard", "f0.service", (*World).checkAnnounced, ""},
		{"what was there while netlink failed is not heard", "", func(w *World) {
			h := w.hosts[0]
			h.netlinkFails()
			h.flip(h.dice, unix.IFF_UP)
			w.begin()
			h.mend(w)
			w.rest(mendTime)
			w.checkAnnounced()
		}, ""},
		{"nothing is said after a sleep", "", func(w *World) { w.hosts[0].checkWake(w, longSleep+1) }, "pbx0.local"},
		{"nothing is said after a nap", "", func(w *World) { w.hosts[0].checkWake(w, longSleep) }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(*testing.T) {
				w := newWorld(1, Settings{Hosts: 1})
				w.rest(settleTime)
				h := w.hosts[0]
				w.begin()
				h.save("f2.service", h.draw(h.dice, "f2.service"), h.dice)
				w.rest(settleTime)
				for said := range w.segments[0].spoken {
					if test.file != "" && strings.Contains(said.fact, test.file) {
						delete(w.segments[0].spoken, said)
					}
				}
				test.check(w)
				if got := strings.Join(w.failures, "\n"); !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
					t.Errorf("the failures are %q; want %q", got, test.want)
				}
				w.end()
			})
		})
	}
}
