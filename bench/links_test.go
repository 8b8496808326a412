//go:build linux

package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// few is the number of links that a change is compared with.
const few = 10

// links has announcer announce two services on thousands of links, such as the VLANs of a large site.
func (r *tables) links(t *testing.T) {
	n := r.scale.links
	what := fmt.Sprintf("%d links with 2 services each: ", n)
	all := r.row(what+"all announced", 2, "s", most(15))
	cpu := r.row(what+"CPU of the start", 2, "s", most(12))
	anonymous := r.row(what+"anonymous memory", 2, "MB", most(64))
	files := r.row(what+"file descriptors", 2, "", most(250))
	change := r.row(fmt.Sprintf("%sCPU of an address that is added, × the same with %d links", what, few), 2, "", most(5))
	answer := r.row(what+"status", 2, "ms", most(1000))
	line := r.row(what+"characters of the line that status begins with", 2, "", most(160))

	small, large := newCables(t, few), newCables(t, n)
	small.start(t)
	small.await(t, r.scale.patience)
	large.start(t)
	took, used := large.await(t, 20*r.scale.patience)
	all.set("announcer", took.Seconds())
	cpu.set("announcer", used.Seconds())
	time.Sleep(r.scale.settle)
	files.set("announcer", float64(large.files(t)))
	change.set("announcer", large.change(t, r.scale.changes)/small.change(t, r.scale.changes))
	before := time.Now()
	head := large.status(t)
	answer.set("announcer", milliseconds(time.Since(before)))
	line.set("announcer", float64(len([]rune(head))))
	time.Sleep(r.scale.idle) // unused memory is given back when nothing happens any more
	anonymous.set("announcer", large.process.memory("RssAnon")/1e6)
}

// cables is announcer at one end of many cables.
type cables struct {
	*lab
	n      int
	socket string
}

// newCables makes the cables, which are up, and of which the other ends are on the same host. Those have no IPv6: for a multicast by it
// the kernel goes through all interfaces that have it.
func newCables(t *testing.T, n int) *cables {
	t.Helper()
	c := &cables{lab: newLab(t, "announcer", 2), n: n}
	c.socket = filepath.Join(c.folder, "announcer.sock")
	set := func(name, value string) {
		c.onServer(t, func() error { return os.WriteFile("/proc/sys/net/ipv6/conf/"+name, []byte(value), 0) })
	}
	set("default/accept_dad", "0")
	var cables, addresses []string
	for i := range n {
		cables = append(cables, fmt.Sprintf("link add vlan%d type veth peer name far%d", i, i))
		addresses = append(addresses, fmt.Sprintf("link set far%d up", i), fmt.Sprintf("link set vlan%d up", i),
			fmt.Sprintf("addr add 10.%d.%d.1/24 dev vlan%d", i/256, i%256, i))
	}
	c.server.IPs(t, cables...)
	for i := range n {
		set(fmt.Sprintf("far%d/disable_ipv6", i), "1")
	}
	c.server.IPs(t, addresses...)
	return c
}

func (c *cables) start(t *testing.T) {
	t.Helper()
	c.run(t, programs["announcer"], "run", "--services", c.services, "--interface", "vlan*", "--socket", c.socket)
}

// await waits until all is announced, and returns the time since the start and the processor time.
func (c *cables) await(t *testing.T, patience time.Duration) (took, cpu time.Duration) {
	t.Helper()
	for time.Since(c.started) < patience {
		if c.announced() == 2*c.n {
			return time.Since(c.started), c.process.cpu()
		}
		time.Sleep(time.Second) // an answer takes some of the processor time, too
	}
	t.Fatalf("after %v, %d of %d are announced", patience, c.announced(), 2*c.n)
	return 0, 0
}

// announced returns how many services are announced, each counted once per link.
func (c *cables) announced() (n int) {
	// No answer is none announced yet; a daemon with a problem answers, and the command fails all the same.
	text, _ := exec.Command(programs["announcer"], "status", "--socket", c.socket, "--json").Output()
	var status struct {
		Services []struct {
			Links []struct{ State string }
		}
	}
	if json.Unmarshal(text, &status) != nil {
		return 0
	}
	for _, s := range status.Services {
		for _, l := range s.Links {
			if l.State == "announced" {
				n++
			}
		}
	}
	return n
}

// status returns the line that says how the daemon stands.
func (c *cables) status(t *testing.T) string {
	t.Helper()
	text, err := exec.Command(programs["announcer"], "status", "--socket", c.socket).Output() // which fails if there are problems
	lines := bytes.SplitN(text, []byte("\n"), 3)
	if len(lines) < 3 {
		t.Fatalf("status: %v\n%.500s", err, text)
	}
	return string(lines[1])
}

func (c *cables) files(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.process.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// change returns the processor time, in ms, of the cheapest of some addresses that are added to one link.
func (c *cables) change(t *testing.T, times int) float64 {
	t.Helper()
	cheapest := math.Inf(1)
	for i := range times {
		before := c.process.cpu()
		c.server.IP(t, "addr", "add", fmt.Sprintf("10.250.%d.1/24", i), "dev", "vlan7")
		time.Sleep(4 * time.Second) // probes, announcements
		cheapest = min(cheapest, milliseconds(c.process.cpu()-before))
	}
	return cheapest
}
