//go:build linux

package world

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"announcer/internal/control"
	"announcer/internal/wakeup"
)

// controlSocket is where the daemon listens, as the unit has it.
const controlSocket = "/run/announcer/control/announcer.sock"

// sockets are the control sockets of a host and their locks, by their paths.
type sockets struct {
	mu    sync.Mutex
	files map[string]*socketFile
	fault diskFault // of calls for them
}

// socketFile is a socket or a lock. It implements [fs.FileInfo].
type socketFile struct {
	owner  *process // nil: a dead one left it
	mode   fs.FileMode
	closed chan struct{} // closed when no process listens any more
	close  func()
	rings  chan struct{} // holds a value when a client comes
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
func (s system) do(op, path string, call func(files map[string]*socketFile, f *socketFile) error) error {
	s.process.host.gate.pass(turnOfControl)
	sockets := &s.process.host.sockets
	sockets.mu.Lock()
	defer sockets.mu.Unlock()
	switch {
	case s.process.isKilled():
		return errKilled
	case sockets.fault.hits(op):
		return sockets.fault.why
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

// owner returns the process that listens, nil if none does.
func (s *sockets) owner() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.files[controlSocket]; f != nil {
		return f.owner
	}
	return nil
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
	err = s.do("lstat", path, func(_ map[string]*socketFile, f *socketFile) error {
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
	return s.do("remove", path, func(files map[string]*socketFile, f *socketFile) error {
		if f == nil {
			return fs.ErrNotExist
		}
		delete(files, path)
		return nil
	})
}

// Lock implements [control.System].
func (s system) Lock(path string) (l control.Lock, err error) {
	err = s.do("lock", path, func(files map[string]*socketFile, f *socketFile) error {
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
	f := &socketFile{mode: mode, closed: make(chan struct{}), rings: make(chan struct{}, 1)}
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
	_ = l.system.do("unlock", l.path, func(files map[string]*socketFile, f *socketFile) error {
		if f == l.file {
			delete(files, l.path)
		}
		l.file.owner = nil
		return nil
	}) // a process that was killed has no lock
}

// Bind implements [control.System].
func (s system) Bind(path string) (l net.Listener, err error) {
	err = s.do("bind", path, func(files map[string]*socketFile, f *socketFile) error {
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
	err = s.do("connect", path, func(_ map[string]*socketFile, f *socketFile) error {
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

// socketListener is a control socket. Its clients want nothing.
type socketListener struct {
	system system
	path   string
	file   *socketFile
}

// Accept implements [net.Listener].
func (l socketListener) Accept() (net.Conn, error) {
	for {
		if err := l.system.do("accept", l.path, func(map[string]*socketFile, *socketFile) error { return nil }); err != nil {
			return nil, err
		}
		select {
		case <-l.file.closed:
			return nil, net.ErrClosed
		case <-l.file.rings:
		}
	}
}

// Close implements [net.Listener].
func (l socketListener) Close() error {
	defer l.file.close()
	return l.system.do("close", l.path, func(map[string]*socketFile, *socketFile) error {
		l.file.owner = nil
		return nil
	})
}

// socketCalls are what fails together, or alone.
var socketCalls = [][]string{{"lock"}, {"bind"}, {"lstat"}, {"remove"}, {"connect"}, {"accept"}, {"lock", "bind", "lstat", "remove", "connect", "accept"}}

var (
	socketErrors = []syscall.Errno{syscall.ENOENT, syscall.EACCES, syscall.EROFS, syscall.ENOSPC, syscall.EIO, syscall.EINTR, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM}
	acceptErrors = []syscall.Errno{syscall.EMFILE, syscall.ENFILE} // after which a server goes on
)

// cutTime is within which a process listens again whose socket was removed.
const cutTime = wakeup.Beat + 10*time.Second

// cutOff has something remove the control socket, after which the process can't open another one or can; or has calls for the
// sockets succeed again.
func (h *host) cutOff(w *World, dice *rand.Rand) {
	calls, failure := socketCalls[dice.IntN(len(socketCalls))], socketErrors[dice.IntN(len(socketErrors))]
	switch {
	case h.process == nil:
		return
	case h.isCut():
		h.mendSockets()
		return
	case dice.IntN(3) == 0:
		h.removeSocket()
		h.feel()
		w.rest(cutTime)
		h.checkSocket()
		return
	case slices.Contains(calls, "remove") || slices.Contains(calls, "connect"):
		h.setSocketFault(diskFault{failure, calls})
		h.crash() // what it leaves can't be replaced
		w.rest(restartTime)
		h.boot()
	case slices.Contains(calls, "accept"):
		h.setSocketFault(diskFault{acceptErrors[dice.IntN(len(acceptErrors))], calls})
		h.ring()
	default:
		h.removeSocket()
		h.setSocketFault(diskFault{failure, calls})
	}
	h.feel()
}

// removeSocket removes the control socket and its lock, as a cleaner of temporary files does.
func (h *host) removeSocket() {
	h.sockets.mu.Lock()
	defer h.sockets.mu.Unlock()
	clear(h.sockets.files)
}

// ring has a client come.
func (h *host) ring() {
	h.sockets.mu.Lock()
	defer h.sockets.mu.Unlock()
	if f := h.sockets.files[controlSocket]; f != nil {
		select {
		case f.rings <- struct{}{}:
		default:
		}
	}
}

func (h *host) setSocketFault(fault diskFault) {
	h.sockets.mu.Lock()
	defer h.sockets.mu.Unlock()
	h.sockets.fault = fault
}

// mendSockets has the calls for the control socket succeed.
func (h *host) mendSockets() {
	h.setSocketFault(diskFault{})
	h.feel()
}

// isCut reports whether no client can ask the process.
func (h *host) isCut() bool { return len(h.uncontrolled()) > 0 }

// uncontrolled returns what the problems must have where no client can ask the process.
func (h *host) uncontrolled() []string {
	if h.sockets.fault.why == 0 {
		return nil
	}
	return []string{"the control socket"}
}

// checkSocket checks that clients can ask the process.
func (h *host) checkSocket() {
	if h.process != nil && !h.gate.isShut() && h.sockets.owner() != h.process {
		h.fail("%s does not listen on %s", h.net.Name, controlSocket)
	}
}

// Addr implements [net.Listener].
func (l socketListener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }
