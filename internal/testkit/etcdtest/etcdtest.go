//go:build linux

// Package etcdtest runs clusters of etcd-server for tests.
package etcdtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"announcer/internal/testkit/netlab"
	"announcer/internal/testkit/skip"
)

// startTime is the longest time that a cluster may take to have a leader.
const startTime = 30 * time.Second

// Cluster is a running cluster.
type Cluster struct {
	Nodes  []*Node
	Client *clientv3.Client // the root user, if it is a cluster with an authority

	settings clientv3.Config
}

// Node is a server of a cluster.
type Node struct {
	Address string // for clients: HOST:PORT
	Dir     string // the data
	Cert    string // the file of its certificate, "" without an authority
	Key     string // likewise, of the key
	peer    string // the URL for other nodes
	host    *netlab.Host
	args    []string
	cmd     *exec.Cmd
	said    *bytes.Buffer
}

// End is where a node runs: a host, nil for that of the test, and its IP address.
type End struct {
	Host *netlab.Host
	IP   string
}

// Start starts a node on 127.0.0.1 with more arguments.
func Start(t testing.TB, args ...string) *Cluster {
	t.Helper()
	return StartOn(t, []End{{IP: "127.0.0.1"}}, nil, args...)
}

// StartOn starts a cluster with a node on each host. With an authority, clients need a certificate of it. The cluster has a
// leader when it returns, and lasts until the test ends.
func StartOn(t testing.TB, ends []End, ca *Authority, args ...string) *Cluster {
	t.Helper()
	skip.Without(t, "etcd")
	c := &Cluster{}
	var members []string
	for i, end := range ends {
		peer := "http://" + freePort(t, end)
		node := &Node{peer: peer, Address: freePort(t, end), Dir: filepath.Join(t.TempDir(), "data"), host: end.Host}
		client := "http://" + node.Address
		name := fmt.Sprintf("node%d", i+1)
		if ca != nil {
			client = "https://" + node.Address
			node.Cert, node.Key = ca.Issue(t, name, time.Hour, end.IP)
			node.args = append(node.args, "--cert-file", node.Cert, "--key-file", node.Key, "--client-cert-auth", "--trusted-ca-file", ca.File)
		}
		node.args = append(node.args, "--name", name, "--data-dir", node.Dir, "--listen-client-urls", client, "--advertise-client-urls", client,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--heartbeat-interval", "50", "--election-timeout", "500",
			"--logger", "zap", "--log-level", "error")
		node.args = append(node.args, args...)
		members = append(members, name+"="+peer)
		c.Nodes = append(c.Nodes, node)
	}
	var addresses []string
	t.Cleanup(c.Close)
	for _, node := range c.Nodes {
		node.args = append(node.args, "--initial-cluster", strings.Join(members, ","))
		node.Start(t)
		addresses = append(addresses, node.Address)
	}
	c.settings = clientv3.Config{Endpoints: addresses, Logger: zap.NewNop(), MaxCallSendMsgSize: 16 << 20, MaxCallRecvMsgSize: 16 << 20}
	if ca != nil {
		c.settings.TLS = ca.client(t, "root")
	}
	c.Connect(t)
	c.Await(t)
	return c
}

// Connect replaces the client, so that none of its connections waits to be made again.
func (c *Cluster) Connect(t testing.TB) {
	t.Helper()
	c.Disconnect()
	client, err := clientv3.New(c.settings)
	if err != nil {
		t.Fatal(err)
	}
	c.Client = client
}

// Disconnect closes the client.
func (c *Cluster) Disconnect() {
	if c.Client != nil {
		c.Client.Close()
		c.Client = nil
	}
}

// Close ends the cluster.
func (c *Cluster) Close() {
	c.Disconnect()
	for _, node := range c.Nodes {
		node.Kill()
	}
}

// freePort returns an address of a host with a port that nothing listens on.
func freePort(t testing.TB, end End) (address string) {
	t.Helper()
	var err error
	end.Host.Do(func() {
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort(end.IP, "0")); err == nil {
			address = l.Addr().String()
			l.Close()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// Await waits until the cluster answers.
func (c *Cluster) Await(t testing.TB) {
	t.Helper()
	c.do(t, func(ctx context.Context) error {
		_, err := c.Client.Get(ctx, "x")
		return err
	})
}

// Put writes a key.
func (c *Cluster) Put(t testing.TB, key, value string) {
	t.Helper()
	c.do(t, func(ctx context.Context) error {
		_, err := c.Client.Put(ctx, key, value)
		return err
	})
}

// Delete deletes a key.
func (c *Cluster) Delete(t testing.TB, key string) {
	t.Helper()
	c.do(t, func(ctx context.Context) error {
		_, err := c.Client.Delete(ctx, key)
		return err
	})
}

// Compact forgets all revisions but the last one.
func (c *Cluster) Compact(t testing.TB) {
	t.Helper()
	c.do(t, func(ctx context.Context) error {
		now, err := c.Client.Get(ctx, "x")
		if err != nil {
			return err
		}
		_, err = c.Client.Compact(ctx, now.Header.Revision, clientv3.WithCompactPhysical())
		return err
	})
}

// do calls f until it succeeds: the node that is asked may not answer, while others do.
func (c *Cluster) do(t testing.TB, f func(context.Context) error) {
	t.Helper()
	for deadline := time.Now().Add(startTime); ; {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err := f(ctx)
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the cluster does not answer: %v; its first node said:\n%s", err, c.Nodes[0].said)
		}
	}
}

// Start starts the node, with the data that it has.
func (n *Node) Start(t testing.TB) {
	t.Helper()
	n.said = new(bytes.Buffer)
	n.cmd = exec.Command("etcd", n.args...)
	n.cmd.Stdout, n.cmd.Stderr = n.said, n.said
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.host.Start(n.cmd); err != nil {
		t.Fatal(err)
	}
}

// Kill ends the node at once, as a power failure does.
func (n *Node) Kill() {
	if n.cmd != nil && n.cmd.ProcessState == nil {
		n.Signal(syscall.SIGKILL)
		n.cmd.Wait() // it was killed
	}
}

// Signal sends a signal to the node, such as SIGSTOP.
func (n *Node) Signal(signal syscall.Signal) { n.cmd.Process.Signal(signal) }

// Restore replaces the data of a cluster of one node, which does not run, by those of a snapshot.
func (c *Cluster) Restore(t testing.TB, snapshot string) {
	t.Helper()
	node := c.Nodes[0]
	if err := os.RemoveAll(node.Dir); err != nil {
		t.Fatal(err)
	}
	args := []string{"snapshot", "restore", snapshot, "--name", "node1", "--data-dir", node.Dir, "--initial-cluster", "node1=" + node.peer, "--initial-advertise-peer-urls", node.peer}
	cmd := exec.Command(skip.Without(t, "etcdctl"), args...)
	cmd.Env = append(os.Environ(), "ETCDCTL_API=3")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// Replace starts another cluster in place of one of one node, which does not run.
func (c *Cluster) Replace(t testing.TB) {
	t.Helper()
	node := c.Nodes[0]
	if err := os.RemoveAll(node.Dir); err != nil {
		t.Fatal(err)
	}
	node.args = append(node.args, "--initial-cluster-token", "other")
	node.Start(t)
}

// Snapshot writes all data of a cluster of one node to a file.
func (c *Cluster) Snapshot(t testing.TB) (file string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	data, err := c.Client.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	file = filepath.Join(t.TempDir(), "snapshot")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(f, data); err != nil {
		t.Fatal(err)
	}
	return file
}

// Leader returns the node that leads the cluster, and the others.
func (c *Cluster) Leader(t testing.TB) (leader *Node, others []*Node) {
	t.Helper()
	for _, node := range c.Nodes {
		ctx, cancel := context.WithTimeout(context.Background(), startTime)
		status, err := c.Client.Status(ctx, node.Address)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if status.Leader == status.Header.MemberId {
			leader = node
		} else {
			others = append(others, node)
		}
	}
	if leader == nil {
		t.Fatal("the cluster has no leader")
	}
	return leader, others
}
