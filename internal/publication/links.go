package publication

import (
	"iter"
	"slices"
	"sort"
)

// IPVersions returns the IP versions, IPv4 first.
func IPVersions() [2]IPVersion { return [...]IPVersion{V4, V6} }

// Links are network interfaces in the order of their indices, each index and each name once.
type Links []Link

// ByIndex returns the link with an interface index.
func (ls Links) ByIndex(index int) (l Link, ok bool) { return ls.at(ls.Place(index)) }

// ByName returns the link with a name.
func (ls Links) ByName(name string) (l Link, ok bool) {
	for i := range ls {
		if ls[i].Name == name {
			return ls.at(i)
		}
	}
	return Link{}, false
}

// Match reports whether one of the globs matches the name of one of the links (see [Link.Matches]).
func (ls Links) Match(globs ...string) bool {
	return slices.ContainsFunc(ls, func(l Link) bool { return l.Matches(globs) })
}

// Names returns the set of the names.
func (ls Links) Names() map[string]bool {
	names := make(map[string]bool, len(ls))
	for i := range ls {
		names[ls[i].Name] = true
	}
	return names
}

// Has reports whether there is a link with an interface index.
func (ls Links) Has(index int) bool { return ls.Place(index) >= 0 }

// Place returns the position of the link with an interface index, -1 if there is none.
func (ls Links) Place(index int) int {
	if i := sort.Search(len(ls), func(i int) bool { return ls[i].Index >= index }); i < len(ls) && ls[i].Index == index {
		return i
	}
	return -1
}

// Meet reports whether a link is among both.
func (ls Links) Meet(others Links) bool {
	return slices.ContainsFunc(ls, func(l Link) bool { return others.Has(l.Index) })
}

// Across goes through two states of the links in the order of their indices: each link as it was and as it is, nil if it
// was not there or is not. One that [Link.Replaces] another comes after that.
func Across(before, now Links) iter.Seq2[*Link, *Link] {
	return func(yield func(old, l *Link) bool) {
		for i, j := 0, 0; i < len(before) || j < len(now); {
			var old, l *Link
			if j == len(now) || i < len(before) && before[i].Index <= now[j].Index {
				old = &before[i]
				i++
			}
			if j < len(now) && (old == nil || old.Index == now[j].Index && !now[j].Replaces(*old)) {
				l = &now[j]
				j++
			}
			if !yield(old, l) {
				return
			}
		}
	}
}

// Replaced returns the links of now that replace one of before.
func Replaced(before, now Links) (replaced Links) {
	for old, l := range Across(before, now) {
		if l != nil {
			continue
		}
		if other, ok := now.ByIndex(old.Index); ok {
			replaced = append(replaced, other)
		}
	}
	return replaced
}

// Changed goes through the links that differ between two states, as [Across] does.
func Changed(before, now Links) iter.Seq2[*Link, *Link] {
	return func(yield func(old, l *Link) bool) {
		for old, l := range Across(before, now) {
			if (old == nil || l == nil || !l.Same(*old)) && !yield(old, l) {
				return
			}
		}
	}
}

// at returns the link at a position, none at -1.
func (ls Links) at(i int) (l Link, ok bool) {
	if i < 0 {
		return Link{}, false
	}
	return ls[i], true
}
