package etcd_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"announcer/internal/remote"
	"announcer/internal/remote/etcd"
	"announcer/internal/testkit/etcdtest"
	"announcer/internal/testkit/netlab"
)

const (
	prefix = "/announcer/sites/berlin/"
	soon   = 5 * time.Second  // for a change, from when the cluster is there
	late   = 30 * time.Second // for what may take long on a busy machine
)

func TestMain(m *testing.M) { netlab.Main(m) }

// host follows a prefix as a daemon does.
type host struct {
	origin *etcd.Prefix
	stop   func()

	mu        sync.Mutex
	changed   chan struct{} // closed with the next report
	set       remote.Set
	err       error           // of the last report
	failed    string          // the last error; "": there was none
	may       map[string]bool // names that may go away
	withdrawn []string        // names that went away and may not
}

// follow has a host follow the prefix in a cluster.
func follow(t *testing.T, c *etcdtest.Cluster, known remote.Set, settings remote.Settings) *host {
	t.Helper()
	var addresses []string
	for _, node := range c.Nodes {
		addresses = append(addresses, node.Address)
	}
	return followAt(t, strings.Join(addresses, ","), known, settings)
}

// followAt has a host follow the prefix at addresses.
func followAt(t *testing.T, addresses string, known remote.Set, settings remote.Settings) *host {
	t.Helper()
	settings.Cache = t.TempDir()
	origin, err := etcd.New("etcd://"+addresses+prefix, settings)
	if err != nil {
		t.Fatal(err)
	}
	h := &host{origin: origin, set: known, changed: make(chan struct{}), may: map[string]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		origin.Follow(ctx, known, h.take)
	}()
	h.stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(h.stop)
	return h
}

// take takes a report.
func (h *host) take(r remote.Report) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err = r.Err; r.Err != nil {
		h.failed = r.Err.Error()
	}
	if r.Set != nil {
		for _, file := range h.set.Files {
			if _, has := r.Set.Find(file.Name); !has && !h.may[file.Name] {
				h.withdrawn = append(h.withdrawn, file.Name)
			}
		}
		h.set = *r.Set
	}
	close(h.changed)
	h.changed = make(chan struct{})
}

// await waits until the host is as wanted, and fails if it takes too long.
func (h *host) await(t *testing.T, most time.Duration, what string, ok func(set remote.Set, err error) bool) {
	t.Helper()
	began, timeout := time.Now(), time.After(most)
	for {
		h.mu.Lock()
		set, err, changed := h.set, h.err, h.changed
		h.mu.Unlock()
		if ok(set, err) {
			t.Logf("%s after %v", what, time.Since(began).Round(time.Millisecond))
			return
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("after %v: want %s; it has %v, %v, fault %q", most, what, names(set), err, set.Lapse())
		}
	}
}

func names(set remote.Set) (all []string) {
	for _, file := range set.Files[:min(len(set.Files), 10)] {
		all = append(all, fmt.Sprintf("%s=%.20q", file.Name, file.Data))
	}
	return all
}

// has wants a file with a value.
func (h *host) has(t *testing.T, most time.Duration, name, value string) {
	t.Helper()
	h.await(t, most, fmt.Sprintf("%s=%.20q", name, value), func(set remote.Set, err error) bool {
		file, ok := set.Find(name)
		return ok && string(file.Data) == value && err == nil
	})
}

// lacks wants that there is no such file.
func (h *host) lacks(t *testing.T, name string) {
	t.Helper()
	h.await(t, soon, "no "+name, func(set remote.Set, _ error) bool {
		_, ok := set.Find(name)
		return !ok
	})
}

// fails wants an error with a text.
func (h *host) fails(t *testing.T, text string) {
	t.Helper()
	h.await(t, late, "the error "+text, func(_ remote.Set, err error) bool { return err != nil && strings.Contains(err.Error(), text) })
}

// keeps wants that nothing went away that may not.
func (h *host) keeps(t *testing.T) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.withdrawn) > 0 {
		t.Errorf("%v went away", h.withdrawn)
	}
}

// remove lets a file go away.
func (h *host) remove(t *testing.T, c *etcdtest.Cluster, name string) {
	t.Helper()
	h.mu.Lock()
	h.may[name] = true
	h.mu.Unlock()
	c.Delete(t, prefix+name)
	h.lacks(t, name)
	h.mu.Lock()
	delete(h.may, name)
	h.mu.Unlock()
}

// use is how much of this process is in use.
type use struct{ goroutines, files int }

func used(t *testing.T) use {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return use{runtime.NumGoroutine(), len(files)}
}

// back wants no more in use than before, the test's own client aside.
func back(t *testing.T, c *etcdtest.Cluster, before use) {
	t.Helper()
	c.Disconnect()
	defer c.Connect(t)
	for deadline := time.Now().Add(late); ; time.Sleep(10 * time.Millisecond) {
		now := used(t)
		if now.goroutines <= before.goroutines && now.files <= before.files {
			return
		}
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%+v became %+v:\n%s", before, now, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// survive has a host with definitions, lets something happen to the cluster, and wants all definitions there afterwards,
// the last change soon, and no more in use than before.
func survive(t *testing.T, c *etcdtest.Cluster, settings remote.Settings, trouble func(h *host)) {
	t.Helper()
	c.Put(t, prefix+"dpma.service", "pbx")
	c.Delete(t, prefix+"firmware.toml")
	c.Disconnect()
	unused := used(t)
	h := follow(t, c, remote.Set{}, settings)
	h.has(t, late, "dpma.service", "pbx")
	c.Connect(t)
	c.Put(t, prefix+"firmware.toml", "files")
	h.has(t, late, "firmware.toml", "files") // by an event: all that follows the prefix runs
	c.Disconnect()
	steady := used(t)
	c.Connect(t)
	trouble(h)
	c.Await(t)
	c.Put(t, prefix+"dpma.service", "other pbx")
	h.has(t, soon, "dpma.service", "other pbx")
	h.has(t, 0, "firmware.toml", "files")
	h.keeps(t)
	back(t, c, steady)
	h.stop()
	back(t, c, unused)
}

func TestChanges(t *testing.T) {
	c := etcdtest.Start(t, "--max-request-bytes", "10000000")
	h := follow(t, c, remote.Set{}, remote.Settings{})
	h.await(t, late, "an empty prefix", func(set remote.Set, err error) bool { return set.Cluster != "" && err == nil })
	c.Put(t, prefix+"dpma.service", "pbx")
	h.has(t, soon, "dpma.service", "pbx")
	c.Put(t, "/announcer/sites/berlin2/dpma.service", "other site")
	h.remove(t, c, "dpma.service")
	c.Put(t, prefix+"dpma.service", "other pbx")
	h.has(t, soon, "dpma.service", "other pbx")
	long := strings.Repeat("x", 2<<20)
	c.Put(t, prefix+"long.service", long)
	h.has(t, soon, "long.service", long)
	c.Put(t, prefix+"dpma.service", "pbx")
	h.has(t, soon, "dpma.service", "pbx")
	h.remove(t, c, "long.service")
	h.keeps(t)
	if got := strings.Join(names(h.set), " "); got != `dpma.service="pbx"` {
		t.Errorf("it has %s", got)
	}
}

// TestManyKeys wants 2,000 keys at the start, and 2,000 changes in few reports.
func TestManyKeys(t *testing.T) {
	const many, atOnce = 2000, 100
	c := etcdtest.Start(t)
	write := func(value string) {
		t.Helper()
		for first := 0; first < many; first += atOnce {
			var puts []clientv3.Op
			for i := range atOnce {
				puts = append(puts, clientv3.OpPut(fmt.Sprintf("%s%04d.service", prefix, first+i), value))
			}
			if _, err := c.Client.Txn(t.Context()).Then(puts...).Commit(); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("old")
	h := follow(t, c, remote.Set{}, remote.Settings{})
	all := func(value string) {
		t.Helper()
		h.await(t, late, value, func(set remote.Set, _ error) bool {
			return len(set.Files) == many && !slices.ContainsFunc(set.Files, func(f remote.File) bool { return string(f.Data) != value })
		})
	}
	all("old")
	write("new")
	all("new")
	h.keeps(t)
}

// TestAway has keys written, deleted and compacted while the host is away.
func TestAway(t *testing.T) {
	c := etcdtest.Start(t)
	c.Put(t, prefix+"dpma.service", "pbx")
	c.Put(t, prefix+"old.service", "old")
	h := follow(t, c, remote.Set{}, remote.Settings{})
	h.has(t, late, "old.service", "old")
	h.stop()
	c.Delete(t, prefix+"old.service")
	for i := range 10 {
		c.Put(t, prefix+"dpma.service", fmt.Sprint("pbx ", i))
	}
	c.Compact(t)
	h = follow(t, c, h.set, remote.Settings{})
	h.mu.Lock()
	h.may["old.service"] = true
	h.mu.Unlock()
	h.has(t, soon, "dpma.service", "pbx 9")
	h.lacks(t, "old.service")
	c.Put(t, prefix+"dpma.service", "other pbx")
	h.has(t, soon, "dpma.service", "other pbx")
	h.keeps(t)
	if h.set.Fault != "" {
		t.Errorf("the cluster lost something: %s", h.set.Fault)
	}
}

// TestOneNode is about what happens to a cluster of one server.
func TestOneNode(t *testing.T) {
	tests := []struct {
		name    string
		trouble func(t *testing.T, c *etcdtest.Cluster, h *host)
	}{
		{"killed and started", func(t *testing.T, c *etcdtest.Cluster, h *host) {
			c.Nodes[0].Kill()
			h.fails(t, "no server listens")
			c.Nodes[0].Start(t)
		}},
		{"stopped and continued", func(t *testing.T, c *etcdtest.Cluster, h *host) {
			c.Nodes[0].Signal(syscall.SIGSTOP)
			h.fails(t, "does not answer in time")
			c.Nodes[0].Signal(syscall.SIGCONT)
		}},
		{"lost its data", func(t *testing.T, c *etcdtest.Cluster, h *host) {
			c.Nodes[0].Kill()
			if err := os.RemoveAll(c.Nodes[0].Dir); err != nil {
				t.Fatal(err)
			}
			c.Nodes[0].Start(t)
			c.Await(t)
			h.await(t, soon, "what it lacks", func(set remote.Set, _ error) bool {
				return strings.Contains(set.Lapse(), "its revision went back from ") && strings.Contains(set.Lapse(), "it lacks dpma.service, firmware.toml")
			})
			for range 10 {
				c.Put(t, "/announcer/presence/berlin", "alive") // so that the revision is newer than ever
			}
		}},
		{"restored from an older backup", func(t *testing.T, c *etcdtest.Cluster, h *host) {
			backup := c.Snapshot(t)
			c.Put(t, prefix+"new.service", "newer than the backup")
			h.has(t, soon, "new.service", "newer than the backup")
			c.Nodes[0].Kill()
			c.Restore(t, backup)
			c.Nodes[0].Start(t)
			c.Await(t)
			h.await(t, soon, "what it lacks", func(set remote.Set, _ error) bool {
				return strings.Contains(set.Lapse(), " went back from ") && strings.Contains(set.Lapse(), "it lacks new.service, in use")
			})
		}},
		{"replaced by another cluster", func(t *testing.T, c *etcdtest.Cluster, h *host) {
			c.Nodes[0].Kill()
			c.Replace(t)
			c.Await(t)
			h.await(t, soon, "what it lacks", func(set remote.Set, _ error) bool {
				return strings.Contains(set.Lapse(), "its cluster ID is ") && strings.Contains(set.Lapse(), "it lacks dpma.service, firmware.toml")
			})
			c.Put(t, prefix+"firmware.toml", "files")
			h.await(t, soon, "nothing but the other", func(set remote.Set, _ error) bool {
				return strings.Contains(set.Lapse(), "it lacks dpma.service, in use")
			})
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := etcdtest.Start(t)
			survive(t, c, remote.Settings{}, func(h *host) { test.trouble(t, c, h) })
		})
	}
}

// TestThreeNodes is about what happens to servers of a cluster while others go on.
func TestThreeNodes(t *testing.T) {
	var ends []etcdtest.End
	var ports []netlab.End
	for i := range 3 {
		host, ip := netlab.NewHost(t), fmt.Sprintf("192.0.2.%d", 11+i)
		ends = append(ends, etcdtest.End{Host: host, IP: ip})
		ports = append(ports, netlab.End{Host: host, Name: "eth0", Addrs: []string{ip + "/24"}, OnlyIPv4: true})
	}
	netlab.Switch(t, netlab.End{Name: "br0", Addrs: []string{"192.0.2.1/24"}, OnlyIPv4: true}, ports...)
	c := etcdtest.StartOn(t, ends, nil)
	tests := []struct {
		name    string
		trouble func(t *testing.T, h *host)
	}{
		{"killed in turn, leaders too", func(t *testing.T, h *host) {
			for i, node := range c.Nodes {
				node.Kill()
				change := fmt.Sprint("pbx ", i)
				c.Put(t, prefix+"dpma.service", change)
				h.has(t, soon, "dpma.service", change)
				node.Start(t)
			}
		}},
		{"stopped in turn", func(t *testing.T, h *host) {
			for i, node := range c.Nodes {
				node.Signal(syscall.SIGSTOP)
				t.Cleanup(func() { node.Signal(syscall.SIGCONT) })
				change := fmt.Sprint("pbx ", i)
				c.Put(t, prefix+"dpma.service", change)
				node.Signal(syscall.SIGCONT)
				h.has(t, soon, "dpma.service", change)
			}
		}},
		{"follower partitioned", func(t *testing.T, h *host) {
			_, others := c.Leader(t)
			port := fmt.Sprintf("veth%d", 1+slices.Index(c.Nodes, others[0]))
			(*netlab.Host)(nil).IP(t, "link", "set", port, "down")
			c.Connect(t)
			c.Put(t, prefix+"dpma.service", "pbx of the majority")
			h.has(t, late, "dpma.service", "pbx of the majority")
			(*netlab.Host)(nil).IP(t, "link", "set", port, "up")
		}},
		{"all killed and started", func(t *testing.T, h *host) {
			for _, node := range c.Nodes {
				node.Kill()
			}
			h.fails(t, "none of its 3 servers can be used")
			for _, node := range c.Nodes {
				node.Start(t)
			}
		}},
		{"majority killed and started", func(t *testing.T, h *host) {
			leader, others := c.Leader(t)
			leader.Kill()
			others[0].Kill()
			h.fails(t, "none of its 3 servers can be used")
			leader.Start(t)
			others[0].Start(t)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			survive(t, c, remote.Settings{}, func(h *host) { test.trouble(t, h) })
		})
		c.Await(t)
	}
}
