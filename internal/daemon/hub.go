package daemon

import (
	"fmt"
	"sync"

	"announcer/internal/mailbox"
	"announcer/internal/mdns"
	"announcer/internal/status"
)

const (
	watchersMost = 16
	watchBacklog = mdns.EventsMost // events that are kept for one watcher
)

// hub sends events to watchers. A slow watcher misses some, and gets their number.
type hub struct {
	mu       sync.Mutex
	watchers map[*watcher]bool
	closed   bool
}

type watcher struct {
	events *mailbox.Box[status.Event]
	missed uint64
}

// watch returns the events from now on, until stop is called or the hub is closed.
func (h *hub) watch() (events <-chan []status.Event, stop func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, nil, errEnded
	}
	if len(h.watchers) == watchersMost {
		return nil, nil, fmt.Errorf("%d clients watch already; want one of them to end", watchersMost)
	}
	if h.watchers == nil {
		h.watchers = map[*watcher]bool{}
	}
	w := &watcher{events: mailbox.New[status.Event](watchBacklog)}
	h.watchers[w] = true
	return w.events.Batches(), func() { h.leave(w) }, nil
}

func (h *hub) leave(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
}

// watched reports whether anybody watches.
func (h *hub) watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watchers) > 0
}

func (h *hub) tell(events ...status.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		w.tell(events)
	}
}

// tell passes events on, after the number of those before them that were missed.
func (w *watcher) tell(events []status.Event) {
	if w.missed > 0 {
		if w.events.Put(status.Event{Missed: w.missed}) > 0 {
			w.missed += uint64(len(events))
			return
		}
	}
	w.missed = uint64(w.events.Put(events...))
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for w := range h.watchers {
		w.events.Close()
	}
	h.watchers = nil
}
