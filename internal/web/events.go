package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"announcer/internal/escape"
	"announcer/internal/status"
)

const (
	streamBeat  = 15 * time.Second       // between two signs of life, so that a client that is gone is noticed
	streamPause = 250 * time.Millisecond // between two packets of events, so that many cost few
)

// events sends what happens as server-sent events, until the client goes: "event: asked", "event: event" and "event: transfer" with
// the value in JSON, and "event: missed" with the number of those that came too fast.
func (s server) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return
	}
	select {
	case s.streams <- struct{}{}:
		defer s.streams.leave()
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
			if err = send(encode(batch)); err == nil {
				err = pause(r.Context(), streamPause)
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// encode returns a batch as server-sent events.
func encode(batch []status.Event) string {
	var text strings.Builder
	data := json.NewEncoder(escape.JSON(&text))
	for _, e := range batch {
		text.WriteString("event: " + kindOf(e) + "\ndata: ")
		if err := data.Encode(status.EventReport{Version: status.Version, Event: e}); err != nil {
			panic(err) // a value of ours
		}
		text.WriteString("\n")
	}
	return text.String()
}

func kindOf(e status.Event) string {
	switch {
	case e.Asked != nil:
		return "asked"
	case e.Transfer != nil:
		return "transfer"
	case e.Reload != nil:
		return "reload"
	case e.Missed > 0:
		return "missed"
	}
	return "event"
}
