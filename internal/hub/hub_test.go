package hub

import (
	"slices"
	"testing"

	"announcer/internal/status"
)

// receive receives so many events.
func receive(batches <-chan []status.Event, n int) (got []status.Event) {
	for len(got) < n {
		got = append(got, <-batches...)
	}
	return got
}

// Watchers that do not read cost no more, all together, than one; and nothing when they are gone.
func TestWatchersThatDoNotRead(t *testing.T) {
	var h Hub
	var stops []func()
	for range watchersMost {
		_, stop, err := h.Watch()
		if err != nil {
			t.Fatal(err)
		}
		stops = append(stops, stop)
	}
	for range 3 * backlogMost / watchOnce / watchersMost {
		h.Publish(slices.Repeat([]status.Event{{Event: &status.WireEvent{}}}, watchOnce)...)
	}
	if most := backlogMost + watchersMost*backlogEach; h.kept > most {
		t.Errorf("%d events are kept, want %d at most", h.kept, most)
	}
	for w := range h.watchers {
		if w.missed == 0 || len(w.queue) < backlogEach-watchOnce {
			t.Errorf("a watcher has %d events and missed %d", len(w.queue), w.missed)
		}
	}
	for _, stop := range stops {
		stop()
	}
	if h.kept != 0 {
		t.Errorf("%d events are kept for nobody", h.kept)
	}
}

// One who watches too slowly misses events and gets their number; others miss none, and too many are refused.
func TestSlowWatcher(t *testing.T) {
	var h Hub
	slow, _, err := h.Watch()
	if err != nil {
		t.Fatal(err)
	}
	h.Publish(slices.Repeat([]status.Event{{Event: &status.WireEvent{}}}, backlogMost+10)...)
	h.Publish(status.Event{Event: &status.WireEvent{}}) // which comes too early, too
	got := receive(slow, backlogMost+1)
	if e := got[backlogMost]; e.Missed != 11 || e.Text() != "11 events were dropped because they came too fast" {
		t.Errorf("after %d events: %+v", backlogMost, e)
	}
	h.Publish(status.Event{Event: &status.WireEvent{Name: "news"}})
	if e := receive(slow, 1)[0]; e.Event == nil || e.Event.Name != "news" {
		t.Errorf("after it has caught up: %+v", e)
	}
	var stops []func()
	for range watchersMost - 1 {
		_, stop, err := h.Watch()
		if err != nil {
			t.Fatal(err)
		}
		stops = append(stops, stop)
	}
	if _, _, err := h.Watch(); err == nil {
		t.Error("one more than may be")
	}
	stops[0]()
	if _, _, err := h.Watch(); err != nil {
		t.Error(err)
	}
	h.Close()
	<-slow
	if _, open := <-slow; open {
		t.Error("the events do not end with the hub")
	}
	if _, _, err := h.Watch(); err == nil {
		t.Error("a closed hub is watched")
	}
}
