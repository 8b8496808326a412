package netwatch

import (
	"announcer/internal/publication"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// read asks the kernel by netlink, which alone tells how an address stands. Where that is refused, net.Interfaces may
// still be allowed.
func read() ([]publication.Link, error) {
	conn, err := rtnetlink.Dial(nil)
	if err != nil {
		return portable()
	}
	defer conn.Close()
	links, err := conn.Link.List()
	if err != nil {
		return portable()
	}
	addrs, err := conn.Address.List()
	if err != nil {
		return portable()
	}
	return fromKernel(links, addrs), nil
}

// fromKernel puts together what the kernel says of links and of addresses.
func fromKernel(links []rtnetlink.LinkMessage, addrs []rtnetlink.AddressMessage) []publication.Link {
	const up = unix.IFF_UP | unix.IFF_RUNNING
	var found []publication.Link
	for _, m := range links {
		if m.Attributes == nil || m.Flags&up != up || m.Flags&(unix.IFF_MULTICAST|unix.IFF_LOOPBACK) == 0 {
			continue
		}
		link := publication.Link{
			Index: int(m.Index), Name: m.Attributes.Name, MTU: int(m.Attributes.MTU), Loopback: m.Flags&unix.IFF_LOOPBACK != 0,
			Master: master(m, links), PointToPoint: m.Flags&unix.IFF_POINTOPOINT != 0,
		}
		for _, a := range addrs {
			if a.Index != m.Index {
				continue
			}
			if addr, ok := linkAddr(a); ok {
				link.Addrs = append(link.Addrs, addr)
			}
		}
		found = append(found, link)
	}
	return inOrder(found)
}

// master returns the name of what an interface is a port of: a bridge, a bond, a team, Open vSwitch. Each of them takes
// every packet that arrives on its ports. A VRF does not: it only gives its interfaces routes of their own.
func master(port rtnetlink.LinkMessage, links []rtnetlink.LinkMessage) string {
	if port.Attributes.Master == nil || *port.Attributes.Master == 0 {
		return ""
	}
	index := *port.Attributes.Master
	i := slices.IndexFunc(links, func(m rtnetlink.LinkMessage) bool { return m.Index == index && m.Attributes != nil })
	if i < 0 {
		return fmt.Sprintf("interface %d", index)
	}
	if slave := port.Attributes.Info; slave != nil && slave.SlaveKind == vrf {
		return ""
	}
	if m := links[i].Attributes.Info; m != nil && m.Kind == vrf {
		return ""
	}
	return links[i].Attributes.Name
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
	flags := m.Attributes.Flags | uint32(m.Flags)
	return publication.LinkAddr{
		Prefix:     netip.PrefixFrom(a, int(m.PrefixLength)),
		Tentative:  flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) != 0,
		Deprecated: flags&unix.IFA_F_DEPRECATED != 0,
		Temporary:  a.Is6() && flags&unix.IFA_F_TEMPORARY != 0, // of an IPv4 address the bit says that it is not the first
	}, true
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

// listen nudges until ctx is done or the connection fails, and tells how it failed.
func listen(ctx context.Context, conn *netlink.Conn, nudges chan<- struct{}) error {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Now()) })()
	for {
		_, err := conn.Receive()
		if err != nil && !errors.Is(err, unix.ENOBUFS) { // which says that messages were lost
			return err
		}
		nudge(nudges)
	}
}
