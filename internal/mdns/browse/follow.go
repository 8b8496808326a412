package browse

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"announcer/internal/mdns/link"
	"announcer/internal/publication"
)

// Change is what happens to a service on a link.
type Change struct {
	Kind  ChangeKind
	Entry // as it is now or, if it is gone, as it was
}

// ChangeKind is a kind of change.
type ChangeKind uint8

// The kinds of changes.
const (
	Added   ChangeKind = iota // it is announced
	Changed                   // it has other TXT strings or addresses
	Removed                   // it was withdrawn, or its host is silent for too long
)

var changeWords = []string{"added", "changed", "removed"}

// String returns "added", "changed" or "removed".
func (k ChangeKind) String() string { return changeWords[k] }

// MarshalText returns the word of [ChangeKind.String].
func (k ChangeKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Follow asks until ctx is done, and reports the services that answer the questions as they come, change and go. It returns an error
// for each link that can't be asked on.
func Follow(ctx context.Context, questions []Question, links []publication.Link, report func([]Change)) error {
	conn, err := link.OpenClient()
	if err != nil {
		return err
	}
	return follow(ctx, conn, questions, links, report)
}

func follow(ctx context.Context, conn link.Conn, questions []Question, links []publication.Link, report func([]Change)) error {
	if err := checkQuestions(questions); err != nil {
		conn.Close()
		return err
	}
	c := newClient(conn, links, func(v *cache) []question { return v.wanted(questions) })
	f := follower{known: map[string]Entry{}, partial: map[string]time.Time{}}
	var looked time.Time
	c.observe = func() {
		now := time.Now()
		if now.Sub(looked) < observeTime/2 {
			return // a look at everything costs more than a packet
		}
		looked = now
		if changes := f.changes(c.found(questions), now); len(changes) > 0 {
			report(changes)
		}
	}
	return c.run(ctx)
}

// partialTime is how long the rest of a service is waited for before it is reported.
const partialTime = 2 * time.Second

// follower compares what is known with what was reported.
type follower struct {
	known   map[string]Entry     // reported
	partial map[string]time.Time // since when a part of it is known
}

// changes returns what is different from what was reported before.
func (f *follower) changes(found []Entry, now time.Time) (all []Change) {
	present := keyed(found)
	for _, key := range slices.Sorted(maps.Keys(f.known)) {
		if _, ok := present[key]; !ok {
			all = append(all, Change{Removed, f.known[key]})
			delete(f.known, key)
		}
	}
	maps.DeleteFunc(f.partial, func(key string, _ time.Time) bool { _, ok := present[key]; return !ok })
	for _, key := range slices.Sorted(maps.Keys(present)) {
		e := present[key]
		before, known := f.known[key]
		switch {
		case !f.ready(key, e, now), known && e.same(before):
			continue
		case known:
			all = append(all, Change{Changed, e})
		default:
			all = append(all, Change{Added, e})
		}
		f.known[key] = e
	}
	return all
}

// ready reports whether all of a service is known, or a part for long enough. Hosts that contradict each other for a moment are one
// whose news came by one IP version first.
func (f *follower) ready(key string, e Entry, now time.Time) bool {
	if e.TXT != nil && len(e.Addrs) > 0 && !strings.HasSuffix(key, rivalMark) {
		delete(f.partial, key)
		return true
	}
	since, waiting := f.partial[key]
	if !waiting {
		f.partial[key] = now
		return false
	}
	return now.Sub(since) >= partialTime
}

// same reports whether two entries of a service say the same.
func (e Entry) same(other Entry) bool {
	return slices.Equal(e.TXT, other.TXT) && slices.Equal(e.Addrs, other.Addrs)
}

// rivalMark ends the key of an entry that contradicts another one.
const rivalMark = "\x00+"

// keyed returns entries by what makes each one of its own. Hosts that contradict each other are numbered, in the order of their
// addresses.
func keyed(found []Entry) map[string]Entry {
	all := map[string]Entry{}
	found = slices.SortedStableFunc(slices.Values(found), func(a, b Entry) int { return a.From[0].Addr.Compare(b.From[0].Addr) })
	for _, e := range found {
		key := strings.Join([]string{e.Link, e.Instance, e.Type.Key(), e.Domain.Key(), e.Host.Key(), fmt.Sprint(e.Port)}, "\x00")
		for _, taken := all[key]; taken; _, taken = all[key] {
			key += rivalMark
		}
		all[key] = e
	}
	return all
}
