package mdnstest

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// What a message says of a name that one host owns.
const (
	Probe        = "probe"
	Announcement = "announcement" // or an answer
	Goodbye      = "goodbye"
)

// Fact is what a message says of the name of a service or a host.
type Fact struct{ Kind, Name string }

// Facts returns what a message says of names that one host owns: by probes, by SRV records and by addresses. A name is its
// first label, without escapes.
func Facts(message dns.Msg) (facts []Fact) {
	for _, record := range message.Ns {
		facts = append(facts, Fact{Probe, label(record.Header().Name)})
	}
	for _, record := range slices.Concat(message.Answer, message.Extra) {
		header := record.Header()
		switch {
		case header.Rrtype != dns.TypeSRV && header.Rrtype != dns.TypeA:
		case header.Ttl == 0:
			facts = append(facts, Fact{Goodbye, label(header.Name)})
		default:
			facts = append(facts, Fact{Announcement, label(header.Name)})
		}
	}
	return facts
}

// label returns the first label of a name, as it is meant.
func label(name string) string {
	labels := dns.SplitDomainName(name)
	return strings.ReplaceAll(labels[0], `\`, "")
}
