package responder

import (
	"net/netip"
)

// What unicast answers may take, so that one question with a false source cannot have thousands of bytes sent to a host, again and
// again. An answer that is not much longer than its question costs nothing: who asks sends as much. What an address has not used
// adds up to its limit. Five hundred phones that browse at once take a quarter of the limit for all, and half of that of an
// address if they are behind one.
const (
	freeTimes  = 8        // so many times the length of the question costs nothing
	sourceRate = 32 << 10 // bytes a second to one address
	sourceMost = 1 << 20  // bytes to one address at once
	totalRate  = 1 << 20  // bytes a second to all
	totalMost  = 8 << 20  // bytes to all at once
	sourcesMax = 4096     // addresses that are remembered
)

// budget is what unicast answers may still take.
type budget struct {
	total   account
	sources map[netip.Addr]account // those that have used something
}

// account is what may still be used of a limit.
type account struct {
	used int64  // bytes, as of a moment
	at   moment // that moment
}

// settle returns the account as it is now: what was used is forgotten at a rate.
func (a account) settle(now moment, rate int64) account {
	back := (now - a.at).Seconds() * float64(rate) // after hours too many nanoseconds for an int64
	return account{int64(max(0, float64(a.used)-back)), now}
}

// allows reports whether an address may be sent more.
func (b *budget) allows(now moment, to netip.Addr) bool {
	return b.total.settle(now, totalRate).used < totalMost && b.sources[to].settle(now, sourceRate).used < sourceMost
}

// spend takes the bytes that an address was sent from the budget.
func (b *budget) spend(now moment, to netip.Addr, bytes int) {
	b.total = b.total.settle(now, totalRate)
	b.total.used += int64(bytes)
	if b.sources == nil {
		b.sources = map[netip.Addr]account{}
	}
	if _, known := b.sources[to]; !known && len(b.sources) >= sourcesMax {
		b.forget(now)
	}
	a := b.sources[to].settle(now, sourceRate)
	a.used += int64(bytes)
	b.sources[to] = a
}

// forget makes room: it forgets the addresses that have used nothing of late or, if these are not half of them, all: it must not be
// done again for each address that is new. The limit for all holds in any case.
func (b *budget) forget(now moment) {
	for addr, a := range b.sources {
		if a.settle(now, sourceRate).used == 0 {
			delete(b.sources, addr)
		}
	}
	if len(b.sources) > sourcesMax/2 {
		clear(b.sources)
	}
}
