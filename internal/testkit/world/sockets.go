//go:build linux

package world

import (
	"errors"
	"io/fs"
	"net"
	"sync"
	"syscall"
	"time"

	"announcer/internal/control"
)

// controlSocket is where the daemon listens, as the unit has it.
const controlSocket = "/run/announcer/control/announcer.sock"

// sockets are the control sockets of a host and their locks, by their paths.
type sockets struct {
	mu    sync.Mutex
	files map[string]*socketFile
}

// socketFile is a socket or a lock. It implements [fs.FileInfo].
type socketFile struct {
	owner  *process // nil: a dead one left it
	mode   fs.FileMode
	closed chan struct{} // closed when no process listens any more
	close  func()
}

func (*socketFile) Name() string        { return controlSocket }
func (*socketFile) Size() int64         { return 0 }
func (f *socketFile) Mode() fs.FileMode { return f.mode }
func (*socketFile) ModTime() time.Time  { return time.Time{} }
func (*socketFile) IsDir() bool         { return false }
func (*socketFile) Sys() any            { return nil }

// system is the operating system as a process sees it. Calls of one that was killed have no effect.
type system struct{ process *process }

// do makes a call for the file at a path, nil if there is none.
func (s system) do(path string, call func(files map[string]*socketFile, f *socketFile) error) error {
	sockets := &s.process.host.sockets
	sockets.mu.Lock()
	defer sockets.mu.Unlock()
	if s.process.isKilled() {
		return errKilled
	}
	return call(sockets.files, sockets.files[path])
}

var errKilled = errors.New("the process was killed")

// of returns how many locks and sockets a process has.
func (s *sockets) of(p *process) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		if f.owner == p {
			n++
		}
	}
	return n
}

// release ends the locks and sockets of a process; the files stay.
func (s *sockets) release(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		if f.owner == p {
			f.owner = nil
			f.close()
		}
	}
}

// Lstat implements [control.System].
func (s system) Lstat(path string) (info fs.FileInfo, err error) {
	err = s.do(path, func(_ map[string]*socketFile, f *socketFile) error {
		if f == nil {
			return fs.ErrNotExist
		}
		info = f
		return nil
	})
	return info, err
}

// SameFile implements [control.System].
func (system) SameFile(a, b fs.FileInfo) bool { return a == b }

// Remove implements [control.System].
func (s system) Remove(path string) error {
	return s.do(path, func(files map[string]*socketFile, f *socketFile) error {
		if f == nil {
			return fs.ErrNotExist
		}
		delete(files, path)
		return nil
	})
}

// Lock implements [control.System].
func (s system) Lock(path string) (l control.Lock, err error) {
	err = s.do(path, func(files map[string]*socketFile, f *socketFile) error {
		if f != nil && f.owner != nil {
			return control.ErrLocked
		}
		if f == nil {
			f = newSocketFile(0o600)
			files[path] = f
		}
		f.owner = s.process
		l = socketLock{s, path, f}
		return nil
	})
	return l, err
}

func newSocketFile(mode fs.FileMode) *socketFile {
	f := &socketFile{mode: mode, closed: make(chan struct{})}
	f.close = sync.OnceFunc(func() { close(f.closed) })
	return f
}

// socketLock implements [control.Lock].
type socketLock struct {
	system system
	path   string
	file   *socketFile
}

// There implements [control.Lock].
func (l socketLock) There() bool {
	found, err := l.system.Lstat(l.path)
	return err == nil && found == l.file
}

// Release implements [control.Lock].
func (l socketLock) Release() {
	_ = l.system.do(l.path, func(files map[string]*socketFile, f *socketFile) error {
		if f == l.file {
			delete(files, l.path)
		}
		l.file.owner = nil
		return nil
	})
}

// Bind implements [control.System].
func (s system) Bind(path string) (l net.Listener, err error) {
	err = s.do(path, func(files map[string]*socketFile, f *socketFile) error {
		if f != nil {
			return syscall.EADDRINUSE
		}
		f = newSocketFile(fs.ModeSocket | 0o660)
		f.owner, files[path] = s.process, f
		l = socketListener{s, path, f}
		return nil
	})
	return l, err
}

// Connect implements [control.System].
func (s system) Connect(path string) (pid int, err error) {
	err = s.do(path, func(_ map[string]*socketFile, f *socketFile) error {
		switch {
		case f == nil:
			return fs.ErrNotExist
		case f.owner == nil:
			return syscall.ECONNREFUSED
		}
		pid = f.owner.pid
		return nil
	})
	return pid, err
}

// socketListener is a control socket without clients.
type socketListener struct {
	system system
	path   string
	file   *socketFile
}

// Accept implements [net.Listener].
func (l socketListener) Accept() (net.Conn, error) {
	<-l.file.closed
	return nil, net.ErrClosed
}

// Close implements [net.Listener].
func (l socketListener) Close() error {
	defer l.file.close()
	return l.system.do(l.path, func(map[string]*socketFile, *socketFile) error {
		l.file.owner = nil
		return nil
	})
}

// Addr implements [net.Listener].
func (l socketListener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }
