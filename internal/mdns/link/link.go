// Package link carries multicast DNS packets between an engine and the network: it knows sockets and interfaces,
// but not the contents of packets.
//
// [Open] returns the real network, one UDP socket per IP version for the whole process. The package memlink provides a
// simulated one. Both are a [Conn], so an engine can't distinguish them.
//
// One goroutine owns a Conn and runs a loop like this one, which needs no channel, lock or timer:
//
//	for {
//		n, err := conn.Read(batch, engine.Deadline())
//		... hand batch[:n] to the engine, look for work from other goroutines, tick ...
//		conn.Write(engine.Outgoing())
//	}
//
// Another goroutine that has work for the loop puts it somewhere and calls Wake.
//
// It makes its system calls itself, because that is most of what an answer costs: 5.2 µs of processor time, where a program that
// does nothing but send the same bytes takes 4.9 µs (docs/performance.md). With package net and golang.org/x/net, which return
// the interface of a packet, an answer takes 4 µs and 23 allocations more (BenchmarkExchange).
//
// There is no packet filter in the kernel. What it could recognize as useless (less than a header, another opcode or
// rcode, a response from another port) is too rare on a network to pay for looking at every packet.
package link

import (
	"errors"
	"net/netip"
	"time"

	"announcer/internal/publication"
)

// MaxBatch is the most packets that one Read gives.
const MaxBatch = 32

// What becomes of packets, beside the errors of the system.
var (
	ErrTooLong  = errors.New("the packet is longer than 9000 bytes")                                              // received
	ErrNoSocket = errors.New("this IP version has no socket: the host lacks it, or the socket is being reopened") // to send
)

// Packet is a UDP packet with where it came from and where it goes. Addresses have no zone: Link says it.
type Packet struct {
	Data []byte
	Link int            // index of the interface that it came in on or goes out on
	From netip.AddrPort // of a packet to send: the source address, see [Sources], or the zero value for one that the kernel chooses
	To   netip.AddrPort // of a packet received: the group if it was multicast, otherwise an address of this host
	TTL  uint8          // IP TTL or hop limit that it came with; packets are sent with 255 (RFC 6762 §11)
	Err  error          // received: ErrTooLong where Data is cut off; sent: why it did not go out
}

// Version returns the IP version of a packet.
func (p Packet) Version() publication.IPVersion {
	if p.To.Addr().Is4() {
		return publication.V4
	}
	return publication.V6
}

// Multicast reports whether a packet goes to a group rather than to one host.
func (p Packet) Multicast() bool { return p.To.Addr().IsMulticast() }

// Fault is an IP version that can't be used on a link.
type Fault struct {
	Version publication.IPVersion
	Link    int    // index of the interface; 0 is every one
	Why     string // "port 5353 for IPv4 is held by dnsmasq (pid 812), which does not share it"
}

// Conn is a network, as the one goroutine sees it that owns the protocol state.
type Conn interface {
	// Read waits for packets until a time, or for ever if it is zero, and returns as many as there are, at most
	// MaxBatch. No packets and no error mean that the time has come, that Wake was called, or that many packets came
	// which are not for us. The Data of packets is good until the next Read. An error other than net.ErrClosed is to
	// be counted and logged: the Conn recovers and stays usable, and such errors come at most a few times a second.
	Read(batch []Packet, until time.Time) (int, error)

	// Wake makes the Read that is under way, or else the next one, return. Any goroutine can call it.
	Wake()

	// Write sends packets in order and says how many went out; the Err of each says what became of it. It never
	// waits: what the kernel has no room for fails with EAGAIN or ENOBUFS.
	Write(batch []Packet) (sent int)

	// SetLinks sets the interfaces to listen on, all of them. The error reports on which it fails and why; the
	// others are listened on. What failed before is tried again at once. The links are kept, and must not be changed.
	SetLinks(links []publication.Link) error

	// Faults lists the IP versions that can't be used now. The Conn tries again by itself; Read returns when the list
	// changes. The list is replaced whole.
	Faults() []Fault

	// Shared reports whether another program of this host has port 5353 open as well. Unicast replies may go there,
	// so questions are better asked without the QU bit (RFC 6762 §15.1).
	Shared() bool

	// Close ends Read with net.ErrClosed and releases the sockets. Any goroutine can call it.
	Close() error
}
