package deployment

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"announcer/internal/phones"
	"announcer/internal/status"
)

const (
	stoppedMost  = 30 * time.Second // that a phone may pause between two parts of a file
	problemsMost = 20               // that are listed one by one
)

// problems returns a sentence for each file that can't be loaded, and for each phone that has stopped before it had its file.
func problems(now time.Time, transfers []status.Transfer, faults map[string]error) []string {
	list := []string{}
	for _, path := range slices.Sorted(maps.Keys(faults)) {
		list = append(list, fmt.Sprintf("%s can't be loaded: %v; want the file as it was when it was announced, or a restart of this command", path, faults[path]))
	}
	active := map[netip.Addr]bool{}
	for _, t := range transfers {
		active[t.From] = active[t.From] || t.State != status.Stopped
	}
	stopped := 0
	for _, t := range transfers {
		if active[t.From] || !isPhone(t) || now.Sub(t.Ended()) < stoppedMost {
			continue
		}
		if stopped++; stopped <= problemsMost {
			list = append(list, fmt.Sprintf("%s stopped at %s with %d %% of %s, and has not gone on", t.Who(), t.Ended().Local().Format(time.TimeOnly), t.Percent(), t.File))
		}
	}
	if stopped > problemsMost {
		list = append(list, fmt.Sprintf("%d more phones stopped before they had their file", stopped-problemsMost))
	}
	return list
}

// isPhone reports whether it is sure that a phone loads, not a person with a browser.
func isPhone(t status.Transfer) bool { return t.Model != "" || phones.Vendor(t.MAC) != "" }
