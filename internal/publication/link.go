package publication

import (
	"net/netip"
	"path"
	"slices"
	"strings"

	"announcer/services"
)

// IPVersion is 4 or 6.
type IPVersion uint8

// The IP versions.
const (
	V4 IPVersion = 4
	V6 IPVersion = 6
)

// Carries reports whether services of a protocol are announced on an IP version.
func (v IPVersion) Carries(p services.Protocol) bool {
	return p == services.AnyProtocol || (p == services.IPv4) == (v == V4)
}

// Link is a network interface. Multicast goes out on it unless it has an [Outage].
type Link struct {
	Index    int
	Name     string
	MTU      int    // bytes
	Hardware uint64 // the end of the hardware address; 0 if it has none, or that is not known
	Loopback bool
	Addrs    []LinkAddr

	// Master is the bridge, bond or team that the interface is a port of; "" if none. What arrives on a port goes to
	// its master.
	Master string

	// Carriers are the interfaces that take packets of the link to the network: the link itself, the ports of a bridge,
	// bond or team, and what a VLAN is on. What is behind one of them has heard nothing from before it came up.
	Carriers []Carrier

	Outage Outage // why no multicast goes out on it; zero if it does

	PointToPoint bool // a tunnel or dial-up line, with one host at the other end
	NoARP        bool // no host finds its hardware address, although the link has such addresses: ARP and NDP are off

	Faults []Fault // IP versions that an engine can't use on the link now
}

// Outage is why an interface is not used.
type Outage struct {
	Why    string // such as "down"
	Remedy string // what to do about it, such as "ip link set eth1 up"; "" if nothing is needed
}

// IsZero reports whether there is no outage.
func (o Outage) IsZero() bool { return o == Outage{} }

// String returns the reason, and what to do about it if there is something.
func (o Outage) String() string {
	if o.Remedy == "" {
		return o.Why
	}
	return o.Why + "; " + o.Remedy
}

// Carrier is an interface that works.
type Carrier struct {
	Index int
	Name  string
	Ups   uint32 // how often it has got a carrier; 0 if unknown
	Under bool   // it is what a VLAN is on, or a port of that: other networks may be on it, too
}

// CameUp returns the carriers that have come up since a link was as before, in order.
func (l Link) CameUp(before Link) []Carrier {
	var up []Carrier
	for _, c := range l.Carriers {
		if !slices.ContainsFunc(before.Carriers, func(old Carrier) bool { return old.Index == c.Index && old.Ups == c.Ups }) {
			up = append(up, c)
		}
	}
	return up
}

// Replaces reports whether a link is another interface than the one that had its index before: neither the name nor the hardware
// address is the same. Nothing that was said on the one was heard on the other.
func (l Link) Replaces(before Link) bool {
	return l.Index == before.Index && l.Name != before.Name && l.Hardware != before.Hardware && l.Hardware != 0 && before.Hardware != 0
}

// Same reports whether two links are the same in all that is known of them.
func (l Link) Same(other Link) bool {
	return l.Index == other.Index && l.Name == other.Name && l.MTU == other.MTU && l.Hardware == other.Hardware && l.Loopback == other.Loopback &&
		l.PointToPoint == other.PointToPoint && l.NoARP == other.NoARP && l.Master == other.Master && l.Outage == other.Outage &&
		same(l.Addrs, other.Addrs) && same(l.Carriers, other.Carriers) && same(l.Faults, other.Faults)
}

// same reports whether two lists are equal. Of a link that has not changed they are one.
func same[T comparable](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}

// LinkAddr is an address of an interface with what the kernel knows about it.
type LinkAddr struct {
	netip.Prefix      // the address with the length of its network's prefix
	Tentative    bool // not yet known to be unique on the link (RFC 4862 §5.4)
	Duplicate    bool // also tentative, for ever: another host has it (RFC 4862 §5.4.5)
	Deprecated   bool // still valid, but not for new connections
	Temporary    bool // a privacy address that changes (RFC 8981)
}

// Matches reports whether one of the globs (see [path.Match]) matches the link's name.
func (l Link) Matches(globs []string) bool {
	return slices.ContainsFunc(globs, func(glob string) bool {
		if !strings.HasPrefix(l.Name, literal(glob)) {
			return false // most globs, without a look at the rest
		}
		ok, _ := path.Match(glob, l.Name)
		return ok
	})
}

// literal returns what all names begin with that a glob matches.
func literal(glob string) string {
	for i := range len(glob) {
		switch glob[i] {
		case '*', '?', '[', '\\':
			return glob[:i]
		}
	}
	return glob
}

// Has reports whether the link can be spoken on by an IP version: it has an address of it that is not tentative, and no fault.
func (l Link) Has(v IPVersion) bool {
	return !slices.ContainsFunc(l.Faults, func(f Fault) bool { return f.Version == v }) &&
		slices.ContainsFunc(l.Addrs, func(a LinkAddr) bool { return !a.Tentative && a.Addr().Is4() == (v == V4) })
}

// Published returns the addresses that the host's records hold on this link, in order: no tentative and no temporary
// ones, and link-local or deprecated ones only where the link has no better one of that IP version.
func (l Link) Published() []netip.Addr {
	return append(l.published(V4), l.published(V6)...)
}

// Outlived returns the addresses of a link whose lifetime has run out, if it has no others of the IP version that phones use: IPv4,
// or IPv6 on a link without IPv4.
func (l Link) Outlived() []netip.Addr {
	version := V6
	if l.Has(V4) {
		version = V4
	}
	var outlived []netip.Addr
	for _, a := range l.Addrs {
		switch {
		case a.Addr().Is4() != (version == V4), a.Tentative, !a.Deprecated && a.Addr().IsLinkLocalUnicast():
		case !a.Deprecated:
			return nil
		default:
			outlived = append(outlived, a.Addr())
		}
	}
	return outlived
}

func (l Link) published(v IPVersion) []netip.Addr {
	var good, poor []netip.Addr
	for _, a := range l.Addrs {
		switch {
		case a.Addr().Is4() != (v == V4), a.Tentative, a.Temporary:
		case a.Deprecated, a.Addr().IsLinkLocalUnicast():
			poor = append(poor, a.Addr().WithZone(""))
		default:
			good = append(good, a.Addr().WithZone(""))
		}
	}
	if len(good) == 0 {
		good = poor
	}
	slices.SortFunc(good, netip.Addr.Compare)
	return slices.Compact(good)
}
