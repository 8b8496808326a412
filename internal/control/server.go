package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"announcer/internal/admission"
	"announcer/internal/escape"
	"announcer/internal/status"
	"announcer/internal/web"
)

// What one client may take, so that none can hurt the daemon.
const (
	headerTime  = 5 * time.Second
	reloadTime  = 30 * time.Second // within which the daemon must have reloaded, with many files on a slow disk
	idleTime    = 30 * time.Second
	headerMost  = 8 << 10
	clientsMost = 64
	quietTime   = 100 * time.Millisecond // then a client by TCP loses its place if another needs it
)

// The media types of the answers.
const (
	textType = "text/plain"
	jsonType = "application/json"
)

// Daemon is the daemon as the server sees it.
type Daemon interface {
	// Status returns the state.
	Status(ctx context.Context) (status.Status, error)
	// Reload reads everything again, and returns the result.
	Reload(ctx context.Context) (status.Reload, error)
	// Watch returns what happens from now on, until stop is called.
	Watch() (events <-chan []status.Event, stop func(), err error)
}

// Handler answers on the control socket: /status, /reload, /watch, and all of [web.Checks].
func Handler(d Daemon) http.Handler {
	s := server{d}
	mux := http.NewServeMux()
	mux.Handle("GET /status", web.Bounded(http.HandlerFunc(s.status), reloadTime))
	mux.Handle("POST /reload", web.Bounded(http.HandlerFunc(s.reload), reloadTime))
	mux.HandleFunc("GET /watch", s.watch)
	mux.Handle("/", web.Checks(d))
	return mux
}

// Serve answers on a listener until ctx is done, which ends all that is under way.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	limited := admission.New(l, limits(l))
	server := &http.Server{
		Handler: h, DisableGeneralOptionsHandler: true, ConnState: limited.State, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: headerMost,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	err := server.Serve(limited)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// limits returns how many clients are served at a time. Clients of the control socket keep their places, since a watch may be
// quiet for days; the others are answered in milliseconds, and one that holds its connection delays no other.
func limits(l net.Listener) admission.Limits {
	if l.Addr().Network() == "unix" {
		return admission.Limits{All: clientsMost}
	}
	return admission.Limits{All: clientsMost, Quiet: quietTime}
}

type server struct{ daemon Daemon }

func (s server) status(w http.ResponseWriter, r *http.Request) {
	st, ok := web.State(w, r, s.daemon)
	if !ok {
		return
	}
	w.Header().Set("Announcer-Healthy", fmt.Sprint(st.Healthy))
	answer(w, r, st, func(w io.Writer) error { return st.WriteText(w, columnsOf(r)) })
}

// columnsOf returns the width of the client's terminal, 0 if it has none.
func columnsOf(r *http.Request) int {
	columns, err := strconv.Atoi(r.URL.Query().Get(columnsKey))
	if err != nil || columns < 0 {
		return 0
	}
	return columns
}

func (s server) reload(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), reloadTime)
	defer cancel()
	done, err := s.daemon.Reload(ctx)
	if err != nil {
		web.Stuck(w, err)
		return
	}
	w.Header().Set("Announcer-Healthy", fmt.Sprint(done.OK && len(done.Refused) == 0))
	answer(w, r, status.ReloadReport{Version: status.Version, Reload: done}, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, done.Text())
		return err
	})
}

// watch writes one line for each event, until the client goes.
func (s server) watch(w http.ResponseWriter, r *http.Request) {
	events, stop, err := s.daemon.Watch()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer stop()
	inJSON := wantsJSON(r)
	setType(w, inJSON)
	control := http.NewResponseController(w)
	control.Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case batch, open := <-events:
			if !open {
				return
			}
			for _, e := range batch {
				web.Timely(w)
				if err := write(w, e, inJSON); err != nil {
					return
				}
			}
			if control.Flush() != nil {
				return
			}
		}
	}
}

// write writes an event as a line.
func write(w io.Writer, e status.Event, inJSON bool) error {
	if inJSON {
		return json.NewEncoder(escape.JSON(w)).Encode(status.EventReport{Version: status.Version, Event: e})
	}
	_, err := fmt.Fprintln(w, e.Text())
	return err
}

// answer writes a value as JSON or as text, as the client wants.
func answer(w http.ResponseWriter, r *http.Request, v any, text func(io.Writer) error) {
	inJSON := wantsJSON(r)
	setType(w, inJSON)
	web.Timely(w)
	if inJSON {
		_ = escape.WriteJSON(w, v) // an error is the client's, who is gone
		return
	}
	text(w)
}

func wantsJSON(r *http.Request) bool { return r.Header.Get("Accept") == jsonType }

func setType(w http.ResponseWriter, inJSON bool) {
	if inJSON {
		w.Header().Set("Content-Type", jsonType)
	} else {
		w.Header().Set("Content-Type", textType+"; charset=utf-8")
	}
}
