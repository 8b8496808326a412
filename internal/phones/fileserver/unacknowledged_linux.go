package fileserver

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// tcpClosed is the state of a connection that was reset (include/net/tcp_states.h).
const tcpClosed = 7

// unacknowledged returns the bytes that were given to the kernel and not yet acknowledged by the other side, -1 where
// the connection is gone. It looks at the socket without touching the connection.
func unacknowledged(conn net.Conn) int64 {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return -1
	}
	left := int64(-1)
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil || info.State == tcpClosed {
			return
		}
		if n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
			left = int64(n)
		}
	})
	if err != nil {
		return -1
	}
	return left
}
