package mdns

import (
	"net/netip"

	"announcer/internal/publication"
)

// Port is the UDP port of multicast DNS (RFC 6762 §3).
const Port = 5353

// The groups that multicast DNS is sent to (RFC 6762 §3).
var (
	Group4 = netip.AddrPortFrom(netip.AddrFrom4([4]byte{224, 0, 0, 251}), Port)
	Group6 = netip.AddrPortFrom(netip.AddrFrom16([16]byte{0: 0xFF, 1: 0x02, 15: 0xFB}), Port)
)

// Group returns the group of an IP version.
func Group(v publication.IPVersion) netip.AddrPort {
	if v == publication.V4 {
		return Group4
	}
	return Group6
}

// Sizes in bytes, the headers of IP and UDP included.
const (
	EthernetMTU = 1500 // the most that an ordinary packet has
	MaxPacket   = 9000 // the most that any packet has (RFC 6762 §17)
)

// MaxMessage is the size of the longest message in bytes: it fits [MaxPacket] by IPv4, whose headers are shorter.
const MaxMessage = MaxPacket - 20 - 8

// Headers returns the size of the headers of IP and UDP in bytes.
func Headers(v publication.IPVersion) int {
	if v == publication.V4 {
		return 20 + 8
	}
	return 40 + 8
}
