package daemon

import (
	"cmp"
	"slices"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/phones"
	"announcer/internal/publication"
	"announcer/internal/status"
)

// memory is what has happened since the start.
type memory struct {
	started   time.Time
	askers    phones.Askers
	table     phones.Lookup              // hardware addresses
	conflicts map[string]status.Conflict // by definition; "" is the host
	failure   mdns.Event                 // of the engine, the last one
	others    others
	contested bool // another program of this host wanted a name of ours since the last look for them
	silence   silence
	history   history
}

func newMemory() memory {
	now := time.Now()
	return memory{started: now, table: unknownMAC, conflicts: map[string]status.Conflict{}, silence: silence{heard: now}}
}

// asked returns who has asked.
func (m *memory) asked() status.Asked { return status.NewAsked(&m.askers, m.table) }

// remember keeps the last conflict of a definition. That a service was renamed after a conflict adds nothing to it.
func (m *memory) remember(e mdns.Event) {
	if e.Kind == mdns.ServiceRenamed && m.conflicts[e.ID].Rival == e.Rival {
		return
	}
	m.conflicts[e.ID] = status.NewConflict(e)
}

// conflictsOf returns the last conflict of each definition that is still there, the newest first, and forgets the others.
func (m *memory) conflictsOf(groups []publication.Publication) []status.Conflict {
	list := []status.Conflict{}
	for id, c := range m.conflicts {
		if id != "" && !slices.ContainsFunc(groups, func(p publication.Publication) bool { return p.ID == id }) {
			delete(m.conflicts, id)
			continue
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b status.Conflict) int { return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.File, b.File)) })
	return list
}
