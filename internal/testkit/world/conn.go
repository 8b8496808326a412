//go:build linux

package world

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"announcer/internal/mdns/link"
	"announcer/internal/publication"
	"announcer/internal/testkit/memlink"
)

// gate lets through while it is open.
type gate struct {
	mu   sync.Mutex
	shut chan struct{} // closed when the gate opens; nil: it is open
}

// Turns of those who go on when a gate opens, so that chance decides nothing.
const (
	turnOfSocket = iota
	turnOfClock
	turnOfManager
	turnOfControl
	turnOfConfiguration
	turnOfDirectory
	turnOfCluster
	turnOfProvision
)

// pass waits until the gate is open, and for the turn then.
func (g *gate) pass(turn int) {
	for {
		g.mu.Lock()
		shut := g.shut
		g.mu.Unlock()
		if shut == nil {
			return
		}
		<-shut
		time.Sleep(time.Duration(turn) * time.Microsecond)
	}
}

// close shuts the gate. It reports false if it was shut.
func (g *gate) close() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		return false
	}
	g.shut = make(chan struct{})
	return true
}

// isShut reports whether nothing gets through.
func (g *gate) isShut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut != nil
}

// open opens the gate.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
		g.shut = nil
	}
}

// conn is the sockets of a process: they stand still with it, and are gone when it is killed.
type conn struct {
	*memlink.Conn
	process *process
	close   sync.Once
}

// Read implements [link.Conn].
func (c *conn) Read(batch []link.Packet, until time.Time) (int, error) {
	n, err := c.Conn.Read(batch, until)
	c.process.host.gate.pass(turnOfSocket)
	if err != nil {
		return n, err
	}
	return c.process.host.receive(batch[:n])
}

// Close implements [link.Conn].
func (c *conn) Close() error {
	c.close.Do(func() { c.process.ears.Add(-1) })
	return c.Conn.Close()
}

// Faults implements [link.Conn].
func (c *conn) Faults() []link.Fault { return c.process.host.portFaults() }

// SetLinks implements [link.Conn].
func (c *conn) SetLinks(links []publication.Link) error {
	err := c.Conn.SetLinks(links)
	for _, fault := range c.process.host.portFaults() {
		err = errors.Join(err, errors.New(fault.Why))
	}
	return err
}

// Write implements [link.Conn].
func (c *conn) Write(batch []link.Packet) (sent int) {
	c.process.host.gate.pass(turnOfSocket)
	for i := range batch {
		p := &batch[i]
		if p.Err = c.refusal(i, p); p.Err != nil {
			continue
		}
		c.process.sent.Add(1)
		c.Conn.Write(batch[i : i+1])
		if p.Err = systemError(p.Err); p.Err == nil {
			sent++
		}
	}
	return sent
}

// refusal is why a packet of a batch is not sent, nil if it is.
func (c *conn) refusal(at int, p *link.Packet) error {
	if c.process.isKilled() {
		return net.ErrClosed
	}
	return c.process.host.sendFault(at, p)
}

// systemError returns what Linux says where the simulated network says another thing.
func systemError(err error) error {
	switch {
	case errors.Is(err, memlink.ErrNoLink):
		return syscall.ENETDOWN
	case errors.Is(err, memlink.ErrNoAddress):
		return syscall.ENETUNREACH
	}
	return err
}
