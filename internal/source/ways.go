package source

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"announcer/internal/disk"
)

// ways are the places where something can happen that changes what a look finds. An entry comes, goes or gets another name in
// a directory: in those of the files, in those of the symbolic links that lead to them, and in the nearest existing ones to what
// does not exist. A file is written.
type ways struct {
	fsys    disk.FS
	dirs    map[string]fs.FileInfo // by path, without symbolic links
	written map[string]fs.FileInfo // files, and directories any file of which may matter, by path without symbolic links
	names   map[string]bool        // of the entries that matter; definition files matter in any case
	failed  map[string]error       // by path: what could not be read, for a reason whose end is no event
}

func newWays(fsys disk.FS) ways {
	return ways{fsys: fsys, dirs: map[string]fs.FileInfo{}, written: map[string]fs.FileInfo{}, names: map[string]bool{}, failed: map[string]error{}}
}

// join adds other ways.
func (w ways) join(other ways) {
	maps.Copy(w.dirs, other.dirs)
	maps.Copy(w.written, other.written)
	maps.Copy(w.names, other.names)
	maps.Copy(w.failed, other.failed)
}

// walk adds the places that decide on what is at a path: one for each symbolic link that it passes, and that of its end or
// of the first thing that is missing. It returns the path without symbolic links; if it leads nowhere, ok is false, and
// the path is how far it leads.
func (w ways) walk(path string) (end string, ok bool) {
	end, err := disk.Walk(w.fsys, path, func(s disk.Step) bool {
		if s.Path() == os.DevNull {
			return false // others write there all the time
		}
		if s.Info == nil || s.IsLink() || s.Last {
			w.add(s.Dir)
			w.names[s.Name] = true
		}
		if s.Info != nil && s.Info.Mode().IsRegular() {
			w.written[s.Path()] = s.Info
		}
		return true
	})
	if err != nil {
		w.fail(end, err)
	}
	return end, err == nil
}

// add adds a directory that exists.
func (w ways) add(dir string) {
	info, err := w.fsys.Stat(dir)
	if err != nil {
		w.fail(dir, err)
		return
	}
	w.dirs[dir] = info
}

// fail remembers that a path could not be read, if that can be over without an event.
func (w ways) fail(path string, err error) {
	if passes(err) {
		w.failed[path] = err
	}
}

// lasting are the errors that are over only after an event: what is missing comes, permissions change.
var lasting = []error{fs.ErrNotExist, fs.ErrPermission, syscall.ENOTDIR, syscall.ELOOP, syscall.ENAMETOOLONG}

// passes reports whether an error is one of the system that can be over without an event, such as that too many files are open.
func passes(err error) bool {
	_, ofSystem := errors.AsType[syscall.Errno](err)
	return ofSystem && !slices.ContainsFunc(lasting, func(other error) bool { return errors.Is(err, other) })
}

// same reports whether the places are the same ones, not only of the same names.
func (w ways) same(other ways) bool {
	return maps.EqualFunc(w.dirs, other.dirs, w.fsys.SameFile) && maps.EqualFunc(w.written, other.written, w.fsys.SameFile)
}

// concern reports whether something that happened at a path can matter. The path is "" if events were lost.
func (w ways) concern(path string) bool {
	name := filepath.Base(path)
	return path == "" || w.has(path) || w.names[name] || IsDefinition(name)
}

// has reports whether a path is that of one of the places.
func (w ways) has(path string) bool {
	return w.dirs[path] != nil || w.written[path] != nil
}

// unread returns what could not be read, "" for nothing.
func (w ways) unread() string {
	for _, path := range slices.Sorted(maps.Keys(w.failed)) {
		return "a directory cannot be read: " + w.failed[path].Error()
	}
	return ""
}

// eventless names which of the directories is on a file system that reports no changes that are made elsewhere, "" for none.
func (w ways) eventless() string {
	for _, dir := range slices.Sorted(maps.Keys(w.dirs)) {
		if system := w.fsys.Eventless(dir); system != "" {
			return dir + " is on " + system + ", which does not report every change"
		}
	}
	return ""
}
