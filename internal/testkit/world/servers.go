//go:build linux

package world

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"announcer/internal/health"
	"announcer/internal/remote"
)

// provision is the server of the integrator, which holds definitions for a host.
type provision struct {
	mu       sync.Mutex
	files    map[string]string
	revision int
	fails    error // the answer to every question; nil: the files
	asking   map[chan struct{}]bool
}

// roundTrip is how long an answer takes.
const roundTrip = 3 * time.Millisecond

const provisionURL = "https://prov.example.net/definitions.toml"

// change changes what the server does, and has those who follow ask again.
func (p *provision) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	p.revision++
	for c := range p.asking {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// String implements [remote.Origin].
func (p *provision) String() string { return provisionURL }

// Warnings implements [remote.Origin].
func (p *provision) Warnings() []string { return nil }

// Follow implements [remote.Origin].
func (p *provision) Follow(ctx context.Context, known remote.Set, report func(remote.Report)) {
	news := make(chan struct{}, 1)
	p.mu.Lock()
	p.asking[news] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.asking, news)
	}()
	for ctx.Err() == nil {
		time.Sleep(roundTrip)
		answer := p.answer(known)
		if answer.Set != nil {
			known = *answer.Set
		}
		report(answer)
		select {
		case <-ctx.Done():
		case <-news:
		case <-time.After(time.Minute):
		}
	}
}

// questions returns how many follow the server.
func (p *provision) questions() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asking)
}

// answer is what the server says to one who knows a set.
func (p *provision) answer(known remote.Set) remote.Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails != nil {
		return remote.Report{Err: p.fails}
	}
	set := remote.Set{Time: time.Now(), Revision: fmt.Sprint(p.revision)}
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		set.Files = append(set.Files, remote.File{Name: name, Origin: provisionURL + "/" + name, Data: []byte(p.files[name])})
	}
	if set.Same(known) && !known.Time.IsZero() {
		return remote.Report{}
	}
	return remote.Report{Set: &set}
}

// errServer is what becomes of a question to a server that is not there.
var errServer = errors.New("connection refused")

// ask is what the server that definitions point at answers.
func (h *host) ask(context.Context, health.Probe) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.serverFails
}
