//go:build !linux

package netwatch

import "net/netip"

// MAC gives the hardware address of a host on an interface, "" where it isn't known, as here always.
func MAC(int, netip.Addr) string { return "" }
