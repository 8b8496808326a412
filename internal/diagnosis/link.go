package diagnosis

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"announcer/internal/firewall"
	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/publication"
)

// addresses reports whether a link has addresses that phones can use.
func addresses(l publication.Link) []Finding {
	find := func(state State, text, remedy string) []Finding {
		return []Finding{{state, Addresses, l.Name, text, remedy}}
	}
	for _, a := range l.Addrs {
		if a.Duplicate {
			return find(Wrong, fmt.Sprintf("another host has %s, too", a.Addr()), "give one of the two another address")
		}
	}
	var routable, deprecated []publication.LinkAddr
	hasIPv4 := false
	for _, a := range l.Addrs {
		switch {
		case a.Tentative, !l.Loopback && a.Addr().IsLinkLocalUnicast():
			continue
		case a.Deprecated:
			deprecated = append(deprecated, a)
			continue
		}
		routable = append(routable, a)
		hasIPv4 = hasIPv4 || a.Addr().Is4()
	}
	oldIPv4 := slices.ContainsFunc(deprecated, func(a publication.LinkAddr) bool { return a.Addr().Is4() })
	switch {
	case len(l.Addrs) == 0:
		return find(Wrong, "it has no address", here.toAddAddress(l.Name))
	case !hasIPv4 && oldIPv4:
		return find(Wrong, fmt.Sprintf("the lifetime of %s has run out (deprecated)", listed(deprecated)),
			"renew it: look at the DHCP client, or set ip address change ADDRESS/LENGTH dev "+l.Name+" preferred_lft forever")
	case len(routable)+len(deprecated) == 0 && slices.ContainsFunc(l.Addrs, func(a publication.LinkAddr) bool { return a.Tentative }):
		return find(Hint, fmt.Sprintf("it is not yet known whether other hosts have %s (tentative)", listed(l.Addrs)), "try again in two seconds")
	case len(routable)+len(deprecated) == 0:
		return find(Wrong, fmt.Sprintf("it has link-local addresses alone (%s): there was no address by DHCP, or it has expired", listed(l.Addrs)),
			"look at the DHCP server and client, or "+here.toAddAddress(l.Name))
	case !hasIPv4:
		return find(Hint, fmt.Sprintf("it has no IPv4 address (%s); phones speak IPv4", listed(l.Addrs)), here.toAddAddress(l.Name))
	case len(deprecated) > 0:
		return find(Hint, fmt.Sprintf("%s; the lifetime of %s has run out (deprecated)", listed(routable), listed(deprecated)), "")
	}
	return find(OK, listed(l.Addrs), "")
}

// shape reports what about the networks of a link may keep phones from the server, although packets pass: two links on one
// network, hosts that its prefixes leave out, a small MTU, or a port of a bridge that was named instead of it.
func (s Sight) shape(l publication.Link, used publication.Links) []Finding {
	var all []Finding
	hint := func(text, remedy string) { all = append(all, Finding{Hint, Addresses, l.Name, text, remedy}) }
	if l.Master != "" {
		hint(fmt.Sprintf("it is a port of %s, which receives what comes in", l.Master), fmt.Sprintf("name %s instead", l.Master))
	}
	for _, other := range used {
		if other.Index < l.Index && other.Master == "" && sharesNetwork(l, other) {
			hint(fmt.Sprintf("%s is on the same network: the host answers by either, and phones may find both addresses", other.Name),
				fmt.Sprintf("take the address from one of them, or announce on one: --interface %s", l.Name))
		}
	}
	if strange := slices.DeleteFunc(slices.Clone(s.Hearing.Heard[l.Index]), func(a netip.Addr) bool { return isReached(l, a) }); len(strange) > 0 {
		hint(fmt.Sprintf("%s is in none of its networks (%s)", names(firstOf(strange))+more(strange), listed(networks(l))),
			"compare the prefix lengths (netmasks) of both, or look for two networks on one switch")
	}
	if l.NoARP {
		hint("ARP is off: hosts find the services, and reach none", "ip link set "+l.Name+" arp on")
	}
	if !l.Loopback && l.MTU > 0 && l.MTU < leastMTU {
		hint(fmt.Sprintf("its MTU of %d bytes is small: packets of mDNS are split into fragments, and IPv6 wants %d", l.MTU, leastMTU),
			here.toEnlargeMTU(l.Name))
	}
	return all
}

// leastMTU is the least that IPv6 works with, in bytes (RFC 8200 §5).
const leastMTU = 1280

// sharesNetwork reports whether two links have IPv4 addresses in each other's network.
func sharesNetwork(a, b publication.Link) bool {
	return slices.ContainsFunc(a.Addrs, func(one publication.LinkAddr) bool {
		return slices.ContainsFunc(b.Addrs, func(other publication.LinkAddr) bool {
			return isUsed4(one.Addr()) && one.Bits() < one.Addr().BitLen() && other.Bits() < other.Addr().BitLen() &&
				one.Contains(other.Addr()) && other.Contains(one.Addr())
		})
	})
}

// isUsed4 reports whether phones use an address by IPv4: those of 169.254.0.0/16 they don't.
func isUsed4(a netip.Addr) bool { return a.Is4() && !a.IsLinkLocalUnicast() }

// networks returns the IPv4 addresses of a link that say which other hosts are on it. One for a single host says nothing (/32),
// nor does one of a line with two ends (/31, RFC 3021).
func networks(l publication.Link) []publication.LinkAddr {
	return slices.DeleteFunc(slices.Clone(l.Addrs), func(a publication.LinkAddr) bool {
		return !isUsed4(a.Addr()) || a.Bits() >= a.Addr().BitLen()-1
	})
}

// isReached reports whether an IPv4 address is in a network of a link. What phones don't use is taken to be, and all at the
// other end of a tunnel.
func isReached(l publication.Link, addr netip.Addr) bool {
	known := networks(l)
	return !isUsed4(addr) || l.Loopback || l.PointToPoint || len(known) == 0 ||
		slices.ContainsFunc(known, func(a publication.LinkAddr) bool { return a.Contains(addr) })
}

// listed lists addresses.
func listed(addrs []publication.LinkAddr) string {
	var list []netip.Prefix
	for _, a := range addrs {
		list = append(list, a.Prefix)
	}
	return names(list)
}

// faultState returns the state of a fault of an IP version: phones speak IPv4, so one of IPv6 alone does them no harm.
func faultState(l publication.Link, v publication.IPVersion) State {
	if v == publication.V6 && l.Has(publication.V4) {
		return Hint
	}
	return Wrong
}

// versions returns the IP versions that a link has addresses of and that no fault of all links keeps from it.
func (s Sight) versions(l publication.Link) (versions []publication.IPVersion) {
	for _, v := range publication.IPVersions() {
		isFault := func(f link.Fault) bool { return f.Version == v && f.Link == 0 }
		if l.Has(v) && !slices.ContainsFunc(s.Hearing.Faults, isFault) {
			versions = append(versions, v)
		}
	}
	return versions
}

// socket reports whether port 5353 is open, and who shares it.
func (s Sight) socket(l publication.Link) []Finding {
	var all []Finding
	for _, f := range s.Hearing.Faults {
		if f.Link == 0 && l.Has(f.Version) {
			all = append(all, Finding{faultState(l, f.Version), Socket, l.Name, f.Why, "stop that program, or set it up to share the port (SO_REUSEADDR)"})
		}
	}
	if all != nil {
		return all
	}
	text := "UDP port 5353 is open"
	if len(s.Sharers) > 0 {
		text += ", and shared with " + publication.Names(s.Sharers)
	}
	return append(all, Finding{OK, Socket, l.Name, text, ""})
}

// multicast reports whether the groups are joined and packets go out.
func (s Sight) multicast(l publication.Link) []Finding {
	var all []Finding
	var good []string
	for _, v := range s.versions(l) {
		state := faultState(l, v)
		i := slices.IndexFunc(s.Hearing.Faults, func(f link.Fault) bool { return f.Link == l.Index && f.Version == v })
		err := s.Hearing.Sent[Leg{l.Index, v}]
		switch {
		case i >= 0:
			all = append(all, Finding{state, Multicast, l.Name, s.Hearing.Faults[i].Why, "look at the limits of memberships: " + here.memberships})
		case err != nil && l.Loopback && v == publication.V6: // no host is there that IPv4 does not reach
		case err != nil && !isRefused(err):
			all = append(all, Finding{state, Multicast, l.Name, fmt.Sprintf("no packet can be sent to %s: %v", mdns.Group(v).Addr(), err), here.toSeeRoutes(mdns.Group(v).Addr())})
		default:
			good = append(good, mdns.Group(v).Addr().String())
		}
	}
	if len(good) > 0 {
		all = append(all, Finding{OK, Multicast, l.Name, "joined: " + publication.Names(good), ""})
	}
	return all
}

// isRefused reports whether a rule of this host keeps a packet from going out.
func isRefused(err error) bool {
	return errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES)
}

// firewall reports whether this host drops multicast DNS: by what became of own packets, and by the rules.
func (s Sight) firewall(l publication.Link) []Finding {
	var all []Finding
	for _, v := range s.versions(l) {
		for _, out := range []bool{true, false} {
			if text := s.dropped(l, v, out); text != "" {
				all = append(all, Finding{faultState(l, v), Firewall, l.Name, text, "let UDP port 5353 pass: " + here.openPort})
				break // what does not go out does not come back
			}
		}
	}
	if all != nil {
		return all
	}
	text := "own packets go out and come back"
	if why, failed := s.Failed[lookRules]; failed {
		return []Finding{{OK, Firewall, l.Name, text + "; the rules were not read: " + why, ""}}
	}
	return []Finding{{OK, Firewall, l.Name, text + ", and no rule drops those of others", ""}}
}

// dropped returns how packets of one direction are dropped, "" if they are not.
func (s Sight) dropped(l publication.Link, v publication.IPVersion, out bool) string {
	verdict, by := s.Rules.Judge(firewall.Packet{Interface: l.Name, Version: v, Out: out})
	lost := s.lost(l, v, out)
	if verdict != firewall.Drops && lost == "" {
		return ""
	}
	unread := ""
	switch why, failed := s.Failed[lookRules]; {
	case verdict == firewall.MayDrop:
		by = "perhaps by " + by
	case by != "":
		by = "by " + by
	case failed:
		unread = "the rules were not read: " + why
	}
	way := "coming in"
	if out {
		way = "going out"
	}
	return sentence(strings.TrimSpace(fmt.Sprintf("packets %s to UDP port 5353 by IPv%d are dropped %s", way, v, by)), lost, unread)
}

// lost returns by what it is seen that packets of one direction are lost, "" if they are not.
func (s Sight) lost(l publication.Link, v publication.IPVersion, out bool) string {
	leg := Leg{l.Index, v}
	err, asked := s.Hearing.Sent[leg]
	switch {
	case out && err != nil && isRefused(err):
		return fmt.Sprintf("own ones fail: %v", err)
	case out, !asked, err != nil:
		return ""
	case !s.Hearing.Own[leg]:
		return "own ones do not come back"
	}
	unheard := slices.DeleteFunc(without(s.Frames.Senders[leg], s.Hearing.Heard[l.Index]), s.isHere) // an access point sends own ones back
	if len(unheard) > 0 {
		return fmt.Sprintf("those of %s reach the interface, not the socket (a firewall, or reverse path filtering: sysctl net.ipv4.conf.%s.rp_filter)", names(unheard), l.Name)
	}
	return ""
}

// without returns the addresses that are not among others.
func without(addrs, others []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool { return slices.Contains(others, a) })
}

// snooping reports whether multicast of other hosts comes through switches.
func (s Sight) snooping(l publication.Link) []Finding {
	for _, b := range s.Switches.Bridges {
		if b.Snoops && !b.Querier && passesThrough(l, b.Name) {
			return []Finding{{Wrong, Snooping, l.Name, fmt.Sprintf("the bridge %s snoops IGMP and MLD, and no querier is there: what others send may stop coming after some minutes", b.Name),
				fmt.Sprintf("ip link set %s type bridge mcast_querier 1 (or mcast_snooping 0)", b.Name)}}
		}
	}
	for _, subject := range []Subject{lookSwitches, lookUnicast} {
		if why, failed := s.Failed[subject]; failed {
			return []Finding{{Unseen, Snooping, l.Name, why, ""}}
		}
	}
	heard := s.Hearing.Heard[l.Index]
	onlyUnicast := without(s.Unicast[l.Index], heard)
	switch {
	case l.Loopback:
		return nil
	case len(onlyUnicast) > 0:
		return []Finding{heldBack(l, onlyUnicast, len(heard) == 0)}
	case len(heard) > 0:
		return append([]Finding{{OK, Snooping, l.Name, "multicast comes from " + names(firstOf(heard)) + more(heard), ""}}, s.onlyAsked(l)...)
	}
	return []Finding{{Hint, Snooping, l.Name, fmt.Sprintf("no other host was heard for %v", s.Wait),
		"if there are others, look for IGMP snooping without a querier on the switch, isolation of clients on an access point, and the VLAN of the port"}}
}

// heldBack describes hosts that answer by unicast alone. If multicast comes from others, it may be the way of these hosts.
func heldBack(l publication.Link, hosts []netip.Addr, isAll bool) Finding {
	f := Finding{Wrong, Snooping, l.Name, names(firstOf(hosts)) + more(hosts) + " answers by unicast, and no multicast comes from there",
		"enable an IGMP querier on the switch, or disable IGMP snooping in this VLAN; on an access point, disable what filters multicast or isolates clients"}
	if !isAll {
		f.State = Hint
	}
	return f
}

// onlyAsked reports that a daemon hears no host until one asks, as with snooping without a querier.
func (s Sight) onlyAsked(l publication.Link) []Finding {
	if !s.Daemon.isDeaf(l.Name) {
		return nil
	}
	return []Finding{{Hint, Snooping, l.Name, "the daemon heard no host for 10 minutes before this command asked",
		"if phones asked meanwhile, enable an IGMP querier on the switch"}}
}

// passesThrough reports whether packets of a link go through a bridge.
func passesThrough(l publication.Link, bridge string) bool {
	return l.Name == bridge || slices.ContainsFunc(l.Carriers, func(c publication.Carrier) bool { return c.Name == bridge })
}

// hostsMost is the most hosts that are listed in a line.
const hostsMost = 3

func firstOf[T any](all []T) []T { return all[:min(hostsMost, len(all))] }

func more[T any](all []T) string {
	if n := len(all) - hostsMost; n > 0 {
		return fmt.Sprintf(" and %d more", n)
	}
	return ""
}
