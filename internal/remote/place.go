package remote

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// IsURL reports whether a place of definitions is on a server.
func IsURL(place string) bool { return strings.Contains(place, "://") }

// Check returns what is wrong with a place on a server. The error does not repeat what may be secret.
func Check(place string) error {
	scheme, _, _ := strings.Cut(place, "://")
	switch scheme {
	case "https", "http":
		_, err := parse(place)
		return err
	case "etcd":
		_, _, err := SplitPrefix(place)
		return err
	}
	return fmt.Errorf("%q is not a way to get definitions; want a URL such as https://prov.example.net/sites/berlin.toml or etcd://etcd.example.net/announcer/sites/berlin/", scheme+"://")
}

// Shown returns a place as it is printed: without a user, a password and what is behind a question mark, since these can be
// secrets.
func Shown(place string) string {
	scheme, rest, isURL := strings.Cut(place, "://")
	if !isURL {
		return place
	}
	rest, _, hasQuery := strings.Cut(rest, "?")
	host, path, hasPath := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = "…" + host[at:]
	}
	if hasPath {
		host += "/" + path
	}
	if hasQuery {
		host += "?…"
	}
	return scheme + "://" + host
}

// parse reads the URL of a definition file.
func parse(place string) (*url.URL, error) {
	u, err := url.Parse(place)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, errors.New("it is not a URL; want one such as https://prov.example.net/sites/berlin.toml")
	case u.User != nil:
		return nil, errors.New("a URL is printed and logged; want user and password_file in [remote] instead of a user and a password in the URL")
	case u.Fragment != "":
		return nil, errors.New("it has a fragment (#), which no server sees; want the URL without it")
	}
	switch path.Ext(u.Path) {
	case ".toml", ".service":
		return u, nil
	}
	return nil, errors.New("its path does not end in .toml or .service; want the URL of one definition file")
}

// etcdPort is the port on which etcd serves clients.
const etcdPort = "2379"

// IsPrefix reports whether a place is a prefix of keys in etcd.
func IsPrefix(place string) bool { return strings.HasPrefix(place, "etcd://") }

// SplitPrefix returns the addresses of the servers and the prefix of a place such as
// "etcd://HOST[:PORT][,HOST[:PORT]]/announcer/sites/berlin/".
func SplitPrefix(place string) (addresses []string, prefix string, err error) {
	const example = "want one such as etcd://etcd.example.net:2379/announcer/sites/berlin/"
	hosts, path, hasPath := strings.Cut(strings.TrimPrefix(place, "etcd://"), "/")
	prefix = "/" + path
	switch {
	case strings.Contains(hosts, "@"):
		return nil, "", errors.New("a URL is printed and logged; want user and password_file in [remote] instead of a user and a password in the URL")
	case strings.ContainsAny(place, "?#") || strings.ContainsFunc(place, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return nil, "", errors.New("it has a space, a question mark or a fragment (#); " + example)
	case !hasPath || path == "":
		return nil, "", errors.New("it has no prefix of keys; " + example)
	case !strings.HasSuffix(prefix, "/"):
		return nil, "", errors.New("the prefix of its keys does not end in /, so that those of other sites can begin with it; " + example)
	}
	for host := range strings.SplitSeq(hosts, ",") {
		address, err := withPort(host)
		if err != nil {
			return nil, "", fmt.Errorf("%q is not a host with an optional port; %s", host, example)
		}
		addresses = append(addresses, address)
	}
	return addresses, prefix, nil
}

// withPort returns an address with the port of etcd if it has none.
func withPort(address string) (string, error) {
	u, err := url.Parse("//" + address)
	if err != nil || u.Hostname() == "" || u.Host != address || strings.HasSuffix(address, ":") || address[0] != '[' && strings.Count(address, ":") > 1 {
		return "", errors.New("it is no host")
	}
	port := cmp.Or(u.Port(), etcdPort)
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", errors.New("it is no port")
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}
