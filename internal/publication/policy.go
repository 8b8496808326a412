package publication

import "slices"

// Policy decides what happens to a service whose name another host has.
type Policy uint8

// The policies.
const (
	Rename  Policy = iota // take the next name, as Avahi does
	Fail                  // stay off the wire and say who has the name
	Standby               // stay silent as long as the name is served, then take over
)

// DefaultPolicy is the policy where none is set.
const DefaultPolicy = Rename

// loser is what becomes of a service that has lost its name. A policy must set it: the zero value is none of them.
type loser uint8

const (
	takesAnother loser = iota + 1 // it takes another name
	staysOff                      // it is not announced until the name is free
	takesTurns                    // it waits until the host that serves the name is gone
)

// policies has what is known of each policy. What a policy does when another host has the name is in package responder.
var policies = [...]struct {
	word  string
	loser loser
}{
	Rename:  {"rename", takesAnother},
	Fail:    {"fail", staysOff},
	Standby: {"standby", takesTurns},
}

// PolicyWords returns the words that [ParsePolicy] reads.
func PolicyWords() []string {
	var words []string
	for _, p := range policies {
		words = append(words, p.word)
	}
	return words
}

// ParsePolicy reads one of the words that [PolicyWords] returns.
func ParsePolicy(word string) (p Policy, ok bool) {
	i := slices.Index(PolicyWords(), word)
	return Policy(max(i, 0)), i >= 0
}

// String returns the word that [ParsePolicy] reads.
func (p Policy) String() string { return policies[p].word }

// IsDefault reports whether p is [DefaultPolicy], which need not be written.
func (p Policy) IsDefault() bool { return p == DefaultPolicy }

// Renames reports whether a service whose name is taken takes another name. Under any other policy it stays off the wire.
func (p Policy) Renames() bool { return policies[p].loser == takesAnother }

// StandsBy reports whether several hosts take turns in serving a name, so that one that does not serve is no failure.
func (p Policy) StandsBy() bool { return policies[p].loser == takesTurns }

// Check is the way to check the server of a publication, which is announced only while it answers.
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

// CheckWords returns the words that [ParseCheck] knows.
func CheckWords() []string { return slices.Clone(checkWords) }

// ParseCheck reads "off", "auto", "tcp", "http" or "sip".
func ParseCheck(word string) (c Check, ok bool) {
	i := slices.Index(checkWords, word)
	return Check(max(i, 0)), i >= 0
}

// String returns the word that [ParseCheck] reads.
func (c Check) String() string { return checkWords[c] }
