package admission

import (
	"errors"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"
)

// calmTime is after which a failure to take a client is over unless there is another one: a server tries again within a second.
const calmTime = 3 * time.Second

// lacks are the errors of a system that has no client to give for want of descriptors or memory.
var lacks = []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS}

// lack is an error after which a server tries again.
type lack struct{ error }

func (l lack) Unwrap() error { return l.error }
func (lack) Timeout() bool   { return false }
func (lack) Temporary() bool { return true }

// Attend returns a listener that calls fails with the error when the system begins to give it no client, for want of descriptors or
// memory, and with nil when that is over. A server goes on after such an error, and says nothing of it.
func Attend(l net.Listener, fails func(why error)) net.Listener {
	return &attended{Listener: l, fails: fails}
}

type attended struct {
	net.Listener
	fails func(error)

	mu     sync.Mutex
	last   time.Time   // the last failure
	calm   *time.Timer // that ends the failure; nil: there is none
	closed bool
}

// Accept implements [net.Listener].
func (a *attended) Accept() (net.Conn, error) {
	conn, err := a.Listener.Accept()
	if errno, ok := errors.AsType[syscall.Errno](err); ok && slices.Contains(lacks, errno) {
		a.fail(errno)
		return nil, lack{err}
	}
	return conn, err
}

// Close implements [net.Listener]. fails is not called any more.
func (a *attended) Close() error {
	a.mu.Lock()
	a.closed = true
	if a.calm != nil {
		a.calm.Stop()
	}
	a.mu.Unlock()
	return a.Listener.Close()
}

// fail reports a failure, once for all that follow each other.
func (a *attended) fail(why error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = time.Now()
	if a.calm == nil && !a.closed {
		a.fails(why)
		a.calm = time.AfterFunc(calmTime, a.end)
	}
}

// end reports that the failure is over, if there was no other one meanwhile.
func (a *attended) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch calm := time.Since(a.last); {
	case a.closed:
	case calm < calmTime:
		a.calm = time.AfterFunc(calmTime-calm, a.end)
	default:
		a.calm = nil
		a.fails(nil)
	}
}
