//go:build !linux

package fileserver

import "net"

// unacknowledged is known on Linux alone; elsewhere what was given to the kernel counts as delivered.
func unacknowledged(net.Conn) int64 { return 0 }
