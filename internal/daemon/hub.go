package daemon

import (
	"fmt"
	"sync"

	"announcer/internal/status"
)

const (
	watchersMost = 16
	watchBacklog = 256
)

// hub tells events to those who watch. One who is slow misses some, and is told how many.
type hub struct {
	mu       sync.Mutex
	watchers map[*watcher]bool
	closed   bool
}

type watcher struct {
	events chan status.Event
	missed uint64
}

// watch gives the events from now on, until stop is called or the hub is closed.
func (h *hub) watch() (events <-chan status.Event, stop func(), err error) {
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
	w := &watcher{events: make(chan status.Event, watchBacklog)}
	h.watchers[w] = true
	return w.events, func() { h.leave(w) }, nil
}

func (h *hub) leave(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
}

// watched says whether anybody watches.
func (h *hub) watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watchers) > 0
}

func (h *hub) tell(e status.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		w.tell(e)
	}
}

func (w *watcher) tell(e status.Event) {
	if w.missed > 0 && !w.send(status.Event{Missed: w.missed}) {
		w.missed++
		return
	}
	w.missed = 0
	if !w.send(e) {
		w.missed++
	}
}

func (w *watcher) send(e status.Event) bool {
	select {
	case w.events <- e:
		return true
	default:
		return false
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for w := range h.watchers {
		close(w.events)
	}
	h.watchers = nil
}
