package zeroconf

import (
	"fmt"
	"slices"
	"strings"

	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/services"
)

// Limits returns what a publication needs that the library can't do: in one warning what is left undone, and an error
// for each service that would be published with something false, which Apply refuses. host is the name of this host
// without its domain.
func Limits(p publication.Publication, host string) []services.Problem {
	own := mdns.HostName(host)
	var problems []services.Problem
	var undone []string
	for i, s := range p.Group.Services {
		if field, text := falsehood(s, own); text != "" {
			problems = append(problems, services.Problem{Service: i, Field: field, Severity: diag.Error, Text: text})
		}
		undone = append(undone, shortcomings(s, p.Instance(host))...)
	}
	if !p.OnConflict.IsDefault() {
		undone = append(undone, fmt.Sprintf("keeps to the conflict policy %q among the definitions of this host only", p.OnConflict))
	}
	if len(undone) > 0 {
		slices.Sort(undone)
		text := "the zeroconf engine " + enumerate(slices.Compact(undone))
		problems = append(problems, services.Problem{Service: -1, Field: services.NameField, Severity: diag.Warning, Text: text})
	}
	return problems
}

// falsehood returns what would be false if the library published a service, and which field is to blame; "" where
// nothing would.
func falsehood(s services.Service, own dnsname.Name) (services.Field, string) {
	host := mdns.Instance{Service: s}.Target(own)
	switch {
	case s.In().Label() == "":
		return services.DomainField, "the zeroconf engine can't publish in the root domain; want a domain such as local"
	case !host.Equal(own) && len(s.Addresses) == 0:
		return services.HostField, fmt.Sprintf("the zeroconf engine would publish the addresses of this host for %s; want its addresses with it, or another engine", host)
	case !host.HasSuffix(s.In()):
		return services.HostField, fmt.Sprintf("the zeroconf engine would name the host %s.%s instead of %s; want a host in the domain of the service, or another engine", host, s.In(), host)
	}
	return 0, ""
}

// shortcomings returns what the library would leave undone for a service with that instance name.
func shortcomings(s services.Service, instance string) []string {
	var undone []string
	if s.Protocol != services.AnyProtocol {
		undone = append(undone, "announces on IPv4 and IPv6 where only one of them is wanted")
	}
	if len(s.Subtypes) > 0 {
		undone = append(undone, "does not answer queries for subtypes")
	}
	if slices.ContainsFunc(s.Subtypes, func(sub dnsname.Name) bool { return !ofType(sub, s.Type) }) {
		undone = append(undone, "leaves out subtypes of another type")
	}
	if strings.Contains(s.Type.Label(), ",") || strings.HasSuffix(instance, ".") {
		undone = append(undone, "does not answer queries for a name with a comma in the type or a dot at the end of the instance")
	}
	return undone
}

// ofType reports whether a subtype is one of that type.
func ofType(sub, typ dnsname.Name) bool { return sub.Parent().Parent().Equal(typ) }

// enumerate returns "a", "a and b" or "a, b and c".
func enumerate(parts []string) string {
	last := len(parts) - 1
	if last == 0 {
		return parts[0]
	}
	return strings.Join(parts[:last], ", ") + " and " + parts[last]
}
