package native

import (
	"net/netip"
	"sync"
	"time"

	"announcer/internal/publication"
)

// Hardware addresses of so many rivals are remembered, and looked up again after so long.
const (
	rivalsMost = 256
	rivalsTime = 10 * time.Second
)

// rivals knows the hardware addresses of rivals.
type rivals struct {
	lookUp func(link int, a netip.Addr) string // nil: none is known
	calls  call[string]

	mu    sync.Mutex // guards what follows
	links publication.Links
	known map[neighbour]hardware
}

// neighbour is a host on a link.
type neighbour struct {
	link string
	addr netip.Addr
}

// hardware is the hardware address that a host had at a time.
type hardware struct {
	mac string
	at  time.Time
}

// follow takes the links as they are now.
func (r *rivals) follow(links publication.Links) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.links = links
}

// mac returns the hardware address of a rival that was looked up last, "" if unknown.
func (r *rivals) mac(link string, rival netip.Addr) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known[neighbour{link, rival}].mac
}

// refresh looks up the hardware address of a rival, and returns it. It waits for the kernel.
func (r *rivals) refresh(link string, rival netip.Addr) string {
	r.mu.Lock()
	known, fresh := r.known[neighbour{link, rival}]
	l, here := r.links.ByName(link)
	r.mu.Unlock()
	if r.lookUp == nil || !here || fresh && time.Since(known.at) < rivalsTime {
		return known.mac
	}
	mac, ok := r.calls.of(func() string { return r.lookUp(l.Index, rival) })
	if !ok {
		return known.mac
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= rivalsMost {
		clear(r.known)
	}
	r.known[neighbour{link, rival}] = hardware{mac, time.Now()}
	return mac
}

// introduceRivals is the task that passes events on, with the hardware addresses of rivals. It ends when the loop does.
func (p *Publisher) introduceRivals() {
	defer p.events.Close()
	for events := range p.raw.Batches() {
		for i := range events {
			if e := &events[i]; e.Rival.IsValid() {
				e.MAC = p.rivals.refresh(e.Link, e.Rival)
			}
		}
		p.lost.Add(uint64(p.events.Put(events...)))
	}
}
