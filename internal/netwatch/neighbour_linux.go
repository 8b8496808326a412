package netwatch

import (
	"bytes"
	"net/netip"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"
)

// MAC returns the hardware address of a host on an interface, "" if the kernel does not know it.
func MAC(link int, a netip.Addr) string {
	for _, n := range neighbours() {
		if n.index == link && n.host == a {
			return n.mac
		}
	}
	return ""
}

// MACs reads what the kernel knows of the hardware addresses of neighbours now, and returns a function that looks them
// up: by the name of the interface and the address of the host, "" if unknown.
func MACs() func(link string, a netip.Addr) string {
	type key struct {
		link string
		host netip.Addr
	}
	macs := map[key]string{}
	for _, n := range Neighbours() {
		macs[key{n.Link, n.Host}] = n.MAC
	}
	return func(link string, a netip.Addr) string { return macs[key{link, a}] }
}

// MACOf returns the hardware address of a neighbour, "" if it is unknown or differs between links.
func MACOf(host netip.Addr) string {
	mac := ""
	for _, n := range neighbours() {
		switch {
		case n.host != host || n.mac == mac:
		case mac != "":
			return ""
		default:
			mac = n.mac
		}
	}
	return mac
}

// Neighbours returns the hosts whose hardware addresses the kernel knows.
func Neighbours() []Neighbour {
	var all []Neighbour
	hosts := neighbours()
	names := linkNames(hosts)
	for _, n := range hosts {
		all = append(all, Neighbour{Link: names[n.index], Host: n.host, MAC: n.mac})
	}
	return all
}

// linkNames returns the names of the interfaces that neighbours are on, by their index. It knows none that can't be read.
// [net.Interfaces] would read all, of which there can be thousands, and keep their names.
func linkNames(of []neighbour) map[int]string {
	names := map[int]string{}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return names
	}
	defer unix.Close(socket)
	for _, n := range of {
		if _, known := names[n.index]; !known {
			names[n.index] = linkName(socket, n.index)
		}
	}
	return names
}

// linkName returns the name of an interface, "" if it can't be read.
func linkName(socket, index int) string {
	var r unix.Ifreq
	r.SetUint32(uint32(index))
	if unix.IoctlIfreq(socket, unix.SIOCGIFNAME, &r) != nil {
		return ""
	}
	return r.Name()
}

// neighbour is a host on a link whose hardware address the kernel knows.
type neighbour struct {
	index int // of the interface
	host  netip.Addr
	mac   string
}

func neighbours() []neighbour {
	conn, err := rtnetlink.Dial(nil)
	if err != nil {
		return nil
	}
	defer conn.Close()
	known, err := conn.Neigh.List()
	if err != nil {
		return nil
	}
	var all []neighbour
	for _, n := range known {
		if n.Attributes == nil || len(bytes.Trim(n.Attributes.LLAddress, "\x00")) == 0 { // none, or that of the loopback
			continue
		}
		if a, ok := netip.AddrFromSlice(n.Attributes.Address); ok && !a.IsMulticast() { // the kernel has entries for groups, too
			all = append(all, neighbour{int(n.Index), a.Unmap(), n.Attributes.LLAddress.String()})
		}
	}
	return all
}
