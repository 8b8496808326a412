package remote

import (
	"errors"
	"strings"
)

// Fleet is where the definitions of many sites are: in etcd, below a root.
type Fleet struct {
	Root string // "/announcer"
	Site string // whose definitions the place has; "": it has those of several
}

// ParseFleet reads a place such as "etcd://HOST/announcer/", or "etcd://HOST/announcer/sites/berlin/" for that of a site.
func ParseFleet(place string) (Fleet, error) {
	if !IsPrefix(place) {
		return Fleet{}, errors.New("it is not in etcd; want a place such as etcd://etcd.example.net/announcer/")
	}
	_, prefix, err := SplitPrefix(place)
	if err != nil {
		return Fleet{}, err
	}
	root, behind, _ := strings.Cut(prefix, "/sites/")
	site, _, _ := strings.Cut(behind, "/")
	f := Fleet{Root: strings.TrimSuffix(root, "/"), Site: site}
	if f.Root == "" {
		return Fleet{}, errors.New("it has no root before /sites/; want a place such as etcd://etcd.example.net/announcer/")
	}
	return f, nil
}

// SiteOf returns the first of places that is a site of a fleet, and that site.
func SiteOf(places []string) (place string, site Fleet, ok bool) {
	for _, place := range places {
		if site, err := ParseFleet(place); err == nil && site.Site != "" {
			return place, site, true
		}
	}
	return "", Fleet{}, false
}
