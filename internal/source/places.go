package source

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxLinks is the number of symbolic links in a path that are followed, as with Linux.
const maxLinks = 40

// places are the directories in which something can happen that changes what a reading gives: those of the files, of
// the symbolic links on the way to them, and the nearest ones to what does not exist.
type places struct {
	dirs   map[string]fs.FileInfo // by path, without symbolic links
	names  map[string]bool        // of the entries that matter; service files matter in any case
	unread string                 // what is wrong with a directory whose links are not known; "": nothing
}

// find gives the places of a reading as they are now.
func find(r reading) places {
	p := places{dirs: map[string]fs.FileInfo{}, names: map[string]bool{}}
	if r.config != "" {
		p.walk(r.config)
	}
	for _, path := range r.services {
		end := p.walk(path)
		info, err := os.Stat(end)
		if err != nil || !info.IsDir() {
			continue
		}
		entries, err := os.ReadDir(end)
		if errors.Is(err, fs.ErrPermission) {
			continue // until its permissions change, which is seen from above
		}
		if err != nil {
			p.unread = "a directory can't be read: " + err.Error()
		}
		p.dirs[end] = info
		for _, e := range entries {
			if IsService(e.Name()) && e.Type()&fs.ModeSymlink != 0 {
				p.walk(filepath.Join(end, e.Name()))
			}
		}
	}
	return p
}

// walk adds the places that decide on what is at a path: one for each symbolic link on the way, and that of its end or
// of the first thing that is missing. It gives the path without symbolic links, "" where it leads nowhere.
func (p places) walk(path string) (end string) {
	path, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	dir, names := split(path)
	for links := 0; len(names) > 0 && links <= maxLinks; {
		next := filepath.Join(dir, names[0])
		if next == os.DevNull {
			return "" // others write there all the time
		}
		info, err := os.Lstat(next)
		isLink := err == nil && info.Mode()&fs.ModeSymlink != 0
		if err != nil || isLink || len(names) == 1 {
			p.add(dir)
			p.names[names[0]] = true
		}
		if err != nil {
			return ""
		}
		names = names[1:]
		if !isLink {
			dir = next
			continue
		}
		links++
		target, err := os.Readlink(next)
		if err != nil {
			return ""
		}
		if filepath.IsAbs(target) {
			dir, _ = split(target)
		}
		names = append(components(target), names...)
	}
	if len(names) > 0 {
		return ""
	}
	return dir
}

// split takes an absolute path apart: its root, and the names below that.
func split(path string) (root string, names []string) {
	return filepath.VolumeName(path) + string(filepath.Separator), components(path)
}

// components gives the names in a path.
func components(path string) []string {
	path = path[len(filepath.VolumeName(path)):]
	return slices.DeleteFunc(strings.Split(filepath.ToSlash(path), "/"), func(name string) bool { return name == "" || name == "." })
}

// add adds a directory that exists.
func (p places) add(dir string) {
	if info, err := os.Stat(dir); err == nil {
		p.dirs[dir] = info
	}
}

// same says whether the directories are the same ones, not only of the same names.
func (p places) same(other places) bool {
	if len(p.dirs) != len(other.dirs) {
		return false
	}
	for dir, info := range p.dirs {
		if was, ok := other.dirs[dir]; !ok || !os.SameFile(info, was) {
			return false
		}
	}
	return true
}

// concern says whether something that happened at a path can matter.
func (p places) concern(path string) bool {
	name := filepath.Base(path)
	return p.has(path) || p.names[name] || IsService(name)
}

// has says whether a path is that of one of the directories.
func (p places) has(path string) bool {
	_, ok := p.dirs[path]
	return ok
}

// eventless says which of the directories is on a file system that tells of no changes that are made elsewhere, "" for none.
func (p places) eventless() string {
	for _, dir := range slices.Sorted(maps.Keys(p.dirs)) {
		if system := eventless(dir); system != "" {
			return dir + " is on " + system + ", which does not tell of every change"
		}
	}
	return ""
}
