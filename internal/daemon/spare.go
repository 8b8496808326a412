package daemon

import (
	"runtime/debug"
	"time"
)

// settleTime is the time from a change until the memory that it took is given back to the system: its announcements are
// over then.
const settleTime = 10 * time.Second

// spare gives memory that is no longer used back to the system.
type spare struct{ timer *time.Timer }

func newSpare() spare { return spare{time.NewTimer(settleTime)} }

// giveBack has memory given back when nothing has changed for a while.
func (s spare) giveBack() { s.timer.Reset(settleTime) }

// free gives memory back.
func (s spare) free() { debug.FreeOSMemory() }
