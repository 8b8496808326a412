package source

import (
	"reflect"

	"announcer/internal/publication"
)

// Changes holds the differences between two snapshots.
type Changes struct {
	Added   []string `json:"added"`   // IDs of publications that were not there
	Changed []string `json:"changed"` // IDs of those that say something else, or are announced elsewhere or by another policy
	Removed []string `json:"removed"` // IDs of those that are gone
	Refused []string `json:"refused"` // files that have an error now, new or not
}

// Since returns what is different from an earlier snapshot. The lists are in the order of the snapshots, and never nil.
func (s Snapshot) Since(before Snapshot) Changes {
	changes := Changes{Added: []string{}, Changed: []string{}, Removed: []string{}, Refused: []string{}}
	for _, r := range s.Refused {
		changes.Refused = append(changes.Refused, r.File)
	}
	was, is := byID(before.Publications), byID(s.Publications)
	for _, p := range s.Publications {
		old, known := was[p.ID]
		switch {
		case !known:
			changes.Added = append(changes.Added, p.ID)
		case !reflect.DeepEqual(p, old):
			changes.Changed = append(changes.Changed, p.ID)
		}
	}
	for _, p := range before.Publications {
		if _, known := is[p.ID]; !known {
			changes.Removed = append(changes.Removed, p.ID)
		}
	}
	return changes
}

func byID(publications []publication.Publication) map[string]publication.Publication {
	all := map[string]publication.Publication{}
	for _, p := range publications {
		all[p.ID] = p
	}
	return all
}
