// Package libsock reaches the sockets that github.com/grandcat/zeroconf does not export.
//
// The library opens sockets that hear every link on which any program of this host has joined the multicast
// group, whatever links it should use, and answers there with the addresses of another link. Bound to their
// link, they hear that one alone. And its goodbyes withdraw what other services still need, so that a server
// must be closed without them.
package libsock

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"syscall"

	"github.com/grandcat/zeroconf"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// Sockets are the sockets of one server or resolver, at most one for each IP version.
type Sockets []*net.UDPConn

// Server is what a server of the library runs on.
type Server struct {
	Sockets
	stop chan struct{} // closed to end the readers of the sockets
}

// OfServer finds the sockets of a server.
func OfServer(s *zeroconf.Server) (Server, error) {
	holder := reflect.ValueOf(s).Elem()
	sockets, err := of(holder)
	if err != nil {
		return Server{}, err
	}
	stop, err := field[chan struct{}](holder)
	return Server{Sockets: sockets, stop: stop}, err
}

// OfResolver finds the sockets of a resolver.
func OfResolver(r *zeroconf.Resolver) (Sockets, error) {
	return of(reflect.ValueOf(r).Elem().Field(0).Elem())
}

// of finds the sockets among the fields of a struct.
func of(holder reflect.Value) (Sockets, error) {
	v4, err4 := field[*ipv4.PacketConn](holder)
	v6, err6 := field[*ipv6.PacketConn](holder)
	if err := errors.Join(err4, err6); err != nil {
		return nil, err
	}
	var found Sockets
	if v4 != nil {
		found = append(found, v4.PacketConn.(*net.UDPConn))
	}
	if v6 != nil {
		found = append(found, v6.PacketConn.(*net.UDPConn))
	}
	return found, nil
}

// field returns the field of a struct that has a type, so that names may change.
func field[T any](holder reflect.Value) (value T, err error) {
	for i := range holder.NumField() {
		if f := holder.Field(i); f.Type() == reflect.TypeFor[T]() {
			return *(*T)(f.Addr().UnsafePointer()), nil
		}
	}
	return value, fmt.Errorf("this version of grandcat/zeroconf is not supported: it has no %T", value)
}

// Bind limits the sockets to one link. On systems other than Linux it does nothing.
func (s Sockets) Bind(link string) error {
	for _, conn := range s {
		raw, err := conn.SyscallConn()
		if err == nil {
			err = control(raw, func(fd uintptr) error { return bind(fd, link) })
		}
		if err != nil {
			return fmt.Errorf("bind a socket to %s: %w", link, err)
		}
	}
	return nil
}

// HasIPv4 reports whether there is a socket for IPv4.
func (s Sockets) HasIPv4() bool {
	return slices.ContainsFunc(s, func(conn *net.UDPConn) bool { return conn.LocalAddr().(*net.UDPAddr).IP.To4() != nil })
}

// control calls f with the file descriptor and returns its error.
func control(raw syscall.RawConn, f func(fd uintptr) error) (err error) {
	refused := raw.Control(func(fd uintptr) { err = f(fd) })
	return errors.Join(refused, err)
}

// ShutDown ends the server without goodbyes. What it was probing for and announcing is not sent any more; the goroutine that
// does so ends by itself within 4 seconds. The library's own Shutdown sends wrong goodbyes, and panics where its readers have
// not started yet.
func (s Server) ShutDown() {
	close(s.stop) // first: readers of a closed socket would spin
	s.Close()
}

// Close closes the sockets, of a resolver that has not been asked anything.
func (s Sockets) Close() {
	for _, conn := range s {
		conn.Close()
	}
}
