// Package mdns turns what should be published into DNS records (RFC 6762, RFC 6763) and defines the interface
// of the engines that announce them.
//
// [publication.Desired] is the complete desired state of the network. [Settle] assigns each service in it its name, and
// [Records] the records of a link; both are pure. An engine implements [Publisher].
package mdns

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/publication"
)

// Publisher is an engine that announces services and keeps them announced.
type Publisher interface {
	// Apply replaces what is published. It returns once d is accepted; probing and announcing take a second more
	// and are reported as events.
	Apply(ctx context.Context, d publication.Desired) error
	// Status reports the state of each service on each link, in the order of the groups and links applied.
	Status() []ServiceStatus
	// Events returns what happens, in order and in batches, until Close or Abandon. The engine keeps what is not received
	// yet, up to [EventsMost] events.
	Events() <-chan []Event
	// Close withdraws all that is published and releases the sockets. When ctx ends before that, it releases them without
	// the goodbyes that are left, and reports an error.
	Close(ctx context.Context) error
	// Abandon releases the sockets without goodbyes, as before a restart.
	Abandon() error
}

// State is the state of a service on a link.
type State uint8

// The states.
const (
	Probing    State = iota // asking whether the name is free
	Announced               // announced and answered for
	StandingBy              // silent while another host serves the name
	Refused                 // not announced, for the reason given
)

var stateWords = []string{"probing", "announced", "standby", "refused"}

// String returns "probing", "announced", "standby" or "refused".
func (s State) String() string { return stateWords[s] }

// MarshalText returns the word of [State.String].
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ServiceStatus reports the state of one service on one link.
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

// EventKind is the kind of an event.
type EventKind uint8

// The kinds of events.
const (
	ServiceAnnounced EventKind = iota
	ServiceRenamed
	ServiceConflict
	ServiceStandingBy
	ServiceWithdrawn
	ServiceRefused
	EngineFailed // a link or socket is unusable; Detail has the reason
	ForeignSeen  // another host announces a service of a watched type
	ForeignGone  // and does so no more
	HostWoke     // after a sleep that caches noticed, of this process or of its machine; Detail says how long
	Unreachable  // no host on a link can be reached by an IP version; Detail says which, and why
	Reachable    // and can be again
)

var eventWords = []string{"announced", "renamed", "conflict", "standby", "withdrawn", "refused", "failed", "foreign", "foreign gone", "woke", "unreachable", "reachable"}

// String returns a word such as "announced".
func (k EventKind) String() string { return eventWords[k] }

// MarshalText returns the word of [EventKind.String].
func (k EventKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Event is something that happened to a service on a link.
type Event struct {
	Time    time.Time
	Kind    EventKind
	ID      string // of the publication
	Service int    // index in its group
	Type    dnsname.Name
	Name    string     // the instance name now
	Link    string     // "" if all links are meant
	Detail  string     // a sentence for people: who, why
	Rival   netip.Addr // the other host that it is about, if any
	MAC     string     // of the rival, where the kernel knows it
}

// Woke returns the event of a sleep of a length. A clock that is set forward, as that of a machine without a battery is
// soon after its start, can't be distinguished from the end of a pause.
func Woke(at time.Time, slept time.Duration) Event {
	return Event{Time: at, Kind: HostWoke, Detail: fmt.Sprintf(
		"the host slept for about %v, or its clock was set forward by that; everything is announced again", slept.Round(time.Second))}
}

// String returns the event as a line for people.
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
