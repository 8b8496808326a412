package responder

import (
	"hash/maphash"
	"time"
)

const (
	echoCount    = 256
	questionEcho = time.Second // in which a question comes back; after that it is another program's
)

// echoes remembers the packets that were sent last, so that they are known when they come back.
type echoes struct {
	seed  maphash.Seed
	sums  [echoCount]uint64
	until [echoCount]moment
	next  int
}

// add takes a packet that comes back before a time. For a question that is soon: other programs of this host ask it in
// the same words.
func (e *echoes) add(packet []byte, until moment) {
	if e.seed == (maphash.Seed{}) {
		e.seed = maphash.MakeSeed()
	}
	e.sums[e.next], e.until[e.next] = maphash.Bytes(e.seed, packet), until
	e.next = (e.next + 1) % echoCount
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
