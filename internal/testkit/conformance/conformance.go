// Package conformance checks a multicast DNS responder against the rules of RFC 6762 and RFC 6763 from outside, as a
// black box: it plays other hosts on its link, sends raw packets and looks at what comes back, and when.
//
// What is checked is any responder that a [Lab] puts on a link: the pure state machine in simulated time, or a program
// in a network namespace. Packets are made and read with github.com/miekg/dns, a second opinion on our own codec.
package conformance

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"announcer/internal/mdns/link"
	"announcer/internal/publication"
	"announcer/services"
)

// Lab is a link with one responder on it, and hosts that the suite plays. A lab is used for one check.
type Lab interface {
	// Facts describes the link.
	Facts() Facts
	// Now returns the time of the lab's clock.
	Now() time.Time
	// Start starts the responder. It returns at once, before the responder has sent anything.
	Start(Setup) error
	// Apply changes what the responder publishes.
	Apply(Setup) error
	// Stop ends the responder in good order, without waiting for it.
	Stop() error
	// Suspend keeps the responder from running, as a machine that sleeps does, until Resume.
	Suspend() error
	Resume() error
	// Restart ends the responder as a service manager does that starts it again, and starts it again.
	Restart() error
	// SetHostName sets the name of the responder's machine, otherwise "pbx", until the lab is used for another check.
	SetHostName(name string) error
	// SetAddresses replaces the addresses of the responder's interface, but its link-local one of IPv6 stays. Those of
	// before are back when the lab is used for another check.
	SetAddresses(addrs ...netip.Prefix) error
	// Send sends a packet from a host that the suite plays, which is the one with the address From.
	Send(link.Packet) error
	// Next waits for the next packet of the responder, until a time, and reports whether there was one.
	Next(until time.Time) (Heard, bool)
}

// ErrUnsupported is the error of a [Lab] whose responder can't do what is wanted; the check does not apply to it then.
var ErrUnsupported = errors.New("the responder can't do this")

// Setup is what a responder is to publish.
type Setup struct {
	Host   string // first label of the host's name; "": that of the machine
	Groups []services.Group
}

// Facts describes a link.
type Facts struct {
	Responder []netip.Prefix // the addresses of the responder's interface
	Peers     []netip.Addr   // of the hosts that the suite plays: at least two for each IP version
	Remote    []netip.Addr   // of such hosts that are in no network of the responder: one for each IP version
	Second    []netip.Prefix // addresses that the responder can have in a second network of the link: one for each IP version
	Neighbors []netip.Addr   // of hosts that the suite plays in that network: one for each IP version
	// Slack is how late things may be because of the machine: 0 if time is simulated.
	Slack time.Duration
}

// Heard is a packet of the responder.
type Heard struct {
	link.Packet
	At time.Time
}

// Verdict is how a check ended.
type Verdict uint8

// The verdicts.
const (
	Pass Verdict = iota
	Fail
	NotApplicable
)

var verdictWords = []string{"pass", "fail", "n/a"}

// String returns "pass", "fail" or "n/a".
func (v Verdict) String() string { return verdictWords[v] }

// Check is one rule with the test of it.
type Check struct {
	Section string // such as "6762 §6.7"
	Rule    string // what the responder must do: a sentence
	run     func(*bench)
}

// Result is how a responder did in a check.
type Result struct {
	Check
	Version publication.IPVersion
	Verdict Verdict
	Saw     string // what was seen, where it did not pass
}

// String returns the result as a line.
func (r Result) String() string {
	text := fmt.Sprintf("%-4s %s (IPv%d): %s", r.Verdict, r.Section, r.Version, r.Rule)
	if r.Saw != "" {
		text += ": " + r.Saw
	}
	return text
}

// Checks returns all checks, in the order of the rules.
func Checks() []Check {
	var all []Check
	for _, table := range [][]Check{packetChecks, startChecks, answerChecks, recordChecks, changeChecks, networkChecks, lifeChecks} {
		all = append(all, table...)
	}
	return all
}

// Run runs the check by an IP version in a fresh lab.
func (c Check) Run(lab Lab, v publication.IPVersion) (result Result) {
	result = Result{Check: c, Version: v}
	defer func() {
		switch end := recover().(type) {
		case nil:
		case verdict:
			result.Verdict, result.Saw = end.Verdict, end.saw
		default:
			panic(end)
		}
	}()
	c.run(newBench(lab, v))
	return result
}

// verdict ends a check by a panic.
type verdict struct {
	Verdict
	saw string
}
