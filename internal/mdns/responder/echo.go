package responder

import (
	"hash/maphash"
	"time"

	"announcer/internal/publication"
)

const (
	echoCount    = 256         // at least
	faceEchoes   = 4           // packets of each face that may be on their way at once
	questionEcho = time.Second // in which a question comes back; after that it is another program's
)

// echoes remembers the packets that were sent last, so that they are known when they come back.
type echoes struct {
	seed maphash.Seed
	sent []sentPacket
	next int
}

// sentPacket is a packet that may come back. For a question that is soon: other programs of this host ask it in the same
// words.
type sentPacket struct {
	sum     uint64
	until   moment // it may come back
	link    int32  // index of the interface
	version publication.IPVersion
	copies  int16 // that have not come back to the face
}

// isOf reports whether a face has sent the packet.
func (s *sentPacket) isOf(f faceKey) bool { return s.link == int32(f.link) && s.version == f.version }

// fit makes room for what a number of faces sends at once.
func (e *echoes) fit(faces int) {
	if more := max(echoCount, faces*faceEchoes) - len(e.sent); more > 0 {
		e.sent = append(e.sent, make([]sentPacket, more)...)
	}
}

// add takes a packet that a face sends, once from each of some addresses, and that comes back before a time.
func (e *echoes) add(packet []byte, face faceKey, copies int, until moment) {
	if e.seed == (maphash.Seed{}) {
		e.seed = maphash.MakeSeed()
	}
	e.sent[e.next] = sentPacket{maphash.Bytes(e.seed, packet), until, int32(face.link), face.version, int16(copies)}
	e.next = (e.next + 1) % len(e.sent)
}

// take reports whether a packet that a face heard is one that was sent. surplus reports that it came back more often
// than it was sent, by IPv4, of which the kernel lets nothing in from the wire that has an address of this host: another
// program says the same. By IPv6 it may come from a reflector.
func (e *echoes) take(packet []byte, face faceKey, now moment) (echo, surplus bool) {
	if e.seed == (maphash.Seed{}) {
		return false, false
	}
	sum := maphash.Bytes(e.seed, packet)
	for i := range e.sent {
		switch s := &e.sent[i]; {
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
