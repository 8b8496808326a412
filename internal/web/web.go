// Package web serves the state of a daemon to people and programs over HTTP: a page, the status as JSON, events, metrics and
// a health check. It changes nothing.
package web

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net/http"
	"time"

	"announcer/internal/escape"
	"announcer/internal/publication"
	"announcer/internal/status"
)

const (
	answerTime  = 5 * time.Second  // within which the daemon must answer; it is stuck when it takes longer
	writeTime   = 10 * time.Second // within which a client must take what it asked for
	streamsMost = 16               // streams of events at a time
	madeMost    = 2                // pages that are made at a time, and values that are written: with 10,000 services each takes 40 MB
)

// Daemon is the daemon as the page sees it.
type Daemon interface {
	// Status returns the state.
	Status(ctx context.Context) (status.Status, error)
	// Watch returns what happens from now on, until stop is called.
	Watch() (events <-chan []status.Event, stop func(), err error)
}

//go:embed style.css follow.js icon.svg
var assets embed.FS

// Handler answers GET and HEAD: "/" with the page, /status.json with the value of the status, /events with what happens from
// now on as server-sent events, and what [Checks] answers.
func Handler(d Daemon) http.Handler {
	d = share(d)
	s := server{daemon: d, streams: make(slots, streamsMost), pages: make(slots, madeMost), values: make(slots, madeMost)}
	quick := http.NewServeMux()
	quick.HandleFunc("GET /{$}", s.page)
	quick.HandleFunc("GET /status.json", s.json)
	for _, name := range []string{"style.css", "follow.js", "icon.svg"} {
		quick.Handle("GET /"+name, http.FileServerFS(assets))
	}
	quick.Handle("GET /", Checks(d))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /events", s.events)
	mux.Handle("/", Bounded(quick, answerTime))
	return guarded(mux)
}

// Checks answers what programs ask for: /metrics for Prometheus, and /healthz.
func Checks(d Daemon) http.Handler {
	s := server{daemon: d}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.Handle("GET /metrics", status.Metrics(func() (status.Status, error) { return within(context.Background(), d) }))
	return Bounded(mux, answerTime)
}

// policy allows what the page is made of and nothing else: its own style sheet, script and addresses.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guarded adds the headers that keep a browser from doing with an answer what was not meant.
func guarded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cache-Control", "no-cache")
		h.ServeHTTP(w, r)
	})
}

// Bounded ends a request that takes too long on the client's side, also one with a body, which no handler reads. most is the time
// that the daemon may take for it.
func Bounded(h http.Handler, most time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		end := time.Now().Add(most + writeTime)
		control := http.NewResponseController(w)
		control.SetReadDeadline(end)
		control.SetWriteDeadline(end)
		h.ServeHTTP(w, r)
	})
}

// Timely sets the deadline by which the client must take what is written next.
func Timely(w http.ResponseWriter) {
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
}

// State returns the state of a daemon, or answers that there is none.
func State(w http.ResponseWriter, r *http.Request, d Daemon) (st status.Status, ok bool) {
	st, err := within(r.Context(), d)
	Timely(w)
	if err != nil {
		Stuck(w, err)
	}
	return st, err == nil
}

// errStuck is why there is no state.
var errStuck = fmt.Errorf("it hangs: no state within %v; its log may say why", answerTime)

// within returns the state of a daemon, or an error if it takes too long.
func within(ctx context.Context, d Daemon) (status.Status, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, errStuck)
	defer cancel()
	st, err := d.Status(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return st, err
}

// Stuck answers that the daemon does not answer.
func Stuck(w http.ResponseWriter, err error) {
	Timely(w)
	w.Header().Set("Retry-After", reloadTime)
	http.Error(w, "the daemon does not answer: "+err.Error(), http.StatusServiceUnavailable)
}

type server struct {
	daemon                 Daemon
	streams, pages, values slots
}

var errBusy = errors.New("it makes answers for others")

func (s server) json(w http.ResponseWriter, r *http.Request) {
	if !s.values.enter(r.Context()) {
		Stuck(w, errBusy)
		return
	}
	defer s.values.leave()
	st, ok := State(w, r, s.daemon)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = escape.WriteJSON(w, st) // an error is the client's, who is gone
}

func (s server) healthz(w http.ResponseWriter, r *http.Request) {
	st, ok := State(w, r, s.daemon)
	if !ok {
		return
	}
	faults := st.Faults()
	if len(faults) == 0 {
		fmt.Fprintln(w, "ok: "+escape.Text(st.Line()))
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	for _, f := range publication.Merged(faults) {
		fmt.Fprintln(w, escape.Text(f.String()))
	}
}
