//go:build linux

package world

import (
	"maps"
	"slices"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// Times of a sleep: a longer one is noticed, and then everything is announced again within some seconds.
const (
	longSleep = 80 * time.Second
	wakeTime  = 5 * time.Second
)

// picture is what a process must announce at a time, on each segment.
type picture struct {
	at    time.Time
	zones map[*segment]zone
}

// zone is the records of a process on a segment, by what they say.
type zone map[string]mdns.Record

// begin notes what processes must announce when a step begins: what they did before if they can't read their interfaces.
func (w *World) begin() {
	last := w.before
	w.began, w.before = time.Now(), map[*process]picture{}
	for _, h := range w.hosts {
		before, known := last[h.process]
		if !known || !h.kernel.isBlind() {
			before = picture{w.began, h.zones()}
		}
		w.before[h.process] = before
	}
}

// zones returns what the host must have on each segment. Where it can't know that something was not sent, it says nothing again.
func (h *host) zones() map[*segment]zone {
	if h.truth.world.loses() {
		defer h.supposeJam(h.jam)
		h.supposeJam(nil)
	}
	zones := map[*segment]zone{}
	for _, s := range h.truth.world.segments {
		zones[s] = h.own(s)
	}
	return zones
}

// without removes the records of another zone.
func (z zone) without(other zone) zone {
	maps.DeleteFunc(z, func(what string, _ mdns.Record) bool { _, is := other[what]; return is })
	return z
}

// own returns the records that a host must have on a segment, except those of the name that others have, too.
func (h *host) own(s *segment) zone {
	z := zone{}
	for _, r := range h.zone(s) {
		if name, ok := instanceOf(r); !ok || baseName(name) != sharedName {
			z[fact(r)] = r
		}
	}
	return z
}

// checkAnnounced checks that what processes must announce that they did not before has been multicast, without a question for it.
func (w *World) checkAnnounced() {
	for _, h := range w.hosts {
		before, known := w.before[h.process]
		if !known {
			before.at = w.began
		}
		for _, s := range w.segments {
			if h.isSettled() {
				h.checkSaid(s, before.at, before.zones[s])
			}
		}
	}
}

// promptTime is within which what is new must be multicast where nothing is wrong: changes are gathered, names are probed for.
const promptTime = 3 * time.Second

// prompt is what makes something new that can be said at once.
var prompt = []string{"save", "carrier", "down", "multicast", "address", "reindex", "unplug"}

// live makes a step happen. Where nothing is wrong, what is new then must be multicast soon.
func (w *World) live(s Step) {
	h := w.hosts[s.Host]
	isPrompt := slices.Contains(prompt, s.Action) && h.isUnhindered()
	w.do(s)
	if isPrompt {
		h.checkPrompt()
	}
}

// isUnhindered reports whether nothing is wrong with the process, the host and the network, and nothing has changed lately.
func (h *host) isUnhindered() bool {
	w := h.truth.world
	return h.process != nil && h.isSettled() && len(h.wrong()) == 0 && h.jam == nil && !h.held && w.trouble == nil && time.Now().After(w.contested)
}

// checkPrompt lets promptTime pass, in which the host must multicast what is new in this step.
func (h *host) checkPrompt() {
	w := h.truth.world
	before := w.before[h.process]
	due := map[*segment]zone{}
	for _, s := range w.segments {
		due[s] = h.own(s).without(before.zones[s])
	}
	w.rest(promptTime)
	for _, s := range w.segments {
		h.checkSaid(s, before.at, h.own(s).without(due[s]))
	}
}

// checkSaid checks that a host has multicast all records on a segment since a time, by each IP version, except some.
func (h *host) checkSaid(s *segment, since time.Time, except zone) {
	via := h.reaches(s)
	own := h.own(s).without(except)
	for _, what := range slices.Sorted(maps.Keys(own)) {
		for _, v := range publication.IPVersions() {
			at := s.spoken[utterance{h.net, v, what}]
			if via.port.Link().Has(v) && !h.jam.hits(via, v) && at.Before(since) {
				h.fail("%s has not announced [%v] on segment %d by IPv%d since %v", h.net.Name, own[what], s.number, v, since.Sub(h.truth.world.start))
			}
		}
	}
}

// checkWake checks that a host that has slept says again what it announces.
func (h *host) checkWake(w *World, slept time.Duration) {
	woke := time.Now()
	w.rest(wakeTime)
	for _, s := range w.segments {
		if slept > longSleep && !h.kernel.isBlind() {
			h.checkSaid(s, woke, nil)
		}
	}
}
