package netwatch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"announcer/internal/publication"
)

// Select returns the links to announce on: those without an outage that a glob of allow matches and none of deny does.
// Without allow, that is every link except the loopback, point-to-point links, and those named like an interface of a container or a
// virtual machine. A port of a bridge, bond or team is chosen by its full name only: what arrives
// there goes to the bridge. note is for people: what was assumed, which glob matches nothing, which link does not work and
// what to do about it, which port was named; "" if there is nothing to say.
func Select(links []publication.Link, allow, deny []string) (chosen []publication.Link, note string) {
	used := make([]int, 0, len(links))
	var leftOut, broken []publication.Link
	for i := range links {
		link := &links[i]
		if !isShown(link, allow) {
			continue
		}
		rule := ruledOut(link, allow, deny)
		switch {
		case rule == "" && link.Outage.IsZero():
			used = append(used, i)
		case rule == "":
			broken = append(broken, *link)
		case len(allow) == 0 && link.Outage.IsZero() && !link.Matches(deny):
			leftOut = append(leftOut, *link)
		}
	}
	chosen = pick(links, used)
	if len(allow) > 0 {
		return chosen, notes(missing(links, allow), outages(needed(broken, chosen, allow)), portsAlone(links, allow), portsNamed(chosen))
	}
	return chosen, notes(assumed(chosen, worthNaming(leftOut)), outages(broken))
}

// pick returns the links at some places. They take no more memory than they need: there can be thousands.
func pick(links []publication.Link, places []int) []publication.Link {
	if len(places) == 0 {
		return nil
	}
	picked := make([]publication.Link, len(places))
	for i, at := range places {
		picked[i] = links[at]
	}
	return picked
}

// needed returns those of some broken links without which a glob has no link: "eth*" is content with one that works.
func needed(broken, chosen []publication.Link, globs []string) []publication.Link {
	alone := slices.DeleteFunc(slices.Clone(globs), func(glob string) bool { return publication.Links(chosen).Match(glob) })
	return slices.DeleteFunc(broken, func(l publication.Link) bool { return !l.Matches(alone) })
}

// outages describes links that would be chosen if they worked.
func outages(broken []publication.Link) string {
	list := make([]string, len(broken))
	for i, l := range broken {
		list[i] = fmt.Sprintf("%s is %s (%s)", l.Name, l.Outage.Why, l.Outage.Remedy)
	}
	return publication.Names(list)
}

// notes joins sentences, without the empty ones.
func notes(sentences ...string) string {
	return strings.Join(slices.DeleteFunc(sentences, func(s string) bool { return s == "" }), "; ")
}

// worthNaming drops the ports of what is left out itself: a container's end of docker0 says no more than docker0.
func worthNaming(leftOut []publication.Link) []publication.Link {
	return slices.DeleteFunc(slices.Clone(leftOut), func(l publication.Link) bool {
		return slices.ContainsFunc(leftOut, func(other publication.Link) bool { return other.Name == l.Master })
	})
}

// portsAlone reports the globs that match ports and nothing else.
func portsAlone(links []publication.Link, globs []string) string {
	var found []string
	for i, glob := range globs {
		if ports := onlyPorts(links, globs[i:i+1]); len(ports) > 0 {
			found = append(found, fmt.Sprintf("%q matches only %s; want %s in the list", glob, names(ports), ports[0].Master))
		}
	}
	return notes(found...)
}

// onlyPorts returns the links that globs match if all of them are ports, and none is named in full.
func onlyPorts(links []publication.Link, globs []string) (ports []publication.Link) {
	for i := range links {
		l := &links[i]
		if !l.Matches(globs) {
			continue
		}
		if l.Master == "" || slices.Contains(globs, l.Name) {
			return nil
		}
		ports = append(ports, *l)
	}
	return ports
}

// portsNamed warns of ports that were chosen by their full names.
func portsNamed(chosen []publication.Link) string {
	var found []string
	for i := range chosen {
		if l := &chosen[i]; l.Master != "" {
			found = append(found, fmt.Sprintf("%s is a port of %s, which receives every question; want %s in the list", l.Name, l.Master, l.Master))
		}
	}
	return notes(found...)
}

// assumed describes what was done where no interface was named.
func assumed(chosen, leftOut []publication.Link) string {
	const unnamed = "no interface was named"
	switch {
	case len(chosen) == 0 && len(leftOut) == 0:
		return unnamed + ", and none is usable"
	case len(chosen) == 0:
		return unnamed + ", and none is usable except " + names(leftOut) + "; want it named"
	case len(leftOut) == 0:
		return unnamed + ": using " + names(chosen)
	}
	return unnamed + ": using " + names(chosen) + ", not " + names(leftOut)
}

// missing names which globs no link matches, "" if all do.
func missing(links []publication.Link, globs []string) string {
	var absent []string
	for _, glob := range globs {
		if !publication.Links(links).Match(glob) {
			absent = append(absent, strconv.Quote(glob))
		}
	}
	if len(absent) == 0 {
		return ""
	}
	return "no interface matches " + strings.Join(absent, " or ") + "; there are: " + names(Shown(links, globs))
}

// names lists links for people, as [publication.Names] does.
func names(links []publication.Link) string {
	if len(links) == 0 {
		return "none"
	}
	list := make([]string, len(links))
	for i, l := range links {
		list[i] = l.Name
		switch {
		case l.Master != "":
			list[i] += " (port of " + l.Master + ")"
		case !l.Outage.IsZero():
			list[i] += " (" + l.Outage.Why + ")"
		}
	}
	return publication.Names(list)
}
