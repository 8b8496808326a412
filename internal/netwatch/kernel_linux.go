package netwatch

import (
	"context"
	"log/slog"
	"sync"

	"github.com/jsimonetti/rtnetlink/v2"

	"announcer/internal/publication"
)

// Messages has what a kernel says of its interfaces (rtnetlink(7)).
type Messages interface {
	// All returns a message about each interface, and one about each address.
	All() ([]rtnetlink.LinkMessage, []rtnetlink.AddressMessage, error)
	// Of returns the messages about one interface, by its index. That about the interface is nil if there is none.
	Of(index uint32) (*rtnetlink.LinkMessage, []rtnetlink.AddressMessage, error)
	// Subscribe has heard called for each change of an interface, with its index, until ctx is done. The index is 0 if it is
	// not known what has changed. Changes after Subscribe returns are reported.
	Subscribe(ctx context.Context, heard func(index uint32))
}

// kernel is a [Kernel] that asks only for what has changed.
type kernel struct {
	messages Messages
	changes  changes
	table    *table // as it was when it was read; nil: not read
}

// NewKernel returns the kernel that sends messages.
func NewKernel(m Messages) Kernel { return &kernel{messages: m} }

// Read implements [Kernel].
func (k *kernel) Read() ([]publication.Link, error) {
	k.changes.take()
	links, addrs, err := k.messages.All()
	if err != nil {
		k.table = nil
		return nil, err
	}
	k.table = newTable(links, addrs)
	return k.table.links, nil
}

// Follow implements [Kernel]. What can't be asked for by itself is read as a whole.
func (k *kernel) Follow() ([]publication.Link, error) {
	changed, known := k.changes.take()
	if !known || k.table == nil {
		return k.Read()
	}
	all := map[uint32]news{}
	for index := range changed {
		link, addrs, err := k.messages.Of(index)
		if err != nil {
			return k.Read()
		}
		all[index] = news{link, addrs}
	}
	k.table.update(all)
	return k.table.links, nil
}

// Changes implements [Kernel].
func (k *kernel) Changes(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	k.messages.Subscribe(ctx, func(index uint32) {
		k.changes.add(index)
		nudge(c)
	})
	return c
}

// changes are the interfaces that have changed since they were read.
type changes struct {
	mu      sync.Mutex
	indexes map[uint32]bool
	unknown bool // others may have changed, too
}

func (c *changes) add(index uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if index == 0 {
		c.unknown = true
		return
	}
	if c.indexes == nil {
		c.indexes = map[uint32]bool{}
	}
	c.indexes[index] = true
}

// take returns the interfaces that have changed since the last call, and whether these are all.
func (c *changes) take() (indexes map[uint32]bool, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	indexes, known = c.indexes, !c.unknown
	c.indexes, c.unknown = nil, false
	return indexes, known
}

// system is the kernel of this host.
type system struct{ Kernel }

func newSystem(log *slog.Logger) Kernel { return system{NewKernel(rtnetlinkMessages{log})} }

// Read implements [Kernel].
func (s system) Read() ([]publication.Link, error) {
	links, err := orWithoutNetlink(s.Kernel.Read())
	return links, readable(err)
}

// Follow implements [Kernel].
func (s system) Follow() ([]publication.Link, error) {
	links, err := orWithoutNetlink(s.Kernel.Follow())
	return links, readable(err)
}
