package netwatch

import (
	"net/netip"
	"slices"
	"testing"

	"announcer/internal/testkit/netlab"
)

// The neighbours are hosts: the kernel's entries for multicast groups, of which each link has some, are left out.
func TestNeighbours(t *testing.T) {
	netlab.Need(t)
	const mac = "02:00:00:00:00:07"
	h := netlab.NewHost(t)
	h.IPs(t, "link add eth0 type veth peer name far0", "link set far0 up", "link set eth0 up", "addr add 192.0.2.1/24 dev eth0",
		"neigh add 192.0.2.7 lladdr "+mac+" dev eth0", "neigh add 224.0.0.251 lladdr 01:00:5e:00:00:fb dev eth0")
	var all []Neighbour
	var found string
	h.Do(func() {
		all = slices.DeleteFunc(Neighbours(), func(n Neighbour) bool { return n.Host.Is6() })
		found = MACs()("eth0", netip.MustParseAddr("192.0.2.7"))
	})
	if want := []Neighbour{{Link: "eth0", Host: netip.MustParseAddr("192.0.2.7"), MAC: mac}}; !slices.Equal(all, want) {
		t.Errorf("got %v, want %v", all, want)
	}
	if found != mac {
		t.Errorf("found %q, want %q", found, mac)
	}
}
