package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"announcer/internal/escape"
	"announcer/internal/status"
)

const (
	streamBeat = 15 * time.Second // between two signs of life, so that a client that is gone is noticed
	eventsOnce = 100              // of one batch; a page that gets more looks again anyway
)

// events sends what happens as server-sent events, until the client goes: "event: asked" and "event: event" with the value in
// JSON, and "event: missed" with the number of those that came too fast.
func (s server) events(w http.ResponseWriter, r *http.Request) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		http.Error(w, fmt.Sprintf("%d clients follow already; want one of them to end", streamsMost), http.StatusServiceUnavailable)
		return
	}
	batches, stop, err := s.daemon.Watch()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	stream(w, r, batches)
}

// stream writes batches of events until the client goes or there are no more.
func stream(w http.ResponseWriter, r *http.Request, batches <-chan []status.Event) {
	control := http.NewResponseController(w)
	beat := time.NewTicker(streamBeat)
	defer beat.Stop()
	send := func(text string) error {
		Timely(w)
		if _, err := fmt.Fprint(w, text); err != nil {
			return err
		}
		return control.Flush()
	}
	err := send(": following\n\n")
	for err == nil {
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			err = send(": \n\n")
		case batch, open := <-batches:
			if !open {
				return
			}
			err = send(encode(batch))
		}
	}
}

// encode returns a batch as server-sent events. Of a long one it counts the rest.
func encode(batch []status.Event) string {
	var text []byte
	for i, e := range batch {
		if i == eventsOnce {
			return string(append(text, event(status.Event{Missed: uint64(len(batch) - i)})...))
		}
		text = append(text, event(e)...)
	}
	return string(text)
}

func event(e status.Event) string {
	kind := "event"
	switch {
	case e.Asked != nil:
		kind = "asked"
	case e.Missed > 0:
		kind = "missed"
	}
	var data strings.Builder
	if err := json.NewEncoder(escape.JSON(&data)).Encode(status.EventReport{Version: status.Version, Event: e}); err != nil {
		panic(err) // a value of ours
	}
	return fmt.Sprintf("event: %s\ndata: %s\n", kind, data.String())
}
