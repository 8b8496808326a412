package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// maxLinks is the number of symbolic links in a path that are followed, as with Linux.
const maxLinks = 40

// Step is an entry that a path passes.
type Step struct {
	Dir  string      // of the entry, without symbolic links
	Name string      // in that directory
	Info fs.FileInfo // of the entry itself, which may be a symbolic link; nil if it does not exist or its directory can't be searched
	Last bool        // no name follows
}

// Path returns the path of the entry.
func (s Step) Path() string { return filepath.Join(s.Dir, s.Name) }

// IsLink reports whether the entry is a symbolic link.
func (s Step) IsLink() bool { return s.Info != nil && s.Info.Mode()&fs.ModeSymlink != 0 }

// ErrNowhere is the error of [Walk] if it was stopped, or if a path has too many symbolic links.
var ErrNowhere = errors.New("the path leads nowhere")

// Walk calls pass for every entry that a path passes, until pass returns false. It returns the path without symbolic links. If
// there is an error, the path is how far it leads.
func Walk(fsys FS, path string, pass func(Step) bool) (end string, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return path, ErrNowhere
	}
	dir, names := split(path)
	for links := 0; len(names) > 0 && links <= maxLinks; {
		step := Step{Dir: dir, Name: names[0], Last: len(names) == 1}
		info, err := fsys.Lstat(step.Path())
		if err == nil {
			step.Info = info
		}
		if !pass(step) {
			return step.Path(), ErrNowhere
		}
		if err != nil {
			return step.Path(), err
		}
		names = names[1:]
		if !step.IsLink() {
			dir = step.Path()
			continue
		}
		links++
		target, err := fsys.Readlink(step.Path())
		if err != nil {
			return step.Path(), err
		}
		if filepath.IsAbs(target) {
			dir, _ = split(target)
		}
		names = append(components(target), names...)
	}
	if len(names) > 0 {
		return dir, ErrNowhere
	}
	return dir, nil
}

// split takes an absolute path apart: its root, and the names below that.
func split(path string) (root string, names []string) {
	return filepath.VolumeName(path) + string(filepath.Separator), components(path)
}

// components returns the names in a path.
func components(path string) []string {
	path = path[len(filepath.VolumeName(path)):]
	return slices.DeleteFunc(strings.Split(filepath.ToSlash(path), "/"), func(name string) bool { return name == "" || name == "." })
}

// DanglingError is the error of a path that passes a symbolic link to something that does not exist.
type DanglingError struct {
	Link    string // path of the symbolic link; "" if it is the path that was asked for
	Target  string // as the link has it
	Missing string // path of the first entry that does not exist, of those that lead to the target
}

func (e *DanglingError) Error() string {
	what := "it"
	if e.Link != "" {
		what = fmt.Sprintf("%q", e.Link)
	}
	what += fmt.Sprintf(" is a symbolic link to %q", e.Target)
	if e.Missing == e.Target {
		return what + ", which does not exist"
	}
	return what + fmt.Sprintf(", and %q does not exist", e.Missing)
}

// Unwrap returns [fs.ErrNotExist].
func (e *DanglingError) Unwrap() error { return fs.ErrNotExist }

// Explained returns a [DanglingError] if that is why something at a path does not exist, else the [Cause] of an error.
func Explained(fsys FS, path string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return Cause(err)
	}
	var link Step
	missing, walked := Walk(fsys, path, func(s Step) bool {
		if link.Info == nil && s.IsLink() {
			if _, err := fsys.Stat(s.Path()); errors.Is(err, fs.ErrNotExist) {
				link = s
			}
		}
		return true
	})
	target, unread := fsys.Readlink(link.Path())
	if link.Info == nil || unread != nil || !errors.Is(walked, fs.ErrNotExist) {
		return Cause(err)
	}
	dangling := &DanglingError{Target: target, Missing: missing}
	if !link.Last {
		dangling.Link = link.Path()
	}
	return dangling
}
