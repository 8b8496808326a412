// Package mailbox passes values to one receiver that may be slower than the sender, in batches and without loss.
package mailbox

import "slices"

// Box keeps the values that were put and not received yet, up to a number. Use [New] to make one. Put and Close are for one
// goroutine at a time; any goroutine may receive.
type Box[T any] struct {
	batches chan []T
	most    int
	dropped uint64
}

// New makes a box that keeps at most so many values.
func New[T any](most int) *Box[T] { return &Box[T]{batches: make(chan []T, 1), most: most} }

// Put adds values to the batch that is received next. It never waits. Values for which there is no room are dropped and
// counted; the result is their number.
func (b *Box[T]) Put(values ...T) (dropped int) {
	if len(values) == 0 {
		return 0
	}
	var batch []T
	select {
	case batch = <-b.batches: // not received yet
	default:
	}
	room := min(len(values), b.most-len(batch))
	b.batches <- append(slices.Grow(batch, room), values[:room]...)
	dropped = len(values) - room
	b.dropped += uint64(dropped)
	return dropped
}

// Batches returns the channel of what was put, in order. No batch is empty.
func (b *Box[T]) Batches() <-chan []T { return b.batches }

// Dropped returns how many values were dropped.
func (b *Box[T]) Dropped() uint64 { return b.dropped }

// Close closes the channel. What was put before is still received.
func (b *Box[T]) Close() { close(b.batches) }
