//go:build linux

package world

import (
	"errors"
	"math/rand/v2"
	"syscall"

	"announcer/internal/daemon"
	"announcer/internal/diag"
)

// settings is how the configuration file is read. The zero value is well.
type settings struct {
	fault   diskFault
	release func() // ends that the file hangs; nil: it does not
}

// failSettings has the configuration file hang or not be readable, or be well again. What it said stays in use.
func (h *host) failSettings(dice *rand.Rand) {
	switch {
	case h.process == nil:
		return
	case len(h.unconfigured()) > 0:
		h.mendSettings()
		return
	}
	h.spoilSettings(dice)
	h.feel()
}

// spoilSettings has the configuration file hang or not be readable.
func (h *host) spoilSettings(dice *rand.Rand) {
	if dice.IntN(3) == 0 {
		release, err := h.disk.Hang(configFile)
		h.must(err)
		h.settings.release = release
		return
	}
	ops := [][]string{nil, {"open"}, {"read"}}
	h.setSettingsFault(diskFault{diskErrors[dice.IntN(len(diskErrors))], ops[dice.IntN(len(ops))]})
}

// startBlind has a process start that can't read its configuration. It says why, and waits until it can; or it ends, if it needs a
// permission first.
func (h *host) startBlind(w *World, dice *rand.Rand) {
	if h.process == nil || len(h.unconfigured()) > 0 {
		return
	}
	h.stop(daemon.ErrRestart)
	h.spoilSettings(dice)
	denied := h.settings.fault.why == syscall.EACCES
	p := h.launch()
	w.rest(refuseTime)
	if n := p.sent.Load(); n > 0 {
		h.fail("%s has sent %d packets without a configuration", h.net.Name, n)
	}
	if why := p.unconfigured(); why == nil || p.isOver() != denied {
		h.fail("without a configuration, %s has ended is %v, and it says: %v", h.net.Name, p.isOver(), why)
	}
	h.mendSettings()
	if p.isOver() {
		p.leave()
		h.boot()
		return
	}
	h.alive()
	h.adopt(p)
}

// unconfigured is why the process does not know its configuration, nil if it has said nothing of that.
func (p *process) unconfigured() error {
	if p.isOver() {
		findings, _ := errors.AsType[diag.Findings](p.err) // another error says nothing of it
		return findings.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.late
}

// mendSettings has the configuration file be readable again.
func (h *host) mendSettings() {
	if len(h.unconfigured()) == 0 {
		return
	}
	if h.settings.release != nil {
		h.settings.release()
		h.settings.release = nil
	}
	h.setSettingsFault(diskFault{})
	h.feel()
}

func (h *host) setSettingsFault(fault diskFault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.settings.fault = fault
}

// unconfigured returns what the problems must have where the configuration file can't be read.
func (h *host) unconfigured() []string {
	switch {
	case h.settings.release != nil:
		return []string{configFile + ": it has not answered"}
	case h.settings.fault.why != 0:
		return []string{configFile + ": it can't be"}
	}
	return nil
}
