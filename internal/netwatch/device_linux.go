package netwatch

import (
	"slices"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// device is what the kernel says of an interface, as far as it matters here.
type device struct {
	index    uint32
	name     string
	mtu      int
	hardware uint64 // the end of its hardware address; 0 if it has none
	flags    uint32 // IFF_…
	dormant  bool   // it has a carrier, but may not send yet
	kind     string // such as "bridge"; "" for hardware
	portKind string // the kind of what it is a port of
	master   uint32 // the index of what it is a port of; 0 if none
	lower    uint32 // the index of what a VLAN is on; 0 if it is none
	ups      uint32 // how often it has got a carrier; 0 if unknown
	blocked  bool   // a port of a bridge that passes no packets on yet
}

// vrf is the kind of a VRF (IFLA_INFO_KIND), and the port kind of the interfaces in it (IFLA_INFO_SLAVE_KIND).
const vrf = "vrf"

// newDevice reads a message about an interface. Some have nothing but the index, and are left out.
func newDevice(m rtnetlink.LinkMessage) (d device, ok bool) {
	a := m.Attributes
	if a == nil {
		return device{}, false
	}
	d = device{
		index: m.Index, name: a.Name, mtu: int(a.MTU), hardware: end(a.Address), flags: m.Flags,
		dormant: a.OperationalState == rtnetlink.OperStateDormant, master: value(a.Master), ups: value(a.CarrierUpCount),
	}
	if info := a.Info; info != nil {
		d.kind, d.portKind, d.blocked = info.Kind, info.SlaveKind, isBlocked(info)
		if slices.Contains([]string{"vlan", "macvlan", "ipvlan"}, info.Kind) { // for some other kinds it is the interface at the other end
			d.lower = a.Type
		}
	}
	return d, true
}

// value returns the value of an attribute, 0 if the message does not have it.
func value(attribute *uint32) uint32 {
	if attribute == nil {
		return 0
	}
	return *attribute
}

// is reports whether one of some flags is set.
func (d device) is(flags uint32) bool { return d.flags&flags != 0 }

// lacksARP reports whether ARP and NDP were switched off. What has no hosts behind it (loopback, dummy, ipvlan), or only one, never
// has them.
func (d device) lacksARP() bool {
	return d.is(unix.IFF_NOARP) && !d.is(unix.IFF_LOOPBACK|unix.IFF_POINTOPOINT) && slices.Contains(resolving, d.kind)
}

// resolving are the kinds of interfaces that find hardware addresses unless that is switched off.
var resolving = []string{"", "veth", "vlan", "macvlan", "bridge", "bond", "team"}

// works reports whether an interface is up and has a carrier.
func (d device) works() bool {
	const up = unix.IFF_UP | unix.IFF_RUNNING
	return d.flags&up == up
}

// The state of a port of a bridge in IFLA_INFO_SLAVE_DATA (IFLA_BRPORT_STATE), and the one in which it passes packets on
// (BR_STATE_FORWARDING). With the spanning tree protocol that takes half a minute.
const (
	portState  = 1
	forwarding = 3
)

// isBlocked reports whether a port of a bridge passes no packets on yet.
func isBlocked(info *rtnetlink.LinkInfo) bool {
	data, ok := info.SlaveData.(*rtnetlink.LinkData)
	if !ok || info.SlaveKind != "bridge" {
		return false
	}
	attributes, err := netlink.NewAttributeDecoder(data.Data)
	if err != nil {
		return false
	}
	for attributes.Next() {
		if attributes.Type() == portState {
			return attributes.Uint8() != forwarding
		}
	}
	return false
}
