//go:build linux

package world

import (
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"

	"announcer/internal/daemon"
	"announcer/internal/status"
)

// watchFaults are why nothing more can be watched.
var watchFaults = []diskFault{
	{syscall.EMFILE, []string{"watch"}},
	{syscall.ENFILE, []string{"watch"}},
	{syscall.ENOMEM, []string{"watch"}},
	{syscall.ENOSPC, []string{"add"}},
	{syscall.ENOMEM, []string{"add"}},
}

// failWatches has nothing more be watched, which a process finds out when it begins or when the directory is another one, or has all
// be watched again.
func (h *host) failWatches(w *World, dice *rand.Rand) {
	if h.unwatched.why != 0 {
		h.setUnwatched(diskFault{})
		return
	}
	h.setUnwatched(watchFaults[dice.IntN(len(watchFaults))])
	if h.process != nil && dice.IntN(2) == 0 {
		h.stop(daemon.ErrRestart)
		w.rest(time.Millisecond)
		h.boot()
	}
}

func (h *host) setUnwatched(fault diskFault) {
	h.mu.Lock()
	h.unwatched, h.unseen = fault, time.Now()
	h.mu.Unlock()
	h.truth.touch()
}

// checkWatches checks that the daemon says that it reads files again and again, if that is so.
func (h *host) checkWatches(s status.Status) {
	polls := slices.ContainsFunc(s.Hints, func(hint string) bool { return strings.Contains(hint, "are polled every") })
	switch {
	case polls && h.isWell():
		h.fail("%s polls files that can be watched: %q", h.net.Name, s.Hints)
	case !polls && h.unwatched.why != 0 && h.process.began.After(h.unseen) && !h.isBlind() && !h.gone:
		h.fail("%s says nothing of files that can't be watched: %q", h.net.Name, s.Hints)
	}
}
