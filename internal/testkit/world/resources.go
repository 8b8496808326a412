//go:build linux

package world

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// processes is how many have begun, in all worlds: an address may be that of another one later.
var processes atomic.Int64

// own makes the calling goroutine one of the process, with all that it starts.
func (p *process) own() {
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("process", fmt.Sprint(p.mark))))
}

// resources returns what the process holds of the system and of memory, by kind.
func (p *process) resources() map[string]int {
	var profile bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&profile, 1)
	all := map[string]int{}
	for same := range strings.SplitSeq(profile.String(), "\n\n") {
		counted, stack, ok := strings.Cut(same, fmt.Sprintf(`{"process":"%d"}`, p.mark))
		if ok {
			before, after := strings.Fields(counted), strings.Fields(stack)
			n, _ := strconv.Atoi(before[slices.Index(before, "@")-1])
			began, _, _ := strings.Cut(after[len(after)-2], "+")
			all["goroutines of "+began] += n
		}
	}
	all["files and watches"] = p.fs.Descriptors()
	all["sockets of multicast DNS"] = int(p.ears.Load())
	all["control sockets and locks"] = p.host.sockets.of(p)
	if len(p.host.running) == 1 { // of two, it can't be said whose these are
		all["sockets of netlink"] = p.host.kernel.sockets()
		all["connections to the server of definitions"] = p.host.provision.questions()
		all["connections to etcd"] = p.host.cluster.connections()
	}
	return all
}

// isAsking reports whether the process asks a server, for which it holds more than otherwise.
func (h *host) isAsking() bool { return h.provision.isAsked() || h.cluster.isAsked() }

// measure notes what a process holds that has just begun, unless it asks a server.
func (w *World) measure() {
	if h := w.hosts[0]; !h.isAsking() {
		w.fresh = h.process.resources()
	}
}

// checkResources checks that a process with no fault holds what one does that has just begun.
func (h *host) checkResources() {
	if fresh := h.truth.world.fresh; fresh != nil && h.process != nil && h.isWell() && !h.isAsking() {
		h.process.compareResources(fresh)
	}
}

// compareResources checks that the process holds no more and no less than it should.
func (p *process) compareResources(want map[string]int) {
	got := p.resources()
	kinds := slices.AppendSeq(slices.Collect(maps.Keys(got)), maps.Keys(want))
	slices.Sort(kinds)
	for _, kind := range slices.Compact(kinds) {
		if got[kind] != want[kind] {
			p.host.fail("%s holds %d %s; want %d", p.host.net.Name, got[kind], kind, want[kind])
		}
	}
}
