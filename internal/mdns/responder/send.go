package responder

import (
	"net/netip"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
)

// pace is the time between packets by multicast: a neighbour's receive buffer holds some 90 of them.
const pace = 200 * time.Microsecond

// outbox has the packets to send.
type outbox struct {
	build  wire.Builder
	arena  []byte // what out points into
	out    []Out
	taken  bool // by a caller of Tick
	echoes echoes
	serial uint32 // of the packet that is read or built
}

// arenaMost is the size that the outbox keeps after a burst, such as that of thousands of links at the start.
const arenaMost = 256 << 10

// empty drops the packets that were taken, and room that is much larger than they needed.
func (o *outbox) empty() {
	if !o.taken {
		return
	}
	if cap(o.arena) > arenaMost && len(o.arena) < cap(o.arena)/4 {
		o.out, o.arena = nil, nil
	}
	o.out, o.arena, o.taken = o.out[:0], o.arena[:0], false
}

// number assigns the packet that is read or built next a serial number.
func (o *outbox) number() uint32 {
	o.serial++
	return o.serial
}

// finish returns the message that was built.
func (o *outbox) finish() []byte {
	before := len(o.arena)
	o.arena = o.build.Finish()
	return o.arena[before:len(o.arena):len(o.arena)]
}

// sender builds and sends the messages of one link and IP version.
type sender struct {
	*clock
	*outbox
	stats   *Stats
	link    *link
	version publication.IPVersion
	sources publication.Sources // of our packets
	clear   moment              // when the next packet may be multicast
	touch   func()              // notes that there may be something to do at another time
}

// limit is the size of an ordinary message: an Ethernet frame or less, without the headers (RFC 6762 §17). Links with a
// larger MTU get no larger ones, since not all hosts on them need have it.
func (s *sender) limit() int {
	mtu := s.link.MTU
	if mtu <= 0 || mtu > mdns.EthernetMTU {
		mtu = mdns.EthernetMTU
	}
	return max(mtu, 576) - mdns.Headers(s.version)
}

// hardLimit is the size of a message with a single large record (RFC 6762 §17).
func (s *sender) hardLimit() int { return mdns.MaxPacket - mdns.Headers(s.version) }

// start begins a message.
func (s *sender) start(limit int, flags uint16) *wire.Builder {
	s.number()
	s.build.WholeTargets = false
	s.build.Start(s.arena, limit, 0, flags)
	return &s.build
}

// multicast sends the message that was built to all hosts, and counts it.
func (s *sender) multicast(count *uint64) { s.multicastUntil(count, netip.Addr{}, forever) }

// multicastTo does the same with a message that answers one host; the zero Addr stands for all hosts.
func (s *sender) multicastTo(asker netip.Addr, count *uint64) {
	s.multicastUntil(count, asker, forever)
}

// multicastUntil does the same with a message that is known, when it comes back, until a time.
func (s *sender) multicastUntil(count *uint64, asker netip.Addr, until moment) {
	copies := max(1, len(s.sources.For(asker)))
	s.echoes.add(s.send(Out{Dst: mdns.Group(s.version), Asker: asker}), faceKey{s.link.Index, s.version}, copies, until)
	s.stats.Multicasts++
	*count++
	s.clear = s.now + pace*moment(copies)
}

// unicast sends the message that was built to one host, from an address of ours; the zero Addr is any. It returns its length.
func (s *sender) unicast(dst netip.AddrPort, src netip.Addr) (bytes int) {
	s.stats.Unicasts++
	s.link.traffic.Unicasts++
	return len(s.send(Out{Dst: dst, Src: src}))
}

func (s *sender) send(out Out) []byte {
	out.Link, out.Version, out.Data = s.link.Index, s.version, s.finish()
	s.out = append(s.out, out)
	return out.Data
}

// following returns what follows the first n of a list; nil if that is nothing, so that the list takes no memory any more.
func following[T any](list []T, n int) []T {
	if n == len(list) {
		return nil
	}
	return list[n:]
}

// carries reports whether an address is of the IP version of the sender.
func (s *sender) carries(a netip.Addr) bool { return a.Is4() == (s.version == publication.V4) }
