package netwatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"announcer/internal/publication"
)

// read asks the kernel by netlink, which alone reports all. If that is refused, it asks in another way.
func read() ([]publication.Link, error) {
	links, err := byNetlink()
	if err == nil {
		return links, nil
	}
	links, otherErr := withoutNetlink()
	if otherErr != nil {
		return nil, errors.Join(err, otherErr)
	}
	return links, nil
}

func byNetlink() ([]publication.Link, error) {
	conn, err := rtnetlink.Dial(nil)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	links, err := conn.Link.List()
	if err != nil {
		return nil, err
	}
	addrs, err := conn.Address.List()
	if err != nil {
		return nil, err
	}
	return FromKernel(links, addrs), nil
}

// FromKernel returns the links that the kernel means by its messages about links and addresses (rtnetlink(7)), as [Read] does.
func FromKernel(links []rtnetlink.LinkMessage, addrs []rtnetlink.AddressMessage) []publication.Link {
	var found []publication.Link
	all, on := newTable(links), map[uint32][]publication.LinkAddr{}
	for _, a := range addrs {
		if addr, ok := linkAddr(a); ok {
			on[a.Index] = append(on[a.Index], addr)
		}
	}
	for _, m := range links {
		if m.Attributes == nil {
			continue
		}
		link := publication.Link{
			Index: int(m.Index), Name: m.Attributes.Name, MTU: int(m.Attributes.MTU), Loopback: m.Flags&unix.IFF_LOOPBACK != 0,
			Master: all.master(m), PointToPoint: m.Flags&unix.IFF_POINTOPOINT != 0,
			Carriers: all.carriers(m), Outage: all.outage(m), Addrs: on[m.Index],
		}
		found = append(found, link)
	}
	return inOrder(found)
}

// table finds interfaces, of which a host can have thousands.
type table struct {
	byIndex map[uint32]rtnetlink.LinkMessage   // those of which the kernel says what they are
	ports   map[uint32][]rtnetlink.LinkMessage // by the index of what they are ports of
}

func newTable(links []rtnetlink.LinkMessage) table {
	t := table{map[uint32]rtnetlink.LinkMessage{}, map[uint32][]rtnetlink.LinkMessage{}}
	for _, m := range links {
		if m.Attributes == nil {
			continue
		}
		t.byIndex[m.Index] = m
		if of := m.Attributes.Master; of != nil {
			t.ports[*of] = append(t.ports[*of], m)
		}
	}
	return t
}

// outage returns why no multicast goes out on an interface, and where to look for the cause.
func (t table) outage(m rtnetlink.LinkMessage) publication.Outage {
	is := func(flags uint32) bool { return m.Flags&flags != 0 }
	o := outage(m.Attributes.Name, is(unix.IFF_UP), is(unix.IFF_RUNNING), is(unix.IFF_MULTICAST|unix.IFF_LOOPBACK))
	if o.Why != noCarrier {
		return o
	}
	on, isOn := t.byIndex[lower(m)]
	switch {
	case m.Attributes.OperationalState == rtnetlink.OperStateDormant:
		return publication.Outage{Why: dormant, Remedy: "look at what gives access to the network, such as 802.1X or Wi-Fi"}
	case isOn && !works(on):
		o.Remedy = "it is on " + on.Attributes.Name + ", which does not work: " + t.outage(on).String()
	case hasPorts(m):
		o.Remedy = "none of its ports works; want one that is up: ip link show master " + m.Attributes.Name
	}
	return o
}

// hasPorts reports whether an interface works by its ports.
func hasPorts(m rtnetlink.LinkMessage) bool {
	info := m.Attributes.Info
	return info != nil && slices.Contains([]string{"bridge", "bond", "team"}, info.Kind)
}

// works reports whether an interface is up and has a carrier.
func works(m rtnetlink.LinkMessage) bool {
	const up = unix.IFF_UP | unix.IFF_RUNNING
	return m.Attributes != nil && m.Flags&up == up
}

// carriers returns what takes packets of an interface to the network: the interface, what a VLAN is on, and the ports of
// each of them, by name.
func (t table) carriers(m rtnetlink.LinkMessage) []publication.Carrier {
	if !works(m) {
		return nil
	}
	all := []uint32{m.Index}
	under := map[uint32]bool{}
	var found []publication.Carrier
	for i := 0; i < len(all); i++ {
		if one := t.byIndex[all[i]]; works(one) {
			c := carrier(one)
			c.Under = under[one.Index]
			found = append(found, c)
			if on := lower(one); on != 0 && !slices.Contains(all, on) {
				all, under[on] = append(all, on), true
			}
		}
		for _, port := range t.ports[all[i]] {
			if works(port) && t.master(port) != "" && !isBlocked(port) && !slices.Contains(all, port.Index) {
				all, under[port.Index] = append(all, port.Index), under[all[i]]
			}
		}
	}
	slices.SortFunc(found, func(a, b publication.Carrier) int { return strings.Compare(a.Name, b.Name) })
	return found
}

func carrier(m rtnetlink.LinkMessage) publication.Carrier {
	c := publication.Carrier{Index: int(m.Index), Name: m.Attributes.Name}
	if ups := m.Attributes.CarrierUpCount; ups != nil {
		c.Ups = *ups
	}
	return c
}

// lower returns the index of the interface that a VLAN is on, 0 if it is none. (For some other kinds the kernel says there
// which interface is at the other end.)
func lower(m rtnetlink.LinkMessage) uint32 {
	if info := m.Attributes.Info; info != nil && slices.Contains([]string{"vlan", "macvlan", "ipvlan"}, info.Kind) {
		return m.Attributes.Type
	}
	return 0
}

// The state of a port of a bridge in IFLA_INFO_SLAVE_DATA (IFLA_BRPORT_STATE), and the one in which it passes packets on
// (BR_STATE_FORWARDING). With the spanning tree protocol that takes half a minute.
const (
	portState  = 1
	forwarding = 3
)

// isBlocked reports whether a port of a bridge passes no packets on yet.
func isBlocked(m rtnetlink.LinkMessage) bool {
	if m.Attributes.Info == nil || m.Attributes.Info.SlaveKind != "bridge" {
		return false
	}
	data, ok := m.Attributes.Info.SlaveData.(*rtnetlink.LinkData)
	if !ok {
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

// master returns the name of what an interface is a port of: a bridge, a bond, a team, Open vSwitch. Each of them takes
// every packet that arrives on its ports. A VRF does not: it only gives its interfaces routes of their own.
func (t table) master(port rtnetlink.LinkMessage) string {
	if port.Attributes.Master == nil || *port.Attributes.Master == 0 {
		return ""
	}
	index := *port.Attributes.Master
	of, ok := t.byIndex[index]
	if !ok {
		return fmt.Sprintf("interface %d", index)
	}
	if slave := port.Attributes.Info; slave != nil && slave.SlaveKind == vrf {
		return ""
	}
	if info := of.Attributes.Info; info != nil && info.Kind == vrf {
		return ""
	}
	return of.Attributes.Name
}

// vrf is the kind of a VRF (IFLA_INFO_KIND), and the slave kind of the interfaces in it (IFLA_INFO_SLAVE_KIND).
const vrf = "vrf"

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

// nudges returns a signal for each netlink message about links and addresses, or at intervals if there is no
// netlink.
func nudges(ctx context.Context, log *slog.Logger) <-chan struct{} {
	return subscribe(ctx, log, func() (*netlink.Conn, error) {
		return netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{
			Groups: unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR,
		})
	})
}

// subscribe is [nudges] on a netlink connection that dial opens.
func subscribe(ctx context.Context, log *slog.Logger, dial func() (*netlink.Conn, error)) <-chan struct{} {
	c := make(chan struct{}, 1)
	conn, err := dial()
	go func() {
		defer close(c)
		if err == nil {
			err = listen(ctx, conn, c)
		}
		if ctx.Err() == nil {
			log.Warn("the system does not report changes of the interfaces; they are polled", "every", pollEvery, "error", err)
			poll(ctx, c)
		}
	}()
	return c
}

// listen nudges until ctx is done or the connection fails, and reports how it failed.
func listen(ctx context.Context, conn *netlink.Conn, nudges chan<- struct{}) error {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Now()) })()
	for {
		_, err := conn.Receive()
		if err != nil && !errors.Is(err, unix.ENOBUFS) { // messages were lost
			return err
		}
		nudge(nudges)
	}
}
