package phones

import (
	"net"
	"net/netip"
	"strings"
)

// vendors are the makers of the phones by the first three bytes of a hardware address.
var vendors = map[string]string{phoneOUI: "Digium", "00:50:58": "Sangoma"}

// Vendor names the maker of the phone that has a hardware address, "" if it is no phone that we know. It is a
// hint: later phones may have other addresses, and other devices of these makers are no phones.
func Vendor(mac string) string {
	mac = strings.ToLower(mac)
	return vendors[mac[:min(len(phoneOUI), len(mac))]]
}

// EmbeddedMAC returns the hardware address that an IPv6 address was made from (RFC 4291, appendix A), "" if it was not.
func EmbeddedMAC(a netip.Addr) string {
	b := a.As16()
	if a.Unmap().Is4() || b[11] != 0xFF || b[12] != 0xFE {
		return ""
	}
	return net.HardwareAddr{b[8] ^ 2, b[9], b[10], b[13], b[14], b[15]}.String()
}
