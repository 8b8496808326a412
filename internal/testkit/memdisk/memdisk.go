// Package memdisk is a file system in memory for tests, with what processes see of one: its functions return what those of a
// disk do, its watches report what inotify does, and calls fail or hang when a test wants it. All of it is deterministic, and
// its clock is that of package time, so that it works in a bubble of testing/synctest; the disk is made in the bubble then.
//
// The methods of a [Disk] are what people and other programs do. They may do everything, and they fail only if what they ask for
// can't be. A [Process] is what is tested: a [disk.FS] with permissions, faults, hanging calls, and an end.
package memdisk

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Disk is a file system. It begins with /dev/null only.
type Disk struct {
	mu     sync.Mutex
	root   *node
	last   uint64   // the highest number of a file so far
	free   []uint64 // lower numbers of files that are gone
	fault  func(op, path string) error
	most   int // bytes of a read; 0: no limit
	queues []*watch
	full   bool // they take nothing
}

// New returns an empty disk.
func New() *Disk {
	d := &Disk{}
	d.root = d.newNode(fs.ModeDir|0o755, person)
	d.must(d.MkdirAll("/dev"))
	d.must(d.make("/dev/null", fs.ModeDevice|fs.ModeCharDevice|0o666))
	return d
}

// must is for what can't fail.
func (d *Disk) must(err error) {
	if err != nil {
		panic(err)
	}
}

// SetFault has a function called before each call of each process; an error that it returns is that of the call. It may wait, and
// it may kill the process. Of a write that fails half of the bytes are written, and of a readdir half of the entries are returned.
// Nil: nothing fails.
//
// The calls are stat, lstat, readlink, readdir, open, create, fstat, read, write, sync, rename, remove, mkdir, chtimes, syncdir,
// watch, add and statfs. The path is that which the call was given, or by which its file was opened; of a watch "".
func (d *Disk) SetFault(fault func(op, path string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = fault
}

// SetReads lets a read return at most so many bytes; 0: as many as there are.
func (d *Disk) SetReads(most int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.most = most
}

// Hang has all calls of processes for a path, and for everything below it, wait from now on. release ends that.
func (d *Disk) Hang(path string) (release func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, err := d.walk(person, path, true)
	if err == nil && at.node == nil {
		err = syscall.ENOENT
	}
	if err == nil && at.node.hang != nil {
		err = syscall.EBUSY
	}
	if err != nil {
		return nil, &fs.PathError{Op: "hang", Path: path, Err: err}
	}
	n, hang := at.node, make(chan struct{})
	n.hang = hang
	return sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		n.hang = nil
		close(hang)
	}), nil
}

// Mount makes a directory the root of a file system of a kind, such as "NFS", that reports only what processes themselves do.
func (d *Disk) Mount(path, system string) error {
	return d.do("mount", path, func(at place) error {
		if at.node == nil {
			return syscall.ENOENT
		}
		at.node.system = system
		return nil
	})
}

// Overflow has all watches lose what they have not handed over yet and what act does, and report that afterwards.
func (d *Disk) Overflow(act func()) {
	d.setFull(true)
	act()
	d.setFull(false)
}

// setFull has all queues drop what comes, or take it again.
func (d *Disk) setFull(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
	for _, w := range d.queues {
		w.queue = nil
		w.push(event{})
	}
}

// do makes a call of a person for what is at a path, links followed.
func (d *Disk) do(op, path string, call func(place) error) error {
	return d.doAt(op, path, true, call)
}

func (d *Disk) doAt(op, path string, follow bool, call func(place) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, err := d.walk(person, path, follow)
	if err == nil {
		err = call(at)
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: path, Err: err}
	}
	return nil
}

// make makes something at a path where nothing is.
func (d *Disk) make(path string, mode fs.FileMode) error {
	return d.doAt("make", path, false, func(at place) error {
		_, err := d.create(person, at, mode)
		return err
	})
}

// MkdirAll makes a directory and those above it, as far as they are missing.
func (d *Disk) MkdirAll(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mkdirAll(person, path, 0o755)
}

// Mkfifo makes a FIFO.
func (d *Disk) Mkfifo(path string) error { return d.make(path, fs.ModeNamedPipe|0o644) }

// Truncate makes a file, or empties the one that is there.
func (d *Disk) Truncate(path string) error {
	return d.do("truncate", path, func(at place) error {
		if at.node == nil {
			_, err := d.create(person, at, 0o644)
			return err
		}
		if !at.node.mode.IsRegular() {
			return kindError(at.node)
		}
		d.truncate(person, at.node)
		return nil
	})
}

// Append writes to the end of a file.
func (d *Disk) Append(path, text string) error {
	return d.do("append", path, func(at place) error {
		switch {
		case at.node == nil:
			return syscall.ENOENT
		case !at.node.mode.IsRegular():
			return kindError(at.node)
		}
		d.write(person, at.node, len(at.node.data), []byte(text))
		return nil
	})
}

// Write writes a file as a shell does: it makes or truncates it, and then writes the text, with events of both.
func (d *Disk) Write(path, text string) error {
	if err := d.Truncate(path); err != nil || text == "" {
		return err
	}
	return d.Append(path, text)
}

// Save writes a file as a careful editor does: a temporary one beside it, which is renamed then.
func (d *Disk) Save(name, text string) error {
	temporary := path.Join(path.Dir(name), "."+path.Base(name)+".tmp")
	if err := d.Write(temporary, text); err != nil {
		return err
	}
	return d.Rename(temporary, name)
}

// ReadFile returns what a file holds.
func (d *Disk) ReadFile(path string) (text string, err error) {
	err = d.do("read", path, func(at place) error {
		switch {
		case at.node == nil:
			return syscall.ENOENT
		case !at.node.mode.IsRegular():
			return kindError(at.node)
		}
		text = string(at.node.data)
		return nil
	})
	return text, err
}

// List returns the names in a directory, sorted.
func (d *Disk) List(path string) (names []string, err error) {
	err = d.do("list", path, func(at place) error {
		switch {
		case at.node == nil:
			return syscall.ENOENT
		case !at.node.mode.IsDir():
			return syscall.ENOTDIR
		}
		names = at.node.names()
		return nil
	})
	return names, err
}

// Symlink makes a symbolic link.
func (d *Disk) Symlink(target, path string) error {
	return d.doAt("symlink", path, false, func(at place) error {
		n, err := d.create(person, at, fs.ModeSymlink|0o777)
		if err == nil {
			n.target = target
		}
		return err
	})
}

// SwapLink has a symbolic link lead elsewhere at one blow, as deployments do: another one is renamed.
func (d *Disk) SwapLink(target, link string) error {
	temporary := path.Join(path.Dir(link), "."+path.Base(link)+".tmp")
	if err := d.Symlink(target, temporary); err != nil {
		return err
	}
	return d.Rename(temporary, link)
}

// Rename renames what is at a path. A file that had the new name is removed.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rename(person, from, to)
}

// Chmod sets the permissions of what is at a path.
func (d *Disk) Chmod(path string, mode fs.FileMode) error {
	return d.do("chmod", path, func(at place) error {
		if at.node == nil {
			return syscall.ENOENT
		}
		at.node.mode = at.node.mode.Type() | mode.Perm()
		d.changed(person, at.node, attrib)
		return nil
	})
}

// Chtimes sets when a file was modified.
func (d *Disk) Chtimes(path string, modified time.Time) error {
	return d.do("chtimes", path, func(at place) error {
		if at.node == nil {
			return syscall.ENOENT
		}
		at.node.modified = modified
		d.changed(person, at.node, attrib)
		return nil
	})
}

// Own makes what is at a path, such as the state directory, the property of the user of the processes.
func (d *Disk) Own(path string) error {
	return d.do("chown", path, func(at place) error {
		if at.node == nil {
			return syscall.ENOENT
		}
		at.node.owner = daemon
		d.changed(person, at.node, attrib)
		return nil
	})
}

// Remove removes a file or an empty directory.
func (d *Disk) Remove(path string) error {
	return d.doAt("remove", path, false, func(at place) error { return d.remove(person, at) })
}

// RemoveAll removes what is at a path, if something is, with everything below it.
func (d *Disk) RemoveAll(path string) error {
	return d.doAt("remove", path, false, func(at place) error {
		if at.node == nil {
			return nil
		}
		return d.removeAll(at)
	})
}

func (d *Disk) removeAll(at place) error {
	for _, name := range at.node.names() {
		if err := d.removeAll(place{at.node, name, at.node.entries[name]}); err != nil {
			return err
		}
	}
	return d.remove(person, at)
}

// ReplaceDir replaces a directory by a new one with files, as an upgrade does: the new one is made beside it, the
// old one gets another name, the new one gets its name, and the old one is removed.
func (d *Disk) ReplaceDir(dir string, files map[string]string) error {
	fresh, old := dir+".new", dir+".old"
	if err := d.MkdirAll(fresh); err != nil {
		return err
	}
	for _, name := range sorted(files) {
		if err := d.Write(path.Join(fresh, name), files[name]); err != nil {
			return err
		}
	}
	if err := d.Rename(dir, old); err != nil {
		return err
	}
	if err := d.Rename(fresh, dir); err != nil {
		return err
	}
	return d.RemoveAll(old)
}

// sorted returns the keys of a map in order.
func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// components returns the names in a path. One with a slash at its end leads to a directory, as if a dot followed.
func components(path string) []string {
	names := strings.Split(path, "/")
	if last := len(names) - 1; last > 0 && names[last] == "" {
		names[last] = "."
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}
