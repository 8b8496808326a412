package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"announcer/internal/status"
)

// Fleet is all that the store holds of a fleet at a revision.
type Fleet struct {
	Revision int64
	sites    map[string]*site
}

// site is what the store holds of a site.
type site struct {
	files    map[string]Entry // by name
	hosts    map[string]host
	machines map[string]bool // the keys of those that report: HOST/ID
	push     record
	pushedAt int64 // the revision of push; 0: there is none
}

// host is the presence of a host.
type host struct {
	Presence
	damaged bool // it can't be read, or is of another version
}

// Read returns a fleet as it is now.
func Read(ctx context.Context, store Store, root Root) (Fleet, error) {
	f := Fleet{sites: map[string]*site{}}
	for _, part := range parts() {
		listing, err := store.Read(ctx, root.part(part), f.Revision)
		if err != nil {
			return Fleet{}, err
		}
		f.Revision = listing.Revision
		for _, e := range listing.Entries {
			f.apply(root, part, Change{Entry: e})
		}
	}
	return f, nil
}

// apply makes a change of a part.
func (f *Fleet) apply(root Root, part string, c Change) {
	name, rest := locate(part, strings.TrimPrefix(c.Key, root.part(part)))
	s := f.sites[name]
	if s == nil {
		s = &site{files: map[string]Entry{}, hosts: map[string]host{}, machines: map[string]bool{}}
		f.sites[name] = s
	}
	switch part {
	case definitions, common:
		set(s.files, rest, c.Entry, c.Deleted)
	case presences:
		if strings.Contains(rest, "/") {
			set(s.machines, rest, true, c.Deleted)
		} else {
			set(s.hosts, rest, newHost(c.Value), c.Deleted)
		}
	case pushes:
		s.push, s.pushedAt = newRecord(c)
	}
}

// locate returns the site of a key in a part, and what is behind it.
func locate(part, key string) (site, rest string) {
	switch part {
	case common:
		return Common, key
	case pushes:
		return key, ""
	}
	site, rest, _ = strings.Cut(key, "/")
	return site, rest
}

// set sets an element of a map, or deletes it.
func set[T any](all map[string]T, key string, value T, deleted bool) {
	if deleted {
		delete(all, key)
		return
	}
	all[key] = value
}

func newHost(value []byte) host {
	var h host
	h.damaged = json.Unmarshal(value, &h.Presence) != nil || h.Version != status.Version
	return h
}

// Sites returns the names of the sites that match a glob, sorted: those that have definitions or a host.
func (f Fleet) Sites(glob string) []string {
	return f.match(glob, func(s *site) bool { return len(s.files) > 0 || len(s.hosts) > 0 })
}

// match returns the names of the sites that match a glob and for which is reports true, sorted.
func (f Fleet) match(glob string, is func(*site) bool) []string {
	var names []string
	for name, s := range f.sites {
		if ok, _ := path.Match(glob, name); ok && is(s) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// site returns a site, which may be a new one.
func (f Fleet) site(name string) *site { return cmp.Or(f.sites[name], &site{}) }

// taker is a host that takes definitions.
type taker struct {
	Presence
	taken int64 // the revision of those that it has
}

// takers returns the hosts that take the definitions of a site, or the common ones, by their names: SITE/HOST.
func (f Fleet) takers(site string) map[string]taker {
	all := map[string]taker{}
	if site != Common {
		for at, h := range f.site(site).hosts {
			all[site+"/"+at] = taker{h.Presence, h.Revision}
		}
		return all
	}
	for name, s := range f.sites {
		for at, h := range s.hosts {
			if h.Common > 0 {
				all[name+"/"+at] = taker{h.Presence, h.Common}
			}
		}
	}
	return all
}

// Row is how a host stands, or that a site has none.
type Row struct {
	Site     string    `json:"site"`
	Host     string    `json:"host,omitempty"`     // "": no host of the site reports
	Present  bool      `json:"present"`            // the host reports
	Behind   int       `json:"behind"`             // changes of definitions that the host has not taken
	Problems []string  `json:"problems"`           // all that is wrong
	Presence *Presence `json:"presence,omitempty"` // if present: what the host reports
}

// Rows returns a row for each host of sites, in the order of their names, and one for each site without a host. now is by the clock
// of the reader.
func (f Fleet) Rows(sites []string, now time.Time) []Row {
	rows := []Row{}
	for _, name := range sites {
		s := f.site(name)
		if len(s.hosts) == 0 && name != Common {
			rows = append(rows, Row{Site: name, Problems: []string{"no host reports"}})
		}
		for _, at := range slices.Sorted(maps.Keys(s.hosts)) {
			rows = append(rows, f.row(name, at, now))
		}
	}
	return rows
}

// clockMost is the most by which two clocks may differ.
const clockMost = time.Minute

// row returns the row of a host.
func (f Fleet) row(name, at string, now time.Time) Row {
	s := f.site(name)
	h := s.hosts[at]
	p := h.Presence
	p.Site, p.Host = name, at // the key counts
	row := Row{Site: name, Host: at, Present: true, Behind: s.behind(p.Revision), Problems: []string{}, Presence: &p}
	if h.damaged {
		row.Problems = append(row.Problems, "its report can't be read; its version of announcer may be another one")
		return row
	}
	if p.Common > 0 {
		row.Behind += f.site(Common).behind(p.Common)
	}
	if row.Behind > 0 {
		row.Problems = append(row.Problems, "it has not taken all definitions of its site")
	}
	if p.Since.Sub(now) > clockMost {
		row.Problems = append(row.Problems, fmt.Sprintf("its clock, or that of this host, is wrong: it reports since %s, which is in the future", p.Since.Local().Format(time.DateTime)))
	}
	if n := s.machinesOf(at); n > 1 {
		row.Problems = append(row.Problems, fmt.Sprintf("%d machines report by this name, and each replaces what another one reported; want names of their own, by host in [daemon]", n))
	}
	row.Problems = append(row.Problems, p.Problems...)
	return row
}

// machinesOf counts the machines that report as a host.
func (s *site) machinesOf(host string) (n int) {
	for key := range s.machines {
		if strings.HasPrefix(key, host+"/") {
			n++
		}
	}
	return n
}

// behind counts the changes after a revision, of which the store has the last one for each definition.
func (s *site) behind(revision int64) int {
	n := 0
	for _, e := range s.files {
		if e.Revision > revision {
			n++
		}
	}
	if s.pushedAt > revision {
		n += len(s.push.Deleted)
	}
	return n
}

// Follower follows a fleet.
type Follower struct {
	Fleet
	store  Store
	root   Root
	events chan event
	stop   context.CancelFunc
}

// event is a batch of changes, or the error that ended a watch.
type event struct {
	part    string
	changes []Change
	err     error
}

// Follow returns a follower with the fleet as it is now, which ctx bounds the time to read. It follows until life is done.
func Follow(ctx, life context.Context, store Store, root Root) (*Follower, error) {
	f := &Follower{store: store, root: root, stop: func() {}}
	return f, f.begin(ctx, life)
}

// begin reads the fleet, and watches it from there.
func (f *Follower) begin(ctx, life context.Context) (err error) {
	f.stop()
	if f.Fleet, err = Read(ctx, f.store, f.root); err != nil {
		return err
	}
	life, f.stop = context.WithCancel(life)
	f.events = make(chan event)
	for _, part := range parts() {
		go f.watch(life, part, f.Revision, f.events)
	}
	return nil
}

func (f *Follower) watch(ctx context.Context, part string, after int64, events chan<- event) {
	send := func(e event) {
		select {
		case events <- e:
		case <-ctx.Done():
		}
	}
	err := f.store.Watch(ctx, f.root.part(part), after, func(changes []Change) { send(event{part: part, changes: changes}) })
	send(event{err: cmp.Or(err, context.Canceled)})
}

// gather is the time in which changes become one.
const gather = 200 * time.Millisecond

// Next waits for a change until ctx is done, and takes it with those that follow at once. life is that of [Follow].
func (f *Follower) Next(ctx, life context.Context) error {
	select {
	case e := <-f.events:
		if err := f.take(life, e); err != nil {
			return err
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return f.Catch(life, gather)
}

// Catch takes the changes that come within a time.
func (f *Follower) Catch(life context.Context, within time.Duration) error {
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		select {
		case e := <-f.events:
			if err := f.take(life, e); err != nil {
				return err
			}
		case <-timer.C:
			return nil
		}
	}
}

// take makes the changes of an event. If some may be lost, everything is read again.
func (f *Follower) take(life context.Context, e event) error {
	if e.err != nil {
		return f.again(life)
	}
	for _, c := range e.changes {
		f.apply(f.root, e.part, c)
		f.Revision = max(f.Revision, c.Revision)
	}
	return nil
}

// again reads the fleet again, until that works.
func (f *Follower) again(life context.Context) error {
	for {
		select {
		case <-time.After(time.Second):
		case <-life.Done():
			return context.Cause(life)
		}
		ctx, cancel := context.WithTimeout(life, callTime)
		err := f.begin(ctx, life)
		if cancel(); err == nil {
			return nil
		}
	}
}
