package admission

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// calmTime is after which a failure to take a client is over unless there is another one: a server tries again within a second.
const calmTime = 3 * time.Second

// Attend returns a listener that calls fails with the error when the system begins to give it no client, for want of descriptors or
// memory, and with nil when that is over. A server goes on after such an error, and says nothing of it.
func Attend(l net.Listener, fails func(why error)) net.Listener {
	return &attended{Listener: l, fails: fails}
}

type attended struct {
	net.Listener
	fails func(error)

	mu   sync.Mutex
	calm *time.Timer // that ends the failure; nil: there is none
}

// Accept implements [net.Listener].
func (a *attended) Accept() (net.Conn, error) {
	conn, err := a.Listener.Accept()
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		a.fail(errno)
	}
	return conn, err
}

// Close implements [net.Listener]. It does not call fails.
func (a *attended) Close() error {
	a.end()
	return a.Listener.Close()
}

// fail reports a failure, once for all that follow each other.
func (a *attended) fail(why error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.calm != nil {
		a.calm.Reset(calmTime)
		return
	}
	a.fails(why)
	a.calm = time.AfterFunc(calmTime, func() {
		if a.end() {
			a.fails(nil)
		}
	})
}

// end notes that there is no failure, and reports whether there was one.
func (a *attended) end() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.calm == nil {
		return false
	}
	a.calm.Stop()
	a.calm = nil
	return true
}
