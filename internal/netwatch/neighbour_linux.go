package netwatch

import (
	"bytes"
	"net"
	"net/netip"

	"github.com/jsimonetti/rtnetlink/v2"
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
	names := linkNames()
	macs := map[key]string{}
	for _, n := range neighbours() {
		macs[key{names[n.index], n.host}] = n.mac
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
	names := linkNames()
	var all []Neighbour
	for _, n := range neighbours() {
		all = append(all, Neighbour{Link: names[n.index], Host: n.host, MAC: n.mac})
	}
	return all
}

// linkNames returns the names of interfaces by their index. If they can't be read, it knows none.
func linkNames() map[int]string {
	names := map[int]string{}
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		names[i.Index] = i.Name
	}
	return names
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
		if a, ok := netip.AddrFromSlice(n.Attributes.Address); ok {
			all = append(all, neighbour{int(n.Index), a.Unmap(), n.Attributes.LLAddress.String()})
		}
	}
	return all
}
