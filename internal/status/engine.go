package status

import (
	"net/netip"

	"announcer/internal/mdns"
	"announcer/internal/phones"
	"announcer/internal/publication"
)

// NewLink returns a link that is used unless there is a reason why not.
func NewLink(l publication.Link, why publication.Outage) Link {
	link := Link{
		Name: l.Name, Used: why.IsZero(), Why: why.Why, Remedy: why.Remedy,
		Addresses: []netip.Addr{}, Faults: []publication.Fault{}, Traffic: mdns.LinkTraffic{Link: l.Name},
	}
	for _, a := range l.Addrs {
		link.Addresses = append(link.Addresses, a.Addr())
	}
	return link
}

// With returns the link with what the engine has seen on it.
func (l Link) With(seen mdns.Observation) Link {
	l.Faults = []publication.Fault{}
	for _, f := range seen.Faults {
		if f.Link == l.Name {
			l.Faults = append(l.Faults, f)
		}
	}
	for i := range seen.Links {
		if seen.Links[i].Link == l.Name {
			l.Traffic = seen.Links[i]
		}
	}
	return l
}

// NewAsked returns who asked, with their hardware addresses.
func NewAsked(askers *phones.Askers, mac phones.Lookup) Asked {
	return Asked{Hosts: askers.List(mac), Forgotten: askers.Forgotten(), Counts: askers.Counts()}
}

// NewConflict returns an event of the engine as a conflict.
func NewConflict(e mdns.Event) Conflict {
	return Conflict{Time: e.Time, Kind: e.Kind, File: e.ID, Name: e.Name, Type: e.Type, Link: e.Link, Rival: e.Rival, MAC: e.MAC, Text: e.Detail}
}

// NewEvent returns an event of the engine as its watchers get it.
func NewEvent(e mdns.Event) Event {
	return Event{Event: &WireEvent{Time: e.Time, Kind: e.Kind, File: e.ID, Name: e.Name, Type: e.Type, Link: e.Link, Text: e.Detail, Rival: e.Rival, MAC: e.MAC}}
}

// NewQuestion returns a question of a host as its watchers get it. first reports that the host had not asked before.
func NewQuestion(q mdns.Asked, asker phones.Asker, first bool) Event {
	return Event{Asked: &AskedEvent{Asked: q, MAC: asker.MAC, Vendor: asker.Vendor, First: first}}
}
