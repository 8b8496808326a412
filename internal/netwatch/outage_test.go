package netwatch

import "testing"

// TestRemedies wants the words of each system for what to do about an interface.
func TestRemedies(t *testing.T) {
	const driver = "use another interface: the driver of this one has no multicast"
	for _, test := range []struct{ system, up, multicast string }{
		{"linux", "ip link set en0 up", "ip link set en0 multicast on"},
		{"darwin", "ifconfig en0 up", driver},
		{"freebsd", "ifconfig en0 up", driver},
		{"windows", `netsh interface set interface name="en0" admin=enabled`, driver},
	} {
		t.Run(test.system, func(t *testing.T) {
			if up := toBringUp(test.system, "en0"); up != test.up {
				t.Errorf("got %q; want %q", up, test.up)
			}
			if multicast := toAllowMulticast(test.system, "en0"); multicast != test.multicast {
				t.Errorf("got %q; want %q", multicast, test.multicast)
			}
		})
	}
}
