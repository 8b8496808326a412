package diagnosis

import (
	"net/netip"
	"strings"
	"testing"
)

// TestRemedies wants the commands of each system for what to do about a link.
func TestRemedies(t *testing.T) {
	for _, test := range []struct{ system, address, mtu, route, route6, openPort string }{
		{"linux", "ip address add ADDRESS/LENGTH dev en0", "ip link set en0 mtu 1500", "ip route get 224.0.0.251", "ip route get ff02::fb", "ufw allow 5353/udp"},
		{"darwin", "ifconfig en0 inet ADDRESS/LENGTH alias", "ifconfig en0 mtu 1500", "route -n get 224.0.0.251", "route -n get -inet6 ff02::fb", "settings of the firewall"},
		{"freebsd", "ifconfig en0 inet ADDRESS/LENGTH alias", "ifconfig en0 mtu 1500", "route -n get 224.0.0.251", "route -n get -inet6 ff02::fb", "pfctl -s rules"},
		{"windows", `netsh interface ipv4 add address name="en0" address=ADDRESS/LENGTH`, `netsh interface ipv4 set subinterface "en0" mtu=1500`, "route print -4", "route print -6", "netsh advfirewall"},
	} {
		t.Run(test.system, func(t *testing.T) {
			c := commandsOf(test.system)
			for _, remedy := range []struct{ got, want string }{
				{c.toAddAddress("en0"), test.address},
				{c.toEnlargeMTU("en0"), test.mtu},
				{c.toSeeRoutes(netip.MustParseAddr("224.0.0.251")), test.route},
				{c.toSeeRoutes(netip.MustParseAddr("ff02::fb")), test.route6},
				{c.openPort, test.openPort},
			} {
				if !strings.Contains(remedy.got, remedy.want) {
					t.Errorf("got %q; want %q", remedy.got, remedy.want)
				}
			}
			if c.interfaces == "" || c.memberships == "" || c.log == "" {
				t.Errorf("a command is missing: %+v", c)
			}
		})
	}
}
