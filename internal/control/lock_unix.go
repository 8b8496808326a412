//go:build unix

package control

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockTries is the number of times that a lock file is opened again which another process has just removed.
const lockTries = 100

// takeLock locks the file at path, and makes it if needed. The kernel releases the lock when the process ends, so that a
// file that was left behind locks no process out. The error is ErrLocked while another process has the lock.
func takeLock(path string) (*lock, error) {
	for range lockTries {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			file.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				err = ErrLocked
			}
			return nil, err
		}
		if l := (&lock{file, path}); l.There() {
			return l, nil
		}
		file.Close() // the file has been removed between open and lock: it excludes no process
	}
	return nil, ErrLocked
}
