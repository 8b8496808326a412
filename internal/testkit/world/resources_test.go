//go:build linux

package world

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestLeak checks that what a process does not give back fails its world.
func TestLeak(t *testing.T) {
	for _, test := range []struct {
		name string
		leak func(ctx context.Context, p *process)
		want string
	}{
		{"nothing", func(context.Context, *process) {}, ""},
		{"goroutine", func(ctx context.Context, p *process) {
			go func() { p.own(); <-ctx.Done() }()
		}, "holds 1 goroutines of announcer/internal/testkit/world.TestLeak"},
		{"file", func(_ context.Context, p *process) { _, _ = p.fs.Open(configFile) }, "holds 3 files and watches; want 2"},
		{"socket of netlink", func(ctx context.Context, p *process) { p.host.kernel.Subscribe(ctx, func(uint32) {}) }, "holds 2 sockets of netlink; want 1"},
		{"socket of multicast DNS", func(_ context.Context, p *process) { p.listen() }, "holds 2 sockets of multicast DNS; want 1"},
		{"lock", func(_ context.Context, p *process) { _, _ = system{p}.Lock("/run/announcer/other.lock") }, "holds 3 control sockets and locks; want 2"},
		{"connection", func(_ context.Context, p *process) {
			for p.host.provision.connect(1); p.host.provision.isAsked(); {
				time.Sleep(time.Second)
			}
		}, "holds 1 connections to the server of definitions; want 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(1, Settings{Hosts: 1})
				w.rest(recentTime + settleTime)
				h := w.hosts[0]
				w.measure()
				test.leak(t.Context(), h.process)
				synctest.Wait()
				h.checkResources()
				if got := strings.Join(w.failures, "\n"); !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
					t.Errorf("the failures are %q; want %q", got, test.want)
				}
				w.failures = nil
				h.stop(errTerminated)
				if got := strings.Join(w.failures, "\n"); (test.want == "") != (got == "") {
					t.Errorf("after the end, the failures are %q", got)
				}
			})
		})
	}
}

// TestProcessesDiffer checks that what hangs in a process is not counted as that of another one, which gets its memory.
func TestProcessesDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newWorld(1, Settings{Hosts: 1}).hosts[0]
		p := &process{host: h, mark: processes.Add(1), fs: h.process.fs}
		h.crash()
		go func() { p.own(); <-t.Context().Done() }()
		synctest.Wait()
		*p = process{host: h, mark: processes.Add(1), fs: p.fs}
		for kind, n := range p.resources() {
			if strings.HasPrefix(kind, "goroutines") {
				t.Errorf("a process that has not begun holds %d %s", n, kind)
			}
		}
	})
}

// TestMeasure checks that what a process holds is not noted while it asks a server.
func TestMeasure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1, Settings{Hosts: 1})
		w.rest(settleTime)
		w.hosts[0].provision.connect(1)
		if w.measure(); w.fresh != nil {
			t.Errorf("%v is noted", w.fresh)
		}
		w.hosts[0].provision.connect(-1)
		if w.measure(); w.fresh == nil {
			t.Error("nothing is noted")
		}
		w.end()
	})
}

// TestLongLife checks that a process that has lived long needs no more memory than one that has lived for less.
func TestLongLife(t *testing.T) {
	seeds := int(defaultSeeds)
	for _, test := range []struct {
		name        string
		isStep      func(Step) bool
		short, long int
		each        int64 // bytes, the most that a step may leave behind
	}{
		{"with all that happens", isMild, 50 + seeds, 50 + 5*seeds, 500},
		{"with a change in each step", func(s Step) bool { return s.Action == "save" }, 50 + seeds, 50 + 7*seeds, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			const noise = 200_000 // bytes
			before, after := memoryAfter(t, test.short, test.isStep), memoryAfter(t, test.long, test.isStep)
			if after > before+noise+int64(test.long-test.short)*test.each {
				t.Errorf("after %d steps, processes hold %d bytes; after %d, it was %d", test.long, after, test.short, before)
			}
		})
	}
}

// isMild reports whether a step ends no process.
func isMild(s Step) bool {
	return !slices.Contains([]string{"kill", "kill and delete", "restart", "terminate", "SIGSTOP"}, s.Action)
}

// memoryAfter returns how many bytes the processes of a world hold that have lived through steps of a kind, when everything is right again.
func memoryAfter(t *testing.T, steps int, isStep func(Step) bool) (bytes int64) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		s := Settings{Hosts: 2, Steps: 1}
		w := newWorld(1, s)
		for seed := uint64(1); steps > 0; seed++ {
			step := Plan(seed, s)[0]
			if !isStep(step) {
				continue
			}
			w.do(step)
			w.rest(settleTime)
			w.trace = nil
			steps--
		}
		for _, h := range w.hosts {
			h.mend(w)
		}
		w.rest(2 * recentTime)
		with := heap()
		for _, h := range w.hosts {
			h.stop(errTerminated)
		}
		w.rest(settleTime)
		bytes = with - heap()
		runtime.KeepAlive(w)
	})
	return bytes
}

// heap returns how many bytes are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // for what has a finalizer
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
