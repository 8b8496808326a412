package health

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"announcer/internal/guard"
	"announcer/internal/publication"
)

// Settings say how often is asked, and what follows from the answers.
type Settings struct {
	Interval time.Duration // from the answer of a server to the next question to it, give or take a tenth
	Timeout  time.Duration // for an answer
	Down     int           // failures in a row until a server is down
	Up       int           // answers in a row until a server that was down is up
}

// DefaultSettings returns the settings of a configuration that says nothing.
func DefaultSettings() Settings {
	return Settings{Interval: 10 * time.Second, Timeout: 3 * time.Second, Down: 3, Up: 2}
}

// PublicationState reports the state of what a publication needs.
type PublicationState struct {
	ID        string        `json:"id"`   // of the publication
	Name      string        `json:"name"` // its instance name, as it was asked for
	Check     string        `json:"check"`
	State     State         `json:"state"`
	Since     time.Time     `json:"since"`
	LastError string        `json:"last_error,omitempty"` // why a server did not answer the last time it was asked: a sentence
	Latency   time.Duration `json:"latency"`              // nanoseconds that the slowest server took for its last answer; 0 before that
}

// maxAsking is how many servers are asked at a time.
const maxAsking = 16

// grace is how long a question may take to end after its time is over. One that takes longer counts as a failure then and
// whenever its server would be asked again, until it ends.
const grace = time.Second

// whyEndless is the failure of a server whose question does not end.
const whyEndless = "the check of it does not end"

// Monitor asks the servers of all publications that have a check. A nil monitor checks nothing and lets all through.
type Monitor struct {
	Dice func(n time.Duration) time.Duration // returns a random time below n; nil: that of math/rand/v2

	ask     func(context.Context, Probe) error
	log     *slog.Logger
	changed chan struct{}
	wake    chan struct{}

	mu       sync.Mutex
	settings Settings
	host     string // this host's name, without the domain
	links    []publication.Link
	targets  map[Probe]*target
	watched  []watched // in the order of the publications
}

// target is a server that is asked.
type target struct {
	server
	due     time.Time
	asking  bool
	endless <-chan error // is empty as long as an earlier question does not end; nil: there is none
}

// answer is what came of asking a server.
type answer struct {
	target  *target
	why     string // "": it answers
	latency time.Duration
	endless <-chan error
}

// watched is a publication with a check.
type watched struct {
	PublicationState
	parts []Part
}

// Place returns this host's name, without the domain, and the links on which it announces.
type Place func() (host string, links []publication.Link, err error)

// NewAsking makes a monitor that asks servers. lookup makes the look-up of their hosts at the place where this host is.
func NewAsking(lookup func(Place) guard.Lookup, log *slog.Logger) *Monitor {
	m := New(nil, log)
	m.ask = Asker{lookup(m.place)}.Ask
	return m
}

// New makes a monitor that asks by a function such as [Asker.Ask]. Nothing is asked before [Monitor.Run].
func New(ask func(context.Context, Probe) error, log *slog.Logger) *Monitor {
	return &Monitor{ask: ask, log: log, changed: make(chan struct{}, 1), wake: make(chan struct{}, 1), targets: map[Probe]*target{}}
}

// place returns this host's name, and the links of the last desired state.
func (m *Monitor) place() (host string, links []publication.Link, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.host, m.links, nil
}

// Changed returns a channel, which receives a value when states have changed, so that [Monitor.Answering] may let others through. Several changes
// may be one value.
func (m *Monitor) Changed() <-chan struct{} {
	if m == nil {
		return nil
	}
	return m.changed
}

// States reports the state of each publication that has a check, in the order of the publications.
func (m *Monitor) States() []PublicationState {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	states := make([]PublicationState, len(m.watched))
	for i, w := range m.watched {
		states[i] = w.PublicationState
		states[i].LastError, states[i].Latency = m.lastOf(w.parts)
	}
	return states
}

// lastOf returns why a server did not answer, the first of those that did not, and the longest that one took that did.
func (m *Monitor) lastOf(parts []Part) (why string, latency time.Duration) {
	failures := 0
	for _, probe := range slices.Concat(parts...) {
		t := m.targets[probe]
		latency = max(latency, t.latency)
		if t.why == "" {
			continue
		}
		if failures++; failures == 1 {
			why = fmt.Sprintf("%s: %s", probe, t.why)
		}
	}
	if failures > 1 {
		why = fmt.Sprintf("%s (and %d more)", why, failures-1)
	}
	return why, latency
}

// Answering accepts a desired state, and returns it without the publications that do not answer. What was asked before
// is known, and is not asked again because of this.
func (m *Monitor) Answering(d publication.Desired, settings Settings) publication.Desired {
	if m == nil {
		return d
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settings, m.host, m.links = settings, d.Host, d.Links
	m.watch(d)
	withheld := map[string]bool{}
	for _, w := range m.watched {
		if !w.State.Announced() {
			withheld[w.ID] = true
		}
	}
	if len(withheld) > 0 {
		d.Groups = slices.DeleteFunc(slices.Clone(d.Groups), func(p publication.Publication) bool { return withheld[p.ID] })
	}
	return d
}

// watch replaces what is watched. Servers and publications that stay keep their states.
func (m *Monitor) watch(d publication.Desired) {
	before := map[string]PublicationState{}
	for _, w := range m.watched {
		before[w.ID] = w.PublicationState
	}
	targets := map[Probe]*target{}
	m.watched = nil
	for _, p := range d.Groups {
		parts, err := Plan(p)
		if err != nil || parts == nil { // the reader of the definition has reported an error
			continue
		}
		for _, probe := range slices.Concat(parts...) {
			t := m.targets[probe]
			if t == nil {
				t = &target{server: server{state: Pending}}
			}
			m.targets[probe], targets[probe] = t, t
		}
		w := watched{parts: parts}
		w.ID, w.Name, w.Check = p.ID, p.Instance(d.Host), p.Check.String()
		w.State, w.Since = m.stateOf(parts), time.Now()
		if old, ok := before[p.ID]; ok && old.State == w.State {
			w.Since = old.Since
		}
		m.watched = append(m.watched, w)
	}
	m.targets = targets
	signal(m.wake)
}

func (m *Monitor) stateOf(parts []Part) State {
	var states []State
	for _, part := range parts {
		var servers []State
		for _, probe := range part {
			servers = append(servers, m.targets[probe].state)
		}
		states = append(states, ofPart(servers))
	}
	return ofAll(states)
}

// Recheck asks all servers now, before their next turn.
func (m *Monitor) Recheck() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.targets {
		t.due = time.Time{}
	}
	signal(m.wake)
}

// signal leaves a value in a channel that holds one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// String returns "the checks".
func (m *Monitor) String() string { return "the checks" }

// Run asks until ctx ends. It returns no error.
func (m *Monitor) Run(ctx context.Context) error {
	answers := make(chan answer)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for asking := 0; ; {
		started, next := m.start(ctx, answers, maxAsking-asking)
		asking += started
		timer.Reset(next)
		select {
		case a := <-answers:
			asking--
			m.take(a)
		case <-timer.C:
		case <-m.wake:
		case <-ctx.Done():
			for ; asking > 0; asking-- {
				<-answers
			}
			return nil
		}
	}
}

// start asks the servers whose turn it is, at most so many. It returns their number, and the time until the next turn.
func (m *Monitor) start(ctx context.Context, answers chan<- answer, most int) (started int, next time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next = math.MaxInt64 // never, unless a server is to be asked
	now := time.Now()
	for probe, t := range m.targets {
		switch wait := t.due.Sub(now); {
		case t.asking:
		case wait > 0:
			next = min(next, wait)
		case t.stillEndless():
			m.settle(answer{target: t, why: whyEndless, endless: t.endless})
			next = min(next, t.due.Sub(now))
		case started < most:
			started++
			t.asking = true
			go m.question(ctx, probe, t, m.settings.Timeout, answers)
		}
	}
	return started, next
}

// stillEndless reports whether an earlier question to the target has not ended.
func (t *target) stillEndless() bool {
	select {
	case <-t.endless:
		return false
	default:
		return t.endless != nil
	}
}

// question asks a server and waits for the answer, but not much longer than the timeout, even where ask does.
func (m *Monitor) question(ctx context.Context, probe Probe, t *target, timeout time.Duration, answers chan<- answer) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	result := make(chan error, 1)
	go func() {
		defer close(result)
		result <- m.ask(ctx, probe)
	}()
	a := answer{target: t}
	err, ended := awaited(ctx, result)
	switch {
	case !ended:
		a.why, a.endless = whyEndless, result
	case err != nil:
		a.why = err.Error()
	}
	a.latency = time.Since(start)
	answers <- a
}

// awaited returns the result of a question that ends with ctx or soon after.
func awaited(ctx context.Context, result <-chan error) (err error, ended bool) {
	select {
	case err = <-result:
		return err, true
	case <-ctx.Done():
	}
	select {
	case err = <-result:
		return err, true
	case <-time.After(grace):
		return nil, false
	}
}

// take takes an answer in, and reports what follows from it.
func (m *Monitor) take(a answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a.target.asking = false
	m.settle(a)
}

// settle changes the states of a server and of what needs it. It needs the lock.
func (m *Monitor) settle(a answer) {
	t := a.target
	t.endless = a.endless
	t.due = time.Now().Add(m.jitter(m.settings.Interval))
	before := t.state
	t.server = t.after(a.why, a.latency, m.settings)
	if t.state == before {
		return
	}
	for i := range m.watched {
		w := &m.watched[i]
		if state := m.stateOf(w.parts); state != w.State {
			m.logState(w, state)
			w.State, w.Since = state, time.Now()
			signal(m.changed)
		}
	}
}

// jitter returns a time that is a tenth shorter or longer, so that what starts together does not stay together.
func (m *Monitor) jitter(d time.Duration) time.Duration {
	dice := rand.N[time.Duration]
	if m.Dice != nil {
		dice = m.Dice
	}
	return d - d/10 + dice(d/5+1)
}

// logState logs that the state of a publication changes.
func (m *Monitor) logState(w *watched, state State) {
	why, _ := m.lastOf(w.parts)
	log := m.log.With("service", w.Name, "file", w.ID)
	switch {
	case state == Up && w.State == Degraded:
		log.Info("server answers again")
	case state == Up:
		log.Info("server answers, service announced")
	case state == Degraded:
		log.Warn("part of the server does not answer, service still announced", "error", why)
	case w.State.Announced():
		log.Warn("server does not answer, service withdrawn", "error", why)
	case state == Down:
		log.Warn("server does not answer, service not announced", "error", why)
	}
}
