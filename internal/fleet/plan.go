package fleet

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Edit is what becomes of one definition of a site.
type Edit struct {
	Name string // of the file
	Old  []byte // nil: there is none
	New  []byte // nil: it is deleted
}

// Plan is what a push would change.
type Plan struct {
	Sites     []SitePlan // that change, in the order of their names
	Unchanged []string   // the other sites that were chosen
	Earlier   []string   // those of them that an earlier run of the same push has written

	push    string // by which the records of all its sites are known
	content string // stands for the files and names that are pushed
	time    time.Time
	undoes  bool
}

// SitePlan is what a push would change at a site.
type SitePlan struct {
	Site  string
	Edits []Edit            // in the order of their names
	Files map[string][]byte // all definitions of the site after the push
	Was   map[string][]byte // likewise, before it

	transaction Transaction
}

// Push is what is to be the same at all sites.
type Push struct {
	Files  map[string][]byte // by their names
	Delete []string          // names of files
}

// Limits of a push to a site, both of etcd as it is configured by default.
const (
	mostBytes = 1<<20 + 1<<18 // of 1.5 MiB of a request
	mostEdits = 100           // of 128 operations of a transaction
)

// Plan returns what a push would change at sites. The push continues one that stopped before, if that was of the same
// content, and the last one to these sites.
func (f Fleet) Plan(push Push, sites []string, now time.Time) (Plan, error) {
	p := Plan{push: newPushID(now), content: push.hash(), time: now}
	last := f.lastPush(sites)
	if last.Content == p.content && !last.Undone {
		p.push = last.Push
	}
	if err := f.checkDeleted(push.Delete, sites); err != nil {
		return Plan{}, err
	}
	for _, name := range sites {
		if err := f.add(&p, name, push.edits(f.site(name))); err != nil {
			return Plan{}, err
		}
	}
	return p, nil
}

// checkDeleted reports names that no site has: they may be mistyped.
func (f Fleet) checkDeleted(names, sites []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(sites, func(site string) bool { return f.site(site).has(name) }) {
			return unknown("none of the sites has a definition %q", name)
		}
	}
	return nil
}

func (s *site) has(name string) bool {
	_, ok := s.files[name]
	return ok
}

// hash stands for the content of a push.
func (p Push) hash() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		fmt.Fprintf(h, "%q %q\n", name, p.Files[name])
	}
	fmt.Fprintf(h, "%q", slices.Sorted(slices.Values(p.Delete)))
	return hex.EncodeToString(h.Sum(nil))
}

// edits returns what a push changes at a site.
func (p Push) edits(s *site) []Edit {
	var edits []Edit
	for name, data := range p.Files {
		edits = append(edits, Edit{name, s.data(name), data})
	}
	for _, name := range p.Delete {
		edits = append(edits, Edit{name, s.data(name), nil})
	}
	return edits
}

// data returns the contents of a file, nil if there is none.
func (s *site) data(name string) []byte {
	e, ok := s.files[name]
	if !ok {
		return nil
	}
	return append([]byte{}, e.Value...)
}

// add adds a site with edits, those that change nothing aside.
func (f Fleet) add(p *Plan, name string, edits []Edit) error {
	edits = slices.DeleteFunc(edits, func(e Edit) bool { return (e.Old == nil) == (e.New == nil) && bytes.Equal(e.Old, e.New) })
	if len(edits) == 0 {
		f.leave(p, name)
		return nil
	}
	slices.SortFunc(edits, func(a, b Edit) int { return cmp.Compare(a.Name, b.Name) })
	s := f.site(name)
	plan := SitePlan{Site: name, Edits: edits, Files: map[string][]byte{}, Was: map[string][]byte{}}
	for file := range s.files {
		plan.Files[file], plan.Was[file] = s.data(file), s.data(file)
	}
	for _, e := range edits {
		plan.Files[e.Name] = e.New
		if e.New == nil {
			delete(plan.Files, e.Name)
		}
	}
	p.Sites = append(p.Sites, plan)
	return nil
}

// leave adds a site that does not change.
func (f Fleet) leave(p *Plan, name string) {
	p.Unchanged = append(p.Unchanged, name)
	if last := f.site(name).push; last.Push == p.push && last.Undone == p.undoes {
		p.Earlier = append(p.Earlier, name)
	}
}

// prepare makes the transactions of all sites.
func (p *Plan) prepare(f Fleet, root Root) error {
	for i := range p.Sites {
		t, err := p.transaction(f, root, p.Sites[i])
		if err != nil {
			return err
		}
		p.Sites[i].transaction = t
	}
	return nil
}

// transaction returns the transaction that makes the edits of a site and the record of it, if nothing of the site was
// changed after the fleet was read.
func (p *Plan) transaction(f Fleet, root Root, plan SitePlan) (Transaction, error) {
	s, prefix := f.site(plan.Site), root.site(plan.Site)
	rec := record{Version: recordVersion, Push: p.push, Content: p.content, Time: p.time, Undone: p.undoes, Hosts: map[string]troubles{}}
	for name, t := range f.takers(plan.Site) {
		rec.Hosts[name] = t.troubles()
	}
	t := Transaction{Prefix: prefix, Since: f.Revision, Last: map[string]int64{root.push(plan.Site): s.pushedAt}, Put: map[string][]byte{}}
	size := 0
	for _, e := range plan.Edits {
		t.Last[prefix+e.Name] = s.files[e.Name].Revision
		if e.New == nil {
			t.Delete = append(t.Delete, prefix+e.Name)
			rec.Deleted = append(rec.Deleted, e.Name)
		} else {
			t.Put[prefix+e.Name] = e.New
		}
		if !p.undoes { // an undo is not undone
			rec.Former = append(rec.Former, former{e.Name, e.Old})
		}
		size += len(e.New)
	}
	data, err := json.Marshal(rec)
	t.Put[root.push(plan.Site)] = data
	switch size += len(data); {
	case len(plan.Edits) > mostEdits:
		err = fmt.Errorf("%s: %d definitions would change; want at most %d at a time", plan.Site, len(plan.Edits), mostEdits)
	case size > mostBytes:
		err = fmt.Errorf("%s: the new definitions with the former ones have %d bytes; want at most %d at a time", plan.Site, size, mostBytes)
	}
	return t, err
}

// PlanUndo returns what would bring back the definitions from before the last push to sites that globs choose. Sites with
// another push than the last one are left alone.
func (f Fleet) PlanUndo(globs []string, now time.Time) (Plan, error) {
	var pushed []string
	for _, glob := range globs {
		pushed = append(pushed, f.match(glob, func(s *site) bool { return s.pushedAt > 0 })...)
	}
	slices.Sort(pushed)
	pushed = slices.Compact(pushed)
	last := f.lastPush(pushed)
	if last.Push == "" {
		return Plan{}, unknown("nothing was pushed to a site that matches %q; there is nothing to undo", strings.Join(globs, ", "))
	}
	p := Plan{push: last.Push, content: last.Content, time: now, undoes: true}
	var changed []error
	for _, name := range pushed {
		s := f.sites[name]
		switch {
		case s.push.Push != last.Push:
		case s.push.Undone:
			f.leave(&p, name)
		case s.changedSince() != "":
			changed = append(changed, fmt.Errorf("%s: %s was changed after the push; want the former definitions pushed by their files", name, s.changedSince()))
		default:
			if err := f.add(&p, name, s.undo()); err != nil {
				return Plan{}, err
			}
		}
	}
	return p, errors.Join(changed...)
}

// lastPush returns the record of the last push to one of the sites.
func (f Fleet) lastPush(sites []string) record {
	newest := &site{}
	for _, name := range sites {
		if s := f.site(name); s.pushedAt > newest.pushedAt {
			newest = s
		}
	}
	return newest.push
}

// changedSince returns the name of a definition that has been changed after the last push, which set it, "" if there is
// none.
func (s *site) changedSince() string {
	for _, e := range s.push.Former {
		current, exists := s.files[e.Name]
		deleted := slices.Contains(s.push.Deleted, e.Name)
		if exists == deleted || exists && current.Revision != s.pushedAt {
			return e.Name
		}
	}
	return ""
}

// undo returns edits to what was before the last push.
func (s *site) undo() []Edit {
	var edits []Edit
	for _, e := range s.push.Former {
		edits = append(edits, Edit{e.Name, s.data(e.Name), e.Data})
	}
	return edits
}

// newPushID returns a name for a push that no other one has.
func newPushID(now time.Time) string {
	return fmt.Sprintf("%s-%s", now.UTC().Format("20060102T150405Z"), rand.Text()[:6])
}
