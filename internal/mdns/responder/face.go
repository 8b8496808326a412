package responder

import (
	"net/netip"
	"slices"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
)

// pace is the time between packets by multicast: a neighbour's receive buffer holds some 90 of them.
const pace = 200 * time.Microsecond

// link is an interface as the responder knows it, for both IP versions.
type link struct {
	publication.Link
	watches map[string]*watch // by the key of the name
	traffic mdns.LinkTraffic
	heard   moment // when a packet last came from another host
}

// onLink says whether an address is in a network of the interface (RFC 6762 §11).
func (l *link) onLink(a netip.Addr) bool {
	if l.Loopback {
		return true
	}
	for i := range l.Addrs {
		if l.Addrs[i].Masked().Contains(a) {
			return true
		}
	}
	return false
}

// canReply reports whether a source address is that of a single host. A query from any other is forged.
func (f *face) canReply(to netip.AddrPort) bool {
	a := to.Addr()
	switch {
	case to.Port() == 0, a.IsUnspecified(), a.IsMulticast(), a.IsLoopback() && !f.link.Loopback:
		return false
	}
	return !a.Is4() || a != broadcast4 && !slices.ContainsFunc(f.link.Addrs, func(own publication.LinkAddr) bool { return isBroadcast(own.Prefix, a) })
}

var broadcast4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// isBroadcast reports whether an IPv4 address is that of all hosts of a network.
func isBroadcast(network netip.Prefix, a netip.Addr) bool {
	return network.Addr().Is4() && network.Bits() < 31 && network.Contains(a) && !network.Contains(a.Next())
}

// isOwn reports whether a source address is one of this host now; a link-local one counts on its link only. All on the
// loopback is: for multicast there Linux takes the address of another interface, or none.
func (f *face) isOwn(src netip.Addr) bool {
	if f.link.Loopback {
		return true
	}
	if src.IsLinkLocalUnicast() {
		return slices.ContainsFunc(f.link.Addrs, func(a publication.LinkAddr) bool { return a.Addr().WithZone("") == src })
	}
	return f.r.own[src]
}

// fromHere reports whether a packet with this source address comes from another program of this host. Without one that
// has the port, it comes from a host that has the same address or pretends to.
func (f *face) fromHere(src netip.Addr) bool {
	return f.link.Loopback || f.r.config.SharedPort && f.isOwn(src)
}

// face is what the host shows on one link by one IP version. What it hears is answered there and nowhere else, with the
// addresses of that link (RFC 6762 §6, §6.2, §20).
type face struct {
	r       *Responder
	link    *link
	version publication.IPVersion
	sources publication.Sources // of our packets

	zone   map[string]*node // by key
	claims []*claim         // in the order of the plan

	steps     queue[*claim] // to be probed for, settled, announced or asked for
	ready     []*claim      // to be probed for now, in the order of their times
	answers   queue[*set]   // to be multicast
	farewells queue[*farewell]
	leaving   map[identity]*farewell
	inherited map[identity]*set // what the process before this one announced, see inherit.go
	questions []question        // to be asked
	parked    []*claim          // that wait for the host's name

	wanted []want               // by the plan, while it is applied
	coming map[mdns.Record]bool // the shared records of what is wanted; made when first needed

	clear        moment // when the next packet may be multicast
	sharedAt     moment // when the answers go out that were delayed together (RFC 6762 §6.3)
	askedUnicast moment // when a question with QU last went out
	unwanted     bool   // no longer in the plan; it goes with its last goodbye
}

func newFace(r *Responder, l *link, v publication.IPVersion) *face {
	return &face{
		r: r, link: l, version: v,
		zone: map[string]*node{}, leaving: map[identity]*farewell{},
		clear: never, sharedAt: never, askedUnicast: never,
	}
}

// node is a name with what it has.
type node struct {
	name    dnsname.Name
	key     string
	sets    []*set          // that are answered
	targets map[string]*set // the PTR sets by target, where there are many sets
	claim   *claim          // on the name as a unique one, or nil
	nsec    *set            // made when first needed
	probed  uint32          // serial of the packet that holds a probe for the name
}

// set is what travels together: all records of a unique name and type, or one shared record.
type set struct {
	timer              // when it is to be multicast
	asker   netip.Addr // that this is for; zero for everybody
	node    *node
	records []mdns.Record // of one name and type, at least one
	target  string        // key of the name in PTR or SRV data
	index   int           // in node.sets
	live    bool          // in node.sets: to be answered
	asked   bool          // it is queued because of a question
	users   int           // claims that need it, where it is shared
	rounds  int           // announcements still to come
	last    moment        // when it was multicast

	wanted, multi, known, packed uint32 // serials of the packet that last did so, see query.go
	knownCount                   int
}

func newSet(n *node, records []mdns.Record) *set {
	s := &set{node: n, records: records, last: never}
	s.target = targetKey(records[0].Data)
	return s
}

func targetKey(data mdns.Data) string {
	switch d := data.(type) {
	case mdns.PTR:
		return d.Target.Key()
	case mdns.SRV:
		return d.Target.Key()
	}
	return ""
}

func (s *set) kind() mdns.Type { return s.records[0].Data.Type() }
func (s *set) unique() bool    { return s.records[0].Unique }
func (s *set) ttl() uint32     { return s.records[0].TTL }
func (s *set) life() moment    { return moment(s.ttl()) * time.Second }

// answers says whether a question for a type asks for the set (RFC 6762 §6.5).
func (s *set) answers(t mdns.Type) bool { return t == mdns.TypeANY || t == s.kind() }

// node gives the node of a name, made if need be.
func (f *face) node(name dnsname.Name, key string) *node {
	n := f.zone[key]
	if n == nil {
		n = &node{name: name, key: key}
		f.zone[key] = n
	}
	return n
}

// tidy forgets a node that has nothing left.
func (f *face) tidy(n *node) {
	if len(n.sets) == 0 && n.claim == nil {
		f.retire(n)
		delete(f.zone, n.key)
	}
}

// retire drops the NSEC record of a name whose types have changed.
func (f *face) retire(n *node) {
	if n.nsec != nil {
		f.answers.remove(n.nsec)
		n.nsec.live, n.nsec = false, nil
	}
}

// manySets is the number of sets from which on a node has an index of them.
const manySets = 8

// show makes a set one that is answered for.
func (f *face) show(s *set) {
	n := s.node
	s.live, s.index = true, len(n.sets)
	n.sets = append(n.sets, s)
	if len(n.sets) > manySets && n.targets == nil {
		n.targets = map[string]*set{}
		for _, other := range n.sets {
			n.index(other)
		}
	}
	n.index(s)
	f.retire(n)
	f.recall(s)
}

func (n *node) index(s *set) {
	if n.targets != nil && s.kind() == mdns.TypePTR {
		n.targets[s.target] = s
	}
}

// hide is the opposite of show.
func (f *face) hide(s *set) {
	n, last := s.node, len(s.node.sets)-1
	f.answers.remove(s)
	n.sets[last].index = s.index
	n.sets[s.index] = n.sets[last]
	n.sets[last] = nil
	n.sets = n.sets[:last]
	if n.targets[s.target] == s {
		delete(n.targets, s.target)
	}
	s.live = false
	f.retire(n)
	f.tidy(n)
}

// find gives the set of a node that holds a record of a packet, or nil.
func (n *node) find(r *wire.Reader, rec wire.Resource) *set {
	if n.targets != nil && rec.Type == mdns.TypePTR {
		return n.targets[string(r.Target(rec))]
	}
	if rec.Type == mdns.TypeNSEC && n.nsec != nil && n.nsec.holds(r, rec) {
		return n.nsec
	}
	for _, s := range n.sets {
		if s.holds(r, rec) {
			return s
		}
	}
	return nil
}

func (s *set) holds(r *wire.Reader, rec wire.Resource) bool {
	for i := range s.records {
		if r.Is(rec, s.records[i].Data) {
			return true
		}
	}
	return false
}

// limit is the size of an ordinary message: an Ethernet frame or less, without the headers (RFC 6762 §17). Links
// with a larger MTU get no larger ones, since not all hosts on them need have it.
func (f *face) limit() int {
	mtu := f.link.MTU
	if mtu <= 0 || mtu > mdns.EthernetMTU {
		mtu = mdns.EthernetMTU
	}
	return max(mtu, 576) - mdns.Headers(f.version)
}

// hardLimit is the size of a message with a single large record (RFC 6762 §17).
func (f *face) hardLimit() int { return mdns.MaxPacket - mdns.Headers(f.version) }

// run sends what is due, one packet by multicast at a time.
func (f *face) run() {
	f.step()
	for f.r.now >= f.clear {
		if !f.sendAnswers() && !f.sendProbes() && !f.sendFarewells() && !f.sendQuestions() {
			return
		}
	}
}

// next gives the time of the next thing to do.
func (f *face) next() moment {
	at := min(f.answers.next(), f.farewells.next())
	if len(f.questions) > 0 || len(f.ready) > 0 {
		at = f.r.now
	}
	return min(max(at, f.clear), f.steps.next())
}

// start begins a message.
func (f *face) start(limit int, flags uint16) *wire.Builder {
	f.r.serial++
	f.r.build.WholeTargets = false
	f.r.build.Start(f.r.arena, limit, 0, flags)
	return &f.r.build
}

// multicast sends the message that was built to everybody, and counts it.
func (f *face) multicast(count *uint64) { f.multicastUntil(count, netip.Addr{}, forever) }

// multicastTo does the same with a message that answers one host; the zero Addr is everybody.
func (f *face) multicastTo(asker netip.Addr, count *uint64) { f.multicastUntil(count, asker, forever) }

// multicastUntil does the same with a message that is known, when it comes back, until a time.
func (f *face) multicastUntil(count *uint64, asker netip.Addr, until moment) {
	copies := max(1, len(f.sources.For(asker)))
	f.r.echoes.add(f.send(Out{Dst: mdns.Group(f.version), Asker: asker}), faceKey{f.link.Index, f.version}, copies, until)
	f.r.stats.Multicasts++
	*count++
	f.clear = f.r.now + pace*moment(copies)
}

// unicast sends the message that was built to one host, from the address that it asked, if it asked one.
func (f *face) unicast(dst netip.AddrPort, asked netip.Addr) {
	if !f.r.own[asked] {
		asked = netip.Addr{} // a broadcast address
	}
	f.send(Out{Dst: dst, Src: asked})
	f.r.stats.Unicasts++
	f.link.traffic.Unicasts++
}

func (f *face) send(out Out) []byte {
	before := len(f.r.arena)
	f.r.arena = f.r.build.Finish()
	out.Link, out.Version = f.link.Index, f.version
	out.Data = f.r.arena[before:len(f.r.arena):len(f.r.arena)]
	f.r.out = append(f.r.out, out)
	return out.Data
}
