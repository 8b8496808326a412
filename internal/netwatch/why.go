package netwatch

import (
	"fmt"
	"strings"

	"announcer/internal/mdns"
)

// Why says why [Select] leaves a link out, "" where it does not.
func Why(link mdns.Link, allow, deny []string) string {
	switch {
	case link.Matches(deny):
		return "denied by interfaces_deny"
	case link.Matches(allow):
		return ""
	case len(allow) > 0:
		return fmt.Sprintf("not among the interfaces that are named: %s", strings.Join(allow, " "))
	case link.Loopback:
		return "it is the loopback"
	case link.Matches(containerNames):
		return "it is named like a container's"
	}
	return ""
}
