package hub_test

import (
	"fmt"

	"announcer/internal/hub"
	"announcer/internal/status"
)

// A watcher gets what is published after it has begun to watch.
func ExampleHub() {
	var h hub.Hub
	h.Publish(status.Event{Event: &status.WireEvent{Name: "too early"}})
	events, stop, err := h.Watch()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	h.Publish(status.Event{Event: &status.WireEvent{Name: "PBX"}})
	h.Close()
	for batch := range events {
		fmt.Println(batch[0].Event.Name)
	}
	// Output: PBX
}
