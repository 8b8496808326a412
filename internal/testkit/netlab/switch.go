//go:build linux

package netlab

import (
	"fmt"
	"testing"
)

// Switch joins an interface of a host with those of several others to one network, that lasts until the test ends. The
// ports on the host's side are called veth1, veth2 and so on.
func Switch(t testing.TB, end End, others ...End) {
	t.Helper()
	Need(t)
	end.Host.IP(t, "link", "add", end.Name, "type", "bridge", "mcast_snooping", "0")
	t.Cleanup(func() { end.Host.IP(t, "link", "del", end.Name) })
	end.up(t)
	for i, other := range others {
		port := fmt.Sprintf("veth%d", i+1)
		Veth(t, End{Host: end.Host, Name: port}, other)
		end.Host.IP(t, "link", "set", port, "master", end.Name)
	}
	end.await(t)
}
