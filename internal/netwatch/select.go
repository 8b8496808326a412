package netwatch

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"announcer/internal/mdns"
)

// containerNames are those that container engines and hypervisors give to interfaces of their own.
var containerNames = []string{"docker*", "br-*", "veth*", "virbr*", "cni*"}

// Select gives the links to announce on: those that a glob of allow matches, and none of deny does. Where nothing is
// allowed by name, that is all but the loopback and what is named like a container's; assumed is then a sentence
// that says what was taken and what was left out, else "".
func Select(links []mdns.Link, allow, deny []string) (chosen []mdns.Link, assumed string) {
	var leftOut []mdns.Link
	for _, link := range links {
		switch {
		case link.Matches(deny):
		case link.Matches(allow):
			chosen = append(chosen, link)
		case len(allow) > 0:
		case link.Loopback, link.Matches(containerNames):
			leftOut = append(leftOut, link)
		default:
			chosen = append(chosen, link)
		}
	}
	if len(allow) > 0 {
		return chosen, ""
	}
	assumed = "no interface was named: announcing on " + names(chosen)
	if len(leftOut) > 0 {
		assumed += ", not on " + names(leftOut)
	}
	return chosen, assumed
}

// Missing gives an error for each glob of allow that no link matches, nil where all match.
func Missing(links []mdns.Link, allow []string) error {
	var errs []error
	for _, glob := range allow {
		if !slices.ContainsFunc(links, func(l mdns.Link) bool { return l.Matches([]string{glob}) }) {
			errs = append(errs, fmt.Errorf("interface %q is not here, or not up; there are: %s", glob, names(links)))
		}
	}
	return errors.Join(errs...)
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
