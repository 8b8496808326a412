//go:build linux

package world

import (
	"strings"
	"testing"
	"testing/synctest"
)

// TestClone checks that two machines with the same names are judged: while they do not hear each other, both have them.
func TestClone(t *testing.T) {
	for _, test := range []struct {
		name, want string // "": there is nothing to complain of
		heals      bool
	}{
		{"they hear each other", "", true},
		{"they do not", `segment 0 knows "pbx0 f0.service"`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(1, Settings{Hosts: 1})
				w.rest(settleTime)
				h := w.hosts[0]
				c := w.copyOf(h, "rename", h.dice)
				for _, s := range w.segments {
					s.split()
				}
				c.boot()
				w.rest(settleTime)
				for _, s := range w.segments {
					if test.heals {
						s.Heal()
					}
				}
				w.askAll()
				w.rest(settleTime)
				w.checkClones(h, c)
				if got := strings.Join(w.failures, "\n"); !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
					t.Errorf("the failures are %q, want %q", got, test.want)
				}
				c.crash()
				h.crash()
			})
		})
	}
}
