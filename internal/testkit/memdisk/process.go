package memdisk

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"sync"
	"syscall"
	"time"

	"announcer/internal/disk"
)

// Process is what a process sees of a [Disk]. Its user may do what the modes of files permit to all, and what they permit to the
// owner of files that it has made, or that were given to it by [Disk.Own].
type Process struct {
	disk   *Disk
	user   user
	killed chan struct{}
	end    func()

	// With the lock of the disk:
	dead   bool
	limits Limits
	opened []opened
}

var _ disk.FS = (*Process)(nil)

// Limits are what the system grants a process; 0: no limit.
type Limits struct {
	Files     int // descriptors, with those of watches; EMFILE
	Instances int // watches that are open; EMFILE
	Watches   int // files and directories that are watched; ENOSPC
}

// opened is what a process holds a descriptor of.
type opened interface{ shut() }

var errKilled = errors.New("the process was killed")

// Process starts a process.
func (d *Disk) Process() *Process {
	p := &Process{disk: d, user: daemon, killed: make(chan struct{})}
	p.end = sync.OnceFunc(p.kill)
	return p
}

// Kill ends the process: what it has open is closed, and all its calls fail from now on, those that wait, too.
func (p *Process) Kill() { p.end() }

func (p *Process) kill() {
	p.disk.mu.Lock()
	defer p.disk.mu.Unlock()
	p.dead = true
	for _, o := range p.opened {
		o.shut()
	}
	p.opened = nil
	close(p.killed)
}

// Descriptors returns how many files and watches the process has open.
func (p *Process) Descriptors() int {
	p.disk.mu.Lock()
	defer p.disk.mu.Unlock()
	return len(p.opened)
}

// Limit sets what the system grants the process. What it has already stays.
func (p *Process) Limit(limits Limits) {
	p.disk.mu.Lock()
	defer p.disk.mu.Unlock()
	p.limits = limits
}

// mayOpen returns EMFILE if the process has as many descriptors as it may.
func (p *Process) mayOpen() error {
	if p.limits.Files > 0 && len(p.opened) >= p.limits.Files {
		return syscall.EMFILE
	}
	return nil
}

// watches returns the watches that are open.
func (p *Process) watches() (all []*watch) {
	for _, o := range p.opened {
		if w, ok := o.(*watch); ok {
			all = append(all, w)
		}
	}
	return all
}

// marks returns how much is watched.
func (p *Process) marks() (n int) {
	for _, w := range p.watches() {
		n += len(w.marks)
	}
	return n
}

// close closes what the process has open.
func (p *Process) close(o opened) {
	o.shut()
	p.opened = without(p.opened, o)
}

// call makes a call, with the disk locked. It fails if a fault is set or the process was killed, and waits where the file system
// hangs.
func (p *Process) call(op, path string, call func(*Disk) error) error {
	if err := p.disk.faultOf(op, path); err != nil {
		return err
	}
	for {
		err := p.locked(call)
		hang, hangs := errors.AsType[hangError](err)
		if !hangs {
			return err
		}
		select {
		case <-hang.until:
		case <-p.killed:
			return errKilled
		}
	}
}

func (p *Process) locked(call func(*Disk) error) error {
	p.disk.mu.Lock()
	defer p.disk.mu.Unlock()
	if p.dead {
		return errKilled
	}
	return call(p.disk)
}

// faultOf returns the error of a call that is to fail.
func (d *Disk) faultOf(op, path string) error {
	d.mu.Lock()
	fault := d.fault
	d.mu.Unlock()
	if fault == nil || op == "" {
		return nil
	}
	return fault(op, path)
}

// with makes a call for what is at a path, and gives its error the form of package os.
func (p *Process) with(op, shown, path string, follow bool, call func(n *node) error) error {
	err := p.call(op, path, func(d *Disk) error {
		n, err := d.existing(p.user, path, follow)
		if err != nil {
			return err
		}
		return call(n)
	})
	if err != nil {
		return &fs.PathError{Op: shown, Path: path, Err: err}
	}
	return nil
}

// Stat implements [disk.FS].
func (p *Process) Stat(path string) (found fs.FileInfo, err error) {
	err = p.with("stat", "stat", path, true, func(n *node) error {
		found = n.info(path)
		return nil
	})
	return found, err
}

// Lstat implements [disk.FS].
func (p *Process) Lstat(path string) (found fs.FileInfo, err error) {
	err = p.with("lstat", "lstat", path, false, func(n *node) error {
		found = n.info(path)
		return nil
	})
	return found, err
}

// SameFile implements [disk.FS].
func (p *Process) SameFile(a, b fs.FileInfo) bool {
	first, ok := a.(info)
	second, also := b.(info)
	return ok && also && first.number == second.number
}

// Inode implements [disk.FS].
func (p *Process) Inode(path string) (inode disk.Inode, err error) {
	err = p.with("stat", "stat", path, true, func(n *node) error {
		inode = disk.Inode{Number: n.number, Mode: uint32(n.mode), Size: int64(len(n.data)), Modified: n.modified.UnixNano()}
		return nil
	})
	return inode, err
}

// TryRead implements [disk.FS].
func (p *Process) TryRead(path string, inode disk.Inode) (err error) {
	switch mode := fs.FileMode(inode.Mode); {
	case mode.IsDir():
		_, err = p.ReadDir(path)
	case mode.IsRegular():
		_, _, err = disk.ReadRegular(p, path, math.MaxInt32)
	}
	return err
}

// Readlink implements [disk.FS].
func (p *Process) Readlink(path string) (target string, err error) {
	err = p.with("readlink", "readlink", path, false, func(n *node) error {
		if n.mode&fs.ModeSymlink == 0 {
			return syscall.EINVAL
		}
		target = n.target
		return nil
	})
	return target, err
}

// ReadDir implements [disk.FS].
func (p *Process) ReadDir(path string) (entries []fs.DirEntry, err error) {
	if fault := p.disk.faultOf("readdir", path); fault != nil {
		entries, _ = p.readDir(path)
		return entries[:len(entries)/2], &fs.PathError{Op: "readdirent", Path: path, Err: fault}
	}
	return p.readDir(path)
}

func (p *Process) readDir(path string) (entries []fs.DirEntry, err error) {
	err = p.with("", "open", path, true, func(n *node) error {
		if err := p.mayOpen(); err != nil {
			return err
		}
		if !n.mode.IsDir() {
			return syscall.ENOTDIR
		}
		if err := n.permits(p.user, mayRead); err != nil {
			return err
		}
		for _, name := range n.names() {
			entries = append(entries, fs.FileInfoToDirEntry(n.entries[name].info(name)))
		}
		return nil
	})
	return entries, err
}

// Open implements [disk.FS].
func (p *Process) Open(path string) (disk.File, error) {
	return p.open("open", &file{process: p, path: path}, mayRead)
}

// open opens a file that exists by a call, which needs a right.
func (p *Process) open(call string, f *file, right fs.FileMode) (disk.File, error) {
	err := p.with(call, "open", f.path, true, func(n *node) error {
		if err := p.mayOpen(); err != nil {
			return err
		}
		if f.writes && n.mode.IsDir() {
			return syscall.EISDIR
		}
		if err := n.permits(p.user, right); err != nil {
			return err
		}
		f.open(n)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Create implements [disk.FS].
func (p *Process) Create(path string, mode fs.FileMode) (disk.File, error) {
	f := &file{process: p, path: path, writes: true}
	err := p.call("create", path, func(d *Disk) error {
		if err := p.mayOpen(); err != nil {
			return err
		}
		at, err := d.walk(p.user, path, true)
		if err != nil {
			return err
		}
		n, err := d.emptied(p.user, at, mode)
		if err == nil {
			f.open(n)
		}
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return f, nil
}

// Append implements [disk.FS].
func (p *Process) Append(path string) (disk.File, error) {
	return p.open("append", &file{process: p, path: path, writes: true, appends: true}, mayWrite)
}

// emptied makes or empties a file.
func (d *Disk) emptied(by user, at place, mode fs.FileMode) (*node, error) {
	switch n := at.node; {
	case n == nil:
		return d.create(by, at, mode.Perm()&^umask)
	case n.mode.IsDir():
		return nil, syscall.EISDIR
	case n.permits(by, mayWrite) != nil:
		return nil, syscall.EACCES
	case n.mode.IsRegular():
		d.truncate(by, n)
	}
	return at.node, nil
}

// Rename implements [disk.FS].
func (p *Process) Rename(from, to string) error {
	err := p.call("rename", from, func(d *Disk) error { return d.move(p.user, from, to) })
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// Remove implements [disk.FS].
func (p *Process) Remove(path string) error {
	err := p.call("remove", path, func(d *Disk) error {
		at, err := d.walk(p.user, path, false)
		if err != nil {
			return err
		}
		return d.remove(p.user, at)
	})
	if err != nil {
		return &fs.PathError{Op: "remove", Path: path, Err: err}
	}
	return nil
}

// MkdirAll implements [disk.FS].
func (p *Process) MkdirAll(path string, mode fs.FileMode) error {
	err := p.call("mkdir", path, func(d *Disk) error { return d.mkdirAll(p.user, path, mode.Perm()) })
	if _, ok := errors.AsType[*fs.PathError](err); ok || err == nil {
		return err
	}
	return &fs.PathError{Op: "mkdir", Path: path, Err: err}
}

// Chtimes implements [disk.FS].
func (p *Process) Chtimes(path string, modified time.Time) error {
	return p.with("chtimes", "chtimes", path, true, func(n *node) error {
		if n.owner != p.user {
			return syscall.EPERM
		}
		n.modified = modified
		p.disk.changed(p.user, n, attrib)
		return nil
	})
}

// SyncDir implements [disk.FS].
func (p *Process) SyncDir(path string) error {
	return p.with("syncdir", "open", path, true, func(n *node) error {
		if err := p.mayOpen(); err != nil {
			return err
		}
		return n.permits(p.user, mayRead)
	})
}

// Eventless implements [disk.FS].
func (p *Process) Eventless(dir string) (system string) {
	err := p.with("statfs", "statfs", dir, true, func(n *node) error {
		system = n.kind()
		return nil
	})
	if err != nil {
		return ""
	}
	return system
}
