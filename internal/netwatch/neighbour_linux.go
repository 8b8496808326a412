package netwatch

import (
	"net/netip"

	"github.com/jsimonetti/rtnetlink/v2"
)

// MAC gives the hardware address of a host on an interface, "" where the kernel does not know it.
func MAC(link int, a netip.Addr) string {
	conn, err := rtnetlink.Dial(nil)
	if err != nil {
		return ""
	}
	defer conn.Close()
	known, err := conn.Neigh.List()
	if err != nil {
		return ""
	}
	for _, n := range known {
		if n.Attributes == nil || int(n.Index) != link || len(n.Attributes.LLAddress) == 0 {
			continue
		}
		if addr, ok := netip.AddrFromSlice(n.Attributes.Address); ok && addr.Unmap() == a {
			return n.Attributes.LLAddress.String()
		}
	}
	return ""
}
