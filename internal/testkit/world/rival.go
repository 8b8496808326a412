//go:build linux

package world

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
	"announcer/internal/status"
)

// A rival answers after rivalDelay. In conflictTime a host may have mostConflicts with it: fifteen at once, then one in five seconds
// (RFC 6762 §8.1).
const (
	rivalDelay    = 10 * time.Millisecond
	conflictTime  = time.Minute
	mostConflicts = 15 + int(conflictTime/(5*time.Second)) + 3
)

// claims are the ways in which a rival claims names of a host.
var claims = []struct {
	name     string
	others   bool // and each name that the host takes then
	contests bool // once they are announced
}{
	{name: "that it has"},
	{name: "and each that is taken then", others: true},
	{name: "and each once it is announced", others: true, contests: true},
}

// rival is a stranger that claims the name of a service, or of the host.
type rival struct {
	segment  *segment
	victim   *host
	wanted   string // the service; "": the host
	data     []mdns.Data
	others   bool
	contests bool

	mu        sync.Mutex
	ended     bool
	taken     map[dnsname.Name]bool
	conflicts []time.Time // by IPv4, in the last conflictTime
	most      int         // of them
}

// insist has a stranger claim a name of a host for some minutes, and end with goodbyes or without.
func (w *World) insist(h *host, dice *rand.Rand) {
	s := w.segments[dice.IntN(len(w.segments))]
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(h.announces(s))), func(name string) bool { return name == sharedName })
	if len(names) == 0 {
		return
	}
	wanted := ""
	if dice.IntN(2) == 0 {
		wanted = names[dice.IntN(len(names))]
	}
	w.rival = h.rivalOf(s, wanted)
	r := w.rival
	kind := claims[dice.IntN(len(claims))]
	r.others, r.contests = kind.others, kind.contests
	w.note("a rival claims a name of %s, %q, %s", h.net.Name, wanted, kind.name)
	w.touch()
	r.begin()
	w.rest(problemTime)
	r.check()
	w.rest(time.Duration(dice.Int64N(int64(3 * time.Minute))))
	r.check()
	r.end(dice.IntN(2) == 0)
	w.touch()
	w.rest(backTime)
}

// rivalOf returns a rival for the name of a service, or "" the host.
func (h *host) rivalOf(s *segment, wanted string) *rival {
	r := &rival{segment: s, victim: h, wanted: wanted, taken: map[dnsname.Name]bool{}}
	if wanted != "" {
		r.data = []mdns.Data{mdns.SRV{Port: 9, Target: mdns.HostName(s.stranger.Name)}}
		return r
	}
	for _, a := range s.stranger.Links()[0].Addrs {
		r.data = append(r.data, mdns.Address{Addr: a.Addr()})
	}
	return r
}

// begin takes the wanted name.
func (r *rival) begin() {
	r.victim.truth.world.contest(0)
	name := mdns.HostName(r.victim.name)
	if r.wanted != "" {
		name, _ = typeName.Child(r.wanted)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.segment.stranger.OnPacket(r.hear)
	r.taken[name] = true
	r.say(mdns.HostTTL, name)
}

// end gives up all names. Caches forget what was said by them.
func (r *rival) end(orderly bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.segment.stranger.OnPacket(func(link.Packet) {})
	r.ended = true
	for name := range r.taken {
		r.segment.cache.forgetName(name)
	}
	if orderly {
		r.say(0, slices.SortedFunc(maps.Keys(r.taken), func(a, b dnsname.Name) int { return strings.Compare(a.Key(), b.Key()) })...)
	}
}

// hear takes a packet. It answers all questions for the names that it has, and defends them.
func (r *rival) hear(p link.Packet) {
	m, err := wire.Decode(p.Data)
	if err != nil || !slices.ContainsFunc(r.victim.kernel.interfaces, func(n *nic) bool { return n.has(p.From.Addr()) }) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var due []dnsname.Name
	add := func(name dnsname.Name, takes bool) {
		if takes && r.wants(name) {
			r.taken[name] = true
		}
		if r.taken[name] && !slices.ContainsFunc(due, name.Equal) {
			due = append(due, name)
		}
	}
	for _, record := range m.Authority {
		add(record.Name, r.others && !r.contests)
	}
	for _, record := range m.Answers {
		if record.Unique && record.TTL > 0 && m.Response() {
			add(record.Name, r.contests)
		}
	}
	if len(due) > 0 && p.From.Addr().Is4() {
		r.count()
	}
	for _, q := range m.Questions {
		add(q.Name, false)
	}
	time.AfterFunc(rivalDelay, func() { r.answer(due) })
}

// answer claims the names again, unless they were given up.
func (r *rival) answer(names []dnsname.Name) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.say(mdns.HostTTL, names...)
	}
}

// wants reports whether a name is that of the service or of the host, whatever its number.
func (r *rival) wants(name dnsname.Name) bool {
	if r.wanted == "" {
		return len(name.Labels()) == 2 && strings.HasPrefix(name.Label(), r.victim.net.Name)
	}
	return name.Parent().Equal(typeName) && baseName(name.Label()) == r.wanted
}

// count counts a conflict.
func (r *rival) count() {
	r.conflicts = append(slices.DeleteFunc(r.conflicts, func(at time.Time) bool { return time.Since(at) > conflictTime }), time.Now())
	r.most = max(r.most, len(r.conflicts))
}

// say multicasts that names are the stranger's.
func (r *rival) say(ttl uint32, names ...dnsname.Name) {
	m := wire.Message{Header: wire.Header{Flags: wire.FlagResponse | wire.FlagAuthority}}
	for _, name := range names {
		for _, data := range r.data {
			m.Answers = append(m.Answers, mdns.Record{Name: name, TTL: ttl, Unique: true, Data: data})
		}
	}
	data, ok := m.Encode(mdns.MaxMessage)
	if !ok || len(names) == 0 {
		return
	}
	multicast(r.segment.stranger, data)
}

// sampleTimes is how often a status is asked for: a rival that waits for a name to be announced has none for a moment.
const sampleTimes = 5

// check checks what the host says of the rival, and how often it tries.
func (r *rival) check() {
	h := r.victim
	r.mu.Lock()
	most := r.most
	r.mu.Unlock()
	if most > mostConflicts {
		h.fail("%s has %d conflicts with a rival in %v; want %d at most", h.net.Name, most, conflictTime, mostConflicts)
	}
	var said status.Status
	for range sampleTimes {
		if h.process == nil || h.gate.isShut() || !h.isSettled() || h.reaches(r.segment) == nil {
			return
		}
		if said, _ = h.process.status(); r.isTold(said) {
			return
		}
		h.truth.world.rest(time.Second)
	}
	h.fail("%s does not say that a rival has the name of %q; problems: %q; services: %+v", h.net.Name, r.wanted, said.Problems, said.Services)
}

// isTold reports whether a status names the rival, as a problem if that takes every name.
func (r *rival) isTold(said status.Status) bool {
	for _, service := range said.Services {
		for _, l := range service.Links {
			isProblem := slices.ContainsFunc(said.Problems, func(problem string) bool { return strings.Contains(problem, l.Why) })
			concerned := r.victim.segmentOf(l.Link) == r.segment && (r.wanted == "" || r.wanted == service.Wanted)
			if concerned && r.is(l.Rival) && (!r.others || l.State == mdns.Refused && isProblem) {
				return true
			}
		}
	}
	return r.wanted == "" && !r.others && slices.ContainsFunc(said.Conflicts, func(c status.Conflict) bool { return c.File == "" && r.is(c.Rival) })
}

// is reports whether an address is the rival's.
func (r *rival) is(addr netip.Addr) bool {
	return slices.ContainsFunc(r.segment.stranger.Links()[0].Addrs, func(own publication.LinkAddr) bool { return own.Addr() == addr })
}
