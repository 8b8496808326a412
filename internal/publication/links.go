package publication

import "slices"

// IPVersions returns the IP versions, IPv4 first.
func IPVersions() [2]IPVersion { return [...]IPVersion{V4, V6} }

// Links are network interfaces, each index and each name once.
type Links []Link

// ByIndex returns the link with an interface index.
func (ls Links) ByIndex(index int) (l Link, ok bool) {
	return ls.first(func(l Link) bool { return l.Index == index })
}

// ByName returns the link with a name.
func (ls Links) ByName(name string) (l Link, ok bool) {
	return ls.first(func(l Link) bool { return l.Name == name })
}

// Has reports whether there is a link with an interface index.
func (ls Links) Has(index int) bool { return ls.Place(index) >= 0 }

// Place returns the position of the link with an interface index, -1 if there is none.
func (ls Links) Place(index int) int {
	return slices.IndexFunc(ls, func(l Link) bool { return l.Index == index })
}

// Meet reports whether a link is among both.
func (ls Links) Meet(others Links) bool {
	return slices.ContainsFunc(ls, func(l Link) bool { return others.Has(l.Index) })
}

func (ls Links) first(is func(Link) bool) (l Link, ok bool) {
	if i := slices.IndexFunc(ls, is); i >= 0 {
		return ls[i], true
	}
	return Link{}, false
}
