package publication

import "slices"

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
