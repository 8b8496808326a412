//go:build linux

package interop

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"
)

// ask asks one question and returns the records of the answer.
type ask func(ctx context.Context, name string, typ uint16) ([]dns.RR, error)

// findByDig looks for the services with dig, which asks the server by unicast: from version 9.18 on it takes no answer
// to a question that it asked of a group. Such a question does have an answer, see [testDigAsksGroup].
func findByDig(ctx context.Context, n neighbour) (discovery, error) {
	server := n.link.addresses("1")[0]
	return look(ctx, func(ctx context.Context, name string, typ uint16) ([]dns.RR, error) {
		out, err := n.output(ctx, "dig", "-p", "5353", "+noall", "+answer", "+norecurse", "+time=1", "@"+server, name, dns.TypeToString[typ])
		if err != nil {
			return nil, fmt.Errorf("%w\n%s", err, out)
		}
		var records []dns.RR
		for line := range strings.Lines(out) {
			rr, err := dns.NewRR(line)
			if err != nil {
				return nil, err
			}
			if rr != nil {
				records = append(records, rr)
			}
		}
		return records, nil
	}, reverses(n.link))
}

// testDigAsksGroup asks the groups by dig. Whether dig takes the answer depends on its version; that there is one, from
// the machine that announces to the port that dig asked from, shows in the packets.
func testDigAsksGroup(t *testing.T, announcer string) {
	server := newMachine(t, hostname)
	n := newNeighbour(t, server, v0)
	packets := newCapture(t, server, v0)
	daemon := server.start(t, announcer, "run", "--services", "testdata/names", "--interface", "v0")
	daemon.await(t, "msg=announced", len(names))
	var nic *net.Interface
	n.do(t, func() (err error) {
		nic, err = net.InterfaceByName("eth0")
		return err
	})
	for _, group := range []string{"224.0.0.251", fmt.Sprintf("ff02::fb%%%d", nic.Index)} {
		n.output(t.Context(), "dig", "-p", "5353", "+tries=1", "+time=1", "@"+group, "_sip._udp.local", "PTR")
	}
	packets.check(t)
	for _, version := range []string{"ip", "ipv6"} {
		t.Run(version, func(t *testing.T) {
			answer := version + ` && udp.srcport == 5353 && udp.dstport != 5353 && dns.flags.response == 1 && dns.ptr.domain_name contains "sip.example.com"`
			if got := tshark(t, packets.file, answer, "frame.number"); len(got) == 0 {
				t.Error("nobody answers dig")
			}
		})
	}
}

// findByStranger asks the group from a port that is not multicast DNS's, as a resolver that knows nothing of it may
// (RFC 6762 §5.1).
func findByStranger(ctx context.Context, n neighbour) (discovery, error) {
	version := "udp4"
	if n.link.v4 == "" {
		version = "udp6"
	}
	s, err := n.stranger(version)
	if err != nil {
		return discovery{}, err
	}
	defer s.Close()
	return look(ctx, s.ask, reverses(n.link))
}

// reverses returns the names under which the names of the server's addresses are found.
func reverses(l link) []string {
	var reverses []string
	for _, address := range l.addresses("1") {
		if name, err := dns.ReverseAddr(address); err == nil {
			reverses = append(reverses, name)
		}
	}
	return reverses
}

// stranger is a socket on a port of no meaning.
type stranger struct {
	net.PacketConn
	group net.Addr
}

// stranger opens one on the neighbour, for an IP version: udp4 or udp6.
func (n neighbour) stranger(version string) (s stranger, err error) {
	n.Do(func() {
		var nic *net.Interface
		if nic, err = net.InterfaceByName("eth0"); err != nil {
			return
		}
		own, group := n.link.v4+"2", net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}
		if version == "udp6" {
			own, group = n.link.v6+"2", net.UDPAddr{IP: net.ParseIP("ff02::fb"), Port: 5353, Zone: strconv.Itoa(nic.Index)} // package net keeps the names of another namespace
		}
		s.group = &group
		s.PacketConn, err = net.ListenPacket(version, net.JoinHostPort(own, "0"))
		if err == nil && version == "udp4" {
			err = ipv4.NewPacketConn(s.PacketConn).SetMulticastInterface(nic)
		}
	})
	return s, err
}

// patienceOfStrangers is how long a stranger waits for an answer.
const patienceOfStrangers = 500 * time.Millisecond

// ask implements [ask]. No answer is no record.
func (s stranger) ask(ctx context.Context, name string, typ uint16) ([]dns.RR, error) {
	question := new(dns.Msg)
	question.SetQuestion(dns.Fqdn(name), typ)
	packet, err := question.Pack()
	if err != nil {
		return nil, err
	}
	if _, err := s.WriteTo(packet, s.group); err != nil {
		return nil, err
	}
	s.SetReadDeadline(time.Now().Add(patienceOfStrangers))
	buf := make([]byte, 9000)
	for ctx.Err() == nil {
		size, _, err := s.ReadFrom(buf)
		if err != nil {
			return nil, nil
		}
		answer := new(dns.Msg)
		if err := answer.Unpack(buf[:size]); err != nil {
			return nil, err
		}
		if answer.Id == question.Id {
			return answer.Answer, nil
		}
	}
	return nil, ctx.Err()
}

// look finds all services by plain questions: the types, then the instances, and what each of them is.
func look(ctx context.Context, ask ask, reverses []string) (found discovery, err error) {
	types, err := ask.pointers(ctx, "_services._dns-sd._udp.local.")
	if err != nil {
		return found, err
	}
	hosts := map[string]bool{}
	for _, typ := range types {
		instances, err := ask.pointers(ctx, typ)
		if err != nil {
			return found, err
		}
		for _, instance := range instances {
			s, err := ask.service(ctx, instance)
			if err != nil {
				return found, err
			}
			hosts[s.Host] = true
			found.Services = append(found.Services, s)
		}
	}
	for host := range hosts {
		addresses, err := ask.addresses(ctx, host)
		if err != nil {
			return found, err
		}
		found.Addresses = append(found.Addresses, addresses...)
	}
	for _, name := range reverses {
		hosts, err := ask.pointers(ctx, name)
		if err != nil {
			return found, err
		}
		for _, host := range hosts {
			found.Names = append(found.Names, strings.TrimSuffix(host, "."))
		}
	}
	return found, nil
}

// pointers returns what the PTR records of a name say.
func (a ask) pointers(ctx context.Context, name string) (targets []string, err error) {
	records, err := a(ctx, name, dns.TypePTR)
	for _, rr := range records {
		if ptr, ok := rr.(*dns.PTR); ok {
			targets = append(targets, ptr.Ptr)
		}
	}
	return targets, err
}

// service asks for SRV and TXT of an instance.
func (a ask) service(ctx context.Context, instance string) (s service, err error) {
	name, rest := cutLabel(strings.TrimSuffix(instance, "."))
	labels := dns.SplitDomainName(rest)
	s = service{Name: unescape(name), Type: strings.Join(labels[:2], "."), Domain: strings.Join(labels[2:], ".")}
	for _, typ := range []uint16{dns.TypeSRV, dns.TypeTXT} {
		records, err := a(ctx, instance, typ)
		if err != nil {
			return s, err
		}
		for _, rr := range records {
			switch rr := rr.(type) {
			case *dns.SRV:
				s.Host, s.Port = strings.TrimSuffix(rr.Target, "."), int(rr.Port)
			case *dns.TXT:
				s.TXT = strs(rr.Txt)
			}
		}
	}
	return s, nil
}

// addresses asks for all addresses of a host.
func (a ask) addresses(ctx context.Context, host string) (addrs []string, err error) {
	for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA} {
		records, err := a(ctx, host, typ)
		if err != nil {
			return addrs, err
		}
		for _, rr := range records {
			switch rr := rr.(type) {
			case *dns.A:
				addrs = append(addrs, rr.A.String())
			case *dns.AAAA:
				addrs = append(addrs, rr.AAAA.String())
			}
		}
	}
	return addrs, nil
}

// cutLabel cuts an escaped name after its first label.
func cutLabel(name string) (label, rest string) {
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '\\':
			i++
		case '.':
			return name[:i], name[i+1:]
		}
	}
	return name, ""
}
