// Package disk is the part of a file system that announcer uses, as an interface: definitions, what servers said last, and the
// engine's notes are read, written and watched by it. [OS] is the file system of this host; tests have one in memory.
package disk

import (
	"io"
	"io/fs"
	"time"
)

// FS is a file system. Its functions do what those of package os do, with the same errors, and can hang where those can.
type FS interface {
	Stat(path string) (fs.FileInfo, error)
	Lstat(path string) (fs.FileInfo, error)
	SameFile(a, b fs.FileInfo) bool
	// Inode returns the inode that a path leads to: it is another one if another file is there, or if that has changed.
	Inode(path string) (Inode, error)
	// TryRead reads a little of a regular file or a directory, of which it gets what [FS.Inode] returned, and returns the error that a
	// reader has. Anything else is not opened, which would have effects.
	TryRead(path string, inode Inode) error
	Readlink(path string) (string, error)
	ReadDir(path string) ([]fs.DirEntry, error) // by name

	// Open opens a file for reading without waiting for the writer of a FIFO.
	Open(path string) (File, error)
	// Create makes or empties a file, and opens it for writing.
	Create(path string, mode fs.FileMode) (File, error)
	// Append opens a file that exists for writing at its end, without waiting for the reader of a FIFO.
	Append(path string) (File, error)
	Rename(from, to string) error
	Remove(path string) error
	MkdirAll(path string, mode fs.FileMode) error
	Chtimes(path string, modified time.Time) error
	// SyncDir returns when what was created, renamed and removed in a directory is on the disk.
	SyncDir(path string) error

	// Watch makes a watch of nothing.
	Watch() (Watch, error)
	// Eventless returns the name of the file system that a directory is on where a watch misses changes that are made
	// elsewhere, else "".
	Eventless(dir string) string
}

// Inode is what a system knows of a file or directory beside its name and contents. What a system does not show is 0.
type Inode struct {
	Device, Number    uint64
	Mode              uint32
	Size              int64
	Modified, Changed int64 // nanoseconds since 1970
}

// File is an open file.
type File interface {
	io.ReadWriteCloser
	Stat() (fs.FileInfo, error)
	SetReadDeadline(t time.Time) error // [os.ErrNoDeadline] if the file is on a disk
	Sync() error
}

// Watch reports what happens in directories and to files. It follows what was at a path when that was added, whatever becomes of
// its name.
type Watch interface {
	// AddDir has reported that entries of a directory come, go, get another name or other permissions, or that this
	// happens to the directory itself.
	AddDir(path string) error
	// AddFile has reported that a file is written, or any file of a directory.
	AddFile(path string) error
	// Events returns the channel of the paths at which something happened, "" if events were lost. It is closed when
	// there will be no more.
	Events() <-chan string
	// Close ends the watch.
	Close() error
}
