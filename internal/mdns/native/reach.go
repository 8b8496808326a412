package native

import (
	"fmt"
	"slices"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/publication"
)

// publish hands what was applied to the responder, with what is wrong with each link. What came back is probed for and
// announced there.
func (p *Publisher) publish() {
	p.faults = p.allFaults()
	d, before := *p.desired, faultsOf(p.links)
	d.Links = withFaults(d.Links, p.faults)
	p.links = d.Links
	p.rivals.follow(d.Links)
	p.tellFaults(before, faultsOf(d.Links))
	p.responder.Apply(time.Now(), d)
}

// followFaults publishes again where what can be used has changed.
func (p *Publisher) followFaults() {
	if p.desired != nil && !slices.Equal(p.faults, p.allFaults()) {
		p.publish()
	}
}

// allFaults returns what can't be used: sockets, and links on which nothing can be sent.
func (p *Publisher) allFaults() []link.Fault {
	faults := p.config.Conn.Faults()
	if len(p.blocked) == 0 {
		return faults
	}
	return slices.Concat(faults, p.blocked)
}

// withFaults returns links with what can't be used of each.
func withFaults(links publication.Links, faults []link.Fault) publication.Links {
	if len(faults) == 0 {
		return links
	}
	links = slices.Clone(links)
	for i := range links {
		links[i].Faults = faultsOn(links[i], faults)
	}
	return links
}

// faultsOn returns the IP versions that a link has addresses of and that can't be used.
func faultsOn(l publication.Link, faults []link.Fault) []publication.Fault {
	var on []publication.Fault
	for _, f := range faults {
		if (f.Link == 0 || f.Link == l.Index) && l.Has(f.Version) {
			on = append(on, publication.Fault{Link: l.Name, Version: f.Version, Why: f.Why})
		}
	}
	return on
}

func faultsOf(links []publication.Link) []publication.Fault {
	var all []publication.Fault
	for i := range links {
		all = append(all, links[i].Faults...)
	}
	return all
}

// tellFaults reports the faults that are new, and those that are over on links that are still there.
func (p *Publisher) tellFaults(before, now []publication.Fault) {
	for _, f := range now {
		if !slices.Contains(before, f) {
			p.emit(mdns.Event{Time: time.Now(), Kind: mdns.Unreachable, Link: f.Link, Detail: f.String()})
		}
	}
	for _, f := range before {
		if l, ok := p.links.ByName(f.Link); ok && l.Has(f.Version) {
			p.emit(mdns.Event{Time: time.Now(), Kind: mdns.Reachable, Link: f.Link,
				Detail: fmt.Sprintf("phones can be reached by IPv%d on %s again", f.Version, f.Link)})
		}
	}
}
