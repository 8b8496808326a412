//go:build linux

package world

import (
	"maps"
	"slices"
	"time"

	"announcer/internal/source"
)

// Times within which the network must be as the truth says. They are longer than those of the RFC, which wants a quarter of a
// second for a probe, three probes and two announcements: a reload and a restart take some seconds.
const (
	settleTime  = source.Pulse
	lateTime    = 12 * time.Second           // for which what was defined may still be announced
	mendTime    = settleTime + 4*time.Second // within which it is known what a fault has hidden; neighbours ask for longer
	problemTime = 34 * time.Second
	recentTime  = 64 * time.Second // for which an interface may be away, and for which a failure to send is a problem
	inheritTime = 90 * time.Second // in which a process takes over what the one before it announced
	staleTime   = 80 * time.Minute // longer than any TTL
)

// truth is what is so on a host, as far as the daemon can know it.
type truth struct {
	world *World

	disk   map[string]*service // what the files say; nil: nothing that can be used
	known  map[string]service  // what the process is to announce, by file
	past   []past
	owed   map[string]bool      // names that are to be withdrawn when all links are back
	ghosts map[string]time.Time // names that caches may hold until a time, since no process knows them

	bad    map[string]bool    // files that the process knows to be in error
	cached map[string]service // what the cache holds of the servers of definitions
	saw    bool               // the process has seen files in the directory: another one is waited for

	silence time.Time       // when a process ended without a word
	left    map[string]bool // the names that it announced then
	lost    bool            // it may not have noted them
	unnoted time.Time       // when one last ended so with no room for a note: no process knows the addresses that it announced

	changed time.Time // when what is to be announced last changed
	faults  map[string]time.Time
	over    map[string]time.Time // when faults ended
	mended  time.Time            // when a fault last ended
}

// past is a service that was defined until a time.
type past struct {
	service
	until time.Time
}

func newTruth(w *World) *truth {
	return &truth{
		world: w, disk: map[string]*service{}, known: map[string]service{}, owed: map[string]bool{}, ghosts: map[string]time.Time{},
		bad: map[string]bool{}, cached: map[string]service{}, faults: map[string]time.Time{}, over: map[string]time.Time{},
	}
}

// touch notes that the network may differ for a while.
func (t *truth) touch() { t.changed = time.Now() }

// learn has the process know what the disk holds.
func (t *truth) learn(h *host) {
	if h.process == nil {
		return
	}
	if !h.isBlind() && !h.gone {
		t.saw = slices.ContainsFunc(fileNames, func(file string) bool {
			_, here := t.disk[file]
			return here && !isRemote(file)
		})
	}
	for file, s := range t.known {
		if !t.sees(h, file) {
			continue
		}
		if now, here := t.holds(h, file); !here || now != nil && *now != s {
			t.drop(h, file)
		}
	}
	for _, file := range fileNames {
		if !t.sees(h, file) {
			continue
		}
		s, here := t.holds(h, file)
		t.bad[file] = here && s == nil
		if s != nil {
			t.known[file] = *s
		}
	}
	h.feel()
}

// holds returns what a file says, and whether it is there.
func (t *truth) holds(h *host, file string) (s *service, here bool) {
	if isRemote(file) {
		return h.places[file].version.service, h.places[file].version.here
	}
	if h.gone {
		return nil, false
	}
	s, here = t.disk[file]
	return s, here
}

// sees reports whether the process can know what a file is now.
func (t *truth) sees(h *host, file string) bool {
	if isRemote(file) {
		return h.places[file].version != nil
	}
	return !h.isBlind() && !h.isUnread(file)
}

// drop ends a service of a file.
func (t *truth) drop(h *host, file string) {
	s := t.known[file]
	delete(t.known, file)
	t.past = append(t.past, past{s, time.Now()})
	if !h.reachesAll() {
		t.owed[s.name] = true
	}
}

// booted notes that a process starts, which knows nothing.
func (t *truth) booted(h *host) {
	t.known, t.bad, t.faults = maps.Clone(t.cached), map[string]bool{}, map[string]time.Time{}
	t.saw, t.over, t.mended = false, map[string]time.Time{}, time.Now()
	t.touch()
	h.process = &process{}
	t.learn(h)
	t.inherits(h)
	h.process = nil
}

// inherits notes that the process takes back what the one before it announced, and it does not. What that was stands in a note on
// the disk, if there was room for it.
func (t *truth) inherits(h *host) {
	if t.lost || time.Since(t.silence) > inheritTime || !h.reachesAll() {
		return
	}
	for name := range t.left {
		t.ghosts[name] = time.Now().Add(settleTime)
	}
}

// silenced notes that the process is gone without a word.
func (t *truth) silenced(h *host) {
	t.lost = h.cannotNote() || !h.reachesAll() || time.Since(t.changed) < settleTime
	if t.silence, t.left = time.Now(), map[string]bool{}; h.cannotNote() {
		t.unnoted = t.silence
	}
	t.touch()
	for _, s := range t.known {
		t.left[s.name] = true
		t.past = append(t.past, past{s, time.Now()})
	}
	for _, names := range []map[string]bool{t.left, t.owed} {
		for name := range names {
			t.ghosts[name] = time.Now().Add(staleTime)
		}
	}
	t.known, t.owed = map[string]service{}, map[string]bool{}
}

// stopped notes that the process has ended in order, with goodbyes or without.
func (t *truth) stopped(h *host, quietly bool) {
	if quietly || !h.reachesAll() {
		t.silenced(h)
		return
	}
	t.touch()
	for file := range t.known {
		t.drop(h, file)
	}
}

// allows reports whether a host may announce a service of a kind now.
func (t *truth) allows(is func(service) bool) bool {
	for _, s := range t.known {
		if is(s) {
			return true
		}
	}
	return slices.ContainsFunc(t.past, func(p past) bool {
		return is(p.service) && (time.Since(p.until) < lateTime || time.Since(t.mended) < mendTime)
	})
}

// isGhost reports whether caches may hold a name that no host announces.
func (t *truth) isGhost(name string) bool { return time.Now().Before(t.ghosts[name]) }
