//go:build linux

// Package world simulates whole hosts under one seed: each runs the real daemon with everything around it on a simulated network, and
// everything happens to them that one seed draws. A model of what must be so is compared with the network after each step.
//
// It runs in a bubble of testing/synctest, in which hours take no time.
package world

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
	"announcer/internal/testkit/memlink"
)

// Step is one thing that happens.
type Step struct {
	Action string
	Host   int    // to which it happens
	Draw   uint64 // the seed of its choices
}

// String returns the step as a Go value.
func (s Step) String() string { return fmt.Sprintf("{%q, %d, %#x}", s.Action, s.Host, s.Draw) }

// Settings say how large a world is.
type Settings struct {
	Hosts, Steps int
}

// DefaultSettings returns those of the tests.
func DefaultSettings() Settings { return Settings{Hosts: 2, Steps: 25} }

// World is hosts on segments.
type World struct {
	seed     uint64
	net      *memlink.Net
	segments []*segment
	hosts    []*host
	start    time.Time
	failures []string
	began    time.Time            // the last step
	before   map[*process]picture // when it began
	fresh    map[string]int       // what a process holds that has just begun; nil: it is not known

	mu    sync.Mutex
	inbox []sent // not judged yet

	rival     *rival    // nil: none was there
	contested time.Time // until when names change hands
	trouble   *trouble  // nil: the network is whole
	reflects  bool      // what is sent on one segment is repeated on the others
	blurred   time.Time // until when caches may hold what was repeated

	trace []string // what was sent
}

// segment is a network, with a neighbour that hears everything on it, and asks.
type segment struct {
	*memlink.Segment
	number int
	cache  cache
	phone  *memlink.Host
	traffic

	avahiHost *memlink.Host
	avahi     *avahi // nil: it does not run
	stranger  *memlink.Host
	said      []packet // by our hosts, for the stranger to repeat

	reflections []packet // not repeated here yet
	repeats     bool     // they are being repeated

	spoken    map[utterance]time.Time // when it was last said
	overheard []reply                 // since a querier asked; nil: none waits
}

// Plan returns the steps that a seed draws.
func Plan(seed uint64, s Settings) []Step {
	dice := rand.New(rand.NewPCG(seed, 1))
	steps := make([]Step, s.Steps)
	for i := range steps {
		steps[i] = Step{drawAction(dice), dice.IntN(s.Hosts), dice.Uint64()}
	}
	return steps
}

// Result is what became of a world.
type Result struct {
	Failures []string // what was not as it must be
	Trace    []string // every packet and every line of the logs
}

// Run lives through steps. It must be called in a bubble of testing/synctest.
func Run(seed uint64, s Settings, steps []Step) Result {
	w := newWorld(seed, s)
	w.rest(settleTime)
	w.measure()
	w.check()
	for i, step := range steps {
		if len(w.failures) > 0 {
			break
		}
		w.rest(time.Duration(step.Draw % uint64(time.Millisecond))) // at no time at which something happens anyway
		w.note("step %d: %v", i, step)
		w.begin()
		w.live(step)
		w.rest(w.pause(step))
		w.checkAnnounced()
		w.check()
		w.subside()
	}
	w.end()
	return Result{w.failures, w.trace}
}

// pause returns the time from a step to the next.
func (w *World) pause(s Step) time.Duration {
	dice := rand.New(rand.NewPCG(s.Draw, 2))
	return settleTime + time.Duration(dice.Int64N(int64(time.Minute)))
}

func newWorld(seed uint64, s Settings) *World {
	w := &World{seed: seed, net: memlink.Live(seed), start: time.Now()}
	for range 2 {
		w.addSegment()
	}
	for i := range s.Hosts {
		w.addHost(i)
	}
	for _, h := range w.hosts {
		w.rest(1234567 * time.Nanosecond)
		h.boot()
	}
	return w
}

// fine is the weather where nothing is lost.
var fine = memlink.Weather{Delay: time.Millisecond, Jitter: time.Millisecond}

func (w *World) addSegment() {
	s := &segment{Segment: w.net.NewSegment(), number: len(w.segments), traffic: traffic{}, spoken: map[utterance]time.Time{}}
	s.SetWeather(fine)
	s.Tap(func(from *memlink.Host, p link.Packet) { w.heard(s, from, p) })
	s.phone = w.net.NewHost(fmt.Sprintf("phone%d", s.number))
	s.phone.Plug(s.Segment, prefix("10.%d.0.250/16", s.number), prefix("fe80::%d:250/64", s.number))
	s.stranger = w.net.NewHost(fmt.Sprintf("stranger%d", s.number))
	s.stranger.Plug(s.Segment, prefix("10.%d.0.251/16", s.number), prefix("fe80::%d:251/64", s.number))
	s.avahiHost = w.net.NewHost(fmt.Sprintf("avahi%d", s.number))
	s.avahiHost.Plug(s.Segment, prefix("10.%d.0.252/16", s.number), prefix("fe80::%d:252/64", s.number))
	w.segments = append(w.segments, s)
}

// configuration is that of a host: what is checked has a name of its own.
const configuration = `[daemon]
services = [%q, %q, %q, %q]
[remote]
ca = %q
user = "berlin"
password_file = %q
[[rule]]
match = ["c*.service"]
check = "tcp"
`

func (w *World) addHost(i int) {
	h := w.newHost(i, fmt.Sprintf("pbx%d", i), "")
	for _, file := range fileNames[:2] {
		h.save(file, h.draw(h.dice, file), h.dice)
	}
	w.hosts = append(w.hosts, h)
}

// newHost returns a machine with a cable to each segment, and rules of its own in its configuration.
func (w *World) newHost(i int, name, rules string) *host {
	h := &host{
		number: i, name: name, net: w.net.NewHost(name), locked: map[string]*service{}, places: map[string]*place{}, cluster: newCluster(), following: following{kept: data{}.clone()},
		kernel: &kernel{listeners: map[*func(uint32)]bool{}, last: 1}, truth: newTruth(w),
		dice: rand.New(rand.NewPCG(w.seed, uint64(100+i))), throws: rand.New(rand.NewPCG(w.seed, uint64(200+i))),
		sockets: sockets{files: map[string]*socketFile{}}, running: map[*process]bool{},
	}
	for n, s := range w.segments {
		h.kernel.plug(s, h.net.Plug(s.Segment), h.net.Plug(s.Segment), fmt.Sprintf("eth%d", n),
			prefix("10.%d.0.%d/16", n, i+1), prefix("fe80::%d:%d/64", n, i+1))
	}
	h.provision = h.newProvision()
	for _, file := range filesThat(isRemote) {
		h.places[file] = new(place)
	}
	h.disk = h.newDisk(fmt.Sprintf(configuration, definitions, pathOf("r0.toml"), pathOf("r1.toml"), clusterPlace, authorities, passwordFile) + rules)
	return h
}

// sent is a packet that a host has sent.
type sent struct {
	link.Packet
	at      time.Time
	segment *segment
	from    *memlink.Host
	again   bool // a reflector repeats it
}

// heard takes a packet. It is judged when the world next rests.
func (w *World) heard(s *segment, from *memlink.Host, p link.Packet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.Data = slices.Clone(p.Data)
	w.inbox = append(w.inbox, sent{p, time.Now(), s, from, s.repeats && from == s.stranger})
	if w.reflects && from != s.stranger && p.Multicast() {
		w.reflected(s, p.Data)
	}
}

// read looks at the packets that were sent, in an order that does not depend on that of goroutines.
func (w *World) read() {
	w.mu.Lock()
	inbox := w.inbox
	w.inbox = nil
	w.mu.Unlock()
	slices.SortStableFunc(inbox, func(a, b sent) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.segment.number, b.segment.number), strings.Compare(a.from.Name, b.from.Name))
	})
	for _, p := range inbox {
		w.look(p)
	}
}

// look looks at a packet.
func (w *World) look(p sent) {
	w.trace = append(w.trace, fmt.Sprintf("%v seg%d %s %x", p.at.Sub(w.start), p.segment.number, p.from.Name, p.Data))
	isOurs := slices.ContainsFunc(w.hosts, func(h *host) bool { return h.net == p.from })
	if sent := p.segment.count(p.from, p.at); isOurs && sent > w.mostPackets() {
		w.fail("%s sends more than %d packets in %v on segment %d", p.from.Name, w.mostPackets(), trafficTime, p.segment.number)
	}
	m, err := wire.Decode(p.Data)
	if err != nil {
		return
	}
	p.segment.overhear(p, &m)
	if !m.Response() {
		return
	}
	switch {
	case p.again:
		p.segment.cache.renew(p.at, &m)
	case p.from == p.segment.avahiHost:
		p.segment.cache.hear(p.at, p.from, &m)
	}
	for _, h := range w.hosts {
		if h.net == p.from {
			if p.Multicast() {
				h.checkSize(p, &m)
				p.segment.remember(p.at, p.Data)
				p.segment.cache.hear(p.at, p.from, &m)
			}
			h.answers(p.segment, &m)
		}
	}
}

// answers checks that a host announces nothing that was not defined.
func (h *host) answers(s *segment, m *wire.Message) {
	for _, r := range slices.Concat(m.Answers, m.Additional) {
		name, ok := instanceOf(r)
		if ok && r.TTL > 0 && !h.truth.allows(func(known service) bool { return known.name == baseName(name) && known.says(r, h.name) }) {
			h.fail("%s announces on segment %d what is not defined: %v", h.name, s.number, r)
		}
	}
}

// instanceOf returns the name of the instance that a record is about.
func instanceOf(r mdns.Record) (name string, ok bool) {
	full := r.Name
	if p, is := r.Data.(mdns.PTR); is {
		full = p.Target
	}
	if len(full.Labels()) != 4 || !full.HasSuffix(typeName) {
		return "", false
	}
	return full.Label(), true
}

// rest lets time pass, in which service managers look after their processes.
func (w *World) rest(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(min(5*time.Second, time.Until(end)))
		synctest.Wait()
		for _, h := range w.hosts {
			h.served()
			h.informed()
		}
		w.read()
		for _, h := range w.hosts {
			h.watch()
		}
	}
}

func (w *World) fail(format string, args ...any) {
	if len(w.failures) >= 5 {
		return
	}
	w.failures = append(w.failures, fmt.Sprintf("after %v: ", time.Since(w.start))+fmt.Sprintf(format, args...))
}

func (w *World) note(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf("%v %s", time.Since(w.start), fmt.Sprintf(format, args...)))
}

// end stops everything, which must leave nothing behind on the network.
func (w *World) end() {
	w.calm()
	for _, s := range w.segments {
		s.stopAvahi(true)
	}
	for _, h := range w.hosts {
		h.stop(errTerminated)
		if h.kernel.hangs != nil {
			h.kernel.hang()
		}
	}
	w.rest(2 * time.Second)
	if len(w.failures) == 0 {
		w.compare()
	}
	for _, h := range w.hosts {
		w.keepLog(h)
	}
}

// keepLog adds the log of a host to the trace.
func (w *World) keepLog(h *host) {
	lines := slices.Collect(strings.Lines(h.log.String()))
	slices.Sort(lines) // those of one moment, which several goroutines write
	for _, line := range lines {
		w.trace = append(w.trace, h.net.Name+" "+strings.TrimSpace(line))
	}
}

// ask has the neighbour of a segment ask for everything, as one that wants to know what is so.
func (s *segment) ask() {
	questions := []wire.Query{{Name: typeName, Type: mdns.TypePTR}, {Name: subtypeName, Type: mdns.TypePTR}}
	for _, r := range s.cache.records {
		switch data := r.Data.(type) {
		case mdns.PTR:
			if r.Name.Equal(typeName) {
				questions = append(questions, wire.Query{Name: data.Target, Type: mdns.TypeSRV}, wire.Query{Name: data.Target, Type: mdns.TypeTXT})
			}
		case mdns.SRV:
			questions = append(questions, wire.Query{Name: data.Target, Type: mdns.TypeA}, wire.Query{Name: data.Target, Type: mdns.TypeAAAA})
		}
	}
	m := wire.Message{Questions: questions}
	if data, ok := m.Encode(mdns.MaxMessage); ok {
		multicast(s.phone, data)
	}
}

// multicast has a neighbour send a packet to all, by both IP versions.
func multicast(from *memlink.Host, data []byte) {
	for _, v := range publication.IPVersions() {
		_ = from.Send(link.Packet{Data: data, Link: 2, To: mdns.Group(v)}) // on a cable that is pulled, no host hears it
	}
}

func sorted(addrs []netip.Addr) []netip.Addr {
	slices.SortFunc(addrs, netip.Addr.Compare)
	return addrs
}
