//go:build linux

package world

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestBlindKilled has an address go unseen, and the process killed that still announced it: the next one withdraws it.
func TestBlindKilled(t *testing.T) {
	for _, test := range []struct {
		name         string
		sleep, after time.Duration
	}{
		{"at once", 0, 0},
		{"after a minute", 0, time.Minute},
		{"after a sleep", 2 * longSleep, 3 * time.Second},
		{"after a sleep of hours", 2 * time.Hour, 3 * time.Second},
		{"in the moment of the wake", 2 * time.Hour, 600 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(1, Settings{Hosts: 1})
				w.rest(2 * time.Minute)
				h := w.hosts[0]
				h.kernel.hang()
				n := h.kernel.interfaces[0]
				h.kernel.change(func() { n.addrs = n.addrs[1:] })
				h.feel()
				w.rest(settleTime)
				if test.sleep > 0 {
					h.sleep(w, test.sleep)
				}
				w.rest(test.after)
				h.crash()
				w.rest(restartTime)
				h.boot()
				w.rest(settleTime + 5*time.Second)
				w.check()
				if len(w.failures) > 0 {
					t.Error(strings.Join(w.failures, "\n"))
				}
				h.stop(errTerminated)
			})
		})
	}
}

// TestKilledSoon has a service defined soon after another one, and the process killed soon after it is announced: it is withdrawn if
// the next process does not have it.
func TestKilledSoon(t *testing.T) {
	for _, after := range []time.Duration{2, 4, 6} {
		t.Run(fmt.Sprintf("%d s", after), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(1, Settings{Hosts: 1})
				h, dice := w.hosts[0], rand.New(rand.NewPCG(1, 1))
				first, second := fileNames[0], fileNames[1]
				h.delete(second)
				w.rest(settleTime)
				h.save(first, h.draw(dice, first), dice)
				w.rest(after * time.Second)
				h.save(second, h.draw(dice, second), dice)
				w.rest(momentTime)
				h.crash()
				h.delete(second)
				h.boot()
				clear(h.truth.ghosts) // a correct process leaves none
				w.rest(settleTime)
				w.check()
				if len(w.failures) > 0 {
					t.Error(strings.Join(w.failures, "\n"))
				}
				h.stop(errTerminated)
			})
		})
	}
}
