package daemon

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Memory is given back to the system when the announcements of a change are over, and once a minute, since a look at
// files that finds nothing new takes some, too. While the daemon rests, memory is collected only after restMemory more is
// in use: the runtime would do it every two minutes, which takes more time than all else that a daemon at rest does. And one
// processor runs all goroutines: with more, the runtime wakes up a thread for each goroutine that becomes ready.
const (
	settleTime = 10 * time.Second
	spareTime  = time.Minute
	restMemory = 4 << 20 // of which the runtime keeps one free
	restCycles = 8       // collections between two heartbeats, with which there is too little
)

// spare returns unused memory to the system.
type spare struct {
	release func()
	percent int       // of the collector while the daemon works; 0: the collector is left alone
	due     time.Time // when memory is given back
	limit   int64     // of the memory of the process while the daemon works
	procs   int       // processors of the runtime while the daemon works
	cycles  uint64    // of the collector, at the last heartbeat
}

// newSpare returns a spare that releases memory by a function, or by that of the runtime if it is nil.
func newSpare(release func(), percent int) spare {
	if release == nil {
		release = collect
	}
	return spare{release: release, percent: percent, due: time.Now().Add(settleTime)}
}

// collect finds unused memory and returns it. What pools hold is free after a second collection only.
func collect() {
	runtime.GC()
	debug.FreeOSMemory()
}

// giveBack has memory given back when nothing has changed for a while.
func (s *spare) giveBack() { s.due = time.Now().Add(settleTime) }

// beat returns unused memory to the system when it is time.
func (s *spare) beat() {
	if now := time.Now(); !now.Before(s.due) {
		s.release()
		s.due = now.Add(spareTime)
	}
}

// rest has memory collected as rarely as possible, and one thread run at a time.
func (s *spare) rest() {
	s.release()
	if s.percent == 0 {
		return
	}
	s.cycles = collections()
	s.limit = debug.SetMemoryLimit(usage() + restMemory)
	debug.SetGCPercent(-1)
	s.procs = runtime.GOMAXPROCS(1)
}

// work is the opposite of rest.
func (s *spare) work() {
	if s.percent != 0 {
		runtime.GOMAXPROCS(s.procs)
		debug.SetGCPercent(s.percent)
		debug.SetMemoryLimit(s.limit)
	}
}

// isTight reports whether a daemon at rest collects memory all the time.
func (s *spare) isTight() bool {
	if s.percent == 0 {
		return false
	}
	before := s.cycles
	s.cycles = collections()
	return s.cycles-before >= restCycles
}

// usage returns the bytes that count for the limit of memory.
func usage() int64 {
	all := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(all)
	return int64(all[0].Value.Uint64() - all[1].Value.Uint64())
}

// collections returns the number of collections of memory.
func collections() uint64 {
	count := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(count)
	return count[0].Value.Uint64()
}
