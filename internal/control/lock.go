package control

import (
	"errors"
	"os"
)

// errLocked reports that another process has a lock.
var errLocked = errors.New("another process has the lock")

// lock is a file that one process at a time has locked.
type lock struct {
	file *os.File
	path string
}

// there reports whether the locked file is still the one at its path.
func (l *lock) there() bool {
	locked, err := l.file.Stat()
	return err == nil && isAt(l.path, locked)
}

// release removes the file and gives up the lock.
func (l *lock) release() {
	if l.there() {
		os.Remove(l.path) // while it is locked, so that no other process has it locked
	}
	l.file.Close()
}

// isAt reports whether a file is the one at a path.
func isAt(path string, file os.FileInfo) bool {
	found, err := os.Lstat(path)
	return err == nil && os.SameFile(found, file)
}
