package memdisk

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	maxLinks = 40  // symbolic links that are followed in a path
	maxName  = 255 // bytes of a name
	umask    = 0o022
)

// user is who makes a call.
type user int

const (
	person user = 0   // root, at the server if the file system is on one: nothing is denied, and nothing hangs
	daemon user = 990 // of processes
)

// node is a file, directory, symbolic link, FIFO or device. It has one name at most.
type node struct {
	number   uint64
	mode     fs.FileMode
	owner    user
	modified time.Time
	data     []byte           // of a file
	target   string           // of a symbolic link
	entries  map[string]*node // of a directory

	parent *node // where it has its name, or had it last; nil: the root
	name   string
	gone   bool // it has no name
	open   int  // descriptors

	marks  []*mark
	hang   chan struct{} // calls wait until it is closed; nil: they don't
	system string        // of a root of a file system: its kind, if it reports not everything
}

func (d *Disk) newNode(mode fs.FileMode, by user) *node {
	n := &node{mode: mode, owner: by, modified: time.Now()}
	if mode.IsDir() {
		n.entries = map[string]*node{}
	}
	// Numbers of files that are gone are used again, as on ext4: that of a new file says nothing.
	if len(d.free) > 0 {
		n.number, d.free = d.free[0], d.free[1:]
	} else {
		d.last++
		n.number = d.last
	}
	return n
}

// release frees the number of a node.
func (d *Disk) release(n *node) {
	at, _ := slices.BinarySearch(d.free, n.number)
	d.free = slices.Insert(d.free, at, n.number)
}

// names returns the names in a directory, sorted.
func (n *node) names() []string { return sorted(n.entries) }

// above yields a node and all directories above it.
func (n *node) above(yield func(*node) bool) {
	for ; n != nil; n = n.parent {
		if !yield(n) {
			return
		}
	}
}

// kind returns the kind of the file system of a node, "" if that reports everything.
func (n *node) kind() string {
	for up := range n.above {
		if up.system != "" {
			return up.system
		}
	}
	return ""
}

// hangError is the result of a call that must wait.
type hangError struct{ until <-chan struct{} }

func (hangError) Error() string { return "it hangs" }

// answers returns a [hangError] if calls for a node wait.
func (n *node) answers(by user) error {
	if by == person {
		return nil
	}
	for up := range n.above {
		if up.hang != nil {
			return hangError{up.hang}
		}
	}
	return nil
}

// kindError returns the error of writing to what is no regular file.
func kindError(n *node) error {
	if n.mode.IsDir() {
		return syscall.EISDIR
	}
	return syscall.EINVAL
}

// Permissions, as in a mode.
const (
	mayRead  fs.FileMode = 4
	mayWrite fs.FileMode = 2
	mayEnter fs.FileMode = 1
)

// permits returns EACCES unless the mode of a node permits something.
func (n *node) permits(by user, what fs.FileMode) error {
	bits := n.mode.Perm()
	if by == n.owner {
		bits >>= 6
	}
	if by == person || bits&what == what {
		return nil
	}
	return syscall.EACCES
}

// place is where a path leads.
type place struct {
	dir  *node // nil: it has no name of its own there, as that of the root
	name string
	node *node // nil: nothing is there
}

// walk follows a path. A link at its end is followed if follow is set.
func (d *Disk) walk(by user, path string, follow bool) (place, error) {
	if path == "" {
		return place{}, syscall.ENOENT
	}
	at, links := place{node: d.root}, 0
	for names := components(path); len(names) > 0; {
		dir, name := at.node, names[0]
		names = names[1:]
		if err := dir.enter(by, name); err != nil {
			return place{}, err
		}
		at = dir.child(name)
		if at.node == nil {
			if len(names) > 0 {
				return place{}, syscall.ENOENT
			}
			return at, nil
		}
		if err := at.node.answers(by); err != nil {
			return place{}, err
		}
		if at.node.mode&fs.ModeSymlink == 0 || !follow && len(names) == 0 {
			continue
		}
		if links++; links > maxLinks {
			return place{}, syscall.ELOOP
		}
		target := at.node.target
		names = append(components(target), names...)
		at = place{node: dir}
		if strings.HasPrefix(target, "/") {
			at = place{node: d.root}
		}
	}
	return at, nil
}

// enter returns an error unless a name can be looked up in a node.
func (n *node) enter(by user, name string) error {
	switch {
	case !n.mode.IsDir():
		return syscall.ENOTDIR
	case len(name) > maxName:
		return syscall.ENAMETOOLONG
	}
	return n.permits(by, mayEnter)
}

// child returns what has a name in a directory.
func (n *node) child(name string) place {
	switch name {
	case ".":
		return place{node: n}
	case "..":
		if n.parent == nil {
			return place{node: n}
		}
		return place{node: n.parent}
	}
	return place{n, name, n.entries[name]}
}

// existing is walk to something that is there.
func (d *Disk) existing(by user, path string, follow bool) (*node, error) {
	at, err := d.walk(by, path, follow)
	if err == nil && at.node == nil {
		err = syscall.ENOENT
	}
	return at.node, err
}

// create makes something at a place where nothing is.
func (d *Disk) create(by user, at place, mode fs.FileMode) (*node, error) {
	if at.node != nil {
		return nil, syscall.EEXIST
	}
	if at.dir.gone {
		return nil, syscall.ENOENT
	}
	if err := at.dir.permits(by, mayWrite|mayEnter); err != nil {
		return nil, err
	}
	n := d.newNode(mode, by)
	d.link(at.dir, at.name, n)
	d.happened(by, at.dir, created, at.name)
	return n, nil
}

// link names a node.
func (d *Disk) link(dir *node, name string, n *node) {
	dir.entries[name], dir.modified = n, time.Now()
	n.parent, n.name = dir, name
}

// mkdirAll makes a directory and those above it, as far as they are missing.
func (d *Disk) mkdirAll(by user, dir string, mode fs.FileMode) error {
	made := "/"
	for _, name := range components(dir) {
		made = path.Join(made, name)
		at, err := d.walk(by, made, true)
		switch {
		case err == nil && at.node == nil:
			_, err = d.create(by, at, fs.ModeDir|mode&^umask)
		case err == nil && !at.node.mode.IsDir():
			err = syscall.ENOTDIR
		}
		if _, hangs := errors.AsType[hangError](err); hangs {
			return err
		}
		if err != nil {
			return &fs.PathError{Op: "mkdir", Path: made, Err: err}
		}
	}
	return nil
}

// truncate empties a file.
func (d *Disk) truncate(by user, n *node) {
	n.data, n.modified = nil, time.Now()
	d.changed(by, n, modify)
}

// write writes into a file at an offset. What is missing before it becomes zeros.
func (d *Disk) write(by user, n *node, offset int, text []byte) {
	if missing := offset + len(text) - len(n.data); missing > 0 {
		n.data = append(n.data, make([]byte, missing)...)
	}
	copy(n.data[offset:], text)
	n.modified = time.Now()
	d.changed(by, n, modify)
}

// rename renames a node.
func (d *Disk) rename(by user, from, to string) error {
	err := d.move(by, from, to)
	if _, hangs := errors.AsType[hangError](err); hangs || err == nil {
		return err
	}
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
}

func (d *Disk) move(by user, from, to string) error {
	old, oldErr := d.walk(by, from, false)
	fresh, err := d.walk(by, to, false)
	if oldErr == nil && old.node == nil {
		oldErr = syscall.ENOENT
	}
	switch err := cmp.Or(oldErr, err); {
	case err != nil:
		return err
	case old.dir == nil || fresh.dir == nil:
		return syscall.EBUSY
	case fresh.node != nil && fresh.node.mode.IsDir():
		return syscall.EEXIST // as package os has it
	case old.node == fresh.node:
		return nil
	}
	for up := range fresh.dir.above {
		if up == old.node {
			return syscall.EINVAL
		}
	}
	err = cmp.Or(old.dir.permits(by, mayWrite|mayEnter), fresh.dir.permits(by, mayWrite|mayEnter))
	if err == nil && fresh.node != nil && old.node.mode.IsDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return err
	}
	delete(old.dir.entries, old.name)
	old.dir.modified = time.Now()
	d.link(fresh.dir, fresh.name, old.node)
	d.happened(by, old.dir, movedFrom, old.name)
	d.happened(by, fresh.dir, movedTo, fresh.name)
	if fresh.node != nil {
		d.happened(by, fresh.node, attrib, "")
	}
	d.happened(by, old.node, moveSelf, "")
	if fresh.node != nil {
		d.unname(by, fresh.node)
	}
	return nil
}

// remove removes a file or an empty directory.
func (d *Disk) remove(by user, at place) error {
	switch {
	case at.dir == nil:
		return syscall.EBUSY
	case at.node == nil:
		return syscall.ENOENT
	case len(at.node.entries) > 0:
		return syscall.ENOTEMPTY
	}
	if err := at.dir.permits(by, mayWrite|mayEnter); err != nil {
		return err
	}
	delete(at.dir.entries, at.name)
	at.dir.modified = time.Now()
	if !at.node.mode.IsDir() {
		d.happened(by, at.node, attrib, "")
	}
	d.unname(by, at.node)
	d.happened(by, at.dir, deleted, at.name)
	return nil
}

// unname takes the name of a node away. It is gone when no process has it open any more.
func (d *Disk) unname(by user, n *node) {
	n.gone = true
	d.end(by, n)
}

// end ends a node that has no name and is not open.
func (d *Disk) end(by user, n *node) {
	if !n.gone || n.open > 0 {
		return
	}
	d.happened(by, n, deleteSelf, "")
	for _, m := range slices.Clone(n.marks) {
		m.end()
	}
	d.release(n)
}
