// Package mdns turns what should be published into DNS records (RFC 6762, RFC 6763) and defines the seam behind
// which an engine puts them on the wire.
//
// [Desired] is the whole of what the network should hold. [Settle] gives each service in it its name, and
// [Records] the records of a link; both are pure. An engine implements [Publisher].
package mdns

import (
	"context"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"announcer/internal/dnsname"
	"announcer/services"
)

// Desired is everything that the network should hold: a value, replaced whole, never edited.
type Desired struct {
	Host   string        // this host's name: one label, raw text, without the domain
	Links  []Link        // the interfaces to publish on, with their addresses, as they are now
	Own    []netip.Addr  // addresses of this host on other interfaces: what comes from them is no rival
	Groups []Publication // in the order of precedence: of two that want one name the earlier one has it

	// Watched are service types, each in its domain: an engine that is an [Observer] tells who asks for them, and who
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

// On says whether the publication is to be seen on a link.
func (p Publication) On(link Link) bool {
	return len(p.Interfaces) == 0 || link.Matches(p.Interfaces)
}

// OnNone says whether none of the links is one of the publication's.
func (p Publication) OnNone(links []Link) bool { return !slices.ContainsFunc(links, p.On) }

// Policy says what becomes of a service whose name somebody else has.
type Policy uint8

// The policies.
const (
	Rename  Policy = iota // take the next name, as Avahi does
	Fail                  // stay off the wire and say who has the name
	Standby               // stay silent as long as the name is served, then take over
)

var policyWords = []string{"rename", "fail", "standby"}

// PolicyWords gives the words that [ParsePolicy] knows.
func PolicyWords() []string { return slices.Clone(policyWords) }

// ParsePolicy reads "rename", "fail" or "standby".
func ParsePolicy(word string) (p Policy, ok bool) {
	i := slices.Index(policyWords, word)
	return Policy(max(i, 0)), i >= 0
}

// String gives "rename", "fail" or "standby".
func (p Policy) String() string { return policyWords[p] }

// Check says how it is found out whether what is published answers, so that it is announced only then.
type Check uint8

// The checks.
const (
	NoCheck   Check = iota // it is announced in any case
	CheckAuto              // what the TXT record and the type call for
	CheckTCP               // a connection to host and port
	CheckHTTP              // HEAD of the firmware files, or of a page at host and port
	CheckSIP               // OPTIONS to the server in sipUrl, or to host and port
)

var checkWords = []string{"off", "auto", "tcp", "http", "sip"}

// CheckWords gives the words that [ParseCheck] knows.
func CheckWords() []string { return slices.Clone(checkWords) }

// ParseCheck reads "off", "auto", "tcp", "http" or "sip".
func ParseCheck(word string) (c Check, ok bool) {
	i := slices.Index(checkWords, word)
	return Check(max(i, 0)), i >= 0
}

// String gives the word that [ParseCheck] reads.
func (c Check) String() string { return checkWords[c] }

// IPVersion is 4 or 6.
type IPVersion uint8

// The IP versions.
const (
	V4 IPVersion = 4
	V6 IPVersion = 6
)

// Carries says whether services of a protocol are announced on an IP version.
func (v IPVersion) Carries(p services.Protocol) bool {
	return p == services.AnyProtocol || (p == services.IPv4) == (v == V4)
}

// Link is a network interface that multicast goes out on.
type Link struct {
	Index    int
	Name     string
	MTU      int // bytes
	Loopback bool
	Addrs    []LinkAddr

	// Master is the bridge, bond or team that the interface is a port of; "" if none. What arrives on a port goes to
	// its master.
	Master       string
	PointToPoint bool // a tunnel or dial-up line, with one host at the other end

	Faults []Fault // IP versions that an engine can't use on the link now
}

// LinkAddr is an address of an interface with what the kernel knows about it.
type LinkAddr struct {
	netip.Prefix      // the address with the length of its network's prefix
	Tentative    bool // not yet known to be unique on the link (RFC 4862 §5.4)
	Deprecated   bool // still valid, but not for new connections
	Temporary    bool // a privacy address that changes (RFC 8981)
}

// Matches says whether one of the globs (see [path.Match]) matches the link's name.
func (l Link) Matches(globs []string) bool {
	return slices.ContainsFunc(globs, func(glob string) bool {
		ok, _ := path.Match(glob, l.Name)
		return ok
	})
}

// Has says whether the link can be spoken on by an IP version: it has an address of it that is not tentative, and no fault.
func (l Link) Has(v IPVersion) bool {
	return !slices.ContainsFunc(l.Faults, func(f Fault) bool { return f.Version == v }) &&
		slices.ContainsFunc(l.Addrs, func(a LinkAddr) bool { return !a.Tentative && a.Addr().Is4() == (v == V4) })
}

// Published gives the addresses that the host's records hold on this link, in order: no tentative and no temporary
// ones, and link-local or deprecated ones only where the link has no better one of that IP version.
func (l Link) Published() []netip.Addr {
	return append(l.published(V4), l.published(V6)...)
}

func (l Link) published(v IPVersion) []netip.Addr {
	var good, poor []netip.Addr
	for _, a := range l.Addrs {
		switch {
		case a.Addr().Is4() != (v == V4), a.Tentative, a.Temporary:
		case a.Deprecated, a.Addr().IsLinkLocalUnicast():
			poor = append(poor, a.Addr().WithZone(""))
		default:
			good = append(good, a.Addr().WithZone(""))
		}
	}
	if len(good) == 0 {
		good = poor
	}
	slices.SortFunc(good, netip.Addr.Compare)
	return slices.Compact(good)
}

// Publisher is an engine that puts services on the wire and keeps them there.
type Publisher interface {
	// Apply replaces what is published. It returns once d is accepted; probing and announcing take a second more
	// and are reported as events.
	Apply(ctx context.Context, d Desired) error
	// Status tells how each service stands on each link, in the order of the groups and links applied.
	Status() []ServiceStatus
	// Events gives what happens, until Close. A receiver that is slow misses events, never blocks the engine.
	Events() <-chan Event
	// Close says goodbye for all that is published and releases the sockets. It ends when ctx does.
	Close(ctx context.Context) error
}

// State is how a service stands on a link.
type State uint8

// The states.
const (
	Probing    State = iota // asking whether the name is free
	Announced               // on the wire
	StandingBy              // silent while somebody else serves the name
	Refused                 // not on the wire, for the reason given
)

var stateWords = []string{"probing", "announced", "standby", "refused"}

// String gives "probing", "announced", "standby" or "refused".
func (s State) String() string { return stateWords[s] }

// MarshalText gives the word of [State.String].
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ServiceStatus tells how one service stands on one link.
type ServiceStatus struct {
	ID      string       `json:"id"`      // of the publication
	Service int          `json:"service"` // index in its group
	Type    dnsname.Name `json:"type"`
	Wanted  string       `json:"wanted"` // the instance name that was asked for
	Name    string       `json:"name"`   // the one that it has
	Link    string       `json:"link"`
	State   State        `json:"state"`
	Since   time.Time    `json:"since"`
	Why     string       `json:"why,omitempty"`  // where the state is not announced, or the name not the one wanted: a sentence
	Rival   netip.Addr   `json:"rival,omitzero"` // the host that has the name wanted
	MAC     string       `json:"mac,omitempty"`  // of the rival, where the kernel knows it
}

// EventKind says what happened.
type EventKind uint8

// The kinds of events.
const (
	ServiceAnnounced EventKind = iota
	ServiceRenamed
	ServiceConflict
	ServiceStandingBy
	ServiceWithdrawn
	ServiceRefused
	EngineFailed // a link or socket is of no use; Detail says why
	ForeignSeen  // somebody else announces a service of a watched type
	ForeignGone  // and does so no more
	HostWoke     // after a sleep that caches noticed, of this process or of its machine; Detail says how long
	Unreachable  // no host on a link can be reached by an IP version; Detail says which, and why
	Reachable    // and can be again
)

var eventWords = []string{"announced", "renamed", "conflict", "standby", "withdrawn", "refused", "failed", "foreign", "foreign gone", "woke", "unreachable", "reachable"}

// String gives a word such as "announced".
func (k EventKind) String() string { return eventWords[k] }

// MarshalText gives the word of [EventKind.String].
func (k EventKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Event is something that happened to a service on a link.
type Event struct {
	Time    time.Time
	Kind    EventKind
	ID      string // of the publication
	Service int    // index in its group
	Type    dnsname.Name
	Name    string     // the instance name now
	Link    string     // "" where all links are meant
	Detail  string     // a sentence for people: who, why
	Rival   netip.Addr // the host that it is about, where it is about another one
	MAC     string     // of the rival, where the kernel knows it
}

// Woke returns the event of a sleep of a length. A clock that is set forward, as that of a machine without a battery is
// soon after its start, can't be told from the end of a pause.
func Woke(at time.Time, slept time.Duration) Event {
	return Event{Time: at, Kind: HostWoke, Detail: fmt.Sprintf(
		"the host slept for about %v, or its clock was set forward by that; everything is announced again", slept.Round(time.Second))}
}

// String gives the event as a line for people.
func (e Event) String() string {
	var b strings.Builder
	b.WriteString(e.Kind.String())
	if e.Name != "" {
		fmt.Fprintf(&b, " %q", e.Name)
	}
	if !e.Type.IsZero() {
		fmt.Fprintf(&b, " (%s)", e.Type)
	}
	if e.Link != "" {
		fmt.Fprintf(&b, " on %s", e.Link)
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	return b.String()
}
