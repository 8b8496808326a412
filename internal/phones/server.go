package phones

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// SplitServer splits HOST[:PORT]: a name or an address that a phone can reach. An IPv6 address has brackets in
// the result. The port is as it was written, see [ParsePort].
func SplitServer(server string) (host, port string, err error) {
	if addr, err := netip.ParseAddr(server); err == nil {
		return checkAddr(addr, "")
	}
	if rest, ok := strings.CutPrefix(server, "["); ok {
		inside, after, closed := strings.Cut(rest, "]")
		addr, err := netip.ParseAddr(inside)
		if err != nil || !closed || after != "" && after[0] != ':' {
			return "", "", fmt.Errorf("%q is not [ADDRESS]:PORT; want an IPv6 address in the brackets, such as [2001:db8::20]:5060", server)
		}
		return checkAddr(addr, strings.TrimPrefix(after, ":"))
	}
	host, port, hasPort := strings.Cut(server, ":")
	if strings.ContainsAny(server, "/@") {
		return "", "", fmt.Errorf("%q is more than a host; want its name or address alone, such as 192.0.2.20 or pbx.example.net:5060", server)
	}
	if hasPort && port == "" {
		return "", "", fmt.Errorf("%q has no port after the colon; want one such as %s:5060", server, host)
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return checkAddr(addr, port)
	}
	return host, port, checkHostName(host)
}

func checkAddr(addr netip.Addr, port string) (host, samePort string, err error) {
	switch {
	case addr.Zone() != "":
		return "", "", fmt.Errorf("%q has a zone, which means nothing to a phone; want an address without one", addr)
	case addr.IsUnspecified(), addr.IsMulticast():
		return "", "", fmt.Errorf("%q is not the address of a server; want one such as 192.0.2.20", addr)
	case addr.Is6():
		return "[" + addr.String() + "]", port, nil
	}
	return addr.String(), port, nil
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$`)

// checkHostName takes names as resolvers know them. A last label of digits only means an address (RFC 3696 §2).
func checkHostName(host string) error {
	last := host[strings.LastIndex(host, ".")+1:]
	switch {
	case !hostName.MatchString(host), len(host) > 253:
		return fmt.Errorf("%q is not a host; want its name or address alone, such as pbx.example.net or 192.0.2.20", host)
	case strings.Trim(last, "0123456789") == "":
		return fmt.Errorf("%q is neither a host name nor an address; want one such as pbx.example.net or 192.0.2.20", host)
	}
	return nil
}

// ParsePort reads a port of a server, 1 to 65535.
func ParsePort(text string) (uint16, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("%q is not a port; want a number from 1 to 65535", text)
	}
	return uint16(port), nil
}

// ParseURL reads the URL of an HTTP directory that phones load files from.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, fmt.Errorf("%q is not an HTTP URL; want one such as http://192.0.2.10/", text)
	case u.User != nil:
		return nil, fmt.Errorf("%q has a user, which every host on the link can read; want it without", u.Redacted())
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("%q is not a directory; want a URL without ? and #, because the paths of the files are appended to it", text)
	}
	if _, _, err := SplitServer(u.Host); err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	return u, nil
}
