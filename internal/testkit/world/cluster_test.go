//go:build linux

package world

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestEtcdFaults has a cluster fail in each way, with changes and a restart meanwhile, and answer again.
func TestEtcdFaults(t *testing.T) {
	for _, fault := range etcdFaults {
		liveWithCluster(t, fault.name, func(h *host) { h.cluster.fail(fault) })
	}
}

// TestEtcdTurns has each thing that can happen once happen to a cluster, with changes and a restart after it.
func TestEtcdTurns(t *testing.T) {
	for _, turn := range turns {
		for seed := range uint64(4) {
			liveWithCluster(t, turn.name, func(h *host) {
				h.cluster.change(func() { turn.take(h.cluster, rand.New(rand.NewPCG(seed, 1))) })
			})
		}
	}
}

func liveWithCluster(t *testing.T, name string, event func(*host)) {
	liveThrough(t, name, keyTime+settleTime, func(w *World, h *host) []func() {
		change := func() { h.rewrite(w, h.dice) }
		spoil := func() { h.spoil("e0.toml", h.dice) }
		empty := func() { h.cluster.edit(map[string]*version{"e0.toml": {here: true, modified: time.Now()}}) }
		return []func(){
			change, change, spoil,
			func() { event(h) },
			func() { w.rest(8 * time.Minute) }, // by which it is a problem
			h.crash, h.boot, change, spoil, empty, h.crash, h.boot, change,
			h.mendCluster, change, empty, change,
		}
	})
}
