package disk

import (
	"cmp"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// OS is the file system of this host.
var OS FS = host{}

type host struct{}

func (host) Stat(path string) (fs.FileInfo, error)      { return os.Stat(path) }
func (host) Lstat(path string) (fs.FileInfo, error)     { return os.Lstat(path) }
func (host) SameFile(a, b fs.FileInfo) bool             { return os.SameFile(a, b) }
func (host) Readlink(path string) (string, error)       { return os.Readlink(path) }
func (host) ReadDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }
func (host) Rename(from, to string) error               { return os.Rename(from, to) }
func (host) Remove(path string) error                   { return os.Remove(path) }

func (host) MkdirAll(path string, mode fs.FileMode) error { return os.MkdirAll(path, mode) }
func (host) Chtimes(path string, modified time.Time) error {
	return os.Chtimes(path, modified, modified)
}

func (host) Open(path string) (File, error) {
	return open(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

func (host) Create(path string, mode fs.FileMode) (File, error) {
	return open(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
}

func (host) Append(path string) (File, error) {
	return open(path, os.O_WRONLY|os.O_APPEND|syscall.O_NONBLOCK, 0)
}

// open is [os.OpenFile], and a nil interface if that fails.
func open(path string, flag int, mode fs.FileMode) (File, error) {
	f, err := os.OpenFile(path, flag, mode)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (host) SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return cmp.Or(dir.Sync(), dir.Close())
}
