package mdns

import (
	"net/netip"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/publication"
)

// Observer is an engine that also reports what others do.
type Observer interface {
	// Asked returns a channel of the hosts that ask for the types in [publication.Desired.Watched], several at a time, until Close. A receiver that is slow
	// misses some.
	Asked() <-chan []Asked
	// Observe reports what was sent and heard since the engine was made.
	Observe() Observation
}

// Asked is a question for a service type.
type Asked struct {
	Time     time.Time    `json:"time"`
	Link     string       `json:"link"`
	From     netip.Addr   `json:"from"`
	Type     dnsname.Name `json:"type"`
	Answered bool         `json:"answered"` // an answer is sent, or the host that asks knows it
	Own      bool         `json:"own"`      // it is a program of this host that asks
}

// Foreign is a service of a watched type that another host announces.
type Foreign struct {
	Link  string       `json:"link"`
	Type  dnsname.Name `json:"type"`
	Name  string       `json:"name"` // the instance name
	From  netip.Addr   `json:"from"`
	MAC   string       `json:"mac,omitempty"` // where the kernel knows it
	Own   bool         `json:"own"`           // it is another program of this host
	Since time.Time    `json:"since"`         // when it was first heard
	Heard time.Time    `json:"heard"`         // and when last
}

// Traffic counts packets on all links, since the start.
type Traffic struct {
	Queries    uint64 `json:"queries"`    // heard
	Responses  uint64 `json:"responses"`  // heard
	Malformed  uint64 `json:"malformed"`  // not DNS messages
	Ignored    uint64 `json:"ignored"`    // dropped unread (RFC 6762 §11, §18)
	TooLong    uint64 `json:"too_long"`   // dropped, over 9000 bytes
	Suppressed uint64 `json:"suppressed"` // answers left out because another host gave or knew them
	Throttled  uint64 `json:"throttled"`  // questions that got no more by unicast, because unicast answers have a budget
	Conflicts  uint64 `json:"conflicts"`  // names lost
	Missed     uint64 `json:"missed"`     // events and questions that were not reported because there were too many
}

// LinkTraffic counts packets on one link, since it was first used.
type LinkTraffic struct {
	Link       string    `json:"link"`
	Heard      time.Time `json:"heard,omitzero"` // when a packet last came from another host
	Received   uint64    `json:"received"`       // packets from other hosts
	Answers    uint64    `json:"answers"`        // sent by multicast: announcements and answers
	Unicasts   uint64    `json:"unicasts"`       // sent: answers to one host
	Probes     uint64    `json:"probes"`         // sent
	Goodbyes   uint64    `json:"goodbyes"`       // sent
	Questions  uint64    `json:"questions"`      // sent
	SendErrors uint64    `json:"send_errors"`    // packets that could not be sent
}

// Observation holds what an engine has sent and received.
type Observation struct {
	Traffic Traffic
	Links   []LinkTraffic
	Foreign []Foreign           // in the order in which they were first heard
	Crowded uint64              // services of others that there was no room for
	Faults  []publication.Fault // in the order of the links
}
