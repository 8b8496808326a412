//go:build linux

package world

import (
	"errors"
	"math/rand/v2"
	"testing/synctest"
	"time"

	"announcer/internal/control"
)

// refuseTime is within which a process must find out that it is the second one: its disk may hang meanwhile.
const refuseTime = 10 * time.Second

// startTime is the most time between the starts of two processes that are started at once.
const startTime = 5 * time.Millisecond

// twin starts a second process with the same configuration: beside one that runs, beside one that starts after another one has died,
// or beside one that is about to end.
func (h *host) twin(w *World, dice *rand.Rand) {
	if h.process == nil || h.sockets.owner() != h.process {
		return // of a socket that is gone, it can know nothing
	}
	kind, soon := dice.IntN(3), time.Duration(dice.Int64N(int64(startTime)))
	switch kind {
	case 1:
		h.crash()
		h.boot()
		time.Sleep(soon)
	case 2:
		h.succeed(w, soon)
		return
	}
	second := h.start()
	w.rest(refuseTime)
	h.refused(second, h.process)
}

// refused checks that a process has ended because of another one, and has sent nothing.
func (h *host) refused(second, first *process) {
	if !second.isOver() {
		h.fail("a second process runs on %s", h.net.Name)
		second.kill()
		return
	}
	running, ok := errors.AsType[*control.RunningError](second.err)
	if !ok || running.Path != controlSocket || running.PID != first.pid {
		h.fail("the second process on %s has ended with %v; want it to name process %d at %s", h.net.Name, second.err, first.pid, controlSocket)
	}
	if n := second.sent.Load(); n > 0 {
		h.fail("the second process on %s has sent %d packets", h.net.Name, n)
	}
	second.leave()
}

// succeed has the process asked to end, and another one take over from it, or be refused while it still has the socket.
func (h *host) succeed(w *World, after time.Duration) {
	first := h.process
	h.gate.open()
	first.signal(errTerminated)
	time.Sleep(after)
	second := h.start()
	<-first.ended
	h.exited()
	synctest.Wait()
	if second.isOver() {
		h.refused(second, first)
	} else {
		h.adopt(second)
	}
	w.rest(restartTime)
	h.boot()
}
