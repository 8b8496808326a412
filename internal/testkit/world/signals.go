//go:build linux

package world

import (
	"errors"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing/synctest"
	"time"

	"announcer/internal/daemon"
	"announcer/internal/mdns"
)

const (
	stopTime    = 2 * time.Second         // within which a process ends that was asked to
	momentTime  = 2500 * time.Millisecond // in which what is new is probed for and announced
	closeTime   = time.Second             // at most, between two signals
	manySignals = 3
)

// signal is what a process receives.
type signal struct {
	name    string
	deliver func(h *host)
}

var signals = []signal{
	{"SIGTERM", func(h *host) { h.process.signal(errTerminated) }},
	{"SIGHUP", func(h *host) { h.process.hangup() }},
	{"SIGUSR1", func(h *host) { h.process.signal(daemon.ErrRestart) }},
	{"SIGKILL", (*host).crash},
}

// moment is something that a process is in the middle of when a signal comes.
type moment struct {
	name  string
	begin func(w *World, h *host, dice *rand.Rand)
}

var moments = []moment{
	{"an edit", func(_ *World, h *host, dice *rand.Rand) {
		file := drawFile(dice)
		h.save(file, h.draw(dice, file), dice)
	}},
	{"a deletion", func(_ *World, h *host, dice *rand.Rand) { h.delete(drawFile(dice)) }},
	{"its start", func(w *World, h *host, _ *rand.Rand) { h.stop(daemon.ErrRestart); w.rest(time.Millisecond); h.boot() }},
	{"its wake", func(w *World, h *host, _ *rand.Rand) { h.sleep(w, 2*longSleep) }},
	{"a reload", func(_ *World, h *host, _ *rand.Rand) { h.process.hangup() }},
	{"nothing", func(*World, *host, *rand.Rand) {}},
}

// interrupt sends signals in the middle of something. The service manager starts again what they end.
func (h *host) interrupt(w *World, dice *rand.Rand) {
	if h.process == nil {
		return
	}
	moment := moments[dice.IntN(len(moments))]
	w.note("%s receives signals in the middle of %s", h.net.Name, moment.name)
	moment.begin(w, h, dice)
	w.rest(time.Duration(dice.Int64N(int64(momentTime))))
	for range 1 + dice.IntN(manySignals) {
		s := signals[dice.IntN(len(signals))]
		if h.process != nil {
			w.note("%s receives %s", h.net.Name, s.name)
			s.deliver(h)
		}
		w.rest(time.Duration(dice.Int64N(int64(closeTime))))
	}
	w.rest(stopTime)
	if h.process == nil {
		w.rest(restartTime)
		h.boot()
	}
	h.truth.touch()
}

// exited takes note of the end of a process, which must be one that it was asked for.
func (h *host) exited() {
	p, w := h.process, h.truth.world
	switch took := p.over.Sub(p.asked); {
	case p.asked.IsZero() || p.err != nil:
		h.fail("%s has ended by itself: %v", h.name, p.err)
	case took > stopTime:
		h.fail("%s has ended %v after it was asked to; want %v", h.name, took, stopTime)
	}
	p.leave()
	time.Sleep(fine.Delay + fine.Jitter)
	synctest.Wait()
	w.read()
	silent, reaches := errors.Is(p.cause, daemon.ErrRestart), h.reachesAll()
	if silent && reaches && h.isSettled() {
		h.checkUnnoticed()
	}
	h.truth.stopped(h, silent)
	h.process = nil
	if !silent && reaches {
		h.checkGoodbyes()
	}
}

// farewellTime is how long a record may be known after the goodbye of its host: a second (RFC 6762 §10.1), and the way there.
const farewellTime = time.Second + 10*time.Millisecond

// after returns what will still be known after a time in which nothing is heard.
func (c *cache) after(d time.Duration) cache {
	later := cache{slices.Clone(c.records)}
	later.expire(time.Now().Add(d))
	return later
}

// checkUnnoticed checks that all that a process has announced is still known after its end.
func (h *host) checkUnnoticed() {
	for _, s := range h.truth.world.whole() {
		known := s.cache.after(farewellTime)
		services, want := known.services(h.net.Name), h.announces(s)
		delete(want, sharedName)
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if services[name] != want[name].seen(h.name) {
				h.fail("%s has ended for a restart, and segment %d knows %q as %q; want %q", h.net.Name, s.number, name, services[name], want[name].seen(h.name))
			}
		}
	}
}

// checkGoodbyes checks that nothing is known any more of a host that has ended in order.
func (h *host) checkGoodbyes() {
	for _, s := range h.truth.world.segments {
		known := s.cache.after(farewellTime)
		services := known.services(h.net.Name)
		for _, name := range slices.Sorted(maps.Keys(services)) {
			if !h.truth.isGhost(name) && !h.truth.owed[name] {
				h.fail("%s has ended, and segment %d knows %q as %q", h.net.Name, s.number, name, services[name])
			}
		}
		for _, a := range known.addresses(mdns.HostName(h.name).Key()) {
			isOwed := time.Since(h.truth.silence) < hostTTL || h.isNameLost(s, a) // by a process before, or with the name
			if slices.Contains(h.reaches(s).published(), a) && !isOwed {
				h.fail("%s has ended, and segment %d knows %v of it", h.net.Name, s.number, a)
			}
		}
	}
}

// isNameLost reports whether a host has lost its name to another that is heard, which has no address of the type of one of its own.
func (h *host) isNameLost(s *segment, a netip.Addr) bool {
	return slices.ContainsFunc(h.truth.world.hosts, func(other *host) bool {
		return other != h && other.name == h.name && other.reaches(s) != nil && !other.flushes(s, a)
	})
}
