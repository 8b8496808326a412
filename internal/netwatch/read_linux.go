package netwatch

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"announcer/internal/publication"
)

// read asks the kernel by netlink, which alone reports all. If that is refused, it asks in another way.
func read() ([]publication.Link, error) { return orWithoutNetlink(byNetlink()) }

func byNetlink() ([]publication.Link, error) {
	links, addrs, err := rtnetlinkMessages{}.All()
	return FromKernel(links, addrs), err
}

// orWithoutNetlink returns what was read by netlink, or, if that failed, what is read in another way.
func orWithoutNetlink(links []publication.Link, err error) ([]publication.Link, error) {
	if err == nil {
		return links, nil
	}
	links, otherErr := withoutNetlink()
	if otherErr != nil {
		return nil, errors.Join(err, otherErr)
	}
	return links, nil
}

// FromKernel returns the links that the kernel means by its messages about links and addresses (rtnetlink(7)), as [Read] does.
func FromKernel(links []rtnetlink.LinkMessage, addrs []rtnetlink.AddressMessage) []publication.Link {
	return newTable(links, addrs).links
}

// link returns what an interface is to the rest of the program.
func (t *table) link(d device, addrs []publication.LinkAddr) publication.Link {
	return publication.Link{
		Index: int(d.index), Name: d.name, MTU: d.mtu, Hardware: d.hardware, Loopback: d.is(unix.IFF_LOOPBACK),
		Master: t.master(d), PointToPoint: d.is(unix.IFF_POINTOPOINT), NoARP: d.lacksARP(),
		Carriers: t.carriers(d), Outage: t.outage(d), Addrs: addrs,
	}
}

// outage returns why no multicast goes out on an interface, and where to look for the cause. What is on it is given, too: the
// kernel of a container gives indexes of interfaces outside, which may lead back.
func (t *table) outage(d device, above ...uint32) publication.Outage {
	o := outage(d.name, d.is(unix.IFF_UP), d.is(unix.IFF_RUNNING), d.is(unix.IFF_MULTICAST|unix.IFF_LOOPBACK))
	if o.Why != noCarrier {
		return o
	}
	above = append(above, d.index)
	on, isOn := t.device(d.lower)
	switch {
	case d.dormant:
		return publication.Outage{Why: dormant, Remedy: "look at what gives access to the network, such as 802.1X or Wi-Fi"}
	case isOn && !on.works() && !slices.Contains(above, on.index):
		o.Remedy = "it is on " + on.name + ", which does not work: " + t.outage(on, above...).String()
	case slices.Contains([]string{"bridge", "bond", "team"}, d.kind):
		o.Remedy = "none of its ports works; want one that is up: ip link show master " + d.name
	}
	return o
}

// carriers returns what takes packets of an interface to the network: the interface, what a VLAN is on, and the ports of
// each of them, by name.
func (t *table) carriers(d device) []publication.Carrier {
	if !d.works() {
		return nil
	}
	all := []uint32{d.index}
	under := map[uint32]bool{}
	var found []publication.Carrier
	for i := 0; i < len(all); i++ {
		if one, _ := t.device(all[i]); one.works() {
			found = append(found, publication.Carrier{Index: int(one.index), Name: one.name, Ups: one.ups, Under: under[one.index]})
			if one.lower != 0 && !slices.Contains(all, one.lower) {
				all, under[one.lower] = append(all, one.lower), true
			}
		}
		for _, index := range t.ports[all[i]] {
			port, _ := t.device(index)
			if port.works() && t.master(port) != "" && !port.blocked && !slices.Contains(all, index) {
				all, under[index] = append(all, index), under[all[i]]
			}
		}
	}
	slices.SortFunc(found, func(a, b publication.Carrier) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// master returns the name of what an interface is a port of: a bridge, a bond, a team, Open vSwitch. Each of them takes
// every packet that arrives on its ports. A VRF does not: it only gives its interfaces routes of their own.
func (t *table) master(port device) string {
	if port.master == 0 {
		return ""
	}
	of, ok := t.device(port.master)
	switch {
	case !ok:
		return fmt.Sprintf("interface %d", port.master)
	case port.portKind == vrf, of.kind == vrf:
		return ""
	}
	return of.name
}

func linkAddr(m rtnetlink.AddressMessage) (addr publication.LinkAddr, ok bool) {
	if m.Attributes == nil {
		return publication.LinkAddr{}, false
	}
	ip := m.Attributes.Local // on a point-to-point link, Address is that of the other end
	if ip == nil {
		ip = m.Attributes.Address
	}
	a, ok := netip.AddrFromSlice(ip)
	if !ok {
		return publication.LinkAddr{}, false
	}
	return linkAddrOf(netip.PrefixFrom(a, int(m.PrefixLength)), m.Attributes.Flags|uint32(m.Flags)), true
}

// linkAddrOf returns an address with the flags of its kind (IFA_F_…).
func linkAddrOf(p netip.Prefix, flags uint32) publication.LinkAddr {
	return publication.LinkAddr{
		Prefix:     p,
		Tentative:  flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) != 0,
		Duplicate:  flags&unix.IFA_F_DADFAILED != 0,
		Deprecated: flags&unix.IFA_F_DEPRECATED != 0,
		Temporary:  p.Addr().Is6() && flags&unix.IFA_F_TEMPORARY != 0, // of an IPv4 address the bit says that it is not the first
	}
}
