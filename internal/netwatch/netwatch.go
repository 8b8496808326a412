// Package netwatch reads the network interfaces of this host, selects those to announce on, and reports
// changes. It needs no privileges.
package netwatch

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"announcer/internal/publication"
)

const (
	settle    = 100 * time.Millisecond // an interface that comes up changes several times in a row
	hangTime  = 10 * time.Second       // that the kernel may take to answer
	pollEvery = 800 * time.Millisecond // where the system doesn't report changes
)

// Read returns all interfaces of this host, by index, with their addresses in order. Those on which no multicast goes out
// have an outage. The loopback has none, though the system doesn't say that it passes multicast on. How an address stands,
// and what an interface is a port of, is known on Linux only.
func Read() ([]publication.Link, error) {
	links, err := read()
	return links, readable(err)
}

// readable says of an error that it kept the interfaces from being read.
func readable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the network interfaces can't be read: %w", err)
}

// Reading is a result of [Read].
type Reading struct {
	Links publication.Links
	Err   error
}

// Kernel knows the links of a host. Read and Follow are called one at a time.
type Kernel interface {
	// Read does what the function [Read] does.
	Read() ([]publication.Link, error)
	// Follow returns what Read does, but may ask only for what has changed since the last call of Read or Follow.
	Follow() ([]publication.Link, error)
	// Changes returns a channel that receives a signal whenever the links may have changed, until ctx is done.
	Changes(ctx context.Context) <-chan struct{}
}

// Watcher is the task that reads the links of a host.
type Watcher struct {
	kernel   Kernel
	refresh  chan struct{}
	readings chan Reading
	last     Reading
}

// NewWatcher returns a watcher of the links of this host. It reads nothing before Run.
func NewWatcher(log *slog.Logger) *Watcher { return NewWatcherOf(newSystem(log)) }

// NewWatcherOf returns a watcher of the links that a kernel knows.
func NewWatcherOf(k Kernel) *Watcher {
	return &Watcher{kernel: k, refresh: make(chan struct{}, 1), readings: make(chan Reading)}
}

// String returns "the links".
func (w *Watcher) String() string { return "the links" }

// Readings returns the channel that Run hands over readings by: one at the start, and one after each change.
func (w *Watcher) Readings() <-chan Reading { return w.readings }

// Refresh requests that the links are read again soon. A reading follows if they have changed, or could not be read before.
func (w *Watcher) Refresh() { nudge(w.refresh) }

// Run reads the links until ctx is done. Changes that follow each other within 100 ms are one. Where the system does not
// report changes, that is logged, and Run looks every 800 ms.
func (w *Watcher) Run(ctx context.Context) error {
	changes := w.kernel.Changes(ctx)
	read := w.kernel.Read
	for due := true; ; due = false {
		reading := w.read(ctx, read)
		if ctx.Err() != nil {
			return nil // a read may hang still, and only one is made at a time
		}
		if due || !reading.same(w.last) {
			w.handOver(ctx, reading)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.refresh:
			read = w.kernel.Read
			continue
		case <-changes:
			read = w.kernel.Follow
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(settle):
		}
	}
}

// read reads the links. That the kernel has not answered for hangTime is a reading, too, which is handed over meanwhile.
func (w *Watcher) read(ctx context.Context, read func() ([]publication.Link, error)) Reading {
	answer := make(chan Reading, 1)
	go func() {
		links, err := read()
		answer <- Reading{links, err}
	}()
	began, patience := time.Now(), time.NewTimer(hangTime)
	defer patience.Stop()
	for {
		select {
		case reading := <-answer:
			return reading
		case <-patience.C:
			w.handOver(ctx, Reading{Err: fmt.Errorf("the kernel has not answered since %s which interfaces there are", began.Format(time.TimeOnly))})
		case <-ctx.Done():
			return w.last
		}
	}
}

// handOver hands over a reading, unless ctx is done before.
func (w *Watcher) handOver(ctx context.Context, r Reading) {
	w.last = r
	select {
	case w.readings <- r:
	case <-ctx.Done():
	}
}

// same reports whether two readings have the same links, or both failed.
func (r Reading) same(other Reading) bool {
	return slices.EqualFunc(r.Links, other.Links, publication.Link.Same) && (r.Err == nil) == (other.Err == nil)
}

// nudge puts a signal into a channel that holds one, unless one is waiting there.
func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// poll calls changed at regular intervals, until ctx is done.
func poll(ctx context.Context, changed func()) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			changed()
		case <-ctx.Done():
			return
		}
	}
}

// portable reads the interfaces with what every system reports them.
func portable() ([]publication.Link, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var links []publication.Link
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil {
			continue // gone since
		}
		link := publication.Link{
			Index: i.Index, Name: i.Name, MTU: i.MTU, Hardware: end(i.HardwareAddr),
			Loopback: i.Flags&net.FlagLoopback != 0, PointToPoint: i.Flags&net.FlagPointToPoint != 0,
			Outage: outage(i.Name, i.Flags&net.FlagUp != 0, i.Flags&net.FlagRunning != 0, i.Flags&(net.FlagMulticast|net.FlagLoopback) != 0),
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok {
				addr, _ := netip.AddrFromSlice(n.IP)
				ones, _ := n.Mask.Size()
				link.Addrs = append(link.Addrs, publication.LinkAddr{Prefix: netip.PrefixFrom(addr.Unmap(), ones)})
			}
		}
		links = append(links, link)
	}
	return inOrder(links), nil
}

// end returns the last eight bytes of a hardware address: a longer one begins with those of a network.
func end(address net.HardwareAddr) (number uint64) {
	for _, b := range address {
		number = number<<8 | uint64(b)
	}
	return number
}

func inOrder(links []publication.Link) []publication.Link {
	slices.SortFunc(links, func(a, b publication.Link) int { return a.Index - b.Index })
	for _, l := range links {
		slices.SortFunc(l.Addrs, inAddrOrder)
	}
	return links
}

func inAddrOrder(a, b publication.LinkAddr) int { return a.Prefix.Compare(b.Prefix) }
