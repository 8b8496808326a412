//go:build linux

package world

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"announcer/internal/remote"
)

// tiding is what a process learns of its cluster.
type tiding struct {
	process *process
	words   string // that say why there is no answer; "": there is one
	id      uint64 // of the cluster
	isWhole bool   // it has all keys that there are
	edit
}

// following is what a process knows of its cluster.
type following struct {
	view, kept data   // kept is what the cache has
	answered   bool   // the process has had an answer
	failed     int    // servers in a row
	words      string // that say why none answers; "": one does, or it is not known yet
}

// data is which data of a cluster are known.
type data struct {
	id       uint64 // 0: none
	revision int64
	lapsed   bool            // they went back, or are those of another cluster
	lost     map[string]bool // files that the cluster has no more, and that were not deleted
}

func (d data) clone() data {
	lost := map[string]bool{}
	maps.Copy(lost, d.lost)
	d.lost = lost
	return d
}

// informed has a host know what its process knows of the cluster.
func (h *host) informed() {
	for _, t := range h.cluster.tidings.take() {
		if t.process == h.process {
			h.following.take(h, t)
		}
	}
}

// take takes a tiding. That no server answers is known when each has been asked.
func (f *following) take(h *host, t tiding) {
	if t.words != "" {
		if f.failed++; f.failed%etcdServers == 0 && f.words != t.words {
			f.words = t.words
			h.truth.learn(h)
		}
		return
	}
	isNews := t.isWhole && f.words != ""
	if t.isWhole {
		f.answered, f.failed, f.words = true, 0, ""
		t.keys = f.complete(h, t)
	} else {
		f.view.change(t.keys)
	}
	f.view.revision = max(f.view.revision, t.revision)
	for file, v := range t.keys {
		isNews = isNews || !h.knows(file, v)
		h.places[file].version = v
	}
	if isNews {
		h.truth.learn(h)
	}
	f.keep(h)
}

// complete returns what follows for each file from all keys that there are: a file that was lost stays.
func (f *following) complete(h *host, t tiding) map[string]*version {
	lapses := f.view.id != 0 && (t.id != f.view.id || t.revision < f.view.revision)
	if lapses {
		f.view.revision = 0
	}
	f.view.id = t.id
	all := map[string]*version{}
	for _, file := range keyFiles() {
		p := h.places[file]
		before := cmp.Or(p.version, p.kept, new(version))
		v, has := t.keys[file]
		f.view.lost[file] = !has && before.here && (lapses || f.view.lost[file])
		switch {
		case has:
			all[file] = v
		case f.view.lost[file]:
			all[file] = before
		default:
			all[file] = new(version)
		}
	}
	f.view.lapsed = lapses || f.view.lapsed && f.view.lacks()
	return all
}

// change notes that keys were written or deleted.
func (d *data) change(keys map[string]*version) {
	for file := range keys {
		d.lost[file] = false
	}
	d.lapsed = d.lapsed && (len(keys) == 0 || d.lacks())
}

// lacks reports whether a file is lost.
func (d *data) lacks() bool { return slices.Contains(slices.Collect(maps.Values(d.lost)), true) }

// keep has the cache hold what is known, if there is room.
func (f *following) keep(h *host) {
	for _, file := range keyFiles() {
		h.keep(file)
	}
	if !h.cannotNote() {
		f.kept = f.view.clone()
	}
}

// forget has the process know what the cache has.
func (f *following) forget(h *host) {
	for _, file := range keyFiles() {
		f.kept.lost[file] = f.kept.lost[file] && h.places[file].kept.here // else it had an error
	}
	*f = following{view: f.kept.clone(), kept: f.kept}
	h.cluster.change(func() {})
}

// unfollowed lists what is wrong with how the cluster answers, by words that the problems must have.
func (h *host) unfollowed() []string {
	switch f := &h.following; {
	case f.words == "":
		return nil
	case f.answered || f.kept.id != 0:
		return []string{clusterPlace + " has given no definitions"}
	}
	return []string{clusterPlace + ": "}
}

// keyTime is within which what the cluster has is known, if no server answered before.
const keyTime = 30 * time.Second

// muteTime is within which it is known that no server answers.
const muteTime = time.Minute

// checkCluster holds what the daemon says of the cluster against what is so.
func (h *host) checkCluster(state *remote.State) {
	if state == nil {
		h.fail("%s says nothing of its cluster", h.net.Name)
		return
	}
	f, said := &h.following, strings.Join(state.Warnings, "\n")
	switch lapsed := strings.Contains(said, "went back") || strings.Contains(said, "another cluster"); {
	case f.answered && f.words == "" && !state.Connected:
		h.fail("%s says of its cluster, which answers: %q", h.net.Name, state.Error)
	case f.words != "" && (state.Word() != "failing" || !strings.Contains(state.Error, f.words)):
		h.fail("%s says of its cluster, which fails: %s %q; want %q", h.net.Name, state.Word(), state.Error, f.words)
	case lapsed != f.view.lapsed || strings.Contains(said, "it lacks") != f.view.lacks():
		h.fail("%s says of the data of its cluster: %q; they have lapsed: %t, files are lost: %t", h.net.Name, said, f.view.lapsed, f.view.lacks())
	}
	c := h.cluster
	if c.isMute() && f.words == "" && time.Since(c.changed) > muteTime {
		h.fail("%s does not know that its cluster has not answered for %v", h.net.Name, time.Since(c.changed))
	}
	for _, file := range keyFiles() {
		k, has := c.now.keys[file]
		known, isLost := h.places[file].version, f.view.lost[file]
		if isCurrent := known != nil && (isLost && !has || known == k.version || !has && !known.here); !isCurrent && c.fault.name == "" && time.Since(c.changed) > keyTime {
			h.fail("%s has not taken what %s has for %v", h.net.Name, pathOf(file), time.Since(c.changed))
		}
	}
}
