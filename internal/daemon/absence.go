package daemon

import (
	"slices"
	"sync"
	"time"

	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/status"
)

// absences are the interfaces that were announced on until they went away, by name, with the time when they did. A network
// manager that takes an interface down and up again, or a plug that is loose, is no problem for [status.AbsenceMost].
type absences map[string]time.Time

// follow takes the links that are announced on before and after they changed, all that are here now, and the names of those
// that are never forgotten.
func (a absences) follow(now time.Time, before, after publication.Links, here netwatch.Reading, named []string) {
	for name := range a {
		if _, back := after.ByName(name); back || !a.isShort(now, name) && !slices.Contains(named, name) {
			delete(a, name)
		}
	}
	used := sync.OnceValue(after.Names)
	for old, l := range publication.Across(before, after) {
		if old == nil || l != nil && l.Name == old.Name || used()[old.Name] {
			continue
		}
		if l, ok := here.Links.ByName(old.Name); !ok || !l.Outage.IsZero() {
			a[old.Name] = now
		}
	}
}

// isShort reports whether an interface has just gone away.
func (a absences) isShort(now time.Time, name string) bool {
	return now.Sub(a[name]) < status.AbsenceMost
}

// recent lists the interfaces that have just gone away.
func (a absences) recent(now time.Time) (names []string) {
	for name := range a {
		if a.isShort(now, name) {
			names = append(names, name)
		}
	}
	return names
}
