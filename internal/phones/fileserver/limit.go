package fileserver

import (
	"net"
	"net/http"
	"sync"
)

// limit is a listener that accepts only so many connections at a time, and closes those of a host that has too many.
// It leaves the connections as they are, since sendfile wants a bare one.
type limit struct {
	net.Listener
	free   chan struct{} // a value for each connection that may still be accepted
	closed chan struct{}
	close  func()

	mu   sync.Mutex
	open map[string]int // connections by host
}

func newLimit(l net.Listener) *limit {
	limited := &limit{Listener: l, free: make(chan struct{}, maxConnections), closed: make(chan struct{}), open: map[string]int{}}
	limited.close = sync.OnceFunc(func() { close(limited.closed) })
	for range maxConnections {
		limited.free <- struct{}{}
	}
	return limited
}

// Accept waits until there is room, and for a connection.
func (l *limit) Accept() (net.Conn, error) {
	select {
	case <-l.free:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		l.free <- struct{}{}
	}
	return conn, err
}

// Close ends Accept.
func (l *limit) Close() error {
	l.close()
	return l.Listener.Close()
}

// state follows the connections; it is called for each change by [http.Server].
func (l *limit) state(conn net.Conn, state http.ConnState) {
	host, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
	l.mu.Lock()
	defer l.mu.Unlock()
	switch state {
	case http.StateNew:
		if l.open[host]++; l.open[host] > maxOfOneHost {
			conn.Close()
		}
	case http.StateClosed:
		if l.open[host]--; l.open[host] == 0 {
			delete(l.open, host)
		}
		l.free <- struct{}{}
	}
}
