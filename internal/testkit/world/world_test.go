//go:build linux

// Handshakes take half of the time otherwise.
//
//go:debug tlsmlkem=0

package world

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// With -world.seeds 10000 so many worlds live, from -world.first; -world.seed 17 has one of them live again, and -world.trace FILE writes every
// packet and every line of its logs.
var (
	seedsFlag = flag.Uint64("world.seeds", 0, "how many worlds live (default 200, with the race detector 4)")
	firstFlag = flag.Uint64("world.first", 1, "the seed of the first world")
	seedFlag  = flag.Uint64("world.seed", 0, "the seed of the only world")
	traceFlag = flag.String("world.trace", "", "file for the packets and logs of the only world")
)

// defaultSeeds is how many worlds live without a flag.
var defaultSeeds = uint64(200)

// live lives through steps.
func live(t *testing.T, seed uint64, steps []Step) (r Result) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { r = Run(seed, DefaultSettings(), steps) })
	return r
}

// TestWorld has many worlds live. One that fails is printed with as few steps as it fails with.
func TestWorld(t *testing.T) {
	if *seedFlag != 0 {
		judge(t, *seedFlag)
		return
	}
	seeds := *seedsFlag
	if seeds == 0 {
		seeds = defaultSeeds
	}
	var last atomic.Uint64
	last.Store(*firstFlag - 1)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) { // no more goroutines than that: a world counts its own among all
		workers.Go(func() {
			for seed := last.Add(1); seed < *firstFlag+seeds; seed = last.Add(1) {
				t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { judge(t, seed) })
			}
		})
	}
	workers.Wait()
}

// judge has a world live, and reports what was not as it must be.
func judge(t *testing.T, seed uint64) {
	t.Helper()
	steps := Plan(seed, DefaultSettings())
	r := live(t, seed, steps)
	if *traceFlag != "" {
		if err := os.WriteFile(*traceFlag, []byte(strings.Join(r.Trace, "\n")+"\n"), 0o644); err != nil {
			t.Error(err)
		}
	}
	if len(r.Failures) == 0 {
		return
	}
	t.Errorf("with seed %d:\n%s", seed, strings.Join(r.Failures, "\n"))
	few := Shrink(steps, func(steps []Step) bool { return len(live(t, seed, steps).Failures) > 0 })
	t.Logf("it fails with these steps alone:")
	for _, step := range few {
		t.Logf("\t%v,", step)
	}
	t.Logf("it lives again with: go test ./internal/testkit/world -run TestWorld -world.seed %d -world.trace world.txt", seed)
}

// TestSameSeedSameWorld checks that a world with a seed has the same packets and logs each time.
func TestSameSeedSameWorld(t *testing.T) {
	for seed := uint64(1); seed <= defaultSeeds/10+1; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			steps := Plan(seed, DefaultSettings())
			first, again := live(t, seed, steps).Trace, live(t, seed, steps).Trace
			for i, line := range first {
				if i >= len(again) || again[i] != line {
					t.Fatalf("line %d of %d differs:\n%s\n%s", i, len(first), line, strings.Join(again[min(i, len(again)):min(i+1, len(again))], ""))
				}
			}
		})
	}
}

func TestShrink(t *testing.T) {
	needs := func(names ...string) func([]Step) bool {
		return func(steps []Step) bool {
			return !slices.ContainsFunc(names, func(name string) bool {
				return !slices.ContainsFunc(steps, func(s Step) bool { return s.Action == name })
			})
		}
	}
	var steps []Step
	for _, name := range strings.Split("abcdefghijklmnopqrstuvwxy", "") {
		steps = append(steps, Step{Action: name})
	}
	for _, test := range []struct{ name, needed string }{
		{"one step", "q"}, {"two", "ay"}, {"neighbours", "klm"}, {"none", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got strings.Builder
			for _, s := range Shrink(steps, needs(strings.Split(test.needed, "")...)) {
				got.WriteString(s.Action)
			}
			if test.needed != "" && got.String() != test.needed {
				t.Errorf("%q is left, want %q", got.String(), test.needed)
			}
		})
	}
}

// Example shows what a seed draws.
func Example() {
	for _, step := range Plan(7, Settings{Hosts: 2, Steps: 3}) {
		fmt.Println(step.Action, "on host", step.Host)
	}
	// Output:
	// sockets fail on host 0
	// etcd turns on host 1
	// etcd on host 0
}
