package control

import (
	"errors"
	"os"
)

// ErrLocked reports that another process has a lock.
var ErrLocked = errors.New("another process has the lock")

// lock is a file that one process at a time has locked.
type lock struct {
	file *os.File
	path string
}

// There implements [Lock].
func (l *lock) There() bool {
	locked, err := l.file.Stat()
	return err == nil && isAt(l.path, locked)
}

// Release implements [Lock].
func (l *lock) Release() {
	if l.There() {
		os.Remove(l.path) // while it is locked, so that no other process has it locked
	}
	l.file.Close()
}

// isAt reports whether a file is the one at a path.
func isAt(path string, file os.FileInfo) bool {
	found, err := os.Lstat(path)
	return err == nil && os.SameFile(found, file)
}
