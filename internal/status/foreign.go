package status

import (
	"fmt"
	"slices"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/phones"
)

// foreignMost is the most servers of others that are listed by name.
const foreignMost = 3

// ForeignHints returns what others announce that may lead phones astray: servers for phones on links without one of
// ours, and what another program of this host announces as well.
func (s Status) ForeignHints() []string {
	var hints []string
	for _, f := range s.Foreign {
		if f.Own && s.has(f) {
			hints = append(hints, fmt.Sprintf("another program of this host announces %q (%s) on %s as well", f.Name, f.Type, f.Link))
		}
	}
	return append(hints, serversOf(s.foreignServers(false))...)
}

// ForeignServers returns the servers for phones of others: first those beside one of ours, then the others.
func (s Status) ForeignServers() []mdns.Foreign {
	return append(s.foreignServers(true), s.foreignServers(false)...)
}

// foreignServers returns the servers for phones of others on links on which phones find one of ours, too, or on the
// others.
func (s Status) foreignServers(besideOurs bool) []mdns.Foreign {
	return slices.DeleteFunc(slices.Clone(s.Foreign), func(f mdns.Foreign) bool {
		return !f.Type.Equal(phones.ServiceType) || f.Own && s.has(f) || s.serves(f) != besideOurs
	})
}

// serversOf returns a sentence for each of the first servers.
func serversOf(servers []mdns.Foreign) []string {
	var list []string
	for _, f := range servers[:min(foreignMost, len(servers))] {
		who := f.From.String()
		if f.Own {
			who = "another program of this host"
		}
		list = append(list, fmt.Sprintf("%q of %s is also a server for phones on %s; phones that find two servers ask a person", f.Name, who, f.Link))
	}
	if more := len(servers) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("and %d more servers for phones", more))
	}
	return list
}

// has reports whether a service of ours has the type and name of a foreign one.
func (s Status) has(f mdns.Foreign) bool {
	return slices.ContainsFunc(s.Services, func(o Service) bool { return f.Type.Equal(o.Type) && f.Name == o.Name })
}

// serves reports whether phones find a server of ours beside a foreign one: it is announced on that link, and by another
// name.
func (s Status) serves(f mdns.Foreign) bool {
	return slices.ContainsFunc(s.Services, func(o Service) bool {
		return o.Type.Equal(phones.ServiceType) && dnsname.Fold(o.Name) != dnsname.Fold(f.Name) && slices.Contains(o.on(mdns.Announced), f.Link)
	})
}
