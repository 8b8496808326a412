package source

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// What inotify(7) reports: of entries that they come, go, get another name or other permissions; of files that they are written.
const (
	ofEntries = unix.IN_CREATE | unix.IN_MOVE | unix.IN_DELETE | unix.IN_ATTRIB | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
	ofWrites  = unix.IN_MODIFY
)

// eventsSize is the size of the buffer for events; one with the longest name has 272 bytes.
const eventsSize = 4096

// events reports what happens at paths, by an instance of inotify of its own. The library for other systems reports each write
// to each file of a directory, so that a log beside the definitions would cost time for every line.
type events struct {
	happened chan string // paths, "" if events were lost; closed when there will be no more
	ended    chan struct{}
	file     *os.File
	fd       int
	paths    map[int32]string // by watch descriptor
}

func newEvents() (*events, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	return &events{
		happened: make(chan string), ended: make(chan struct{}),
		file: os.NewFile(uintptr(fd), "inotify"), fd: fd, paths: map[int32]string{},
	}, nil
}

// add has what happens in a directory reported, or to a file. All are added before follow.
func (e *events) add(path string, mask uint32) error {
	wd, err := unix.InotifyAddWatch(e.fd, path, mask|unix.IN_MASK_ADD)
	if err != nil {
		return os.NewSyscallError("inotify_add_watch", err)
	}
	e.paths[int32(wd)] = path
	return nil
}

// watch has everything reported that can change what a look finds. It goes on after an error, and returns the last one.
func (e *events) watch(w ways) (err error) {
	for dir := range w.dirs {
		if failed := e.add(dir, unix.IN_ONLYDIR|ofEntries); failed != nil {
			err = fmt.Errorf("%s cannot be watched: %w", dir, failed)
		}
	}
	for path := range w.written {
		failed := e.add(path, ofWrites)
		if failed == nil || errors.Is(failed, fs.ErrPermission) || errors.Is(failed, fs.ErrNotExist) {
			continue // its directory reports when that changes
		}
		err = fmt.Errorf("%s cannot be watched: %w", path, failed)
	}
	return err
}

// follow hands over what happens until the events are closed.
func (e *events) follow() {
	defer close(e.happened)
	buf := make([]byte, eventsSize)
	for {
		n, err := e.file.Read(buf)
		if err != nil {
			return
		}
		for rest := buf[:n]; len(rest) > 0; {
			var path string
			path, rest = e.next(rest)
			select {
			case e.happened <- path:
			case <-e.ended:
				return
			}
		}
	}
}

// next takes the first event off data. That a watch has ended is one, too: what is at its path now is not watched.
func (e *events) next(data []byte) (path string, rest []byte) {
	wd, mask := int32(binary.NativeEndian.Uint32(data)), binary.NativeEndian.Uint32(data[4:])
	size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(data[12:]))
	if mask&unix.IN_Q_OVERFLOW != 0 {
		return "", data[size:]
	}
	name := strings.TrimRight(string(data[unix.SizeofInotifyEvent:size]), "\x00")
	return filepath.Join(e.paths[wd], name), data[size:]
}

// Close ends the events.
func (e *events) Close() error {
	close(e.ended)
	return e.file.Close()
}
