package diagnosis

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// Frames are what came to interfaces, before VLANs and firewalls.
type Frames struct {
	Senders map[Leg][]netip.Addr      // of multicast DNS, outside VLANs
	Tagged  map[int]map[uint16]string // hardware addresses of phones that asked in a VLAN, by interface and number of the VLAN
}

// take notes a frame that came to an interface. vlan is 0 outside VLANs.
func (f *Frames) take(link int, vlan uint16, frame []byte) {
	from, data, ok := question4(frame)
	switch {
	case !ok:
	case vlan == 0:
		leg := Leg{link, publication.V4}
		if !slices.Contains(f.Senders[leg], from) {
			f.Senders[leg] = append(f.Senders[leg], from)
		}
	case asksForServer(data):
		if f.Tagged[link] == nil {
			f.Tagged[link] = map[uint16]string{}
		}
		f.Tagged[link][vlan] = net.HardwareAddr(frame[6:12]).String()
	}
}

// question4 returns the sender and the data of a packet to the group of multicast DNS by IPv4.
func question4(frame []byte) (from netip.Addr, data []byte, ok bool) {
	const ethernet, ipv4, udp = 14, 20, 8
	if len(frame) < ethernet+ipv4+udp || binary.BigEndian.Uint16(frame[12:]) != 0x0800 {
		return from, nil, false
	}
	packet := frame[ethernet:]
	header := int(packet[0]&0xF) * 4
	if packet[9] != 17 || len(packet) < header+udp || netip.AddrFrom4([4]byte(packet[16:20])) != mdns.Group4.Addr() ||
		binary.BigEndian.Uint16(packet[header+2:]) != mdns.Port {
		return from, nil, false
	}
	return netip.AddrFrom4([4]byte(packet[12:16])), packet[header+udp:], true
}
