//go:build linux

package world

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"announcer/internal/mdns"
)

// check holds the world against the model.
func (w *World) check() {
	w.askAll()
	w.compare()
	for _, h := range w.hosts {
		h.checkStatus()
		h.checkResources()
	}
}

// askAll has the neighbours ask for everything.
func (w *World) askAll() {
	for range 3 {
		for _, s := range w.segments {
			s.ask()
		}
		w.rest(1500 * time.Millisecond)
	}
}

// compare holds what neighbours know against what is so.
func (w *World) compare() {
	for _, s := range w.whole() {
		s.cache.expire(time.Now())
		for _, h := range w.hosts {
			if h.isSettled() {
				w.compareHost(s, h)
			}
		}
		if !w.isBlurred() {
			w.compareShared(s)
		}
	}
	for _, h := range w.hosts {
		if h.isSettled() && h.reachesAll() {
			clear(h.truth.owed)
		}
	}
}

// compareShared checks that each host that announces the shared name has one of its own, and that no two have the same.
func (w *World) compareShared(s *segment) {
	hosts, ghosts := map[string]bool{}, false
	for _, h := range w.hosts {
		if !h.isSettled() {
			return
		}
		if _, ok := h.announces(s)[sharedName]; ok {
			hosts[mdns.HostName(h.name).Key()] = true
		}
		ghosts = ghosts || h.truth.isGhost(sharedName) || !w.allMeet(h, s)
	}
	if s.avahi.keeps() {
		hosts[s.avahi.host.Key()] = true
	}
	names := map[string]string{} // by the host
	for _, r := range s.cache.records {
		name, ok := instanceOf(r.Record)
		srv, isSRV := r.Data.(mdns.SRV)
		if !ok || !isSRV || baseName(name) != sharedName {
			continue
		}
		for host, other := range names {
			if other == name && !ghosts {
				w.fail("segment %d knows %q of two hosts, %q and %s", s.number, name, host, srv.Target)
			}
		}
		names[srv.Target.Key()] = name
	}
	for host := range hosts {
		if names[host] == "" {
			w.fail("segment %d does not know %q of %q", s.number, sharedName, host)
		}
	}
	if len(names) > len(hosts) && !ghosts {
		w.fail("segment %d knows %q of %d hosts; want %d", s.number, sharedName, len(names), len(hosts))
	}
	if len(names) > 0 && !ghosts && w.isQuiet() && !slices.Contains(slices.Collect(maps.Values(names)), sharedName) {
		w.fail("segment %d knows %q, and no host has gone back to %q", s.number, names, sharedName)
	}
}

// hostTTL is longer than caches hold what is about an address.
const hostTTL = 140 * time.Second

// compareHost holds what the neighbour on a segment knows of a host against what is so.
func (w *World) compareHost(s *segment, h *host) {
	via := h.reaches(s)
	want := h.announces(s)
	delete(want, sharedName)
	got := s.cache.services(h.net.Name)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if known := want[name]; got[name] != known.seen(h.name) {
			w.fail("segment %d knows %q of %s as %q; want %q", s.number, name, h.net.Name, got[name], known.seen(h.name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok && via != nil && !h.truth.isGhost(name) {
			w.fail("segment %d knows %q of %s as %q, which is not announced", s.number, name, h.net.Name, got[name])
		}
	}
	if len(want) > 0 {
		w.compareAddresses(s, h, s.cache.addresses(mdns.HostName(h.name).Key()))
	}
}

// compareAddresses holds what is known of the addresses of a host against what is so.
func (w *World) compareAddresses(s *segment, h *host, known []netip.Addr) {
	via := h.reaches(s)
	addrs := slices.DeleteFunc(known, func(a netip.Addr) bool {
		silent := min(time.Since(via.deaf), time.Since(h.truth.unnoted)) < hostTTL
		return silent && !slices.Contains(via.published(), a) // whose goodbye could not be said
	})
	if !slices.Equal(addrs, via.published()) {
		w.fail("segment %d knows %v of %s; want %v", s.number, addrs, h.net.Name, via.published())
	}
}

// checkStatus holds what the daemon says of itself against what is so.
func (h *host) checkStatus() {
	if h.process == nil || h.gate.isShut() || time.Since(h.truth.changed) < settleTime {
		return
	}
	s, ok := h.process.status()
	if !ok {
		h.fail("%s gives no status", h.name)
		return
	}
	h.checkServers(s)
	said := strings.Join(s.Problems, "\n")
	for _, what := range h.overdue() {
		if !strings.Contains(said, what) && !h.truth.world.hides(what) {
			h.fail("%s has had a fault for %v that no problem names: %s; problems: %q", h.name, time.Since(h.truth.faults[what]), what, s.Problems)
		}
	}
	h.checkNames(s)
	h.checkWatches(s)
	h.checkOver(s.Problems)
	if h.isWell() && len(s.Problems) > 0 {
		h.fail("%s has problems, and nothing is wrong: %q", h.name, s.Problems)
	}
}

// checkOver checks that no problem names a fault that is over, whatever else is wrong.
func (h *host) checkOver(problems []string) {
	for _, problem := range problems {
		if h.hasReason(problem) {
			continue
		}
		for _, what := range slices.Sorted(maps.Keys(h.truth.over)) {
			if strings.Contains(problem, what) {
				h.fail("%s has a problem with what is over for %v, %s: %q", h.name, time.Since(h.truth.over[what]), what, problem)
			}
		}
	}
}

// hasReason reports whether a problem names a fault that lasts or has just ended. What the network lacks hides faults of the links.
func (h *host) hasReason(problem string) bool {
	named := func(what string) bool { return strings.Contains(problem, what) }
	if slices.ContainsFunc(h.wrong(), named) || h.kernel.isBlind() || h.held || h.jam != nil {
		return true
	}
	most := problemTime
	if strings.HasPrefix(problem, "the network fails") {
		most = recentTime
	}
	for what, end := range h.truth.over {
		if time.Since(end) <= most && named(what) {
			return true
		}
	}
	return false
}
