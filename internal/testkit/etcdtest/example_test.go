//go:build linux

package etcdtest_test

import (
	"testing"

	"announcer/internal/testkit/etcdtest"
)

// A cluster of one node that is killed and comes back with its data.
func Example() {
	_ = func(t *testing.T) {
		cluster := etcdtest.Start(t)
		cluster.Put(t, "/announcer/sites/berlin/dpma.toml", "group = []")
		cluster.Nodes[0].Kill()
		cluster.Nodes[0].Start(t)
		cluster.Await(t)
	}
}
