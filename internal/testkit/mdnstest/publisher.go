// Package mdnstest provides what tests of multicast DNS share: a [mdns.Publisher] without a network, and messages
// that were captured on a real one.
package mdnstest

import (
	"context"
	"sync"
	"time"

	"announcer/internal/mailbox"
	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// Publisher settles what is applied and calls it announced at once. It is a [mdns.Observer] of what a test says.
type Publisher struct {
	ApplyError error             // what Apply returns
	Questions  chan []mdns.Asked // what Asked gives

	mu       sync.Mutex
	applied  []publication.Desired
	statuses []mdns.ServiceStatus
	closed   bool
	goodbye  bool
	stuck    chan struct{}
	seen     mdns.Observation
	events   *mailbox.Box[mdns.Event]
}

var (
	_ mdns.Publisher = (*Publisher)(nil)
	_ mdns.Observer  = (*Publisher)(nil)
)

// New makes a publisher. Its events are kept until they are received.
func New() *Publisher {
	return &Publisher{events: mailbox.New[mdns.Event](mdns.EventsMost), Questions: make(chan []mdns.Asked, 100)}
}

// Apply records d and announces what can be announced.
func (p *Publisher) Apply(_ context.Context, d publication.Desired) error {
	if p.ApplyError != nil {
		return p.ApplyError
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.applied, p.statuses = append(p.applied, d), nil
	for _, in := range mdns.Settle(d, nil) {
		kind, state := mdns.ServiceAnnounced, in.State
		if state == mdns.Probing {
			state = mdns.Announced
		} else {
			kind = mdns.ServiceRefused
		}
		for _, l := range in.Links {
			p.statuses = append(p.statuses, mdns.ServiceStatus{
				ID: in.ID, Service: in.Index, Type: in.Service.Type, Wanted: in.Wanted, Name: in.Label, Link: l.Name, State: state, Why: in.Why,
			})
			p.events.Put(mdns.Event{Time: time.Now(), Kind: kind, ID: in.ID, Service: in.Index, Type: in.Service.Type, Name: in.Label, Link: l.Name, Detail: in.Why})
		}
	}
	return nil
}

// Status returns what the last Apply led to.
func (p *Publisher) Status() []mdns.ServiceStatus {
	p.wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.statuses
}

// Asked returns Questions.
func (p *Publisher) Asked() <-chan []mdns.Asked { return p.Questions }

// Observe returns what [Publisher.See] was given last.
func (p *Publisher) Observe() mdns.Observation {
	p.wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

// See sets what Observe gives.
func (p *Publisher) See(seen mdns.Observation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = seen
}

// Happen makes events happen, all at once.
func (p *Publisher) Happen(events ...mdns.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events.Put(events...)
}

// Stick keeps Status and Observe from returning until free is called, as an engine whose loop hangs does.
func (p *Publisher) Stick() (free func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stuck = make(chan struct{})
	return func() { close(p.stuck) }
}

func (p *Publisher) wait() {
	p.mu.Lock()
	stuck := p.stuck
	p.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
}

// Events returns the events of every Apply.
func (p *Publisher) Events() <-chan []mdns.Event { return p.events.Batches() }

// Close records that it was called, and that goodbyes were said unless ctx has ended.
func (p *Publisher) Close(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed, p.goodbye = true, ctx.Err() == nil
	return ctx.Err()
}

// Abandon records that the engine has ended without goodbyes.
func (p *Publisher) Abandon() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed, p.goodbye = true, false
	return nil
}

// SaidGoodbye reports whether Close sent goodbyes.
func (p *Publisher) SaidGoodbye() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.goodbye
}

// Applied returns all that was applied, in order.
func (p *Publisher) Applied() []publication.Desired {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.applied
}

// Closed reports whether Close was called.
func (p *Publisher) Closed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}
