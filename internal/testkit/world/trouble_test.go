//go:build linux

package world

import (
	"strings"
	"testing"
	"testing/synctest"
)

// TestTroubles checks that a trouble is the only one while it lasts, and that what must be so then is checked when it has ended.
func TestTroubles(t *testing.T) {
	for _, test := range []struct{ name, action string }{
		{"packets are lost", "storm"}, {"the network is split", "partition"}, {"packets are repeated", "reflector"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(*testing.T) {
				w := newWorld(1, Settings{Hosts: 2})
				h := w.hosts[0]
				w.rest(settleTime)
				w.do(Step{Action: test.action})
				w.begin()
				h.save("f2.service", h.draw(h.dice, "f2.service"), h.dice)
				w.rest(settleTime)
				for range w.trouble.steps {
					for _, action := range needsPeace {
						w.do(Step{Action: action})
					}
					w.subside()
				}
				if len(w.failures) > 0 {
					t.Error(strings.Join(w.failures, "\n"))
				}
				h.truth.known["f3.service"] = service{name: "pbx0 missing"}
				w.subside()
				if w.trouble != nil || !strings.Contains(strings.Join(w.failures, "\n"), "missing") {
					t.Errorf("the trouble is %v, the failures are %q", w.trouble, w.failures)
				}
				w.end()
			})
		})
	}
}
