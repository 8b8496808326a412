package zeroconf

import (
	"fmt"
	"slices"
	"strings"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/services"
)

// entry is a line of the status: a service on a link.
type entry struct {
	status  mdns.ServiceStatus
	link    int      // index of the link
	renamed string   // why the name is not the wanted one
	service *service // what is to be published there; nil: nothing
	key     string   // the text of service: if that is the same, one server does
}

// service is what one server of the library publishes: a service on one link. Its host is always set, and so are
// the addresses of the host.
type service struct {
	services.Service
	link  publication.Link
	label string // the instance name, raw
}

// name returns the full name.
func (s service) name() dnsname.Name { return mdns.Instance{Label: s.label, Service: s.Service}.Name() }

// records returns what the library announces for the service.
func (s service) records() []mdns.Record {
	return mdns.Instance{Label: s.label, Service: s.Service}.Records(s.Host)
}

// text returns the link and the records as lines: all that distinguishes one service from another.
func (s service) text() string {
	lines := []string{fmt.Sprintf("%d %s", s.link.Index, s.link.Name)}
	for _, r := range s.records() {
		lines = append(lines, r.String())
	}
	return strings.Join(lines, "\n")
}

// plan returns the status that each service is to have on each link, and what is to be published for it.
func plan(d publication.Desired) []entry {
	own := mdns.HostName(d.Host)
	var entries []entry
	for _, in := range mdns.Settle(onBothVersions(d), nil) {
		_, refusal := falsehood(in.Service, own)
		if in.Name().IsZero() {
			refusal = fmt.Sprintf("the full name of %q is too long", in.Label)
		}
		if in.State == mdns.Probing && refusal != "" {
			in.State, in.Why = mdns.Refused, refusal
		}
		for _, link := range in.Links {
			entries = append(entries, plant(in, link, own))
		}
	}
	return entries
}

// onBothVersions has every service announced on IPv4 and IPv6, as the library does: two services that would share
// a name, one on each, need two names.
func onBothVersions(d publication.Desired) publication.Desired {
	d.Groups = slices.Clone(d.Groups)
	for i := range d.Groups {
		group := &d.Groups[i].Group
		group.Services = slices.Clone(group.Services)
		for j := range group.Services {
			group.Services[j].Protocol = services.AnyProtocol
		}
	}
	return d
}

// plant puts an instance on one of its links.
func plant(in mdns.Instance, link publication.Link, own dnsname.Name) entry {
	e := entry{link: link.Index, status: mdns.ServiceStatus{
		ID: in.ID, Service: in.Index, Type: in.Service.Type, Wanted: in.Wanted, Name: in.Label, Link: link.Name, State: in.State,
	}}
	if in.State != mdns.Probing {
		e.status.Why = in.Why
		return e
	}
	s := publishable(in, link, own)
	if len(s.Addresses) == 0 {
		e.status.State, e.status.Why = mdns.Refused, mdns.Lack(link, services.AnyProtocol)
		return e
	}
	e.service, e.key = &s, s.text()
	if in.Label != in.Wanted {
		e.renamed = in.Why
	}
	return e
}

// publishable returns what the library is able to publish of an instance.
func publishable(in mdns.Instance, link publication.Link, own dnsname.Name) service {
	s := service{Service: in.Service, link: link, label: in.Label}
	if target := in.Target(own); target.Equal(own) {
		s.Addresses = link.Published()
	}
	s.Host = spelledAs(in.Target(own), s.In())
	s.Subtypes = slices.Clone(s.Subtypes)
	s.Subtypes = slices.DeleteFunc(s.Subtypes, func(sub dnsname.Name) bool { return !ofType(sub, s.Type) })
	return s
}

// spelledAs returns a name with the case of a domain that it is in: the library sees that it is by the very letters.
func spelledAs(name, domain dnsname.Name) dnsname.Name {
	labels := name.Labels()
	first := labels[:len(labels)-len(domain.Labels())]
	spelled, err := dnsname.New(append(slices.Clone(first), domain.Labels()...)...)
	if err != nil {
		return name
	}
	return spelled
}

// farewell returns the records that no service holds any more: those of before that are not in after. A unique record
// that has been replaced needs no goodbye, the new one flushes it from the caches (RFC 6762 §10.2).
func farewell(before, after []mdns.Record) []mdns.Record {
	held := map[string]bool{}
	for _, r := range after {
		held[identity(r)] = true
	}
	var gone []mdns.Record
	for _, r := range before {
		if id := identity(r); !held[id] {
			held[id] = true
			gone = append(gone, r)
		}
	}
	return gone
}

// identity returns what makes two records one and the same thing to a cache.
func identity(r mdns.Record) string {
	id := fmt.Sprintf("%s %s", r.Data.Type(), dnsname.Fold(r.Name.Wire()))
	if !r.Unique {
		id += " " + strings.ToLower(r.Data.String())
	}
	return id
}
