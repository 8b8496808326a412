//go:build linux

package bench

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"announcer/internal/fleet"
	"announcer/internal/mdns/link"
	"announcer/internal/mdns/native"
	"announcer/internal/publication"
	"announcer/internal/remote"
	"announcer/internal/source"
	"announcer/internal/status"
	"announcer/internal/testkit/etcdtest"
	"announcer/internal/testkit/memlink"
)

var fleetReport = flag.String("fleet", "", "the `file` to write the table of a fleet into")

// fleetScale is how much is measured of a fleet.
type fleetScale struct {
	hosts   int
	nodes   int           // of the cluster
	start   time.Duration // in which the hosts are started, one after the other
	rest    time.Duration // after the start, before anything else, and again to measure what it takes when nothing changes
	changes int           // the slowest counts
	reports time.Duration // from a change until the hosts have reported it
	back    time.Duration // for all connections to come back after a restart; 0: those for definitions are waited for
}

func fleetScaled() fleetScale {
	if *full {
		return fleetScale{
			hosts: 1000, nodes: 3, start: 20 * time.Second, rest: 10 * time.Second, changes: 3, reports: 4 * time.Second, back: time.Minute,
		}
	}
	return fleetScale{hosts: 5, nodes: 1, rest: 200 * time.Millisecond, changes: 1}
}

const (
	fleetPatience = time.Minute            // for what must happen
	sampling      = 200 * time.Millisecond // between two looks at the connections
	fleetRoot     = "/announcer"
)

// fleetLab is a fleet in this process, and its cluster on this machine.
type fleetLab struct {
	tables
	scale    fleetScale
	cluster  *etcdtest.Cluster
	place    string // of the fleet: the URL before "sites/"
	cache    string
	branches []*branch
	mark     atomic.Pointer[mark]
	history  []string // the restart, second by second
}

// TestFleet measures hosts that take their definitions from a cluster and report to it.
func TestFleet(t *testing.T) {
	f := newFleetLab(t, fleetScaled())
	f.begin(t)
	f.rest(t)
	f.changes(t)
	f.restart(t)
	t.Log("\n" + f.String())
	if *fleetReport != "" && !t.Failed() {
		if err := insert(*fleetReport, f); err != nil {
			t.Error(err)
		}
	}
}

// newFleetLab starts the cluster, with the timing that etcd has by default.
func newFleetLab(t *testing.T, s fleetScale) *fleetLab {
	t.Helper()
	ends := slices.Repeat([]etcdtest.End{{IP: "127.0.0.1"}}, s.nodes)
	f := &fleetLab{scale: s, cluster: etcdtest.StartOn(t, ends, nil, "--heartbeat-interval", "100", "--election-timeout", "1000"), cache: memory(t)}
	var addresses []string
	for _, node := range f.cluster.Nodes {
		addresses = append(addresses, node.Address)
	}
	f.place = "etcd://" + strings.Join(addresses, ",") + fleetRoot + "/"
	return f
}

// memory returns a directory in memory: a thousand hosts have a thousand disks, this machine has one.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "fleet")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// row adds a value that was measured.
func (f *fleetLab) row(what, unit string, b bar, value float64) {
	f.tables.row(what, f.scale.hosts, unit, b).set("announcer", value)
}

// begin starts the hosts and waits until all announce what is defined for all, and report.
func (f *fleetLab) begin(t *testing.T) {
	goroutines, heap := runtime.NumGoroutine(), heapInUse()
	resident := f.nodes(t, residentBytes)
	for i := range f.scale.hosts {
		f.cluster.Put(t, fleetRoot+"/sites/"+Name(i)+"/dpma.service", definition(Name(i), Text()))
	}
	m := f.define(t, 0)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	for i := range f.scale.hosts {
		b := f.newBranch(i)
		f.branches = append(f.branches, b)
		running.Go(func() { b.run(ctx, t) })
		time.Sleep(f.scale.start / time.Duration(f.scale.hosts))
	}
	m.await(t)
	f.row("hosts that report", "", least(float64(f.scale.hosts)), float64(f.present(t)))
	hosts := float64(f.scale.hosts)
	f.row("a host: goroutines", "", none, float64(runtime.NumGoroutine()-goroutines)/hosts)
	f.row("a host: heap", "kB", none, (heapInUse()-heap)/hosts/1e3)
	f.row("a host: connections", "", none, float64(len(connections(t, f.cluster)))/hosts)
	after := f.nodes(t, residentBytes)
	f.row("a node of etcd: resident memory, the most", "MB", none, slices.Max(after)/1e6)
	f.row("all nodes of etcd: memory for a host", "kB", none, (sum(after)-sum(resident))/hosts/1e3)
}

// present waits until all hosts have reported, and returns their number.
func (f *fleetLab) present(t *testing.T) (n int) {
	t.Helper()
	for deadline := time.Now().Add(fleetPatience); ; time.Sleep(sampling) {
		listing, err := fleet.Etcd{Client: f.cluster.Client}.Read(t.Context(), fleetRoot+"/presence/", 0)
		if err != nil {
			t.Fatal(err)
		}
		if n = hosts(listing); n >= f.scale.hosts {
			return n
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d hosts report; want %d", n, f.scale.hosts)
		}
	}
}

// hosts returns how many hosts report. Each has a key of its machine, too.
func hosts(listing fleet.Listing) (n int) {
	for _, entry := range listing.Entries {
		if path.Base(entry.Key) == hostLabel {
			n++
		}
	}
	return n
}

// rest measures a fleet in which nothing changes.
func (f *fleetLab) rest(t *testing.T) {
	time.Sleep(f.scale.rest)
	before, began := f.used(t), time.Now()
	time.Sleep(f.scale.rest)
	unchanged := f.used(t).minus(before).times(1 / time.Since(began).Seconds())
	f.row("a host, a second without a change: CPU", "µs", none, unchanged.process/float64(f.scale.hosts)*1e6)
	f.row("all nodes of etcd, a second without a change: CPU", "ms", none, unchanged.nodes*1e3)
}

// changes has what is defined for all hosts changed, several times.
func (f *fleetLab) changes(t *testing.T) {
	var half, last, process, nodes []float64
	for n := range f.scale.changes {
		before, began := f.used(t), time.Now()
		m := f.define(t, 1+n)
		m.await(t)
		half, last = append(half, median(m.milliseconds())), append(last, slices.Max(m.milliseconds()))
		time.Sleep(f.scale.reports)
		used := f.used(t).minus(before).times(1 / time.Since(began).Seconds())
		process, nodes = append(process, used.process), append(nodes, used.nodes)
	}
	f.row("a change of `common`: announced by half of the hosts", "ms", none, slices.Max(half))
	f.row("a change of `common`: announced by all hosts", "ms", most(2000), slices.Max(last))
	f.row("a host, a second with a change and its report: CPU", "µs", none, median(process)/float64(f.scale.hosts)*1e6)
	f.row("all nodes of etcd, a second with a change and all reports: CPU", "ms", none, median(nodes)*1e3)
}

// restart kills all nodes, starts them when all hosts have noticed that, and watches how the hosts come back.
func (f *fleetLab) restart(t *testing.T) {
	f.cluster.Disconnect()
	before := len(connections(t, f.cluster))
	for _, node := range f.cluster.Nodes {
		node.Kill()
	}
	f.await(t, "connected", func(s remote.State) bool { return !s.Connected })
	began := time.Now()
	for _, node := range f.cluster.Nodes {
		node.Start(t)
	}
	healthy := f.healthy(t)
	seen := map[connection]time.Time{}
	for deadline := began.Add(fleetPatience); ; time.Sleep(sampling) {
		now := time.Now()
		open := connections(t, f.cluster)
		for c := range open {
			if seen[c].IsZero() {
				seen[c] = now
			}
		}
		ready := f.all(func(s remote.State) bool { return s.Connected })
		if ready && (len(open) >= before || now.Sub(began) > f.scale.back) {
			break
		}
		if now.After(deadline) {
			t.Fatalf("%d of %d connections are back", len(open), before)
		}
	}
	var definitions, all []time.Time
	for _, b := range f.branches {
		for _, s := range b.servers() {
			definitions = append(definitions, s.Since)
		}
	}
	for _, at := range seen {
		all = append(all, at)
	}
	slices.SortFunc(all, time.Time.Compare)
	f.row("a restart of etcd: all hosts have their definitions from it again, after it answers", "ms", most(5000),
		max(0, milliseconds(slices.MaxFunc(definitions, time.Time.Compare).Sub(<-healthy))))
	f.row("a restart of etcd: nine in ten of all connections come back over", "s", least(10), all[len(all)*95/100].Sub(all[len(all)*5/100]).Seconds())
	f.row("a restart of etcd: most connections in a second", "", none, float64(slices.Max(perSecond(began, all))))
	f.history = []string{
		fmt.Sprintf("for definitions: %s", strings.Trim(fmt.Sprint(perSecond(began, definitions)), "[]")),
		fmt.Sprintf("all: %s", strings.Trim(fmt.Sprint(perSecond(began, all)), "[]")),
	}
}

// await waits until the servers of all places of all hosts are in a state.
func (f *fleetLab) await(t *testing.T, what string, ok func(remote.State) bool) {
	t.Helper()
	for deadline := time.Now().Add(fleetPatience); !f.all(ok); time.Sleep(sampling) {
		if time.Now().After(deadline) {
			t.Fatalf("some hosts are still %s", what)
		}
	}
}

// all reports whether the servers of all places of all hosts are in a state.
func (f *fleetLab) all(ok func(remote.State) bool) bool {
	return !slices.ContainsFunc(f.branches, func(b *branch) bool {
		return slices.ContainsFunc(b.servers(), func(s remote.State) bool { return !ok(s) })
	})
}

// String returns the table as Markdown.
func (f *fleetLab) String() string {
	version, _, _ := strings.Cut(said("etcd", "--version"), "\n")
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", surroundings(fmt.Sprintf("%d hosts", f.scale.hosts), fmt.Sprintf("a cluster of %d", f.scale.nodes), version))
	fmt.Fprint(&b, "| | unit | measured | bar | |\n|---|---|--:|---|---|\n")
	for _, row := range f.rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", row.what, row.unit, row.cell("announcer"), row.barText(), row.verdict())
	}
	fmt.Fprint(&b, "\nConnections that came back in each second after the start of the nodes:\n\n")
	for _, line := range f.history {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	return b.String()
}

// mark is a text that a change brings to the network of each host.
type mark struct {
	text    []byte
	asked   time.Time
	after   []atomic.Int64 // nanoseconds until a host announced it; 0: it has not
	missing atomic.Int64
	done    chan struct{}
}

// define changes what is defined for all hosts.
func (f *fleetLab) define(t *testing.T, n int) *mark {
	t.Helper()
	server := fmt.Sprintf("@192.0.2.1:%d;", 6000+n)
	m := &mark{text: []byte(server), asked: time.Now(), after: make([]atomic.Int64, f.scale.hosts), done: make(chan struct{})}
	m.missing.Store(int64(f.scale.hosts))
	f.mark.Store(m)
	f.cluster.Put(t, fleetRoot+"/common/all.service", definition("All", []string{"sipUrl=sip:proxy" + server + "transport=udp", "serviceType=asterisk"}))
	return m
}

// hears takes a packet from the network of a host.
func (m *mark) hears(host int, packet []byte) {
	isResponse := len(packet) > 2 && packet[2]&0x80 != 0
	if !isResponse || !bytes.Contains(packet, m.text) || !m.after[host].CompareAndSwap(0, int64(time.Since(m.asked))) {
		return
	}
	if m.missing.Add(-1) == 0 {
		close(m.done)
	}
}

// await waits until all hosts have announced it.
func (m *mark) await(t *testing.T) {
	t.Helper()
	select {
	case <-m.done:
	case <-time.After(fleetPatience):
		t.Fatalf("%d hosts do not announce %s", m.missing.Load(), m.text)
	}
}

// milliseconds returns the time that each host took.
func (m *mark) milliseconds() (all []float64) {
	for i := range m.after {
		all = append(all, milliseconds(time.Duration(m.after[i].Load())))
	}
	return all
}

// branch is a host with a network of its own: the providers, the engine and the reporter of a daemon.
type branch struct {
	links    []publication.Link
	engine   *native.Publisher
	source   *source.Source
	reporter *fleet.Reporter

	mu       sync.Mutex
	snapshot source.Snapshot
	desired  publication.Desired
}

// newBranch makes a host. A phone on its network hears what it announces.
func (f *fleetLab) newBranch(i int) *branch {
	network := memlink.Live(uint64(i))
	segment, pbx, phone := network.NewSegment(), network.NewHost(hostLabel), network.NewHost("phone")
	pbx.Plug(segment, netip.MustParsePrefix("192.0.2.1/24"))
	phone.Plug(segment, netip.MustParsePrefix("192.0.2.2/24"))
	phone.OnPacket(func(p link.Packet) { f.mark.Load().hears(i, p.Data) })
	log, own := slog.New(slog.DiscardHandler), f.place+"sites/"+Name(i)+"/"
	b := &branch{
		links:  pbx.Links(),
		engine: native.New(native.Config{Conn: pbx.Conn(), Log: log, Seed: [2]uint64{1, uint64(i)}}),
		source: source.New(source.Request{Services: []string{own, f.place + "common/"}, Waits: true}),
	}
	b.source.Open = func(place string, poll time.Duration, settings remote.Settings) source.Provider {
		settings.Cache = filepath.Join(f.cache, Name(i))
		return source.Open(b.source.FS, place, poll, settings, b.source.Rules)
	}
	connect := func(ctx context.Context) (fleet.Connection, error) { return fleet.DialOne(ctx, own, remote.Settings{}) }
	b.reporter = fleet.NewReporter(connect, fleetRoot, Name(i), hostLabel, log)
	b.reporter.Machine = fleet.MachineID()
	b.reporter.State = func(context.Context) (fleet.Presence, error) { return b.presence(Name(i), own), nil }
	return b
}

// run announces what is defined until ctx is done.
func (b *branch) run(ctx context.Context, t *testing.T) {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	tasks.Go(func() { b.source.Run(ctx) })
	tasks.Go(func() { b.reporter.Run(ctx) })
	for {
		select {
		case <-ctx.Done():
			b.engine.Abandon()
			return
		case <-b.engine.Events():
		case u := <-b.source.Updates():
			if err := b.take(ctx, u.Snapshot); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	}
}

// take announces what is defined now.
func (b *branch) take(ctx context.Context, snapshot source.Snapshot) error {
	desired, _ := snapshot.Desired(b.links)
	b.mu.Lock()
	b.snapshot, b.desired = snapshot, desired
	b.mu.Unlock()
	b.reporter.Changed()
	return b.engine.Apply(ctx, desired)
}

// presence returns how the host is.
func (b *branch) presence(site, place string) fleet.Presence {
	b.mu.Lock()
	snapshot, desired := b.snapshot, b.desired
	b.mu.Unlock()
	return fleet.NewPresence(site, hostLabel, place, status.Status{
		Time: time.Now(), Services: status.Services(desired.Groups, b.engine.Status(), nil), Sources: snapshot.Places,
		Files: status.Files{Refusals: snapshot.Refused, Findings: snapshot.Findings},
	})
}

// servers returns the states of the servers of the host's places.
func (b *branch) servers() (all []remote.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.snapshot.Places {
		if p.Server != nil {
			all = append(all, *p.Server)
		}
	}
	return all
}
