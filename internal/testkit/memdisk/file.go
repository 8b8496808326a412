package memdisk

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"
)

// file is a [disk.File].
type file struct {
	process *Process
	path    string
	writes  bool
	appends bool // at the end of the file

	// With the lock of the disk:
	node   *node
	offset int
	closed bool
}

// open opens a node for the process.
func (f *file) open(n *node) {
	f.node = n
	n.open++
	f.process.opened = append(f.process.opened, f)
}

// shut takes the descriptor away.
func (f *file) shut() {
	f.closed = true
	f.node.open--
	f.process.disk.end(f.process.user, f.node)
}

// with makes a call for the file.
func (f *file) with(op, shown string, call func(*Disk) error) error {
	err := f.process.call(op, f.path, func(d *Disk) error {
		if f.closed {
			return os.ErrClosed
		}
		if err := f.node.answers(f.process.user); err != nil {
			return err
		}
		return call(d)
	})
	if err != nil && !errors.Is(err, io.EOF) {
		return &fs.PathError{Op: shown, Path: f.path, Err: err}
	}
	return err
}

// Stat implements [disk.File].
func (f *file) Stat() (found fs.FileInfo, err error) {
	err = f.with("fstat", "stat", func(*Disk) error {
		found = f.node.info(f.path)
		return nil
	})
	return found, err
}

// Read implements [disk.File].
func (f *file) Read(buf []byte) (n int, err error) {
	err = f.with("read", "read", func(d *Disk) error {
		switch {
		case f.writes:
			return syscall.EBADF
		case f.node.mode.IsDir():
			return syscall.EISDIR
		case len(buf) > 0 && f.offset >= len(f.node.data):
			return io.EOF
		}
		if d.most > 0 {
			buf = buf[:min(len(buf), d.most)]
		}
		n = copy(buf, f.node.data[f.offset:])
		f.offset += n
		return nil
	})
	return n, err
}

// Write implements [disk.File].
func (f *file) Write(text []byte) (n int, err error) {
	if fault := f.process.disk.faultOf("write", f.path); fault != nil {
		text, err = text[:len(text)/2], &fs.PathError{Op: "write", Path: f.path, Err: fault}
	}
	written := f.with("", "write", func(d *Disk) error {
		if !f.writes {
			return syscall.EBADF
		}
		if f.appends {
			f.offset = len(f.node.data)
		}
		if n = len(text); n > 0 && f.node.mode.IsRegular() {
			d.write(f.process.user, f.node, f.offset, text)
		}
		f.offset += n
		return nil
	})
	return n, cmp.Or(err, written)
}

// Sync implements [disk.File].
func (f *file) Sync() error {
	return f.with("sync", "sync", func(*Disk) error { return nil })
}

// SetReadDeadline implements [disk.File]. No read waits, so that a deadline has no effect.
func (f *file) SetReadDeadline(time.Time) error {
	if f.node.mode&fs.ModeNamedPipe != 0 {
		return nil
	}
	return os.ErrNoDeadline
}

// Close implements [disk.File].
func (f *file) Close() error {
	err := f.process.locked(func(*Disk) error {
		if f.closed {
			return os.ErrClosed
		}
		f.process.close(f)
		return nil
	})
	if err != nil {
		return &fs.PathError{Op: "close", Path: f.path, Err: err}
	}
	return nil
}

// info is what a node was at a time.
type info struct {
	name     string
	number   uint64
	size     int64
	mode     fs.FileMode
	modified time.Time
}

// info returns what a node is, which was found at a path.
func (n *node) info(at string) info {
	return info{path.Base(at), n.number, int64(len(n.data) + len(n.target)), n.mode, n.modified}
}

// Name implements [fs.FileInfo].
func (i info) Name() string { return i.name }

// Size implements [fs.FileInfo].
func (i info) Size() int64 { return i.size }

// Mode implements [fs.FileInfo].
func (i info) Mode() fs.FileMode { return i.mode }

// ModTime implements [fs.FileInfo].
func (i info) ModTime() time.Time { return i.modified }

// IsDir implements [fs.FileInfo].
func (i info) IsDir() bool { return i.mode.IsDir() }

// Sys implements [fs.FileInfo].
func (i info) Sys() any { return nil }
