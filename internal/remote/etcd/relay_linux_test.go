package etcd_test

import (
	"testing"
	"time"

	"announcer/internal/remote"
	"announcer/internal/testkit/etcdtest"
)

// TestRelay has hosts follow a cluster by way of etcd's gRPC proxy: a few watches of the cluster serve all, and nothing goes
// away when the cluster or the proxy is killed and started.
func TestRelay(t *testing.T) {
	const hosts = 10
	c := etcdtest.Start(t)
	c.Put(t, prefix+"dpma.service", "pbx")
	relay := c.Relay(t)
	var all []*host
	for range hosts {
		all = append(all, follow(t, relay, remote.Set{}, remote.Settings{}))
	}
	await := func(most time.Duration, value string) {
		t.Helper()
		for _, h := range all {
			h.has(t, most, "dpma.service", value)
			h.keeps(t)
		}
	}
	await(late, "pbx")
	c.Put(t, prefix+"dpma.service", "other pbx")
	await(soon, "other pbx")
	if n := c.Nodes[0].Watches(t); n > hosts/2 {
		t.Errorf("the cluster serves %d watches; want a few for all %d hosts", n, hosts)
	}
	for _, test := range []struct {
		name string
		node *etcdtest.Node
	}{
		{"the cluster is killed and started", c.Nodes[0]},
		{"the proxy is killed and started", relay.Nodes[0]},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.node.Kill()
			test.node.Start(t)
			c.Connect(t)
			c.Put(t, prefix+"dpma.service", test.name)
			await(late, test.name)
		})
	}
}
