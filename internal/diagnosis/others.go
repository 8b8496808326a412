package diagnosis

import (
	"fmt"
	"net/netip"
	"slices"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/browse"
	"announcer/internal/netwatch"
	"announcer/internal/phones"
	"announcer/internal/publication"
)

// servers reports which servers of others phones find on a link beside ours.
func (s Sight) servers(l publication.Link) []Finding {
	if why, failed := s.Failed[lookServices]; failed {
		return []Finding{{Unseen, Servers, l.Name, why, ""}}
	}
	ours := s.ours(l)
	others := slices.DeleteFunc(slices.Clone(s.Services), func(e browse.Entry) bool {
		return e.Link != l.Name || s.isOwn(e) || slices.Contains(ours, dnsname.Fold(e.Instance))
	})
	different := map[string]bool{}
	for _, name := range ours {
		different[name] = true
	}
	for _, e := range others {
		different[dnsname.Fold(e.Instance)] = true
	}
	switch {
	case len(others) > 0 && len(different) > 1:
		return []Finding{{Wrong, Servers, l.Name, "phones find " + names(s.described(others)) + " beside ours, stop and ask a person",
			"withdraw one of them, or announce on links that keep them apart; standby for two hosts with one name: on_conflict = \"standby\""}}
	case len(others) > 0:
		return []Finding{{OK, Servers, l.Name, "phones find " + names(s.described(others)) + " alone", ""}}
	}
	return []Finding{{OK, Servers, l.Name, "no other host announces a server for phones", ""}}
}

// ours returns the names of the servers for phones that the definitions have for a link, folded.
func (s Sight) ours(l publication.Link) (folded []string) {
	desired := publication.Desired{Host: s.Host, Links: publication.Links{l}, Groups: s.Groups}
	for _, in := range mdns.Settle(desired, nil) {
		if in.Service.Type.Equal(phones.ServiceType) && len(in.Links) > 0 {
			folded = append(folded, dnsname.Fold(in.Label))
		}
	}
	return folded
}

// isOwn reports whether the daemon of this host announces something, as far as that is known. Another program of this host,
// such as DPMA, may announce a server, too.
func (s Sight) isOwn(e browse.Entry) bool {
	return s.isFromHere(e) && (s.Daemon.Denied || s.Daemon.announces(e.Instance))
}

// isFromHere reports whether no other host announces something.
func (s Sight) isFromHere(e browse.Entry) bool {
	return !slices.ContainsFunc(e.From, func(f browse.Sender) bool { return !s.isHere(f.Addr) })
}

// isHere reports whether an address is one of this host.
func (s Sight) isHere(addr netip.Addr) bool {
	return slices.ContainsFunc(s.Links, func(l publication.Link) bool {
		return slices.ContainsFunc(l.Addrs, func(a publication.LinkAddr) bool { return a.Addr().WithZone("") == addr.WithZone("") })
	})
}

// described lists services with who announces them.
func (s Sight) described(entries []browse.Entry) []string {
	var list []string
	for _, e := range firstOf(entries) {
		who := names(e.From)
		if s.isFromHere(e) {
			who = "another program of this host"
		}
		list = append(list, fmt.Sprintf("%q of %s", e.Instance, who))
	}
	if rest := more(entries); rest != "" {
		list = append(list, rest[len(" and "):])
	}
	return list
}

const forget = "a phone that was configured before asks no more: to let it search again, reset it to factory defaults " +
	"(Menu, Advanced, Reset to Factory Defaults), or point it to the server in its configuration"

// phones reports which phones ask on a link, and which are there and don't.
func (s Sight) phones(l publication.Link) []Finding {
	if l.Loopback {
		return nil
	}
	asked := s.asked(l)
	quiet := slices.DeleteFunc(s.phonesOn(l.Name), func(n netwatch.Neighbour) bool { return slices.Contains(asked, n.Host) })
	var all []Finding
	if len(asked) > 0 {
		all = append(all, Finding{OK, Phones, l.Name, names(firstOf(asked)) + more(asked) + " asked for a server", ""})
	}
	if len(quiet) > 0 {
		var list []string
		for _, n := range firstOf(quiet) {
			list = append(list, fmt.Sprintf("%s (%s, %s)", n.Host, n.MAC, phones.Vendor(n.MAC)))
		}
		return append(all, Finding{Hint, Phones, l.Name, publication.Names(list) + more(quiet) + " did not ask", forget})
	}
	if all == nil {
		all = []Finding{{Hint, Phones, l.Name, fmt.Sprintf("no phone asked for %v", s.Wait), "restart one; " + forget}}
	}
	return all
}

// asked returns the hosts that asked for the type of the phones on a link, now or before.
func (s Sight) asked(l publication.Link) []netip.Addr {
	hosts := slices.Clone(s.Hearing.Asked[l.Index])
	for _, a := range s.Daemon.Asked.Hosts {
		if a.Link == l.Name && !a.Own && !slices.Contains(hosts, a.From) {
			hosts = append(hosts, a.From)
		}
	}
	return hosts
}

// phonesOn returns the phones among the neighbours on a link, as far as their hardware addresses say it.
func (s Sight) phonesOn(name string) (found []netwatch.Neighbour) {
	for _, n := range s.Neighbours {
		if n.Link == name && phones.Vendor(n.MAC) != "" && !n.Host.IsLinkLocalUnicast() {
			found = append(found, n)
		}
	}
	return found
}

// elsewhere reports that phones are on links that nothing is announced on: other interfaces, or VLANs that none is for.
func (s Sight) elsewhere(used publication.Links) []Finding {
	served := slices.ContainsFunc(used, func(l publication.Link) bool { return len(s.asked(l)) > 0 || len(s.phonesOn(l.Name)) > 0 })
	state := Wrong
	if served {
		state = Hint
	}
	var all []Finding
	if why, failed := s.Failed[lookFrames]; failed && len(used) > 0 {
		all = append(all, Finding{Unseen, VLAN, "", why, ""})
	}
	for _, l := range s.Links {
		who := s.Hearing.Asked[l.Index]
		if used.Has(l.Index) || l.Master != "" || len(who) == 0 {
			continue
		}
		all = append(all, Finding{state, VLAN, l.Name, fmt.Sprintf("%s asked for a server here, and nothing is announced on this link", names(firstOf(who))+more(who)),
			fmt.Sprintf("add %s to interfaces in announcer.toml, or move the phones into the right VLAN", l.Name)})
	}
	for _, l := range used {
		for _, id := range s.strangeVLANs(l) {
			all = append(all, Finding{state, VLAN, l.Name, fmt.Sprintf("%s asked for a server in VLAN %d, and this host has no interface for it", s.Frames.Tagged[l.Index][id], id),
				fmt.Sprintf("ip link add link %s name %s.%d type vlan id %d, or make it the untagged VLAN of the switch's port", l.Name, l.Name, id, id)})
		}
	}
	return all
}

// strangeVLANs returns the VLANs in which a phone was heard on a link, and that no interface is for, in order.
func (s Sight) strangeVLANs(l publication.Link) (ids []uint16) {
	for id := range s.Frames.Tagged[l.Index] {
		if !slices.ContainsFunc(s.Switches.VLANs, func(v netwatch.VLAN) bool { return v.On == l.Index && v.ID == id }) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
