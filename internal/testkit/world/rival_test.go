//go:build linux

package world

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRival checks that what a host does about a rival is judged: whether it says so, how often it tries, and how many packets it sends.
func TestRival(t *testing.T) {
	for _, test := range []struct {
		name, want string // "": there is nothing to complain of
		spoil      func(r *rival)
	}{
		{"all is well", "", func(*rival) {}},
		{"it is not named", "pbx0 does not say that a rival has the name", func(r *rival) { r.wanted = "pbx0 f1.service" }},
		{"too many attempts", "pbx0 has 31 conflicts with a rival in 1m0s; want 30 at most", func(r *rival) { r.most = 31 }},
	} {
		for _, kind := range claims {
			t.Run(test.name+", it claims a name "+kind.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(1, Settings{Hosts: 1})
					w.rest(settleTime)
					h := w.hosts[0]
					w.rival = h.rivalOf(w.segments[0], "pbx0 f0.service")
					w.rival.others, w.rival.contests = kind.others, kind.contests
					w.rival.begin()
					w.rest(problemTime)
					test.spoil(w.rival)
					w.rival.check()
					if got := strings.Join(w.failures, "\n"); !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
						t.Errorf("the failures are %q, want %q", got, test.want)
					}
					h.crash()
				})
			})
		}
	}
}

// TestTrafficWithAConflict checks that a host may send more only while a conflict is new.
func TestTrafficWithAConflict(t *testing.T) {
	w := &World{}
	few := w.mostPackets()
	w.contest(0)
	if many := w.mostPackets(); many <= few {
		t.Errorf("%d packets in a conflict, %d without one", many, few)
	}
	w.contested = time.Now().Add(-time.Hour)
	if later := w.mostPackets(); later != few {
		t.Errorf("%d packets long after a conflict, %d without one", later, few)
	}
	w.trouble = &trouble{}
	if many := w.mostPackets(); many <= few {
		t.Errorf("%d packets while hosts may meet that have one name, %d else", many, few)
	}
}
