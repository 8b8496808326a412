package publication

import "fmt"

// Fault is an IP version by which no host on a link can be reached, though the link has addresses of it: another program
// holds port 5353, the multicast group can't be joined, or nothing can be sent.
type Fault struct {
	Link    string    `json:"link"`
	Version IPVersion `json:"ip_version"` // 4 or 6
	Why     string    `json:"why"`        // with the program that is to blame, if it is known
}

// String returns the fault as a sentence without a full stop.
func (f Fault) String() string {
	return fmt.Sprintf("no phone can be reached by IPv%d on %s: %s", f.Version, f.Link, f.Why)
}

// Merged returns faults with those of one IP version and one reason as one, whose Link is what [Names] returns: a host can
// have thousands of links.
func Merged(faults []Fault) []Fault {
	type kind struct {
		version IPVersion
		why     string
	}
	links := map[kind][]string{}
	var kinds []kind
	for _, f := range faults {
		k := kind{f.Version, f.Why}
		if links[k] == nil {
			kinds = append(kinds, k)
		}
		links[k] = append(links[k], f.Link)
	}
	var merged []Fault
	for _, k := range kinds {
		merged = append(merged, Fault{Link: Names(links[k]), Version: k.version, Why: k.why})
	}
	return merged
}
