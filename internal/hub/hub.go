// Package hub passes events to several watchers. One that is slow holds up no other: it misses events, and gets their number.
package hub

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"announcer/internal/status"
)

const (
	watchersMost = 32      // twice as many as the streams of the page, so that those leave room for watch
	watchOnce    = 1_000   // events that a watcher gets at a time
	backlogMost  = 450_000 // events that are kept for all watchers together: those of 2,000 services on 200 links, in some 85 MB
	backlogEach  = 2_048   // events that are kept for a watcher in any case
)

var errClosed = errors.New("no more events come: announcer ends")

// Hub sends events to watchers. The zero value has none.
type Hub struct {
	mu       sync.Mutex
	watchers map[*watcher]bool
	kept     int // events in all queues
	closed   bool
}

type watcher struct {
	events chan []status.Event
	gone   chan struct{} // closed when it does not want any more
	news   chan struct{} // there may be something in the queue
	queue  []status.Event
	missed uint64 // after the last of the queue
}

// Watch returns the events from now on, until stop is called or the hub is closed.
func (h *Hub) Watch() (events <-chan []status.Event, stop func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, nil, errClosed
	}
	if len(h.watchers) == watchersMost {
		return nil, nil, fmt.Errorf("%d clients watch already; want one of them to end", watchersMost)
	}
	if h.watchers == nil {
		h.watchers = map[*watcher]bool{}
	}
	w := &watcher{events: make(chan []status.Event), gone: make(chan struct{}), news: make(chan struct{}, 1)}
	h.watchers[w] = true
	go h.feed(w)
	return w.events, sync.OnceFunc(func() { h.leave(w) }), nil
}

func (h *Hub) leave(w *watcher) {
	close(w.gone)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept -= len(w.queue)
	w.queue = nil
	delete(h.watchers, w)
}

// feed hands the queue of a watcher over, until it is gone or the hub is closed and the queue empty.
func (h *Hub) feed(w *watcher) {
	defer close(w.events)
	for {
		batch, closed := h.take(w)
		switch {
		case len(batch) > 0:
			select {
			case w.events <- batch:
			case <-w.gone:
				return
			}
		case closed:
			return
		default:
			select {
			case <-w.news:
			case <-w.gone:
				return
			}
		}
	}
}

// take takes the first events from the queue of a watcher. The number of those that it missed comes when the queue is empty.
func (h *Hub) take(w *watcher) (batch []status.Event, closed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := min(len(w.queue), watchOnce)
	batch = slices.Clone(w.queue[:n])
	clear(w.queue[:n])
	w.queue = w.queue[n:]
	h.kept -= n
	if len(w.queue) == 0 {
		w.queue = nil
		if w.missed > 0 {
			batch = append(batch, status.Event{Missed: w.missed})
			w.missed = 0
		}
	}
	return batch, h.closed
}

// Watched reports whether there are watchers.
func (h *Hub) Watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watchers) > 0
}

// Publish queues events for all watchers.
func (h *Hub) Publish(events ...status.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		room := max(backlogMost-h.kept, backlogEach-len(w.queue), 0)
		if w.missed > 0 {
			room = 0 // what comes now would stand before the number of those that were missed
		}
		n := min(room, len(events))
		w.queue = append(w.queue, events[:n]...)
		h.kept += n
		w.missed += uint64(len(events) - n)
		w.wake()
	}
}

func (w *watcher) wake() {
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// Close ends the events of all watchers, after those that are queued.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for w := range h.watchers {
		w.wake()
	}
	h.watchers = nil
}
