package control

import (
	"errors"
	"io/fs"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"announcer/internal/wakeup"
)

// lookTime is how often a listener looks whether its socket is still there: until a directory that was removed, such as
// by a cleaner of temporary files, is noticed.
const lookTime = wakeup.Beat

// errRemoved is why a listener ends whose socket no client can find any more.
var errRemoved = errors.New("the socket has been removed")

// listener is a control socket with its lock. Accept returns errRemoved after the socket has been removed.
type listener struct {
	net.Listener
	system  System
	path    string
	socket  fs.FileInfo
	lock    Lock
	removed atomic.Bool
	close   func() error
	done    chan struct{}
}

// newListener takes over a socket and its lock, and looks after them in an interval.
func newListener(system System, l net.Listener, path string, lock Lock, interval time.Duration) (*listener, error) {
	socket, err := system.Lstat(path)
	if err != nil {
		return nil, err
	}
	own := &listener{Listener: l, system: system, path: path, socket: socket, lock: lock, done: make(chan struct{})}
	own.close = sync.OnceValue(own.end)
	go own.look(interval)
	return own, nil
}

// look closes the listener when its socket or lock is no longer there.
func (l *listener) look(interval time.Duration) {
	for {
		select {
		case <-l.done:
			return
		case <-wakeup.After(interval):
			if !l.there() {
				l.removed.Store(true)
				l.Close()
				return
			}
		}
	}
}

func (l *listener) there() bool { return l.isAt() && l.lock.There() }

func (l *listener) isAt() bool {
	found, err := l.system.Lstat(l.path)
	return err == nil && l.system.SameFile(found, l.socket)
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil && l.removed.Load() {
		return nil, errRemoved
	}
	return conn, err
}

// Close implements [net.Listener]. It removes the socket, unless that is another one by now.
func (l *listener) Close() error { return l.close() }

func (l *listener) end() error {
	close(l.done)
	if l.there() {
		_ = l.system.Remove(l.path) // what stays is replaced by the next daemon
	}
	err := l.Listener.Close()
	l.lock.Release()
	return err
}
