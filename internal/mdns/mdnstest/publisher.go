// Package mdnstest has what tests of multicast DNS share: a [mdns.Publisher] that puts nothing on any wire, and messages
// that were captured on a real one.
package mdnstest

import (
	"context"
	"sync"
	"time"

	"announcer/internal/mdns"
)

// Publisher settles what is applied and calls it announced at once.
type Publisher struct {
	ApplyError error // what Apply returns

	mu       sync.Mutex
	applied  []mdns.Desired
	statuses []mdns.ServiceStatus
	closed   bool
	events   chan mdns.Event
}

// New makes a publisher. Its events are kept until they are received, up to a hundred.
func New() *Publisher { return &Publisher{events: make(chan mdns.Event, 100)} }

// Apply records d and announces what can be announced.
func (p *Publisher) Apply(_ context.Context, d mdns.Desired) error {
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
			p.events <- mdns.Event{Time: time.Now(), Kind: kind, ID: in.ID, Service: in.Index, Type: in.Service.Type, Name: in.Label, Link: l.Name, Detail: in.Why}
		}
	}
	return nil
}

// Status gives what the last Apply led to.
func (p *Publisher) Status() []mdns.ServiceStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.statuses
}

// Events gives the events of every Apply.
func (p *Publisher) Events() <-chan mdns.Event { return p.events }

// Close records that it was called.
func (p *Publisher) Close(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return nil
}

// Applied gives all that was applied, in order.
func (p *Publisher) Applied() []mdns.Desired {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.applied
}

// Closed says whether Close was called.
func (p *Publisher) Closed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}
