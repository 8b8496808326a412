package memlink

import (
	"net"
	"slices"
	"sync"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/publication"
)

// backlog is how many packets wait to be read before more are lost: about as many as in a socket on Linux.
const backlog = 256

// Conn is a host of a [Live] network as an engine sees it.
type Conn struct {
	host   *Host
	signal chan struct{}

	mu     sync.Mutex
	queue  []link.Packet
	links  map[int]bool
	shared bool
	faults []link.Fault
	woken  bool
	closed bool
}

var _ link.Conn = (*Conn)(nil)

// Conn opens port 5353 of a host, which several can have open: packets reach them all. It takes the place of [Host.OnPacket].
func (h *Host) Conn() *Conn {
	c := &Conn{host: h, signal: make(chan struct{}, 1), links: map[int]bool{}}
	h.net.mu.Lock()
	open := append(slices.DeleteFunc(slices.Clone(h.conns), (*Conn).isClosed), c)
	h.conns = open
	h.net.mu.Unlock()
	h.OnPacket(func(p link.Packet) {
		for _, c := range open {
			c.take(p)
		}
	})
	return c
}

func (c *Conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func (c *Conn) take(p link.Packet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || p.To.Port() != mdns.Port || !c.links[p.Link] || len(c.queue) >= backlog {
		return
	}
	if len(p.Data) > mdns.MaxMessage {
		p.Data, p.Err = p.Data[:mdns.MaxMessage], link.ErrTooLong
	}
	c.queue = append(c.queue, p)
	c.notify()
}

func (c *Conn) notify() {
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

// Read implements [link.Conn].
func (c *Conn) Read(batch []link.Packet, until time.Time) (int, error) {
	var late <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		late = timer.C
	}
	for {
		if n, done, err := c.poll(batch); done {
			return n, err
		}
		select {
		case <-c.signal:
		case <-late:
			n, _, err := c.poll(batch)
			return n, err
		}
	}
}

// poll returns what is there; done reports whether Read is to return.
func (c *Conn) poll(batch []link.Packet) (n int, done bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, true, net.ErrClosed
	}
	n = copy(batch[:min(len(batch), link.MaxBatch)], c.queue)
	c.queue = append(c.queue[:0], c.queue[n:]...)
	done = n > 0 || c.woken
	c.woken = false
	return n, done, nil
}

// Wake implements [link.Conn].
func (c *Conn) Wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.woken = true
	c.notify()
}

// Write implements [link.Conn].
func (c *Conn) Write(batch []link.Packet) (sent int) {
	for i := range batch {
		p := &batch[i]
		if p.Err = c.send(*p); p.Err == nil {
			sent++
		}
	}
	return sent
}

func (c *Conn) send(p link.Packet) error {
	if c.isClosed() {
		return net.ErrClosed
	}
	return c.host.Send(p)
}

// SetLinks implements [link.Conn].
func (c *Conn) SetLinks(links []publication.Link) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.links)
	for _, l := range links {
		c.links[l.Index] = true
	}
	return nil
}

// SetFaults makes IP versions unusable. Packets to send and to read are not affected.
func (c *Conn) SetFaults(faults ...link.Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults, c.woken = faults, true
	c.notify()
}

// Faults implements [link.Conn].
func (c *Conn) Faults() []link.Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.faults
}

// SetShared makes the port one that another program has open too.
func (c *Conn) SetShared(shared bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shared = shared
}

// Shared implements [link.Conn].
func (c *Conn) Shared() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shared
}

// Close implements [link.Conn].
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.notify()
	return nil
}
