//go:build linux

package world

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"announcer/internal/daemon"
	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/internal/status"
)

const (
	cloneNumber  = 9           // of a clone, by which it has addresses of its own
	longestSplit = time.Minute // in which a clone and its host are apart
)

// conflictRule is what the configuration of a clone has beside that of its host.
const conflictRule = `[[rule]]
match = ["*.service"]
on_conflict = %q
`

// clone has a copy of a host run for a while: with its name and its definitions, which say other things there.
func (w *World) clone(h *host, dice *rand.Rand) {
	policies := publication.PolicyWords()
	c := w.copyOf(h, policies[dice.IntN(len(policies))], dice)
	w.contest(longestSplit)
	arrivals[dice.IntN(len(arrivals))](w, h, c, dice)
	w.contest(backTime)
	w.askAll() // machines that were apart meet when they answer
	w.touch()
	w.rest(settleTime)
	w.checkClones(h, c)
	w.rest(time.Duration(dice.Int64N(int64(2 * backTime))))
	w.checkClones(h, c)
	w.contest(backTime)
	departures[dice.IntN(len(departures))](w, c)
	w.hosts = slices.DeleteFunc(w.hosts, func(other *host) bool { return other == c })
	w.keepLog(c)
	for _, s := range w.segments {
		s.cache.forget(c.net)
	}
	w.touch()
	w.rest(backTime)
}

// copyOf adds a copy of a host, which has a conflict policy.
func (w *World) copyOf(h *host, policy string, dice *rand.Rand) *host {
	c := w.newHost(cloneNumber, "clone of "+h.net.Name, fmt.Sprintf(conflictRule, policy))
	c.name, c.dice = h.name, rand.New(rand.NewPCG(dice.Uint64(), 1))
	for _, file := range fileNames {
		if s := h.truth.disk[file]; s != nil {
			c.save(file, h.draw(dice, file), dice)
		}
	}
	w.hosts = append(w.hosts, c)
	return c
}

// arrivals are the ways in which a clone comes.
var arrivals = []func(w *World, h, c *host, dice *rand.Rand){
	func(_ *World, _, c *host, _ *rand.Rand) { c.boot() },
	func(_ *World, h, c *host, _ *rand.Rand) { h.crash(); h.boot(); c.boot() },
	func(w *World, h, c *host, _ *rand.Rand) {
		h.crash()
		c.boot()
		w.rest(restartTime)
		h.boot()
	},
	func(w *World, _, c *host, dice *rand.Rand) {
		for _, s := range w.segments {
			s.split()
		}
		c.boot()
		w.rest(time.Duration(dice.Int64N(int64(longestSplit))))
		for _, s := range w.segments {
			s.Heal()
		}
	},
}

// departures are the ways in which it goes.
var departures = []func(w *World, c *host){
	func(_ *World, c *host) { c.stop(errTerminated) },
	func(_ *World, c *host) { c.crash() },
	func(_ *World, c *host) {
		c.kernel.change(func() {
			for _, n := range c.kernel.interfaces {
				n.flags &^= unix.IFF_RUNNING
			}
		})
		c.stop(daemon.ErrRestart)
	},
}

// checkClones checks that two machines that want the same names have each its own, and say so.
func (w *World) checkClones(both ...*host) {
	w.askAll()
	if slices.ContainsFunc(both, (*host).probes) {
		w.rest(settleTime)
	}
	for _, s := range w.segments {
		s.cache.expire(time.Now())
	}
	for _, h := range both {
		if h.process == nil || h.gate.isShut() || !h.isSettled() {
			continue
		}
		said, ok := h.process.status()
		if !ok {
			h.fail("%s gives no status", h.net.Name)
			continue
		}
		for _, service := range said.Services {
			for _, l := range service.Links {
				if s := h.segmentOf(l.Link); s != nil && w.allMeet(h, s) {
					h.checkConflict(s, service, l, said.Problems)
				}
			}
		}
	}
}

// probes reports whether a host is about to take a name.
func (h *host) probes() bool {
	if h.process == nil {
		return false
	}
	said, _ := h.process.status() // else it has no services, and is checked for that
	return slices.ContainsFunc(said.Services, func(s status.Service) bool {
		return slices.ContainsFunc(s.Links, func(l status.OnLink) bool { return l.State == mdns.Probing })
	})
}

// checkConflict checks how a service stands on a segment: it is known by the name that it is announced with, and by no other host, or
// it is said which host has its name.
func (h *host) checkConflict(s *segment, service status.Service, l status.OnLink, problems []string) {
	isProblem := slices.ContainsFunc(problems, func(problem string) bool {
		return strings.Contains(problem, strconv.Quote(service.Wanted))
	})
	switch {
	case time.Since(l.Since) < settleTime && l.State != mdns.Probing:
	case l.State == mdns.Probing,
		(l.State != mdns.Announced || service.Name != service.Wanted) && (l.Why == "" || !l.Rival.IsValid()),
		l.State == mdns.Refused && !isProblem:
		h.fail("%s has %q as %q on %s: %v because %q, %v; problems: %q", h.net.Name, service.Wanted, service.Name, l.Link, l.State, l.Why, l.Rival, problems)
	case l.State == mdns.Announced:
		h.checkOwned(s, service)
	}
}

// checkOwned checks that a segment knows a service under its name on the host, and on no other, unless a host has just changed its name.
func (h *host) checkOwned(s *segment, service status.Service) {
	var known []mdns.SRV
	isNew := false
	for _, r := range s.cache.records {
		name, ok := instanceOf(r.Record)
		if srv, is := r.Data.(mdns.SRV); ok && is && name == service.Name {
			known = append(known, srv)
			isNew = isNew || time.Since(r.first) < settleTime
		}
	}
	if isNew {
		return
	}
	if len(known) != 1 || known[0].Port != service.Port {
		h.fail("segment %d knows %q of %s as %v; want one with port %d", s.number, service.Name, h.net.Name, known, service.Port)
		return
	}
	addrs := slices.DeleteFunc(s.cache.addresses(known[0].Target.Key()), func(a netip.Addr) bool {
		return !h.flushes(s, a) // the other machine had the name, and has said no goodbye
	})
	h.truth.world.compareAddresses(s, h, addrs)
}

// flushes reports whether caches on a segment forget an address that another had by the name of the host: it has one of that type.
func (h *host) flushes(s *segment, a netip.Addr) bool {
	return slices.ContainsFunc(h.reaches(s).published(), func(own netip.Addr) bool { return own.Is4() == a.Is4() })
}
