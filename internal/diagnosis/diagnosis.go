// Package diagnosis finds out why phones don't find their server. [Look] runs tasks that look at the host and its links, all
// at once and within a limit of time; they send questions alone. [Sight.Findings], which is pure, goes from link to link
// and from step to step, and returns of each what is wrong and what to do.
package diagnosis

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"announcer/internal/firewall"
	"announcer/internal/mdns/browse"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
)

// State is how a step stands.
type State string

// The states. Only [Wrong] keeps phones from their server.
const (
	OK     State = "ok"
	Hint   State = "hint"   // it may be what keeps phones away, or is worth knowing
	Wrong  State = "wrong"  // it must be mended
	Unseen State = "unseen" // it could not be checked
)

// Step is a thing that is checked.
type Step string

// The steps, in order. Those before [Daemon] are checked on each link.
const (
	Interface   Step = "interface"   // up, with a carrier and multicast
	Addresses   Step = "addresses"   // that phones can use
	Socket      Step = "socket"      // UDP port 5353, and who shares it
	Multicast   Step = "multicast"   // the groups are joined, and packets go out
	Firewall    Step = "firewall"    // of this host
	Snooping    Step = "snooping"    // switches that hold back multicast
	VLAN        Step = "vlan"        // phones on another link than the services
	Servers     Step = "servers"     // of other hosts, for phones
	Phones      Step = "phones"      // who asks
	Daemon      Step = "daemon"      // of this host
	Definitions Step = "definitions" // their files
	Answers     Step = "answers"     // of the servers that definitions name
)

// Finding is how a step stands, on a link or on the whole host.
type Finding struct {
	State  State  `json:"state"`
	Step   Step   `json:"step"`
	Link   string `json:"link,omitempty"`
	Text   string `json:"text"`
	Remedy string `json:"remedy,omitempty"`
}

// Sight is what was seen.
type Sight struct {
	Wait        time.Duration // that was listened for
	Links       publication.Links
	Allow, Deny []string // globs of the links to announce on, as for [netwatch.Select]
	Hearing     Hearing
	Unicast     map[int][]netip.Addr // hosts that answer by unicast, by the index of the link
	Frames      Frames
	Sharers     []string // other programs that share port 5353
	Rules       firewall.Rules
	Switches    netwatch.Switches
	Neighbours  []netwatch.Neighbour
	Services    []browse.Entry // servers for phones that are found on the network
	Groups      []publication.Publication
	Host        string // name of this host
	Defined     Defined
	Daemon      Running

	Failed map[Subject]string // why something could not be checked
}

// Subject is something that a task of its own reads.
type Subject string

// The subjects.
const (
	lookLinks    Subject = "the interfaces"
	lookListen   Subject = "the network"
	lookUnicast  Subject = "the answers by unicast"
	lookFrames   Subject = "the frames"
	lookSharers  Subject = "the sharers of port 5353"
	lookRules    Subject = "the rules of the firewall"
	lookSwitches Subject = "the bridges"
	lookServices Subject = "the servers of other hosts"
	lookFiles    Subject = "the definitions"
	lookAnswers  Subject = "the servers"
	lookDaemon   Subject = "the daemon"
)

// Findings goes through all steps.
func (s Sight) Findings() []Finding {
	var all []Finding
	if why, failed := s.Failed[lookLinks]; failed {
		all = append(all, Finding{State: Wrong, Step: Interface, Text: why})
	} else {
		all = s.links()
	}
	return slices.Concat(all, s.daemon(), s.definitions(), s.answers())
}

// IsHealthy reports whether nothing is wrong.
func IsHealthy(all []Finding) bool {
	return !slices.ContainsFunc(all, func(f Finding) bool { return f.State == Wrong })
}

// links goes through the steps of all links that are announced on, or would be if they worked.
func (s Sight) links() []Finding {
	used, broken := s.chosen()
	var all []Finding
	for _, l := range broken {
		all = append(all, s.brokenLink(l, len(used) == 0))
	}
	for _, glob := range s.Allow {
		if !s.Links.Match(glob) {
			all = append(all, Finding{Wrong, Interface, "", fmt.Sprintf("no interface matches %q", glob), "correct the name: " + here.interfaces + " lists those that there are"})
		}
	}
	if len(used) == 0 && len(all) == 0 {
		all = append(all, Finding{Wrong, Interface, "", "no interface is usable", "connect one, or name it: --interface NAME"})
	}
	hasGood := slices.ContainsFunc(used, func(l publication.Link) bool { return IsHealthy(addresses(l)) })
	for _, l := range used {
		found := s.link(l, used)
		if hasGood && !slices.Contains(s.Allow, l.Name) && !IsHealthy(addresses(l)) {
			found = hints(found)
		}
		all = append(all, found...)
	}
	return append(all, s.elsewhere(used)...)
}

// hints returns findings of which none is wrong. A link without an address may be for something else, if no list names it
// and another link has an address.
func hints(all []Finding) []Finding {
	for i := range all {
		if all[i].State == Wrong {
			all[i].State = Hint
		}
	}
	return all
}

// chosen returns the links that are announced on, and those that would be if they worked.
func (s Sight) chosen() (used, broken publication.Links) {
	for _, l := range netwatch.Shown(s.Links, s.Allow) {
		switch why := netwatch.Why(l, s.Allow, s.Deny); {
		case why.IsZero():
			used = append(used, l)
		case why == l.Outage:
			broken = append(broken, l)
		}
	}
	return used, broken
}

// brokenLink describes a link that does not work. Beside one that works it may be a spare one, if no list names it.
func (s Sight) brokenLink(l publication.Link, isOnly bool) Finding {
	f := Finding{Wrong, Interface, l.Name, "it is " + l.Outage.Why, l.Outage.Remedy}
	if !isOnly && !slices.Contains(s.Allow, l.Name) {
		f.State = Hint
	}
	return f
}

// link goes through the steps of a link that works. What follows from a fault is not another one.
func (s Sight) link(l publication.Link, used publication.Links) []Finding {
	found := append(addresses(l), s.shape(l, used)...)
	all := append([]Finding{{OK, Interface, l.Name, "up, with a carrier and multicast", ""}}, found...)
	if !IsHealthy(found) || !l.Has(publication.V4) && !l.Has(publication.V6) {
		return all
	}
	if why, failed := s.Failed[lookListen]; failed {
		return append(all, Finding{Wrong, Socket, l.Name, why, "look at the log of the kernel: " + here.log})
	}
	for _, step := range []func(publication.Link) []Finding{s.socket, s.multicast, s.firewall} {
		found := step(l)
		all = append(all, found...)
		if !IsHealthy(found) {
			return all
		}
	}
	return slices.Concat(all, s.snooping(l), s.servers(l), s.phones(l))
}

// names lists words for people.
func names[T any](all []T) string {
	var list []string
	for _, one := range all {
		list = append(list, fmt.Sprint(one))
	}
	return publication.Names(list)
}

// sentence joins what there is of some texts.
func sentence(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(s string) bool { return s == "" }), "; ")
}
