package daemon

import (
	"strings"

	"announcer/internal/source"
)

// attrs returns what a line of the log says about changes.
func attrs(changes source.Changes) []any {
	var all []any
	for _, list := range []struct {
		key   string
		items []string
	}{
		{"added", changes.Added}, {"changed", changes.Changed}, {"removed", changes.Removed}, {"refused", changes.Refused},
	} {
		if len(list.items) > 0 {
			all = append(all, list.key, strings.Join(list.items, ", "))
		}
	}
	return all
}
