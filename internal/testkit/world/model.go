//go:build linux

package world

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// reaches returns the interface by which the host is to announce on a segment, nil if it can't.
func (h *host) reaches(s *segment) *nic {
	if h.blocked != nil || h.held {
		return nil
	}
	for _, n := range h.kernel.interfaces {
		if n.port != nil && n.segment == s && n.passes() && len(n.published()) > 0 {
			return n
		}
	}
	return nil
}

// published returns the addresses that the host's records are to hold there, sorted.
func (n *nic) published() []netip.Addr {
	l := n.port.Link()
	if !l.Has(publication.V4) && !l.Has(publication.V6) {
		return nil
	}
	return sorted(l.Published())
}

// reachesAll reports whether the host can say something on all segments.
func (h *host) reachesAll() bool {
	return h.process != nil && !h.kernel.isBlind() && !slices.ContainsFunc(h.truth.world.segments, func(s *segment) bool { return h.reaches(s) == nil })
}

// feel notes what is wrong now, if the daemon can know.
func (h *host) feel() {
	h.truth.touch()
	wrong := h.wrong()
	for words := range h.truth.faults {
		if !slices.Contains(wrong, words) {
			delete(h.truth.faults, words)
			h.truth.mended = time.Now()
		}
	}
	for _, words := range wrong {
		if _, known := h.truth.faults[words]; !known {
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
		add(h.truth.bad[file] && (isRemote(file) || !h.isBlind()), pathOf(file))
	}
	add(h.isBlind() || h.gone && h.truth.saw, definitions)
	add(h.provision.fails != nil && h.truth.unheard, provisionURL+": connection refused")
	add(h.provision.fails != nil && !h.truth.unheard, "has given no definitions")
	if h.kernel.isBlind() {
		return append(words, "are not announced yet") // of the links the daemon knows what was
	}
	_, checked := h.truth.known["c0.service"]
	add(h.serverFails != nil && checked, "because its server does not answer")
	isolated, speaks := h.isolated(), len(h.truth.known) > 0
	up := slices.ContainsFunc(h.kernel.interfaces, (*nic).passes)
	add(!up, "no interface to announce on")
	add(speaks && h.blocked == nil && !h.held && slices.ContainsFunc(h.kernel.interfaces, func(n *nic) bool {
		return n.passes() && len(n.published()) == 0
	}), "the link has no address")
	add(h.held && !isolated && speaks, "is held by dnsmasq")
	add(h.blocked != nil && !h.held && !isolated && speaks, "no packet can be sent")
	return words
}

// isolated reports whether no interface works.
func (h *host) isolated() bool {
	return !slices.ContainsFunc(h.kernel.interfaces, func(n *nic) bool { return n.port != nil && n.passes() && len(n.published()) > 0 })
}

// check holds the world against what must be so.
func (w *World) check() {
	for range 3 {
		for _, s := range w.segments {
			s.ask()
		}
		w.rest(1500 * time.Millisecond)
	}
	w.compare()
	for _, h := range w.hosts {
		h.checkStatus()
	}
	w.checkTraffic()
}

// compare holds what neighbours know against what is so.
func (w *World) compare() {
	for _, s := range w.segments {
		s.cache.expire(time.Now())
		for _, h := range w.hosts {
			if time.Since(h.truth.changed) >= settleTime && !h.kernel.isBlind() {
				w.compareHost(s, h)
			}
		}
		w.compareShared(s)
	}
}

// compareShared checks that each host that announces the shared name has one of its own, and that no two have the same.
func (w *World) compareShared(s *segment) {
	hosts, ghosts := map[string]bool{}, false
	for _, h := range w.hosts {
		if time.Since(h.truth.changed) < settleTime || h.kernel.isBlind() {
			return
		}
		if _, ok := h.truth.known["s0.service"]; ok && h.process != nil && h.reaches(s) != nil {
			hosts[mdns.HostName(h.name).Key()] = true
		}
		ghosts = ghosts || h.truth.isGhost(sharedName) || h.reaches(s) == nil
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
}

// hostTTL is longer than caches hold what is about an address.
const hostTTL = 140 * time.Second

// compareHost holds what the neighbour on a segment knows of a host against what is so.
func (w *World) compareHost(s *segment, h *host) {
	via := h.reaches(s)
	want := map[string]service{}
	if h.process != nil && via != nil {
		for file, known := range h.truth.known {
			if !isShared(file) && (h.serverFails == nil || !isChecked(file)) {
				want[known.name] = known
			}
		}
	}
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
		addrs := slices.DeleteFunc(s.cache.addresses(mdns.HostName(h.name).Key()), func(a netip.Addr) bool {
			return time.Since(via.deaf) < hostTTL && !slices.Contains(via.published(), a) // whose goodbye could not be said
		})
		if !slices.Equal(addrs, via.published()) {
			w.fail("segment %d knows %v of %s; want %v", s.number, addrs, h.net.Name, via.published())
		}
	}
}

// seen returns a service as a neighbour sees it.
func (s service) seen(host string) string {
	return fmt.Sprintf("PTR; SRV 0 0 %d %s; TXT %s", s.port, mdns.HostName(host).Master(), mdns.NewTXT(s.text))
}

// services returns what is known of the services of a host, by name.
func (c *cache) services(host string) map[string]string {
	parts := map[string][]string{}
	for _, r := range c.records {
		name, ok := instanceOf(r.Record)
		if !ok || !strings.HasPrefix(name, host+" ") {
			continue
		}
		switch r.Data.(type) {
		case mdns.PTR:
			parts[name] = append(parts[name], "PTR")
		case mdns.SRV, mdns.TXT:
			parts[name] = append(parts[name], r.Data.Type().String()+" "+r.Data.String())
		}
	}
	all := map[string]string{}
	for name, list := range parts {
		slices.Sort(list)
		all[name] = strings.Join(list, "; ")
	}
	return all
}

// Times of a sleep: a longer one is noticed, and then everything is announced again within some seconds.
const (
	longSleep = 80 * time.Second
	wakeTime  = 5 * time.Second
)

// checkWake checks that a host that has slept says again what it announces.
func (h *host) checkWake(w *World, slept time.Duration) {
	for _, s := range w.segments {
		s.sent[h.net] = 0
	}
	w.rest(wakeTime)
	for _, s := range w.segments {
		if slept > longSleep && len(h.truth.known) > 0 && h.reaches(s) != nil && !h.kernel.isBlind() && s.sent[h.net] == 0 {
			w.fail("%s has slept for %v and says nothing on segment %d", h.net.Name, slept, s.number)
		}
	}
}

// checkStatus holds what the daemon says of itself against what is so.
func (h *host) checkStatus() {
	if h.process == nil || h.gate.isShut() || time.Since(h.truth.changed) < settleTime {
		return
	}
	s, ok := h.process.status()
	if !ok {
		h.truth.fail("%s gives no status", h.name)
		return
	}
	said := strings.Join(s.Problems, "\n")
	for _, what := range slices.Sorted(maps.Keys(h.truth.faults)) {
		lasts := time.Since(h.truth.faults[what])
		if lasts > patience(what) && !strings.Contains(said, what) {
			h.truth.fail("%s has a fault for %v that no problem names: %s; problems: %q", h.name, lasts, what, s.Problems)
		}
	}
	if len(h.truth.faults) == 0 && h.blocked == nil && !h.held && !h.full && !h.kernel.isBlind() && time.Since(h.truth.mended) > absenceTime && time.Since(h.truth.changed) > absenceTime && len(s.Problems) > 0 {
		h.truth.fail("%s has problems, and nothing is wrong: %q", h.name, s.Problems)
	}
}

// patience returns for how long a fault may last before it is a problem.
func patience(fault string) time.Duration {
	switch {
	case strings.Contains(fault, "interface"), strings.Contains(fault, "no address"):
		return absenceTime
	case strings.Contains(fault, "given no definitions"):
		return 7 * time.Minute
	}
	return problemTime
}

// mostPackets is how many packets a host may send on a segment in a second, on average: it answers three questions.
const mostPackets = 5

// checkTraffic looks at the packets since the last look.
func (w *World) checkTraffic() {
	for _, s := range w.segments {
		for _, h := range w.hosts {
			if n := s.sent[h.net]; n > mostPackets*int(settleTime/time.Second) {
				w.fail("%s has sent %d packets on segment %d since the last step", h.name, n, s.number)
			}
		}
		clear(s.sent)
	}
}
