package responder

import (
	"hash/maphash"
	"iter"
	"time"

	"announcer/internal/publication"
)

const (
	echoCount    = 256         // at least
	faceEchoes   = 4           // packets of each face that may be on their way at once
	questionEcho = time.Second // in which a question comes back; after that it is another program's
)

// echoes remembers the packets that were sent last, so that they are known when they come back. They are numbered; 0 is none.
type echoes struct {
	seed   maphash.Seed
	last   uint32       // packet that was sent
	sent   []sentPacket // by number, modulo the length
	latest []uint32     // number of the last packet, by sum, modulo the length
}

// sentPacket is a packet that may come back. For a question that is soon: other programs of this host ask it in the same
// words.
type sentPacket struct {
	sum     uint64
	until   moment // it may come back
	link    int32  // index of the interface
	before  uint32 // number of the last packet before it in the same place of latest
	version publication.IPVersion
	copies  int16 // that have not come back to the face
}

// isOf reports whether a face has sent the packet.
func (s *sentPacket) isOf(f faceKey) bool { return s.link == int32(f.link) && s.version == f.version }

// fit makes room for what a number of faces sends at once.
func (e *echoes) fit(faces int) {
	n := max(echoCount, faces*faceEchoes)
	if n <= len(e.sent) {
		return
	}
	old := *e
	e.last, e.sent, e.latest = 0, make([]sentPacket, n), make([]uint32, n)
	for number := old.last - min(old.last, uint32(len(old.sent))) + 1; number <= old.last; number++ {
		e.put(*old.at(number))
	}
}

// at returns the packet with a number; nil if it is no longer known.
func (e *echoes) at(number uint32) *sentPacket {
	if number == 0 || e.last-number >= uint32(len(e.sent)) {
		return nil
	}
	return &e.sent[number%uint32(len(e.sent))]
}

// put adds a packet as the last one.
func (e *echoes) put(s sentPacket) {
	e.last = max(1, e.last+1)
	latest := &e.latest[s.sum%uint64(len(e.latest))]
	s.before, *latest = *latest, e.last
	*e.at(e.last) = s
}

// add takes a packet that a face sends, once from each of some addresses, and that comes back before a time.
func (e *echoes) add(packet []byte, face faceKey, copies int, until moment) {
	if e.seed == (maphash.Seed{}) {
		e.seed = maphash.MakeSeed()
	}
	e.put(sentPacket{sum: maphash.Bytes(e.seed, packet), until: until, link: int32(face.link), version: face.version, copies: int16(copies)})
}

// take reports whether a packet that a face heard is one that was sent. surplus reports that it came back more often
// than it was sent, by IPv4, of which the kernel lets nothing in from the wire that has an address of this host: another
// program says the same. By IPv6 it may come from a reflector.
func (e *echoes) take(packet []byte, face faceKey, now moment) (echo, surplus bool) {
	if e.seed == (maphash.Seed{}) {
		return false, false
	}
	sum := maphash.Bytes(e.seed, packet)
	for s := range e.like(sum) {
		switch {
		case s.sum != sum || now >= s.until:
		case s.isOf(face) && s.copies > 0:
			s.copies--
			return true, false
		case s.isOf(face) && face.version == publication.V4:
			surplus = true
		case s.version == face.version:
			echo = true
		}
	}
	return echo, surplus && !echo
}

// like goes through the packets that may have a sum, the last one first.
func (e *echoes) like(sum uint64) iter.Seq[*sentPacket] {
	return func(yield func(*sentPacket) bool) {
		for number := e.latest[sum%uint64(len(e.latest))]; ; {
			s := e.at(number)
			if s == nil || !yield(s) || e.last-s.before <= e.last-number {
				return
			}
			number = s.before
		}
	}
}
