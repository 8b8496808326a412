package netwatch

import (
	"fmt"
	"slices"
	"strings"

	"announcer/internal/publication"
)

// Change is one thing that happened to an interface.
type Change struct {
	Link string // the name of the interface
	What string // such as "address 192.0.2.7/24 added"
}

// Changes returns what happened to the interfaces that are announced on, from before to after, in the order of these.
// now is the reading that after was chosen from: it says what has become of one that is gone.
func Changes(before, after []publication.Link, now Reading) []Change {
	return changesBetween(before, after, now.whereabouts)
}

// changesBetween is [Changes] with another way to find out about an interface that is there no more.
func changesBetween(before, after publication.Links, gone func(publication.Link) string) []Change {
	var changes []Change
	tell := func(l *publication.Link, format string, args ...any) {
		changes = append(changes, Change{l.Name, fmt.Sprintf(format, args...)})
	}
	for old, l := range publication.Changed(before, after) {
		if l == nil {
			tell(old, "%s", gone(*old))
		}
	}
	for old, l := range publication.Changed(before, after) {
		switch {
		case l == nil:
		case old == nil:
			tell(l, "up, %s", with(l.Addrs))
		default:
			for _, what := range linkChanges(old, l) {
				tell(l, "%s", what)
			}
		}
	}
	return changes
}

// linkChanges returns what happened to an interface that was there before.
func linkChanges(old, l *publication.Link) (changes []string) {
	if l.Name != old.Name {
		changes = append(changes, "renamed, it was "+old.Name)
	}
	if l.MTU != old.MTU {
		changes = append(changes, fmt.Sprintf("MTU %d, it was %d", l.MTU, old.MTU))
	}
	for _, c := range l.CameUp(*old) {
		changes = append(changes, choose(c.Index == l.Index, "up again", c.Name+" came up behind it"))
	}
	for _, what := range addrChanges(old.Addrs, l.Addrs) {
		changes = append(changes, "address "+what)
	}
	return changes
}

// whereabouts returns what has become of an interface that is not announced on any more.
func (r Reading) whereabouts(l publication.Link) string {
	now, ok := r.Links.ByIndex(l.Index)
	switch {
	case !ok, now.Replaces(l):
		return removed
	case now.Master != "":
		return "port of " + now.Master
	case now.Name != l.Name:
		return "renamed to " + now.Name
	case !now.Outage.IsZero():
		return now.Outage.Why
	}
	return "no longer used"
}

// with lists the addresses of an interface that is new.
func with(addrs []publication.LinkAddr) string {
	if len(addrs) == 0 {
		return "without an address"
	}
	list := make([]string, len(addrs))
	for i, a := range addrs {
		list[i] = a.String() + states(a)
	}
	return "with " + strings.Join(list, " and ")
}

func addrChanges(before, after []publication.LinkAddr) []string {
	find := func(addrs []publication.LinkAddr, a publication.LinkAddr) int {
		return slices.IndexFunc(addrs, func(b publication.LinkAddr) bool { return a.Prefix == b.Prefix })
	}
	var changes []string
	for _, a := range before {
		if find(after, a) < 0 {
			changes = append(changes, a.String()+" removed")
		}
	}
	for _, a := range after {
		i := find(before, a)
		if i < 0 {
			changes = append(changes, a.String()+" added"+states(a))
			continue
		}
		old := before[i]
		if a.Duplicate && !old.Duplicate {
			changes = append(changes, a.String()+" is a duplicate: another host has it")
		}
		if a.Tentative != old.Tentative {
			changes = append(changes, a.String()+choose(a.Tentative, " tentative", " known to be unique"))
		}
		if a.Deprecated != old.Deprecated {
			changes = append(changes, a.String()+choose(a.Deprecated, " deprecated", " preferred again"))
		}
	}
	return changes
}

// states returns the state of an address, "" if it is usable.
func states(a publication.LinkAddr) string {
	if a.Duplicate {
		return " (duplicate: another host has it)"
	}
	return choose(a.Tentative, " (tentative)", "") + choose(a.Deprecated, " (deprecated)", "")
}

func choose(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}
