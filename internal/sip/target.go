package sip

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Transport is a transport of SIP: "udp", "tcp" or "tls".
type Transport string

// The transports.
const (
	UDP Transport = "udp"
	TCP Transport = "tcp"
	TLS Transport = "tls"
)

// Transports returns the transports that there are, the default first.
func Transports() []string { return []string{string(UDP), string(TCP), string(TLS)} }

// Port returns the port of a transport where none is named (RFC 3261 §19.1.2).
func (t Transport) Port() uint16 {
	if t == TLS {
		return 5061
	}
	return 5060
}

// Target is whom a request is for, and how it gets there.
type Target struct {
	User      string // "": none
	Host      string // a name or an address, IPv6 without brackets
	Port      uint16
	Transport Transport
}

// ParseURL reads a URL such as sip:proxy@192.0.2.20:5060;transport=udp (RFC 3261 §19.1.1). The transport is UDP where it
// names none; a host name is looked up as an address, without SRV records. A password, other parameters and headers count
// for nothing.
func ParseURL(text string) (Target, error) {
	const want = "want one such as sip:proxy@192.0.2.20:5060;transport=udp"
	scheme, rest, _ := strings.Cut(text, ":")
	if !strings.EqualFold(scheme, "sip") || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7F }) {
		return Target{}, fmt.Errorf("%q is not a SIP URL; %s", text, want)
	}
	user, server, hasUser := strings.Cut(strings.TrimPrefix(rest, "//"), "@")
	if !hasUser {
		user, server = "", user
	}
	user, _, _ = strings.Cut(user, ":")
	server, _, _ = strings.Cut(server, "?")
	server, params, _ := strings.Cut(server, ";")
	host, port, hasPort, ok := splitServer(server)
	if !ok {
		return Target{}, fmt.Errorf("%q is not a SIP URL; %s", text, want)
	}
	if hasPort && (port < 1 || port > 65535) {
		return Target{}, fmt.Errorf("%q has no port from 1 to 65535 after the colon; %s", text, want)
	}
	transport := cmp.Or(strings.ToLower(parameter(params, "transport")), string(UDP))
	if !slices.Contains(Transports(), transport) {
		return Target{}, fmt.Errorf("%q names the transport %q; want one of %s", text, transport, strings.Join(Transports(), ", "))
	}
	t := Target{User: user, Host: host, Port: uint16(port), Transport: Transport(transport)}
	t.Port = cmp.Or(t.Port, t.Transport.Port())
	return t, nil
}

// splitServer splits "host", "host:port", "[IPv6]" or "[IPv6]:port".
func splitServer(server string) (host string, port int, hasPort, ok bool) {
	host, tail, _ := strings.Cut(server, ":")
	hasPort = len(host) < len(server)
	if inner, inBrackets := strings.CutPrefix(server, "["); inBrackets {
		if host, tail, ok = strings.Cut(inner, "]"); !ok {
			return "", 0, false, false
		}
		rest := tail
		if tail, hasPort = strings.CutPrefix(rest, ":"); !hasPort && rest != "" || !isIPv6(host) {
			return "", 0, false, false
		}
	}
	if hasPort {
		var err error
		if port, err = strconv.Atoi(tail); err != nil {
			return "", 0, false, false
		}
	}
	return host, port, hasPort, host != "" && host != "*"
}

func isIPv6(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.Is6()
}

// parameter returns the value of a parameter in "name=value;name=value", "" if it is not there.
func parameter(params, name string) string {
	for param := range strings.SplitSeq(params, ";") {
		key, value, _ := strings.Cut(param, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Address returns "host:port".
func (t Target) Address() string { return net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port))) }

// String returns the target as a URL.
func (t Target) String() string { return fmt.Sprintf("%s;transport=%s", t.uri(), t.Transport) }

// uri returns the target in the form of a request.
func (t Target) uri() string {
	host, _, _ := strings.Cut(t.Host, "%")
	user := t.User
	if user != "" {
		user += "@"
	}
	return fmt.Sprintf("sip:%s%s:%d", user, uriHost(host), t.Port)
}

// uriHost returns a host in the form of a URI, an IPv6 address in brackets.
func uriHost(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// CheckUser returns an error unless user can stand in a SIP URL as it is (RFC 3261 §25.1: user).
func CheckUser(user string) error {
	if user == "" || strings.ContainsFunc(user, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.!~*'()&=+$,;?/", r))
	}) {
		return errors.New("want only letters, digits and -_.!~*'()&=+$,;?/, such as 1001")
	}
	return nil
}
