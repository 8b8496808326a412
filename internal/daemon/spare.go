package daemon

import (
	"runtime"
	"runtime/debug"
	"time"
)

// Memory is given back to the system when the announcements of a change are over, and once a minute, since a look at
// files that finds nothing new takes some, too.
const (
	settleTime = 10 * time.Second
	spareTime  = time.Minute
)

// spare returns unused memory to the system.
type spare struct{ timer *time.Timer }

func newSpare() spare { return spare{time.NewTimer(settleTime)} }

// giveBack has memory given back when nothing has changed for a while.
func (s spare) giveBack() { s.timer.Reset(settleTime) }

// free returns memory, now and regularly. What pools hold is free after a second collection only.
func (s spare) free() {
	runtime.GC()
	debug.FreeOSMemory()
	s.timer.Reset(spareTime)
}
