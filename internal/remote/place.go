package remote

import (
	"errors"
	"fmt"
	"net/url"
	"path"
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
	}
	return fmt.Errorf("%q is not a way to get definitions; want a URL such as https://prov.example.net/sites/berlin.toml", scheme+"://")
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
