package responder

import (
	"hash/maphash"
	"time"
)

const (
	echoCount    = 256         // at least
	faceEchoes   = 4           // packets of each face that may be on their way at once
	questionEcho = time.Second // in which a question comes back; after that it is another program's
)

// echoes remembers the packets that were sent last, so that they are known when they come back.
type echoes struct {
	seed  maphash.Seed
	sums  []uint64
	until []moment
	next  int
}

// fit makes room for what a number of faces sends at once.
func (e *echoes) fit(faces int) {
	if more := max(echoCount, faces*faceEchoes) - len(e.sums); more > 0 {
		e.sums = append(e.sums, make([]uint64, more)...)
		e.until = append(e.until, make([]moment, more)...)
	}
}

// add takes a packet that comes back before a time. For a question that is soon: other programs of this host ask it in
// the same words.
func (e *echoes) add(packet []byte, until moment) {
	if e.seed == (maphash.Seed{}) {
		e.seed = maphash.MakeSeed()
	}
	e.sums[e.next], e.until[e.next] = maphash.Bytes(e.seed, packet), until
	e.next = (e.next + 1) % len(e.sums)
}

func (e *echoes) has(packet []byte, now moment) bool {
	if e.seed == (maphash.Seed{}) {
		return false
	}
	sum := maphash.Bytes(e.seed, packet)
	for i, s := range e.sums {
		if s == sum && now < e.until[i] {
			return true
		}
	}
	return false
}
