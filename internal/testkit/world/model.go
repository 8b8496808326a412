//go:build linux

package world

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// isSettled reports whether the network has had the time to be as the truth says.
func (h *host) isSettled() bool {
	return time.Since(h.truth.changed) >= settleTime && time.Since(h.truth.mended) >= mendTime && !h.kernel.isBlind()
}

// announces returns what the host is to announce on a segment, by name.
func (h *host) announces(s *segment) map[string]service {
	all := map[string]service{}
	if h.process == nil || h.reaches(s) == nil {
		return all
	}
	for file, known := range h.truth.known {
		if h.serverFails == nil || !isChecked(file) {
			all[known.name] = known
		}
	}
	return all
}

// feel notes what is wrong now, if the daemon can know.
func (h *host) feel() {
	h.truth.touch()
	wrong := h.wrong()
	for words := range h.truth.faults {
		if !slices.Contains(wrong, words) {
			delete(h.truth.faults, words)
			h.truth.mended = time.Now()
			h.truth.over[words] = h.truth.mended
		}
	}
	for _, words := range wrong {
		if _, known := h.truth.faults[words]; !known && !h.gate.isShut() {
			h.truth.faults[words] = time.Now()
		}
	}
}

// wrong lists what is wrong, each by words that the problems must have.
func (h *host) wrong() (words []string) {
	add := func(is bool, what string) {
		if is {
			words = append(words, what)
		}
	}
	for _, file := range fileNames {
		add(h.truth.bad[file] && (isRemote(file) || !h.isBlind()) && !h.isUnread(file), pathOf(file))
		add(h.isUnread(file), pathOf(file)+": it can't be")
	}
	add(h.isBlind() || h.gone && h.truth.saw, h.blindness())
	words = append(words, slices.Concat(h.unserved(), h.unfollowed(), h.unconfigured(), h.uncontrolled())...)
	if h.kernel.isBlind() {
		return append(words, "are not announced yet") // of the links the daemon knows what was
	}
	_, checked := h.truth.known["c0.service"]
	add(h.serverFails != nil && checked, "because its server does not answer")
	add(!slices.ContainsFunc(h.kernel.interfaces, (*nic).passes), "no interface to announce on")
	works := slices.ContainsFunc(h.kernel.interfaces, (*nic).works)
	speaks := len(h.truth.known) > 1 || len(h.truth.known) == 1 && (h.serverFails == nil || !checked)
	add(speaks && h.jam == nil && !h.held && slices.ContainsFunc(h.kernel.interfaces, func(n *nic) bool {
		return n.passes() && len(n.published()) == 0
	}), "the link has no address")
	add(speaks && works && h.held, "is held by dnsmasq")
	add(speaks && slices.ContainsFunc(h.kernel.interfaces, h.jam.hinders) && !h.held, h.jam.words())
	return words
}

// overdue returns what the problems must name by now, in order.
func (h *host) overdue() (words []string) {
	for _, what := range slices.Sorted(maps.Keys(h.truth.faults)) {
		if time.Since(h.truth.faults[what]) > patience(what) {
			words = append(words, what)
		}
	}
	return words
}

// isWell reports whether nothing has been wrong for so long that there must be no problem.
func (h *host) isWell() bool {
	return len(h.truth.faults) == 0 && h.jam == nil && !h.held && !h.cannotNote() && !h.kernel.isBlind() && h.unwatched.why == 0 &&
		time.Since(h.truth.mended) > recentTime && time.Since(h.truth.changed) > recentTime
}

// patience returns for how long a fault may last before it is a problem.
func patience(fault string) time.Duration {
	switch {
	case strings.Contains(fault, "interface"), strings.Contains(fault, "no address"):
		return recentTime // at boot, and when a cable is plugged in again, these come late
	case strings.Contains(fault, "given no definitions"):
		return 7 * time.Minute // what the server said last is announced meanwhile, so one that restarts is no problem
	}
	return problemTime
}
