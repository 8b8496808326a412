package netwatch

import (
	"slices"

	"announcer/internal/publication"
)

// Why returns the reason for which [Select] leaves a link out and what to do about it, zero if it does not.
func Why(link publication.Link, allow, deny []string) publication.Outage {
	switch why := ruledOut(&link, allow, deny); why {
	case "":
		return link.Outage
	case notListed:
		return publication.Outage{Why: why + ": " + publication.Names(allow)}
	default:
		return publication.Outage{Why: why}
	}
}

const notListed = "not in the list of interfaces"

// ruledOut returns the rule by which a link is left out, "" if there is none.
func ruledOut(link *publication.Link, allow, deny []string) string {
	switch {
	case link.Matches(deny):
		return "denied by interfaces_deny"
	case slices.Contains(allow, link.Name):
		return ""
	case link.Master != "": // before the globs: "eth*" asks for links, not for what is behind a bridge
		return "port of " + link.Master
	case link.Matches(allow):
		return ""
	case len(allow) > 0:
		return notListed
	case link.Loopback:
		return "it is the loopback"
	case link.PointToPoint:
		return "it is a point-to-point link"
	}
	if by := owner(link); by != "" {
		return "its name is that of an interface of " + by
	}
	return ""
}
