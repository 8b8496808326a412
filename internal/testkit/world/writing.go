//go:build linux

package world

import (
	"syscall"
	"time"
)

// noRoom is why calls fail on a disk that is full.
var noRoom = diskFault{syscall.ENOSPC, []string{"create", "write"}}

// writeFaults are why else the daemon can't write its note and what it keeps of the servers of definitions.
var writeFaults = []diskFault{
	{syscall.EIO, []string{"write"}},
	{syscall.EIO, []string{"create"}},
	{syscall.EROFS, []string{"create", "append", "rename", "remove", "mkdir", "chtimes"}},
	{syscall.EIO, []string{"append", "rename"}},
}

// cannotNote reports whether what the daemon writes is lost.
func (h *host) cannotNote() bool { return h.unwritable.why != 0 }

// toggleWrites has the daemon unable to write, or able again.
func (h *host) toggleWrites(w *World, fault diskFault) {
	h.mu.Lock()
	if h.cannotNote() {
		fault = diskFault{}
	}
	h.unwritable = fault
	h.mu.Unlock()
	w.rest(time.Minute + checkTime) // for what is tried again
	h.truth.learn(h)
}
