package disk

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// What inotify(7) reports: of entries that they come, go, get another name or other permissions; of files that they are written.
const (
	ofEntries = unix.IN_CREATE | unix.IN_MOVE | unix.IN_DELETE | unix.IN_ATTRIB | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
	ofWrites  = unix.IN_MODIFY
)

// eventsSize is the size of the buffer for events; one with the longest name has 272 bytes.
const eventsSize = 4096

// watch is an instance of inotify. The library for other systems reports each write to each file of a directory, so that a log
// beside the definitions would cost time for every line.
type watch struct {
	happened chan string
	ended    chan struct{}
	file     *os.File
	fd       int

	mu    sync.Mutex
	paths map[int32]string // by watch descriptor
}

func (host) Watch() (Watch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	w := &watch{
		happened: make(chan string), ended: make(chan struct{}),
		file: os.NewFile(uintptr(fd), "inotify"), fd: fd, paths: map[int32]string{},
	}
	go w.follow()
	return w, nil
}

func (w *watch) AddDir(path string) error  { return w.add(path, unix.IN_ONLYDIR|ofEntries) }
func (w *watch) AddFile(path string) error { return w.add(path, ofWrites) }

func (w *watch) add(path string, mask uint32) error {
	wd, err := unix.InotifyAddWatch(w.fd, path, mask|unix.IN_MASK_ADD)
	if err != nil {
		return os.NewSyscallError("inotify_add_watch", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paths[int32(wd)] = path
	return nil
}

func (w *watch) Events() <-chan string { return w.happened }

// follow hands over what happens until the watch is closed.
func (w *watch) follow() {
	defer close(w.happened)
	buf := make([]byte, eventsSize)
	for {
		n, err := w.file.Read(buf)
		if err != nil {
			return
		}
		for rest := buf[:n]; len(rest) > 0; {
			var path string
			path, rest = w.next(rest)
			select {
			case w.happened <- path:
			case <-w.ended:
				return
			}
		}
	}
}

// next takes the first event off data. That there is nothing to watch any more is one, too: what is at its path now is not
// watched.
func (w *watch) next(data []byte) (path string, rest []byte) {
	wd, mask := int32(binary.NativeEndian.Uint32(data)), binary.NativeEndian.Uint32(data[4:])
	size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(data[12:]))
	if mask&unix.IN_Q_OVERFLOW != 0 {
		return "", data[size:]
	}
	name := strings.TrimRight(string(data[unix.SizeofInotifyEvent:size]), "\x00")
	w.mu.Lock()
	defer w.mu.Unlock()
	return filepath.Join(w.paths[wd], name), data[size:]
}

func (w *watch) Close() error {
	close(w.ended)
	return w.file.Close()
}
