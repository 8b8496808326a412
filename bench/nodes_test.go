//go:build linux

package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"announcer/internal/testkit/etcdtest"
)

// The metrics of a node.
const (
	residentBytes = "process_resident_memory_bytes"
	cpuSeconds    = "process_cpu_seconds_total"
)

// ask is a client that leaves no connection open.
var ask = http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// nodes returns a metric of each node.
func (f *fleetLab) nodes(t *testing.T, name string) (values []float64) {
	t.Helper()
	for _, node := range f.cluster.Nodes {
		value, err := metric(node.Address, name)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
	}
	return values
}

func metric(address, name string) (float64, error) {
	response, err := ask.Get("http://" + address + "/metrics")
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(text), "\n"+name+" ")
	if !ok {
		return 0, fmt.Errorf("%s has no metric %s", address, name)
	}
	value, _, _ := strings.Cut(rest, "\n")
	return strconv.ParseFloat(value, 64)
}

// healthy returns a channel that has the time when all nodes answer again. It is closed without one if the test ends.
func (f *fleetLab) healthy(t *testing.T) <-chan time.Time {
	ctx, answers := t.Context(), make(chan time.Time, 1)
	go func() {
		defer close(answers)
		for _, node := range f.cluster.Nodes {
			for !isHealthy(ctx, node) {
				if ctx.Err() != nil {
					return
				}
				time.Sleep(sampling / 4)
			}
		}
		answers <- time.Now()
	}()
	return answers
}

func isHealthy(ctx context.Context, node *etcdtest.Node) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+node.Address+"/health", nil)
	if err != nil {
		return false
	}
	response, err := ask.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// use is processor time, in seconds.
type use struct{ process, nodes float64 }

// used returns the processor time of this process, which is that of all hosts, and of all nodes.
func (f *fleetLab) used(t *testing.T) use {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		t.Fatal(err)
	}
	return use{time.Duration(ts.Nano()).Seconds(), sum(f.nodes(t, cpuSeconds))}
}

func (u use) minus(other use) use       { return use{u.process - other.process, u.nodes - other.nodes} }
func (u use) times(seconds float64) use { return use{u.process * seconds, u.nodes * seconds} }

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}

// heapInUse returns the bytes of the heap, with the stacks.
func heapInUse() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

// connection is an established connection to a node, by the ports of its ends.
type connection struct{ client, node uint64 }

// connections returns all connections to the nodes of a cluster.
func connections(t *testing.T, c *etcdtest.Cluster) map[connection]bool {
	nodes := map[uint64]bool{}
	for _, node := range c.Nodes {
		at, err := netip.ParseAddrPort(node.Address)
		if err != nil {
			t.Fatal(err)
		}
		nodes[uint64(at.Port())] = true
	}
	const established = "01"
	all := map[connection]bool{}
	text, err := os.ReadFile("/proc/self/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[3] != established {
			continue
		}
		if c := (connection{portOf(fields[1]), portOf(fields[2])}); nodes[c.node] {
			all[c] = true
		}
	}
	return all
}

// portOf returns the port of an address such as "0100007F:0947".
func portOf(address string) uint64 {
	_, text, _ := strings.Cut(address, ":")
	port, _ := strconv.ParseUint(text, 16, 16) // the kernel writes hexadecimal digits
	return port
}

// perSecond counts times by the second after a start.
func perSecond(start time.Time, all []time.Time) (counts []int) {
	for _, at := range all {
		second := max(0, int(at.Sub(start)/time.Second))
		for len(counts) <= second {
			counts = append(counts, 0)
		}
		counts[second]++
	}
	return counts
}
