package netwatch

import "net/netip"

// Switches are the bridges and VLANs of a host.
type Switches struct {
	Bridges []Bridge
	VLANs   []VLAN
}

// Bridge is a bridge of this host.
type Bridge struct {
	Name    string
	Snoops  bool // it passes multicast on to ports only that asked for it (RFC 4541)
	Querier bool // it asks which ports want multicast, or has heard another host that does
}

// VLAN is an interface for the packets of a VLAN.
type VLAN struct {
	Name string
	ID   uint16
	On   int // index of the interface that carries it
}

// Neighbour is a host whose hardware address the kernel knows.
type Neighbour struct {
	Link string // name of the interface
	Host netip.Addr
	MAC  string
}
