//go:build linux

package etcdtest

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// Relay starts etcd's gRPC proxy before a cluster. It is a node without data, which clients use in place of those of the
// cluster. It lasts until the test ends.
func (c *Cluster) Relay(t testing.TB) *Cluster {
	t.Helper()
	var endpoints []string
	for _, node := range c.Nodes {
		endpoints = append(endpoints, node.Address)
	}
	node := &Node{Address: freePort(t, End{IP: "127.0.0.1"})}
	node.args = []string{"grpc-proxy", "start", "--endpoints", strings.Join(endpoints, ","), "--listen-addr", node.Address}
	t.Cleanup(node.Kill)
	node.Start(t)
	return &Cluster{Nodes: []*Node{node}}
}

// Watches returns how many watches the node serves.
func (n *Node) Watches(t testing.TB) int {
	t.Helper()
	answer, err := http.Get("http://" + n.Address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	watches := -1
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "etcd_debugging_mvcc_watcher_total "); ok {
			watches, err = strconv.Atoi(value)
		}
	}
	if err != nil || lines.Err() != nil || watches < 0 {
		t.Fatalf("the node does not say how many watches it serves: %v, %v", err, lines.Err())
	}
	return watches
}
