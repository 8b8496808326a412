package netwatch

import (
	"net"
	"net/netip"

	"github.com/jsimonetti/rtnetlink/v2"
)

// MACs reads what the kernel knows of the hardware addresses of neighbours now, and gives a function that looks them
// up: by the name of the interface and the address of the host, "" where it is not known.
func MACs() func(link string, a netip.Addr) string {
	type key struct {
		link string
		host netip.Addr
	}
	macs := map[key]string{}
	names := map[uint32]string{}
	interfaces, _ := net.Interfaces() // where they can't be read, nothing is known
	for _, i := range interfaces {
		names[uint32(i.Index)] = i.Name
	}
	for _, n := range neighbours() {
		if n.Attributes == nil || len(n.Attributes.LLAddress) == 0 {
			continue
		}
		if a, ok := netip.AddrFromSlice(n.Attributes.Address); ok {
			macs[key{names[n.Index], a.Unmap()}] = n.Attributes.LLAddress.String()
		}
	}
	return func(link string, a netip.Addr) string { return macs[key{link, a}] }
}

func neighbours() []rtnetlink.NeighMessage {
	conn, err := rtnetlink.Dial(nil)
	if err != nil {
		return nil
	}
	defer conn.Close()
	known, err := conn.Neigh.List()
	if err != nil {
		return nil
	}
	return known
}
