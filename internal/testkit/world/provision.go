//go:build linux

package world

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"announcer/internal/remote"
	"announcer/internal/status"
)

// provision is the web server of the integrator, which has a document for each URL of a host.
type provision struct {
	mu        sync.Mutex
	documents map[string]*document
	fault     *webFault // of every answer; nil: none
	changed   time.Time // when the server last became another one
	ended     collected[exchange]
	open      int       // connections to it, with those that begin
	asked     time.Time // when the last request began
}

// document is what a URL has, and had before.
type document struct {
	version, before *version
	dated           bool // it has a date, and no ETag
	elsewhere       *version
}

// version is what a document says at a time.
type version struct {
	text     string
	service  *service // nil: it has none, or an error
	here     bool     // it has one, or an error
	modified time.Time
}

const (
	provisionURL = "https://prov.example.net/"
	nothing      = "group = []\n" // withdraws what a document defined
	roundTrip    = 3 * time.Millisecond
	signTime     = 10 * time.Second // after which a client has given up on a handshake, or later on an answer
	waitTime     = 31 * time.Second // likewise on an answer that comes slowly
	askTime      = time.Minute
	mostAsks     = 15 // in an askTime: six after a failure, and some after each of a few signals
)

// promisedTime is within which a new version is known: after a request that waits for half a minute, and the longest pause.
const promisedTime = 30*time.Second + 90*time.Second + settleTime

// newProvision returns the server of a host.
func (h *host) newProvision() *provision {
	p := &provision{documents: map[string]*document{}, changed: time.Now()}
	for i, file := range documentFiles() {
		empty := &version{text: nothing, modified: time.Now()}
		other := service{h.net.Name + " of another site " + file, 5060, "v=0"}
		p.documents[file] = &document{empty, empty, i%2 > 0, &version{other.toml(), &other, true, time.Now().Add(-time.Hour)}}
	}
	return p
}

// documentFiles returns the files that are on the web server.
func documentFiles() []string { return filesThat(isDocument) }

// change changes what the server does.
func (p *provision) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	p.changed = time.Now()
}

// put has a document say something else.
func (p *provision) put(file string, v *version) {
	p.change(func() {
		d := p.documents[file]
		d.before, d.version = d.version, v
	})
}

// questions returns how many connections to the server there are.
func (p *provision) questions() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

// isAsked reports whether a request has just begun, or has an answer that takes longer, for as long as a client may wait.
func (p *provision) isAsked() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	since := time.Since(p.asked)
	return since < time.Second || p.open > 0 && since < waitTime
}

// connect counts a connection that begins, ends or fails.
func (p *provision) connect(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open += n
}

// answer returns what is answered to a request for a document.
func (p *provision) answer(file string) *response {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = time.Now()
	d := *p.documents[file]
	a := &response{document: d, status: 200, header: map[string]string{}, certificate: certificates[0]}
	a.show(d.version)
	if p.fault != nil {
		a.words = p.fault.words
		p.fault.spoil(a)
	}
	return a
}

// exchange is how a request of a process ended.
type exchange struct {
	process *process
	file    string
	words   string   // that say why there was no answer; "": there was one
	given   *version // nil: nothing new
	at      time.Time
	busy    time.Duration // in which the server wants no other request
}

// take returns the requests that have ended since it was last called, by their files.
func (p *provision) take() []exchange {
	served := p.ended.take()
	slices.SortStableFunc(served, func(a, b exchange) int { return cmp.Compare(a.file, b.file) })
	return served
}

// place is what the process of a host was last served with from a URL.
type place struct {
	version  *version // nil: the process was given none
	asked    bool
	words    string
	answered bool        // the process has had an answer
	kept     *version    // that the cache has; nil: none
	asks     []time.Time // in the last askTime
	busy     time.Time   // until when the server wants no request
}

// served has a host know what its process was served with.
func (h *host) served() {
	for _, e := range h.provision.take() {
		p := h.places[e.file]
		if e.process != h.process {
			continue
		}
		p.count(h, e)
		isNews := p.words != e.words || e.given != nil && e.given != p.version && !h.knows(e.file, e.given)
		p.asked, p.words = true, e.words
		if e.words == "" {
			p.answered, p.version = true, cmp.Or(e.given, p.version, p.kept)
		}
		if isNews {
			h.truth.learn(h)
		}
		if e.words == "" {
			h.keep(e.file)
		}
	}
}

// knows reports whether the process is to announce already what a document says.
func (h *host) knows(file string, v *version) bool {
	known, ok := h.truth.known[file]
	return ok == v.here && (!ok || v.service != nil && *v.service == known) && !h.truth.bad[file]
}

// count counts a request.
func (p *place) count(h *host, e exchange) {
	if e.at.Before(p.busy) {
		h.fail("%s asks for %s %v before the server wants it to", h.net.Name, e.file, p.busy.Sub(e.at))
	}
	p.busy = e.at.Add(e.busy)
	p.asks = append(slices.DeleteFunc(p.asks, func(at time.Time) bool { return time.Since(at) > askTime }), time.Now())
	if len(p.asks) > mostAsks {
		h.fail("%s asks for %s %d times within %v", h.net.Name, e.file, len(p.asks), askTime)
	}
}

// keep has the cache hold what is known of a file, if there is room.
func (h *host) keep(file string) {
	if h.cannotNote() {
		return
	}
	switch p := h.places[file]; {
	case !h.truth.bad[file]:
		p.kept = p.version
	case p.kept == nil:
		p.kept = new(version) // without the file
	}
	if s, ok := h.truth.known[file]; ok {
		h.truth.cached[file] = s
	} else {
		delete(h.truth.cached, file)
	}
}

// forget has the process know no server.
func (h *host) forget() {
	for _, p := range h.places {
		*p = place{kept: p.kept}
	}
	h.following.forget(h)
	h.provision.change(func() {})
}

// unserved lists what is wrong with how servers answer, each by words that the problems must have.
func (h *host) unserved() (words []string) {
	for _, file := range documentFiles() {
		switch p := h.places[file]; {
		case p.words != "" && (p.answered || p.kept != nil):
			words = append(words, pathOf(file)+" has given no definitions")
		case p.words != "":
			words = append(words, pathOf(file)+": ")
		}
	}
	return words
}

// checkServers holds what the daemon says of the servers against what they do.
func (h *host) checkServers(s status.Status) {
	said := map[string]*remote.State{}
	for _, place := range s.Sources {
		said[place.Name] = place.Server
	}
	h.checkCluster(said[clusterPlace])
	for _, file := range documentFiles() {
		p, state := h.places[file], said[pathOf(file)]
		switch {
		case state == nil:
			h.fail("%s says nothing of %s", h.net.Name, pathOf(file))
		case p.asked && p.words == "" && !state.Connected:
			h.fail("%s says of %s, which answers: %q", h.net.Name, pathOf(file), state.Error)
		case p.words != "" && (state.Word() != "failing" || !strings.Contains(state.Error, p.words)):
			h.fail("%s says of %s, which fails: %s %q; want %q", h.net.Name, pathOf(file), state.Word(), state.Error, p.words)
		}
		if s := h.provision; s.fault == nil && time.Since(s.changed) > promisedTime && time.Since(p.busy) > promisedTime && (p.version == nil || p.version.text != s.documents[file].version.text) {
			h.fail("%s has not taken the version of %s that is there for %v", h.net.Name, pathOf(file), time.Since(s.changed))
		}
	}
}

// route is the network between a process and the server of definitions, for one URL. It implements [remote.Network].
type route struct {
	rand.Source
	process *process
	file    string
	turn    int
}

func (p *process) route(place string) *route {
	file := strings.TrimPrefix(place, provisionURL)
	turn := turnOfProvision + slices.Index(fileNames, file)
	return &route{p.chance(turn), p, file, turn}
}

var errHangs = errors.New("it takes for ever")

// Dial implements [remote.Network].
func (r *route) Dial(ctx context.Context, _ *net.Dialer, _, _ string) (net.Conn, error) {
	r.process.host.gate.pass(r.turn)
	p := r.process.host.provision
	p.connect(1)
	c, err := r.dial(ctx)
	if err != nil {
		p.connect(-1)
	}
	return c, err
}

// dial returns a connection, which is counted already.
func (r *route) dial(ctx context.Context) (net.Conn, error) {
	began := time.Now()
	if ctx.Err() != nil {
		began = time.Time{} // the process stood still until it was late
	}
	p := r.process.host.provision
	a := p.answer(r.file)
	select {
	case <-ctx.Done():
	case <-time.After(roundTrip + time.Duration(r.turn)*time.Millisecond/10):
	}
	switch {
	case r.process.isKilled():
		return nil, net.ErrClosed
	case a.dial == errHangs, ctx.Err() != nil:
		<-ctx.Done()
		r.end(a, began, ctx.Err())
		return nil, ctx.Err()
	case a.dial != nil:
		r.end(a, began, nil)
		return nil, a.dial
	}
	client, server := net.Pipe()
	go func() {
		defer p.connect(-1)
		defer server.Close()
		r.end(a, began, a.serve(server))
	}()
	return &gated{client, bufio.NewReaderSize(client, 64<<10), &r.process.host.gate, r.turn}, nil
}

// end notes how a request ended. What was cancelled early by its process has not.
func (r *route) end(a *response, began time.Time, err error) {
	e := exchange{r.process, r.file, a.words, a.version, time.Now(), a.busy}
	switch isLate := time.Since(began) >= signTime; {
	case a.hop, err != nil && !isLate && (a.words == "" || a.waits()):
		return
	case err != nil && isLate:
		e.words = "it does not answer"
	case a.pace > 0:
		e.words = "" // it is short
	}
	if e.words != "" {
		e.given = nil
	}
	if e.words != a.words {
		e.busy = 0
	}
	r.process.host.provision.ended.add(e)
}

// gated is a connection that stands still with the process. What has arrived is held, so that a server can send all of its
// handshake to a client that reads only half of it, and can read then why.
type gated struct {
	net.Conn
	arrived *bufio.Reader
	gate    *gate
	turn    int
}

// Read implements [net.Conn].
func (c *gated) Read(b []byte) (int, error) {
	c.gate.pass(c.turn)
	return c.arrived.Read(b)
}

// failProvision has the server of definitions fail in some way, or answer again.
func (h *host) failProvision(dice *rand.Rand) {
	h.provision.change(func() {
		if h.provision.fault != nil {
			h.provision.fault = nil
		} else {
			h.provision.fault = &webFaults[dice.IntN(len(webFaults))]
		}
	})
}

// mendProvision has the server answer.
func (h *host) mendProvision() { h.provision.change(func() { h.provision.fault = nil }) }

// discard reads until the client has had enough.
func discard(c net.Conn) error {
	_, err := io.Copy(io.Discard, c)
	return cmp.Or(err, io.EOF)
}

// toml returns the definition file in TOML.
func (s service) toml() string {
	return fmt.Sprintf("[[group]]\nname = %q\n[[group.service]]\ntype = %q\nsubtypes = [%q]\nport = %d\ntxt = [\"%s\"]\n",
		s.name, serviceType, subtype, s.port, strings.Join(s.strings(), `", "`))
}
