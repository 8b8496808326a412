package source

import (
	"fmt"
	"net/netip"
	"testing"

	"announcer/internal/config"
	"announcer/internal/publication"
)

// What is announced knows the addresses of the links that are left out, too.
func TestDesiredOwn(t *testing.T) {
	link := func(index int, name, addr string) publication.Link {
		return publication.Link{Index: index, Name: name, Addrs: []publication.LinkAddr{{Prefix: netip.MustParsePrefix(addr)}}}
	}
	links := []publication.Link{link(2, "eth0", "192.0.2.1/24"), link(3, "eth1", "198.51.100.1/24"), link(4, "eth2", "2001:db8::1/64")}
	for _, c := range []struct {
		name       string
		interfaces []string
		own        string
	}{
		{"one of three", []string{"eth1"}, "[192.0.2.1 2001:db8::1]"},
		{"all", []string{"eth*"}, "[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, _ := Snapshot{Config: config.Config{Interfaces: c.interfaces}}.Desired(links)
			if got := fmt.Sprint(d.Own); got != c.own {
				t.Errorf("own addresses %s, want %s", got, c.own)
			}
		})
	}
}
