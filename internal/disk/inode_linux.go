package disk

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// Inode takes little memory, unlike package os: a daemon at rest looks at each of thousands of files.
func (host) Inode(path string) (Inode, error) {
	var stat unix.Stat_t
	if err := repeated(func() error { return unix.Stat(path, &stat) }); err != nil {
		return Inode{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return Inode{uint64(stat.Dev), stat.Ino, stat.Mode, stat.Size, stat.Mtim.Nano(), stat.Ctim.Nano()}, nil
}

// TryRead takes little memory, too.
func (host) TryRead(path string, inode Inode) error {
	kind := inode.Mode & unix.S_IFMT
	if kind != unix.S_IFREG && kind != unix.S_IFDIR {
		return nil
	}
	if err := tryRead(path, kind == unix.S_IFDIR); err != nil {
		return &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return nil
}

// tryRead opens a file or a directory, reads a little of it, and closes it.
func tryRead(path string, isDir bool) error {
	fd := -1
	err := repeated(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var part [512]byte // has room for any entry of a directory
	return repeated(func() (err error) {
		if isDir {
			_, err = unix.ReadDirent(fd, part[:])
		} else {
			_, err = unix.Read(fd, part[:])
		}
		return err
	})
}

// repeated makes a call until no signal interrupts it.
func repeated(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
