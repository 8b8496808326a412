// Package pipes has a listener whose connections are in memory, so that tests of servers run in simulated time.
package pipes

import (
	"net"
	"sync"
)

// Listener accepts the connections that tests make. Use [Listen] to make one.
type Listener struct {
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

// Listen returns a listener.
func Listen() *Listener {
	l := &Listener{conns: make(chan net.Conn), closed: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.closed) })
	return l
}

// Pair returns both ends of a connection from a host, which is named by its address: that of the client, and that of the server
// for [Listener.Offer].
func Pair(host string) (client, server net.Conn) {
	client, server = net.Pipe()
	return client, from{server, host}
}

// from is a connection from a host.
type from struct {
	net.Conn
	host string
}

func (f from) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(f.host), Port: 40000} }

// Offer waits until a connection is accepted, and reports whether it was: not by a listener that is closed.
func (l *Listener) Offer(server net.Conn) bool {
	select {
	case l.conns <- server:
		return true
	case <-l.closed:
		return false
	}
}

// Dial connects from a host, and reports whether the listener has accepted that.
func (l *Listener) Dial(host string) (client net.Conn, ok bool) {
	client, server := Pair(host)
	return client, l.Offer(server)
}

// Accept implements [net.Listener].
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (l *Listener) Close() error {
	l.close()
	return nil
}

// Addr implements [net.Listener].
func (l *Listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80} }
