package netwatch

import (
	"fmt"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// vlanID is the attribute with the number of a VLAN in IFLA_INFO_DATA (IFLA_VLAN_ID).
const vlanID = 1

// Switching returns how the bridges and VLANs of this host pass packets on.
func Switching() (s Switches, err error) {
	conn, err := rtnetlink.Dial(nil)
	if err != nil {
		return s, fmt.Errorf("the bridges can't be read: %w", err)
	}
	defer conn.Close()
	links, err := conn.Link.List()
	if err != nil {
		return s, fmt.Errorf("the bridges can't be read: %w", err)
	}
	for _, m := range links {
		if m.Attributes == nil || m.Attributes.Info == nil {
			continue
		}
		data, _ := m.Attributes.Info.Data.(*rtnetlink.LinkData)
		if data == nil {
			continue
		}
		switch m.Attributes.Info.Kind {
		case "bridge":
			s.Bridges = append(s.Bridges, bridge(m.Attributes.Name, data.Data))
		case "vlan":
			s.VLANs = append(s.VLANs, vlan(m, data.Data))
		}
	}
	return s, nil
}

// bridge reads the attributes of a bridge.
func bridge(name string, data []byte) Bridge {
	b := Bridge{Name: name}
	attributes, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		return b
	}
	for attributes.Next() {
		switch attributes.Type() {
		case unix.IFLA_BR_MCAST_SNOOPING:
			b.Snoops = attributes.Uint8() != 0
		case unix.IFLA_BR_MCAST_QUERIER:
			b.Querier = b.Querier || attributes.Uint8() != 0
		case unix.IFLA_BR_MCAST_QUERIER_STATE: // of another one that was heard
			b.Querier = b.Querier || len(attributes.Bytes()) > 0
		}
	}
	return b
}

// vlan reads the attributes of a VLAN.
func vlan(m rtnetlink.LinkMessage, data []byte) VLAN {
	v := VLAN{Name: m.Attributes.Name, On: int(m.Attributes.Type)}
	attributes, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		return v
	}
	for attributes.Next() {
		if attributes.Type() == vlanID {
			v.ID = attributes.Uint16()
		}
	}
	return v
}
