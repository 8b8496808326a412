// Package services is the model of what announcer may publish, with every rule for it: the valid types, names, ports
// and TXT data. It knows no file format and no network.
//
// The rules are Avahi's, so that a definition that works there works here; where announcer is stricter (names over
// 255 bytes, TXT that no packet can carry) the text of the problem has a note.
package services

import (
	"net/netip"
	"slices"
	"strings"

	"announcer/internal/dnsname"
)

// Group is a set of services under one name: what one Avahi file defines.
type Group struct {
	// Name is the instance name that a person reads in a list of servers: one label, raw text, 1 to [dnsname.MaxLabel] bytes.
	Name string
	// Wildcards makes every "%h" in Name stand for the host's name.
	Wildcards bool
	Services  []Service
}

// Service is one service of a group.
type Service struct {
	Type      dnsname.Name   // such as _digiumproxy._udp, see [ParseType]
	Protocol  Protocol       // the IP versions on which it is announced
	Subtypes  []dnsname.Name // such as _colour._sub._ipp._tcp, see [ParseSubtype]
	Domain    dnsname.Name   // zero: local
	Host      dnsname.Name   // the host that serves; zero: this one
	Port      uint16         // 0: there is nothing to connect to
	TXT       TXT
	Addresses []netip.Addr // published as A and AAAA of Host, if that is another host
}

// TXT holds the strings of a TXT record in the order of the wire (RFC 6763 §6), each 1 to 255 raw bytes.
type TXT []string

// Protocol selects the IP versions by which a service is announced; the addresses of both are published in any case.
type Protocol uint8

// The protocols, as Avahi has them.
const (
	AnyProtocol Protocol = iota
	IPv4
	IPv6
)

var protocolWords = []string{"any", "ipv4", "ipv6"}

// ParseProtocol reads "any", "ipv4" or "ipv6".
func ParseProtocol(word string) (p Protocol, ok bool) {
	i := slices.Index(protocolWords, word)
	return Protocol(max(i, 0)), i >= 0
}

// String returns "any", "ipv4" or "ipv6".
func (p Protocol) String() string { return protocolWords[p] }

// Overlaps reports whether there is an IP version on which both are announced.
func (p Protocol) Overlaps(other Protocol) bool {
	return p == other || p == AnyProtocol || other == AnyProtocol
}

// Instance returns the group's name on the given host: Name with its wildcards expanded, left to right, once
// (host is the host's name without its domain).
func (g Group) Instance(host string) string {
	if !g.Wildcards {
		return g.Name
	}
	return strings.ReplaceAll(g.Name, "%h", host)
}

// Fits reports whether the full names of the group's services are valid on the given host: its instance name has at most
// [dnsname.MaxLabel] bytes, and a full name at most 255 (RFC 1035 §2.3.4).
func (g Group) Fits(host string) bool {
	instance := g.Instance(host)
	return !slices.ContainsFunc(g.Services, func(s Service) bool {
		under, err := s.Type.Join(s.In())
		if err == nil {
			_, err = under.Child(instance)
		}
		return err != nil
	})
}

// In returns the domain in which the service is published: Domain or, if that is not set, local.
func (s Service) In() dnsname.Name {
	if s.Domain.IsZero() {
		return dnsname.Local
	}
	return s.Domain
}

// Equal reports whether two services are the same except the case of their names.
func (s Service) Equal(other Service) bool {
	return s.Type.Equal(other.Type) && s.Protocol == other.Protocol && s.In().Equal(other.In()) &&
		s.Host.Equal(other.Host) && s.Port == other.Port && slices.Equal(s.TXT, other.TXT) &&
		slices.EqualFunc(s.Subtypes, other.Subtypes, dnsname.Name.Equal) && slices.Equal(s.Addresses, other.Addresses)
}

// Collides reports whether two services of one instance name can't both be published under it: they share type,
// domain and an IP version, and differ in host, port or TXT.
func (s Service) Collides(other Service) bool {
	sameName := s.Type.Equal(other.Type) && s.In().Equal(other.In()) && s.Protocol.Overlaps(other.Protocol)
	sameData := s.Host.Equal(other.Host) && s.Port == other.Port && slices.Equal(s.TXT, other.TXT)
	return sameName && !sameData
}

// Get returns the value of the first string with the key, compared without regard to case (RFC 6763 §6.4). A key
// without "=" has the value "".
func (t TXT) Get(key string) (value string, ok bool) {
	for _, s := range t {
		k, v, _ := strings.Cut(s, "=")
		if strings.EqualFold(k, key) {
			return v, true
		}
	}
	return "", false
}

// Size returns the bytes that the strings take in a packet, their length bytes included; none at all take the one
// byte of an empty string (RFC 6763 §6.1).
func (t TXT) Size() int {
	size := 0
	for _, s := range t {
		size += 1 + len(s)
	}
	return max(size, 1)
}
