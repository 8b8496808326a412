package sip

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	lib "github.com/emiago/sipgo/sip"
)

// Transport is what SIP is carried by: "udp", "tcp" or "tls".
type Transport string

// The transports.
const (
	UDP Transport = "udp"
	TCP Transport = "tcp"
	TLS Transport = "tls"
)

// Transports gives the transports that there are, the default first.
func Transports() []string { return []string{string(UDP), string(TCP), string(TLS)} }

// Port gives the port of a transport where none is named (RFC 3261 §19.1.2).
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

// ParseURL reads a URL such as sip:proxy@192.0.2.20:5060;transport=udp. The transport is UDP where it names none; a host
// name is looked up as an address, without SRV records.
func ParseURL(text string) (Target, error) {
	const want = "want such as sip:proxy@192.0.2.20:5060;transport=udp"
	var uri lib.Uri
	if !strings.HasPrefix(strings.ToLower(text), "sip:") || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7F }) {
		return Target{}, fmt.Errorf("%q is not a SIP URL; %s", text, want)
	}
	if err := lib.ParseUri(text, &uri); err != nil || uri.Host == "" || uri.Host == "*" {
		return Target{}, fmt.Errorf("%q is not a SIP URL; %s", text, want)
	}
	if uri.Port < 0 || uri.Port > 65535 || uri.Port == 0 && strings.Contains(text[strings.LastIndex(text, uri.Host)+len(uri.Host):], ":") {
		return Target{}, fmt.Errorf("%q has no port from 1 to 65535 behind the colon; %s", text, want)
	}
	transport := cmp.Or(strings.ToLower(uri.UriParams.GetOr("transport", "")), string(UDP))
	if !slices.Contains(Transports(), transport) {
		return Target{}, fmt.Errorf("%q names the transport %q; want one of %s", text, transport, strings.Join(Transports(), ", "))
	}
	t := Target{User: uri.User, Host: strings.Trim(uri.Host, "[]"), Port: uint16(uri.Port), Transport: Transport(transport)}
	t.Port = cmp.Or(t.Port, t.Transport.Port())
	return t, nil
}

// Address gives "host:port".
func (t Target) Address() string { return net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port))) }

// String gives the target as a URL.
func (t Target) String() string {
	uri := t.uri(false)
	return fmt.Sprintf("%s;transport=%s", uri.String(), t.Transport)
}

// uri gives the target as it stands in a request; outbound adds the parameter "ob" (RFC 5626 §5.4).
func (t Target) uri(outbound bool) lib.Uri {
	host, _, _ := strings.Cut(t.Host, "%")
	uri := lib.Uri{Scheme: "sip", User: t.User, Host: uriHost(host), Port: int(t.Port)}
	if outbound {
		uri.UriParams = params("ob", "")
	}
	return uri
}

// uriHost gives a host as it stands in URIs, an IPv6 address in brackets.
func uriHost(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// CheckUser gives an error unless user can stand in a SIP URL as it is (RFC 3261 §25.1: user).
func CheckUser(user string) error {
	if user == "" || strings.ContainsFunc(user, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.!~*'()&=+$,;?/", r))
	}) {
		return errors.New("want letters, digits and -_.!~*'()&=+$,;?/ alone, such as 1001")
	}
	return nil
}
