//go:build !linux

package netwatch

import "net/netip"

// MAC returns "": on this system hardware addresses are not read.
func MAC(int, netip.Addr) string { return "" }

// MACOf returns "": on this system hardware addresses are not read.
func MACOf(netip.Addr) string { return "" }

// MACs returns a function that knows no hardware address: on this system they are not read.
func MACs() func(link string, a netip.Addr) string {
	return func(string, netip.Addr) string { return "" }
}

// Neighbours returns none: hardware addresses are known on Linux only.
func Neighbours() []Neighbour { return nil }
