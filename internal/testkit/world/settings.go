//go:build linux

package world

import "math/rand/v2"

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
	case dice.IntN(3) == 0:
		release, err := h.disk.Hang(configFile)
		h.must(err)
		h.settings.release = release
	default:
		ops := [][]string{nil, {"open"}, {"read"}}
		h.setSettingsFault(diskFault{diskErrors[dice.IntN(len(diskErrors))], ops[dice.IntN(len(ops))]})
	}
	h.feel()
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
