//go:build linux

package world

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"announcer/internal/mdns/link"
	"announcer/internal/publication"
)

// What a socket is that fails.
const (
	unopened = "failed to open port 5353 for IPv%d: %v"
	unjoined = "failed to listen by IPv%d: %v"
	reopened = "failed to read from the socket, which is being reopened: %w"
)

// reopenMost is the longest time that it takes to reopen a socket where nothing else is wrong.
const reopenMost = 2 * time.Second

var (
	openErrors    = []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EACCES, syscall.EADDRNOTAVAIL, syscall.ENOBUFS}
	receiveErrors = []syscall.Errno{syscall.ENETDOWN, syscall.ECONNREFUSED, syscall.EIO}
	joinErrors    = []syscall.Errno{syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL, syscall.EMFILE} // the last of one more socket
)

// breakSockets has sockets not be opened or in no group, or be well again.
func (h *host) breakSockets(w *World, dice *rand.Rand) {
	j := drawJam(w, dice)
	if j.lacks, j.why = unjoined, joinErrors[dice.IntN(len(joinErrors))]; dice.IntN(2) == 0 {
		j.lacks, j.why, j.segment = unopened, openErrors[dice.IntN(len(openErrors))], -1
	}
	h.toggleJam(j)
}

// isTotal reports whether there is no socket at all.
func (j *jam) isTotal() bool { return j != nil && j.lacks == unopened && j.version == 0 }

// words returns what the problems must have.
func (j *jam) words() string {
	if j == nil || j.lacks == "" {
		return "no packet can be sent"
	}
	return j.why.Error()
}

// faults returns what the sockets lack.
func (j *jam) faults(h *host) (faults []link.Fault) {
	if j == nil || j.lacks != unopened && j.lacks != unjoined {
		return nil
	}
	for _, v := range publication.IPVersions() {
		why := fmt.Sprintf(j.lacks, v, j.why)
		switch {
		case j.version != 0 && j.version != v:
		case j.segment < 0:
			faults = append(faults, link.Fault{Version: v, Why: why})
		default:
			for _, index := range h.kernel.onSegment(j.segment) {
				faults = append(faults, link.Fault{Version: v, Link: index, Why: why})
			}
		}
	}
	return faults
}

// onSegment returns the indices of the interfaces on a segment.
func (k *kernel) onSegment(number int) (indices []int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, n := range k.interfaces {
		if n.segment.number == number {
			indices = append(indices, n.index)
		}
	}
	return indices
}

// receive returns how many packets of a batch the process receives: those for which there is a socket in the group. It returns an
// error when a socket has failed.
func (h *host) receive(batch []link.Packet) (n int, err error) {
	h.mu.Lock()
	jam := h.jam
	if jam != nil && jam.lacks == reopened && !jam.told {
		jam.told, err = true, fmt.Errorf(reopened, jam.why)
	}
	h.mu.Unlock()
	for _, p := range batch {
		if on := h.kernel.byIndex(p.Link); jam == nil || jam.lacks == "" || on == nil || !jam.hits(on, p.Version()) {
			batch[n] = p
			n++
		}
	}
	return n, err
}
