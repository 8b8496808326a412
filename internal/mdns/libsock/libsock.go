// Package libsock reaches the sockets that github.com/grandcat/zeroconf does not export.
//
// The library opens sockets that hear every link on which any program of this host has joined the multicast
// group, whatever links it should use, and answers there with the addresses of another link. Bound to their
// link, they hear that one alone. And its goodbyes withdraw what other services still need, so that a server has
// to be closed without them.
package libsock

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"syscall"
	"time"

	"github.com/grandcat/zeroconf"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// Sockets are the sockets of one server or resolver, at most one for each IP version.
type Sockets []*net.UDPConn

// OfServer finds the sockets of a server.
func OfServer(s *zeroconf.Server) (Sockets, error) { return of(reflect.ValueOf(s).Elem()) }

// OfResolver finds the sockets of a resolver.
func OfResolver(r *zeroconf.Resolver) (Sockets, error) {
	return of(reflect.ValueOf(r).Elem().Field(0).Elem())
}

// of looks for the sockets among the fields of a struct by their types, so that names may change.
func of(holder reflect.Value) (Sockets, error) {
	var found Sockets
	for i := range holder.NumField() {
		switch field := holder.Field(i); field.Type() {
		case reflect.TypeFor[*ipv4.PacketConn]():
			if c := (*ipv4.PacketConn)(field.UnsafePointer()); c != nil {
				found = append(found, c.PacketConn.(*net.UDPConn))
			}
		case reflect.TypeFor[*ipv6.PacketConn]():
			if c := (*ipv6.PacketConn)(field.UnsafePointer()); c != nil {
				found = append(found, c.PacketConn.(*net.UDPConn))
			}
		}
	}
	if found == nil {
		return nil, errors.New("this version of grandcat/zeroconf is not supported: its sockets can't be found")
	}
	return found, nil
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

// Silence stops all sending of the library. If the sockets were closed instead, its readers would spin.
func (s Sockets) Silence() {
	for _, conn := range s {
		conn.SetWriteDeadline(time.Unix(1, 0))
	}
}

// Close closes the sockets of a resolver that has not been asked anything.
func (s Sockets) Close() {
	for _, conn := range s {
		conn.Close()
	}
}
