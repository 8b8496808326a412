package control

import (
	"io/fs"
	"net"
	"os"
)

// System is the part of the operating system that control sockets need. [OS] is that of this host.
type System interface {
	// Lstat returns what is at a path, [fs.ErrNotExist] if nothing is.
	Lstat(path string) (fs.FileInfo, error)
	// SameFile reports whether two results of Lstat are of one file.
	SameFile(a, b fs.FileInfo) bool
	// Remove removes the file at a path.
	Remove(path string) error
	// Lock locks the file at a path, and makes it if needed. The lock ends with the process. The error is [ErrLocked] while
	// another process has it.
	Lock(path string) (Lock, error)
	// Bind opens a socket at a path where nothing is.
	Bind(path string) (net.Listener, error)
	// Connect returns the process that listens at a path, 0 if unknown; ECONNREFUSED if none does.
	Connect(path string) (pid int, err error)
}

// Lock is a file that one process at a time has locked.
type Lock interface {
	// There reports whether the locked file is still the one at its path.
	There() bool
	// Release removes the file and gives up the lock.
	Release()
}

// OS is the operating system of this host.
type OS struct{}

// Lstat implements [System].
func (OS) Lstat(path string) (fs.FileInfo, error) { return os.Lstat(path) }

// SameFile implements [System].
func (OS) SameFile(a, b fs.FileInfo) bool { return os.SameFile(a, b) }

// Remove implements [System].
func (OS) Remove(path string) error { return os.Remove(path) }

// Lock implements [System].
func (OS) Lock(path string) (Lock, error) {
	l, err := takeLock(path)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Bind implements [System]. The socket is for the user of this process and that user's group.
func (OS) Bind(path string) (net.Listener, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, mode); err != nil {
		l.Close()
		return nil, err
	}
	l.SetUnlinkOnClose(false) // what is at the path then may be the socket of another daemon
	return l, nil
}

// Connect implements [System].
func (OS) Connect(path string) (pid int, err error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return peer(conn), nil
}
