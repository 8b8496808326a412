//go:build linux

package world

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestWebFaults has a server of definitions fail in each way, with a change and a restart meanwhile, and answer again.
func TestWebFaults(t *testing.T) {
	for i := range webFaults {
		liveThrough(t, webFaults[i].name, promisedTime+time.Second, func(w *World, h *host) []func() {
			change := func() {
				for _, file := range documentFiles() {
					h.save(file, h.draw(h.dice, file), h.dice)
				}
			}
			return []func(){
				change,
				func() { h.provision.change(func() { h.provision.fault = &webFaults[i] }) },
				change,
				func() { w.rest(8 * time.Minute) }, // by which it is a problem
				h.crash,
				h.boot,
				h.mendProvision,
				func() { w.rest(max(0, time.Until(h.places["r0.toml"].busy))) },
				change,
			}
		})
	}
}

// liveThrough has a world of one host live through steps, and checks it after each of them and a rest.
func liveThrough(t *testing.T, name string, rest time.Duration, steps func(w *World, h *host) []func()) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(1, Settings{Hosts: 1})
			h := w.hosts[0]
			w.rest(settleTime)
			w.fresh = h.process.resources()
			for _, step := range steps(w, h) {
				step()
				w.rest(rest)
				w.check()
			}
			w.end()
			if len(w.failures) > 0 {
				t.Error(strings.Join(w.failures, "\n"))
			}
		})
	})
}
