// Package responder is a multicast DNS responder (RFC 6762) for DNS-SD services (RFC 6763) as a pure state machine: no
// socket, goroutine, lock or clock. Its inputs are what to publish ([Responder.Apply]), the packets received
// ([Responder.Handle]) and the time; [Responder.Tick] returns the packets to send.
//
// State is kept per link and IP version, a [face]. A face has a zone: names with their sets of records. Each name
// that must be ours alone has a claim, which is probed for (probe.go), then announced and now and then asked for
// (announce.go), while it is answered for (query.go, answer.go), until it goes (goodbye.go) or another host has it
// (hear.go, policy.go, conflict.go, standby.go). What is to be claimed comes from the plan (plan.go), and reconcile.go
// makes the claims of a face the ones that are planned.
//
// The parts of a [Responder] share the time of the last call (clock.go): the faces (faces.go) and when they have something to do
// (agenda.go), the names of host and publications (names.go), the names that are watched because other hosts have them (watch.go),
// services of other hosts of the same types (others.go), queries of which more is to come (truncated.go), what this host said
// (said.go), what it says again since it was lost (repeat.go), the addresses of this host (own.go), what it or an earlier process left
// where nothing could be withdrawn (inherit.go), what it hands over to the next one (handover.go) and the board that shows how the
// services stand (status.go). The parts of a face are its sender (send.go), its
// zone (zone.go) and what is to be sent: answers, probes, farewells and questions.
//
// All state that packets can make grow is bounded; an unrelated packet allocates nothing.
package responder

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
)

// Config holds what a Responder needs from outside.
type Config struct {
	Rand  *rand.Rand       // delays are taken from it, so that a run with the same seed is the same
	Start time.Time        // what the clock says now
	Asked func(mdns.Asked) // called for every question for a type that is watched; nil: not called
	// SharedPort reports whether another program of this host has port 5353 open as well; then unicast replies may go
	// there, so that none are asked for (RFC 6762 §15.1), and the end takes nothing of the host's away, which that
	// program may announce too. See [Responder.SharePort].
	SharedPort bool
}

// Packet is a packet that came in.
type Packet struct {
	Link    int // index of the interface that it came in on
	Version publication.IPVersion
	Src     netip.AddrPort // without zone
	Dst     netip.Addr     // a multicast group or an address of this host
	Data    []byte
}

// Out is a packet to send.
type Out struct {
	Link    int // index of the interface to send it on
	Version publication.IPVersion
	Dst     netip.AddrPort // the group, or one host
	Src     netip.Addr     // of a reply: the address that was asked; zero if the group was
	Asker   netip.Addr     // of a multicast: the host that it answers; zero for all hosts
	Data    []byte
}

// Stats counts what came in and went out.
type Stats struct {
	Queries, Responses    uint64 // heard
	Malformed             uint64 // not DNS messages
	Ignored               uint64 // dropped unread: other opcodes, wrong ports, hosts that are not on the link (RFC 6762 §11, §18)
	Multicasts, Unicasts  uint64 // sent
	Conflicts, Suppressed uint64 // names lost; answers left out because another host gave or knew them
	Throttled             uint64 // questions that got no more by unicast, because the budget was used up
	MissedEvents          uint64 // conflicts that were not reported because there were too many
}

// Responder is the state machine. It belongs to one goroutine.
type Responder struct {
	*clock
	names
	config Config
	stats  Stats
	own    own

	faces faces
	board board
	last  planned

	conflicts conflictLog
	watches   watches
	reviews   reviews
	others    others
	waiting   waiting
	closing   bool

	reader wire.Reader
	outbox outbox
	past   past
	estate estate
	news   news
	budget budget
	scratch
}

// scratch is memory that is used again and again.
type scratch struct {
	candidates []candidate
	sent       []*set
	asks       []asking
}

// New makes a responder that publishes nothing.
func New(config Config) *Responder {
	c := &clock{epoch: config.Start, rand: config.Rand}
	r := &Responder{
		clock:  c,
		config: config,
		own:    newOwn(),
		faces:  faces{byLink: map[faceKey]*face{}},
		board:  board{clock: c},
	}
	r.past = past{clock: c, news: &r.news, until: map[Sum]moment{}, swept: never}
	r.watches = watches{clock: c, faces: &r.faces}
	r.others = others{clock: c, faces: &r.faces, board: &r.board, topics: map[string]*topic{}, foreign: map[foreignKey]*foreigner{}}
	r.estate = estate{clock: c, news: &r.news, faces: &r.faces, legs: map[leg]heirloom{}, away: map[int]publication.Link{}, swept: never, asks: never, at: forever}
	r.names = names{clock: c, faces: &r.faces, watches: &r.watches, board: &r.board, renamed: map[string]*renaming{}, rows: map[string]*row{}, planAt: forever}
	return r
}

// Apply replaces what is published. An interface of which another one has the index now goes before that comes. What the packets
// say is up to [Responder.Tick].
func (r *Responder) Apply(now time.Time, d publication.Desired) {
	r.begin(now)
	if replaced := publication.Replaced(r.desired.Links, d.Links); len(replaced) > 0 {
		without := d
		without.Links = slices.DeleteFunc(slices.Clone(d.Links), func(l publication.Link) bool { return replaced.Has(l.Index) })
		r.follow(without)
		r.faces.remove(func(f *face) bool { return replaced.Has(f.link.Index) }) // nothing can be said there any more
	}
	r.follow(d)
}

// follow makes what is published what is desired.
func (r *Responder) follow(d publication.Desired) {
	r.own.follow(d)
	r.names.adopt(d)
	r.plan(true)
	r.others.watch(d)
}

// Handle takes a packet that was heard. Data is not kept.
func (r *Responder) Handle(now time.Time, p Packet) {
	r.begin(now)
	f := r.faces.byLink[faceKey{p.Link, p.Version}]
	if f == nil || r.closing {
		r.stats.Ignored++
		return
	}
	f.touch()
	if !f.isOwn(p.Src.Addr()) {
		f.link.traffic.Received++
		f.link.heard = r.now
	}
	if err := r.reader.Reset(p.Data); err != nil {
		r.stats.Malformed++
		return
	}
	if !r.reader.Ordinary() || !f.accepts(p, r.reader.Response()) {
		r.stats.Ignored++
		return
	}
	if f.isOwn(p.Src.Addr()) {
		echo, surplus := r.outbox.echoes.take(p.Data, faceKey{p.Link, p.Version}, r.now)
		if echo {
			return // our own packet, by loopback or on a second interface of the same link (RFC 6762 §8.2, §14)
		}
		r.config.SharedPort = r.config.SharedPort || surplus
	}
	if r.reader.Response() {
		r.stats.Responses++
		f.hear(p)
	} else {
		r.stats.Queries++
		f.query(p)
	}
	if r.reader.Err() != nil {
		r.stats.Malformed++
	}
}

// accepts reports whether a packet may be believed at all. Only what was sent by unicast may come from off the link: the
// group reaches no host there, whatever network a host is in (RFC 6762 §5.5, §6.7, §11).
func (f *face) accepts(p Packet, response bool) bool {
	unicast := !p.Dst.IsMulticast()
	onLink := func() bool { return f.link.onLink(p.Src.Addr()) }
	if !response {
		legacy := p.Src.Port() != mdns.Port
		return (!unicast || onLink()) && (!legacy || f.link.canReply(p.Src))
	}
	if p.Src.Port() != mdns.Port {
		return false // §6
	}
	// §11: a unicast response counts only where it may answer a question of ours that asked for it.
	return !unicast || f.now-f.probes.qu < 2*time.Second && onLink()
}

// Tick does what is due and returns the packets to send, in order, together with those that came of Apply, Handle and
// Close since the last Tick, and the time at which to call it next, zero if nothing is ever due. The packets are
// good until the next call of any method.
func (r *Responder) Tick(now time.Time) (out []Out, next time.Time) {
	r.begin(now)
	r.watches.run()
	r.reviews.run(r.now)
	r.others.run()
	r.waiting.run(r.now)
	r.estate.run()
	if r.planAt <= r.now {
		r.plan(false)
	}
	r.faces.run(r.now)
	r.faces.drop()
	r.outbox.taken = true
	if at := r.next(); at < forever {
		next = r.date(at)
	}
	return r.outbox.out, next
}

// Close begins the orderly end: goodbyes for all that is published (RFC 6762 §10.1). Once [Responder.Done] says so,
// all of them went out by Tick. For an end without goodbyes, just stop.
func (r *Responder) Close(now time.Time) {
	r.begin(now)
	r.closing = true
	r.planAt, r.estate.at = forever, forever
	r.waiting = nil
	r.watches.queue, r.reviews = queue[*watch]{}, reviews{}
	r.others.surveys, r.others.ends = queue[*survey]{}, queue[*foreigner]{}
	for _, f := range r.faces.all {
		f.close()
	}
}

// Done reports whether everything that Close began is done.
func (r *Responder) Done() bool {
	return r.closing && r.faces.next() == forever
}

// Sources returns the addresses that packets leave from on a link by an IP version; none if there is nothing to announce there.
func (r *Responder) Sources(link int, v publication.IPVersion) publication.Sources {
	if f := r.faces.byLink[faceKey{link, v}]; f != nil && !f.unwanted {
		return f.sources
	}
	return publication.Sources{}
}

// SharePort reports whether another program of this host has port 5353 open, see [Config].
func (r *Responder) SharePort(shared bool) { r.config.SharedPort = shared }

// Status returns how each service stands on each link, in the order of the groups and links.
func (r *Responder) Status() []mdns.ServiceStatus { return r.board.status() }

// Events returns what happened since the last call.
func (r *Responder) Events() []mdns.Event { return r.board.take() }

// Traffic counts the packets on each link.
func (r *Responder) Traffic() []mdns.LinkTraffic {
	all := make([]mdns.LinkTraffic, len(r.faces.links))
	for i, l := range r.faces.links {
		l.traffic.Link = l.Name
		all[i] = l.traffic
		if l.heard != never {
			all[i].Heard = r.date(l.heard)
		}
	}
	return all
}

// Foreign returns the services of watched types that others announce, in the order in which they were first heard.
func (r *Responder) Foreign() []mdns.Foreign { return r.others.list() }

// Crowded returns the number of such services that there was no room for, or no more.
func (r *Responder) Crowded() uint64 { return r.others.crowded }

// Stats returns the counts.
func (r *Responder) Stats() Stats {
	stats := r.stats
	stats.MissedEvents = r.board.missed
	return stats
}

// begin takes the time, and gives up the packets that the last Tick returned.
func (r *Responder) begin(now time.Time) {
	r.clock.advance(now)
	r.outbox.empty()
}

// next returns the time of the next thing to do.
func (r *Responder) next() moment {
	at := min(r.planAt, r.estate.at, r.watches.next(), r.reviews.next(), r.others.next())
	return min(at, r.waiting.next(), r.faces.next())
}
