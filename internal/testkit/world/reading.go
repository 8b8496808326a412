//go:build linux

package world

import (
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
)

// diskFault is why calls for some files fail. The zero value is none.
type diskFault struct {
	why syscall.Errno // 0: they do not
	ops []string      // that fail; nil: all but reads
}

var (
	diskErrors = []syscall.Errno{syscall.EMFILE, syscall.EIO, syscall.EACCES, syscall.EINTR, syscall.ESTALE, syscall.ENFILE, syscall.ENOMEM}
	diskOps    = [][]string{nil, {"readdir"}, {"open"}, {"read"}}
)

// hits reports whether a call fails.
func (f diskFault) hits(op string) bool {
	return f.why != 0 && (slices.Contains(f.ops, op) || f.ops == nil && op != "read")
}

// isOfContents reports whether the daemon still knows which files there are.
func (f diskFault) isOfContents() bool {
	return f.why != 0 && (slices.Contains(f.ops, "open") || slices.Contains(f.ops, "read"))
}

// failCall is why a call fails, nil if it does not.
func (h *host) failCall(op, path string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case strings.HasPrefix(path, state) && h.unwritable.hits(op):
		return h.unwritable.why
	case strings.HasPrefix(path, definitions) && h.fault.hits(op):
		return h.fault.why
	case path == configFile && h.settings.fault.hits(op):
		return h.settings.fault.why
	case h.unwatched.hits(op):
		return h.unwatched.why
	}
	return nil
}

// isBlind reports whether the daemon can't know what the directory of definitions holds.
func (h *host) isBlind() bool {
	isListed := h.fault.isOfContents() || h.fault.ops != nil && h.gone
	return h.release != nil || h.fault.why != 0 && !isListed
}

// blindness returns what the problems must have where the directory can't be known. That it can't be listed comes to light when the
// daemon next looks into it.
func (h *host) blindness() string {
	if slices.Contains(h.fault.ops, "readdir") && h.release == nil && !h.gone {
		return definitions + ": the directory can't be read"
	}
	return definitions
}

// isUnread reports whether a file of the directory is there, and the daemon can't know what it says.
func (h *host) isUnread(file string) bool {
	_, here := h.truth.disk[file]
	return here && !h.gone && h.release == nil && h.fault.isOfContents()
}

// failDisk has calls for the definitions fail, or succeed again.
func (h *host) failDisk(dice *rand.Rand) {
	h.mu.Lock()
	if h.fault.why == 0 {
		h.fault = diskFault{diskErrors[dice.IntN(len(diskErrors))], diskOps[dice.IntN(len(diskOps))]}
	} else {
		h.fault = diskFault{}
	}
	h.mu.Unlock()
	h.truth.learn(h)
}

// shortenReads has a read return some bytes only, or as many as there are again.
func (h *host) shortenReads(dice *rand.Rand) {
	most := 0
	if h.short = !h.short; h.short {
		most = 1 + dice.IntN(40)
	}
	h.disk.SetReads(most)
}
