package zeroconf

import (
	"errors"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// spot is where an entry stands in the status.
type spot struct {
	id            string
	service, link int
}

func (e entry) spot() spot { return spot{e.status.ID, e.status.Service, e.link} }

// report makes entries the status, and events of what is different from the one before.
func (p *Publisher) report(entries []entry) {
	now := time.Now()
	before := map[spot]entry{}
	for _, e := range p.entries {
		before[e.spot()] = e
	}
	var status []entry
	for _, e := range entries {
		e = p.settled(e)
		old, known := before[e.spot()]
		e.status.Since = now
		if known && old.status.State == e.status.State && old.status.Name == e.status.Name {
			e.status.Since = old.status.Since
		}
		p.compare(old, e)
		status = append(status, e)
		delete(before, e.spot())
	}
	for _, old := range p.entries {
		if _, gone := before[old.spot()]; gone {
			p.compare(old, entry{})
		}
	}
	p.entries = status
}

// settled assigns an entry the state that its server is in.
func (p *Publisher) settled(e entry) entry {
	if e.service == nil {
		return e
	}
	switch s := p.servers[e.key]; {
	case s == nil:
		e.status.State, e.status.Why = mdns.Refused, p.whyRefused(e)
	case s.announced:
		e.status.State = mdns.Announced
	default:
		e.status.State = mdns.Probing
	}
	return e
}

// whyRefused returns why an entry has no server.
func (p *Publisher) whyRefused(e entry) string {
	if err := p.failed[e.key]; !errors.Is(err, errNoIPv4) {
		return err.Error()
	}
	return publication.Fault{Link: e.service.link.Name, Version: publication.V4, Why: p.holders.whyNoIPv4()}.String()
}

// compare returns what has become of an entry; the zero entry stands for none.
func (p *Publisher) compare(old, e entry) {
	sameName := old.status.Name == e.status.Name
	onWire := e.service != nil && e.status.State != mdns.Refused
	if old.status.State == mdns.Announced && !(onWire && sameName) {
		p.reportService(mdns.ServiceWithdrawn, old.status, "")
	}
	if onWire && e.renamed != "" && !sameName {
		p.reportService(mdns.ServiceRenamed, e.status, e.renamed)
	}
	if sameName && old.status.State == e.status.State && old.status.Why == e.status.Why {
		return
	}
	switch e.status.State {
	case mdns.Announced:
		p.reportService(mdns.ServiceAnnounced, e.status, "")
	case mdns.StandingBy:
		p.reportService(mdns.ServiceConflict, e.status, e.status.Why)
	case mdns.Refused:
		p.reportService(mdns.ServiceRefused, e.status, e.status.Why)
	}
}

// reportService emits an event about the service of a line of the status.
func (p *Publisher) reportService(kind mdns.EventKind, s mdns.ServiceStatus, detail string) {
	p.emit(mdns.Event{Kind: kind, ID: s.ID, Service: s.Service, Type: s.Type, Name: s.Name, Link: s.Link, Detail: detail})
}

// emit passes an event on. The first that is dropped because they are not received is logged.
func (p *Publisher) emit(e mdns.Event) {
	e.Time = time.Now()
	if lost := p.events.Put(e); lost > 0 && p.events.Dropped() == uint64(lost) {
		p.log.Warn("events are dropped: too many were not received", "kept", mdns.EventsMost)
	}
}
