package daemon

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"announcer/internal/publication"
)

// choice is a choice of links.
type choice struct {
	assumed string
	links   publication.Links
}

// logLinks logs what is news about the choice of links. While an interface has just gone away, and may be back soon, it
// waits for a later call.
func (a *announcing) logLinks(now time.Time) {
	if len(a.absences.recent(now)) > 0 {
		return
	}
	if a.isNews() {
		a.log.Log(context.Background(), a.assumedLevel(), a.assumed)
	}
	for _, p := range a.desired.Groups {
		if len(a.desired.Links) > 0 && p.OnNone(a.desired.Links) && !p.OnNone(a.logged.links) {
			a.log.Warn("not announced on any link: none of its interfaces is used", "file", p.ID, "interfaces", p.Interfaces)
		}
	}
	a.logged = choice{a.assumed, a.desired.Links}
}

// isNews reports whether the sentence about the choice of links is worth a line of the log: it is another one than before,
// and where no interface is named, other links are used, too. (Interfaces of containers come and go all the time.)
func (a *announcing) isNews() bool {
	if a.assumed == "" || a.assumed == a.logged.assumed {
		return false
	}
	byDefault := len(a.snapshot.Config.Interfaces) == 0 && a.logged.assumed != ""
	return !byDefault || !slices.EqualFunc(a.desired.Links, a.logged.links, func(a, b publication.Link) bool { return a.Index == b.Index && a.Name == b.Name })
}

// assumedLevel returns the level of the sentence about the choice of links: to use what is there is no fault.
func (a *announcing) assumedLevel() slog.Level {
	if len(a.snapshot.Config.Interfaces) == 0 && len(a.desired.Links) > 0 {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}
