package netwatch

import (
	"slices"
	"strconv"
	"strings"

	"announcer/internal/mdns"
)

// containerNames are those that container engines and hypervisors give to interfaces of their own.
var containerNames = []string{"docker*", "br-*", "veth*", "virbr*", "cni*"}

// Select gives the links to announce on: those that a glob of allow matches, and none of deny does. Where nothing is
// allowed by name, that is all but the loopback and what is named like a container's. note is a sentence about the
// choice for people: what was assumed, or which glob of allow matches nothing; "" where there is nothing to say.
func Select(links []mdns.Link, allow, deny []string) (chosen []mdns.Link, note string) {
	var leftOut []mdns.Link
	for _, link := range links {
		switch {
		case Why(link, allow, deny) == "":
			chosen = append(chosen, link)
		case !link.Matches(deny):
			leftOut = append(leftOut, link)
		}
	}
	if len(allow) > 0 {
		return chosen, missing(links, allow)
	}
	return chosen, assumed(chosen, leftOut)
}

// assumed says what was done where no interface was named.
func assumed(chosen, leftOut []mdns.Link) string {
	const unnamed = "no interface was named"
	switch {
	case len(chosen) == 0 && len(leftOut) == 0:
		return unnamed + ", and there is none to use"
	case len(chosen) == 0:
		return unnamed + ", and there is none to use but " + names(leftOut) + "; want it named"
	case len(leftOut) == 0:
		return unnamed + ": using " + names(chosen)
	}
	return unnamed + ": using " + names(chosen) + ", not " + names(leftOut)
}

// missing says which globs no link matches, "" where all do.
func missing(links []mdns.Link, globs []string) string {
	var absent []string
	for _, glob := range globs {
		if !slices.ContainsFunc(links, func(l mdns.Link) bool { return l.Matches([]string{glob}) }) {
			absent = append(absent, strconv.Quote(glob))
		}
	}
	if len(absent) == 0 {
		return ""
	}
	return "no interface that is up is named " + strings.Join(absent, " or ") + "; there are: " + names(links)
}

// names lists links for people.
func names(links []mdns.Link) string {
	if len(links) == 0 {
		return "none"
	}
	list := make([]string, len(links))
	for i, l := range links {
		list[i] = l.Name
	}
	return strings.Join(list, ", ")
}
