package responder

import "hash/maphash"

const echoCount = 256

// echoes remembers the packets that were sent last, so that they are known when they come back.
type echoes struct {
	seed maphash.Seed
	sums [echoCount]uint64
	next int
}

func (e *echoes) add(packet []byte) {
	if e.seed == (maphash.Seed{}) {
		e.seed = maphash.MakeSeed()
	}
	e.sums[e.next] = maphash.Bytes(e.seed, packet)
	e.next = (e.next + 1) % echoCount
}

func (e *echoes) has(packet []byte) bool {
	if e.seed == (maphash.Seed{}) {
		return false
	}
	sum := maphash.Bytes(e.seed, packet)
	for _, s := range e.sums {
		if s == sum {
			return true
		}
	}
	return false
}
