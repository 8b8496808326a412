// Package fileserver serves firmware to phones by HTTP, and reports which phone got what.
//
// It serves exactly the files of a release, by their names: no directory is listed, and a request can name nothing
// else. Files are sent by sendfile(2) if the kernel has it.
package fileserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"announcer/internal/admission"
	"announcer/internal/limit"
	"announcer/internal/phones"
)

// limits bound the connections. One that takes less than [stallBytes] in ten seconds loses its place if another needs it.
var limits = admission.Limits{All: 512, Host: 16, Quiet: 10 * time.Second, Bytes: stallBytes}

const (
	maxHeader  = 16 << 10
	headerTime = 10 * time.Second // for a request to arrive
	idleTime   = 30 * time.Second // between two requests
	stallTime  = 30 * time.Second // for the next [stallBytes] of a file
	stallBytes = 64 << 10
)

// Lines of the log that requests cause, in [linesTime]. A phone that loads a file in pieces causes one for each.
const (
	linesOfPhone = 20
	linesOfAll   = 600
	linesTime    = time.Minute
)

// Config configures a [Server].
type Config struct {
	Dir     string
	Release phones.Release
	URL     string // what phones know the directory by; "": http:// and the address that they asked
	Configs bool   // also serve MAC.cfg, a configuration that names the firmware

	// ConfigServer is the SIP server that these configurations point phones to, such as sip:proxy@192.0.2.20; "": none.
	ConfigServer string

	Log *slog.Logger

	// Report is called for each transfer when it begins and when it has ended; several calls can run at a time.
	Report func(Transfer)
}

// Server is an HTTP server for the files of a release.
type Server struct {
	config Config
	root   *os.Root
	lines  *limit.Lines
	files  []File
	byPath map[string]*content // by the path of a URL

	mu        sync.Mutex
	transfers map[*transfer]bool // those that run
	got       map[owned]spans    // what phones have of a file
	faults    map[string]error   // why a file could not be sent when it was last asked for, by its path
}

// File is a file that is served.
type File struct {
	phones.Image
	SHA256 string // in hexadecimal

	modified time.Time
}

// New makes a server. It reads every file once, for its hash.
func New(config Config) (*Server, error) {
	root, err := phones.OpenDirectory(config.Dir)
	if err != nil {
		return nil, fmt.Errorf("%s: the directory can't be read: %w", config.Dir, err)
	}
	s := &Server{config: config, root: root, lines: limit.New(linesOfPhone, linesOfAll, linesTime), byPath: map[string]*content{}, transfers: map[*transfer]bool{}, got: map[owned]spans{}, faults: map[string]error{}}
	for _, image := range config.Release.Images {
		f, err := newContent(root, image)
		if err != nil {
			root.Close()
			return nil, err
		}
		s.files = append(s.files, f.File)
		s.byPath["/"+image.Path] = f
		s.byPath[s.prefix()+image.Path] = f
		config.Log.Info("serving", "file", image.Path, "model", image.Model, "version", image.Version, "bytes", image.Size, "sha256", f.SHA256)
	}
	return s, nil
}

// Files returns what is served.
func (s *Server) Files() []File { return s.files }

// Faults returns the files that could not be sent when a phone last asked for them, by path, and why.
func (s *Server) Faults() map[string]error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.faults)
}

// fault remembers why a file could not be sent; nil: it could.
func (s *Server) fault(f File, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if why == nil {
		delete(s.faults, f.Path)
	} else {
		s.faults[f.Path] = why
	}
}

// prefix returns the path of the directory's URL, with slashes around it.
func (s *Server) prefix() string {
	_, rest, _ := strings.Cut(s.config.URL, "://")
	_, dir, _ := strings.Cut(rest, "/")
	return path.Join("/", dir) + "/"
}

// Serve answers on l until ctx ends. Then it takes no more connections, and lets transfers go on for at most grace.
func (s *Server) Serve(ctx context.Context, l net.Listener, grace time.Duration) error {
	defer s.root.Close()
	defer s.countLines()()
	limited := admission.New(admission.Attend(l, s.refuses), limits)
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       headerTime,
		WriteTimeout:      stallTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, way{conn, limited})
		},
		ConnState: limited.State,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(limited) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := server.Shutdown(late); err != nil {
		server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// refuses logs that no phone can connect, or can again.
func (s *Server) refuses(why error) {
	if why == nil {
		s.config.Log.Warn("phones can connect again")
		return
	}
	s.config.Log.Warn("no phone can connect; it is tried again", "error", why)
}

// log returns the log for a line that a phone causes; it drops the line if there are too many.
func (s *Server) log(phone netip.Addr) *slog.Logger {
	if s.lines.Admit(phone.String(), time.Now()) {
		return s.config.Log
	}
	return slog.New(slog.DiscardHandler)
}

// countLines logs now and then how many lines were left out. The function that it returns does so for the last time.
func (s *Server) countLines() (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(linesTime)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.logExcess(s.lines.Excess(time.Now()))
			case <-done:
				s.logExcess(s.lines.Rest())
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

func (s *Server) logExcess(e limit.Excess, any bool) {
	if any {
		s.config.Log.Warn("requests not logged", "lines", e.Lines, "most", e.Most)
	}
}

type connKey struct{}

// way is the connection of a request, and the listener that is to know what moves on it.
type way struct {
	conn     net.Conn
	listener *admission.Listener
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
		return
	}
	f, ok := s.byPath[r.URL.Path]
	switch {
	case ok:
		s.file(w, r, f)
	case s.config.Configs && configName.MatchString(r.URL.Path):
		s.phoneConfig(w, r)
	default:
		s.log(host(r)).Debug("no such file", "phone", host(r), "path", r.URL.Path)
		http.Error(w, "there is no such file here", http.StatusNotFound)
	}
}

// file sends a file, if it still holds what was announced.
func (s *Server) file(w http.ResponseWriter, r *http.Request, f *content) {
	file, err := f.open(s.root)
	s.fault(f.File, err)
	if err != nil {
		s.gone(w, r, f.File, err)
		return
	}
	defer file.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("ETag", `"`+f.SHA256+`"`)
	if r.Method == http.MethodHead {
		http.ServeContent(w, r, f.Path, f.modified, file.File)
		return
	}
	t := s.begin(w, r, file)
	stop := t.follow()
	http.ServeContent(t.body, r, f.Path, f.modified, file.File)
	stop()
	s.end(t)
}

// gone answers for a file that can't be served any more.
func (s *Server) gone(w http.ResponseWriter, r *http.Request, f File, err error) {
	s.log(host(r)).Error("a file can't be served", "file", f.Path, "error", err)
	http.Error(w, "the file can't be read now", http.StatusServiceUnavailable)
}

var configName = regexp.MustCompile(`/[0-9A-Fa-f]{12}\.cfg$`)

func (s *Server) phoneConfig(w http.ResponseWriter, r *http.Request) {
	url := s.config.URL
	if url == "" {
		url = "http://" + r.Context().Value(http.LocalAddrContextKey).(net.Addr).String() + "/"
	}
	text, err := s.config.Release.Config(url, s.config.ConfigServer)
	if err != nil {
		s.log(host(r)).Error("a configuration can't be made", "error", err)
		http.Error(w, "there is no configuration", http.StatusInternalServerError)
		return
	}
	s.log(host(r)).Info("configuration", "phone", host(r), "path", r.URL.Path)
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(text)))
}
