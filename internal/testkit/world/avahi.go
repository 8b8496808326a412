//go:build linux

package world

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/mdns/wire"
	"announcer/internal/status"
	"announcer/internal/testkit/memlink"
	"announcer/services"
)

// What Avahi does, as it was measured: it takes the next name at once when it loses a probe, and waits between attempts.
const (
	avahiPause  = time.Second
	avahiMany   = 15 // attempts, after which it waits longer
	avahiLong   = 20 * time.Second
	avahiRepeat = 500 * time.Millisecond // in which a record is not sent again
)

// avahi is a host on a segment that publishes one service as Avahi does.
type avahi struct {
	segment *segment
	net     *memlink.Host
	host    dnsname.Name
	addrs   []netip.Prefix
	dice    *rand.Rand

	mu       sync.Mutex
	label    string
	port     uint16
	attempt  int // that timers belong to
	begun    time.Time
	probing  bool
	holds    bool // the name
	off      bool
	lastSent map[string]time.Time
}

// backTime is longer than hosts take to go back to a name that no host has any more: it is not asked for in the first minute, then
// every half a minute.
const backTime = 2 * time.Minute

// beside has Avahi publish a service of the shared name on a segment, beside one of a host, or end, in order or not.
func (w *World) beside(h *host, dice *rand.Rand) {
	s := w.segments[dice.IntN(len(w.segments))]
	for _, other := range w.segments {
		if other.avahi != nil && dice.IntN(4) > 0 {
			s = other
		}
	}
	w.touch()
	if s.avahi == nil {
		h.save(sharedFile, h.draw(dice, sharedFile), dice)
		s.avahi = w.newAvahi(s, dice)
		return
	}
	s.stopAvahi(dice.IntN(2) == 0)
	w.rest(backTime)
}

// stopAvahi ends Avahi on a segment. Caches forget it at once.
func (s *segment) stopAvahi(orderly bool) {
	if s.avahi == nil {
		return
	}
	s.avahi.stop(orderly)
	s.cache.forget(s.avahiHost)
	s.avahi = nil
}

// isQuiet reports whether nothing has changed for so long that one of the hosts has the name that all want. It has the same on all
// segments.
func (w *World) isQuiet() bool {
	return !slices.ContainsFunc(w.segments, func(s *segment) bool { return s.avahi != nil }) && !slices.ContainsFunc(w.hosts, func(h *host) bool { return time.Since(h.truth.changed) < backTime })
}

// checkNames checks that the daemon names its services as neighbours know them, and which host has the name that it wanted.
func (h *host) checkNames(said status.Status) {
	if w := h.truth.world; h.kernel.isBlind() || w.trouble != nil || w.isBlurred() {
		return // neighbours need not know what it names
	}
	for _, service := range said.Services {
		for _, l := range service.Links {
			s := h.segmentOf(l.Link)
			if s == nil || l.State != mdns.Announced || time.Since(l.Since) < settleTime {
				continue
			}
			if known := s.label(mdns.HostName(h.name), baseName(service.Wanted)); known != service.Name {
				h.fail("%s says that it announces %q on %s, and is known with %q", h.name, service.Name, l.Link, known)
			}
			if service.Name != service.Wanted && (l.Why == "" || !l.Rival.IsValid()) {
				h.fail("%s announces %q as %q on %s, and does not say why: %q, %v", h.name, service.Wanted, service.Name, l.Link, l.Why, l.Rival)
			}
		}
	}
}

// segmentOf returns the segment that an interface is to be announced on, nil if there is none.
func (h *host) segmentOf(name string) *segment {
	for _, s := range h.truth.world.segments {
		if via := h.reaches(s); via != nil && via.name == name {
			return s
		}
	}
	return nil
}

func (w *World) newAvahi(s *segment, dice *rand.Rand) *avahi {
	a := &avahi{
		segment: s, net: s.avahiHost, host: mdns.HostName(s.avahiHost.Name), label: sharedName, port: uint16(1000 + dice.IntN(60000)),
		dice: rand.New(rand.NewPCG(dice.Uint64(), 1)), lastSent: map[string]time.Time{},
	}
	for _, addr := range s.avahiHost.Links()[0].Addrs {
		a.addrs = append(a.addrs, addr.Prefix)
	}
	a.net.OnPacket(a.hear)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.commit()
	return a
}

// after has f happen after a time, unless the name is lost before. It needs the lock.
func (a *avahi) after(d time.Duration, f func()) {
	attempt := a.attempt
	time.AfterFunc(d, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.attempt == attempt && !a.off {
			f()
		}
	})
}

func (a *avahi) random(most time.Duration) time.Duration {
	return time.Duration(a.dice.Int64N(int64(most)))
}

// commit begins to probe for the name.
func (a *avahi) commit() {
	a.attempt++
	a.probing, a.holds = false, false
	pause := avahiPause
	if a.attempt > avahiMany {
		pause = avahiLong
	}
	a.after(max(0, pause-time.Since(a.begun))+a.random(250*time.Millisecond), func() {
		a.begun = time.Now()
		a.probe(3)
	})
}

// probe sends so many probes, and has the name then. It asks for no unicast.
func (a *avahi) probe(left int) {
	if left == 0 {
		a.probing, a.holds = false, true
		a.announce(0)
		return
	}
	a.probing = true
	m := wire.Message{Questions: []wire.Query{{Name: a.instance(), Type: mdns.TypeANY}}, Authority: a.unique()}
	for i := range m.Authority {
		m.Authority[i].Unique = false
	}
	a.send(m)
	a.after(250*time.Millisecond, func() { a.probe(left - 1) })
}

// announce sends everything, three times in all.
func (a *avahi) announce(times int) {
	a.say(a.records())
	if times < 2 {
		a.after(time.Second<<times+a.random(250*time.Millisecond), func() { a.announce(times + 1) })
	}
}

// lose takes the next name, without a goodbye to the old one.
func (a *avahi) lose() {
	a.label = services.NextName(a.label)
	a.commit()
}

// stop ends it, with goodbyes or without.
func (a *avahi) stop(orderly bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if orderly && a.holds {
		records := a.records()
		for i := range records {
			records[i].TTL = 0
		}
		a.send(wire.Message{Answers: records})
	}
	a.off = true
}

// keeps reports whether Avahi runs and has a name.
func (a *avahi) keeps() bool {
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.holds
}

func (a *avahi) instance() dnsname.Name {
	name, _ := typeName.Child(a.label)
	return name
}

// unique returns the records that are probed for.
func (a *avahi) unique() []mdns.Record {
	return []mdns.Record{
		{Name: a.instance(), TTL: mdns.HostTTL, Unique: true, Data: mdns.SRV{Port: a.port, Target: a.host}},
		{Name: a.instance(), TTL: mdns.OtherTTL, Unique: true, Data: mdns.NewTXT("by=avahi")},
	}
}

// records returns all records.
func (a *avahi) records() []mdns.Record {
	records := append(a.unique(),
		mdns.Record{Name: typeName, TTL: mdns.OtherTTL, Data: mdns.PTR{Target: a.instance()}},
		mdns.Record{Name: metaName, TTL: mdns.OtherTTL, Data: mdns.PTR{Target: typeName}})
	for _, addr := range a.addrs {
		records = append(records, mdns.Record{Name: a.host, TTL: mdns.HostTTL, Unique: true, Data: mdns.Address{Addr: addr.Addr()}})
	}
	return records
}

// say multicasts records, but none that it has just sent.
func (a *avahi) say(records []mdns.Record) {
	m := wire.Message{}
	for _, r := range records {
		if time.Since(a.lastSent[fact(r)]) >= avahiRepeat {
			a.lastSent[fact(r)] = time.Now()
			m.Answers = append(m.Answers, r)
		}
	}
	if len(m.Answers) > 0 {
		a.send(m)
	}
}

// send sends a message to all, by both IP versions.
func (a *avahi) send(m wire.Message) {
	if len(m.Answers) > 0 {
		m.Flags = wire.FlagResponse | wire.FlagAuthority
	}
	data, _ := m.Encode(mdns.MaxMessage) // a few records fit
	multicast(a.net, data)
}

// hear takes a packet.
func (a *avahi) hear(p link.Packet) {
	m, err := wire.Decode(p.Data)
	if err != nil || slices.ContainsFunc(a.addrs, func(own netip.Prefix) bool { return own.Addr() == p.From.Addr() }) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.off:
	case m.Response():
		a.hearResponse(&m)
	case a.probing && a.losesTo(m.Authority):
		a.lose()
	default:
		a.answer(&m)
	}
}

// hearResponse probes again for a name that another host contradicts, and loses it if that is so while it probes.
func (a *avahi) hearResponse(m *wire.Message) {
	for _, r := range slices.Concat(m.Answers, m.Additional) {
		ours := slices.ContainsFunc(a.unique(), func(own mdns.Record) bool { return same(own, r) && fact(own) != fact(r) })
		switch {
		case !ours || r.TTL == 0:
		case a.probing:
			a.lose()
			return
		case a.holds:
			a.holds = false
			a.attempt++
			a.probe(3)
			return
		}
	}
}

// losesTo reports whether what another host proposes for the name is greater (RFC 6762 §8.2).
func (a *avahi) losesTo(proposed []mdns.Record) bool {
	theirs := slices.DeleteFunc(slices.Clone(proposed), func(r mdns.Record) bool { return !r.Name.Equal(a.instance()) })
	return len(theirs) > 0 && slices.Compare(proposal(a.unique()), proposal(theirs)) < 0
}

// proposal returns records in a form in which they are compared.
func proposal(records []mdns.Record) (list []string) {
	for _, r := range records {
		r.Name, _ = dnsname.New() // so that no name in the data is compressed
		r.Unique, r.TTL = false, 0
		data, _ := wire.Message{Answers: []mdns.Record{r}}.Encode(mdns.MaxMessage)
		list = append(list, string(append(data[13:15:15], data[23:]...)))
	}
	slices.Sort(list)
	return list
}

// answer answers a query by multicast, whatever it asks for.
func (a *avahi) answer(m *wire.Message) {
	if !a.holds {
		return
	}
	var due []mdns.Record
	delay := time.Duration(0)
	for _, r := range a.records() {
		asked := slices.ContainsFunc(m.Questions, func(q wire.Query) bool { return asks(q, r) })
		known := slices.ContainsFunc(m.Answers, func(known mdns.Record) bool { return fact(known) == fact(r) && known.TTL >= r.TTL/2 })
		if asked && !known {
			due = append(due, r)
		}
		if asked && !r.Unique {
			delay = 20*time.Millisecond + a.random(100*time.Millisecond)
		}
	}
	if len(due) > 0 {
		a.after(delay, func() { a.say(due) })
	}
}
