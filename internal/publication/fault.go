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
