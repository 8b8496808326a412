// Package publication holds the values that describe what to publish: groups with their identity and policy, and the
// links to publish them on. All other rooms share it; it imports only the model of services and names.
package publication

import (
	"net/netip"
	"slices"

	"announcer/internal/dnsname"
	"announcer/services"
)

// Desired is everything that the network should hold: a value, replaced whole, never edited.
type Desired struct {
	Host   string        // this host's name: one label, raw text, without the domain
	Links  Links         // the interfaces to publish on, with their addresses, as they are now
	Own    []netip.Addr  // addresses of this host on other interfaces: what comes from them is no rival
	Groups []Publication // in the order of precedence: of two that want one name the earlier one has it

	// Watched are service types, each in its domain: an engine that observes reports who asks for them, and who
	// else announces them.
	Watched []dnsname.Name
}

// Publication is a group with its identity and its policy.
type Publication struct {
	ID         string         // the file or TOML key that it comes from: what a diff goes by
	Group      services.Group // one that [services.Group.Check] finds no error in
	Interfaces []string       // globs (see [path.Match]) of interface names; empty: all links
	OnConflict Policy
	Check      Check // settled before an engine sees it

	// Host is what "%h" in the group's name stands for if the name is too long with this host's own name: the last name
	// of the host that fits; "" if there was none.
	Host string
}

// Instance returns the instance name of the publication on a host.
func (p Publication) Instance(host string) string {
	if p.Group.Wildcards && p.Host != "" && !p.Group.Fits(host) {
		host = p.Host
	}
	return p.Group.Instance(host)
}

// On reports whether the publication is to be seen on a link.
func (p Publication) On(link Link) bool {
	return len(p.Interfaces) == 0 || link.Matches(p.Interfaces)
}

// OnNone reports whether none of the links is one of the publication's.
func (p Publication) OnNone(links []Link) bool { return !slices.ContainsFunc(links, p.On) }

// WatchedTypes returns the service types, each in its domain, that publications have.
func WatchedTypes(groups []Publication) []dnsname.Name {
	var types []dnsname.Name
	for _, p := range groups {
		for _, s := range p.Group.Services {
			full, err := s.Type.Join(s.In())
			if err == nil && !slices.ContainsFunc(types, full.Equal) {
				types = append(types, full)
			}
		}
	}
	return types
}
