//go:build boot

package packaging

import (
	"fmt"
	"strings"
	"testing"

	"announcer/internal/testkit/boot"
	"announcer/internal/testkit/mdnstest"
)

// testConflict has the other machine announce the same name.
func testConflict(t *testing.T, s *site) {
	s.two.Write(t, definitions+"shop.service", define("Shop", 5090))
	s.two.Run(t, "systemctl", "reload", unitName)
	finds(t, s.pbx, "eth0", "Shop #2", "two.local:5090")
	finds(t, s.two, "eth0", "Shop ", "pbx.local:5060")
	says(t, s.two, "Shop #2")
	says(t, s.pbx, "192.0.2.6")
	s.two.Run(t, "rm", definitions+"shop.service")
	s.two.Run(t, "systemctl", "reload", unitName)
	says(t, s.pbx, "all is well")
}

// testVLAN announces on a VLAN as it comes up.
func testVLAN(t *testing.T, s *site) {
	s.forget()
	for end, m := range []*boot.Machine{s.pbx, s.two} {
		m.Run(t, "ip", "link", "add", "link", "eth0", "name", "eth0.20", "type", "vlan", "id", "20")
		m.Run(t, "ip", "addr", "add", fmt.Sprintf("198.51.100.%d/24", 5+end), "dev", "eth0.20")
		m.Run(t, "ip", "link", "set", "eth0.20", "up")
	}
	finds(t, s.two, "eth0.20", "Shop", "pbx.local:5060", "198.51.100.5")
	tagged := false
	for _, f := range s.heard() {
		tagged = tagged || f.from == 0 && f.vlan == 20 && f.Fact == (mdnstest.Fact{Kind: mdnstest.Announcement, Name: "Shop"})
	}
	if !tagged {
		t.Error("no announcement on the cable has the tag of VLAN 20")
	}
	for _, m := range []*boot.Machine{s.pbx, s.two} {
		m.Run(t, "ip", "link", "del", "eth0.20")
	}
	says(t, s.pbx, "all is well")
}

// testBond puts the network device into a bond, which then has its address, and takes it out again.
func testBond(t *testing.T, s *site) {
	s.pbx.Run(t, "systemctl", "stop", "systemd-networkd.socket", "systemd-networkd.service")
	s.pbx.Run(t, "ip", "addr", "flush", "dev", "eth0")
	s.forget()
	s.pbx.Run(t, "ip", "link", "set", "eth0", "down")
	s.pbx.Run(t, "ip", "link", "add", "bond0", "type", "bond", "mode", "active-backup", "miimon", "100")
	s.pbx.Run(t, "ip", "link", "set", "eth0", "master", "bond0")
	s.pbx.Run(t, "ip", "addr", "add", "192.0.2.5/24", "dev", "bond0")
	s.pbx.Run(t, "ip", "link", "set", "bond0", "up")
	finds(t, s.two, "eth0", "Shop", "pbx.local:5060", "192.0.2.5")
	says(t, s.pbx, "1 service on bond0; all is well")
	s.pbx.Run(t, "ip", "link", "set", "eth0", "nomaster")
	s.pbx.Run(t, "ip", "link", "del", "bond0")
	s.pbx.Run(t, "systemctl", "start", "systemd-networkd.service")
	finds(t, s.two, "eth0", "Shop", "pbx.local:5060", "192.0.2.5")
	says(t, s.pbx, "1 service on eth0; all is well")
}

// testStop wants goodbyes of the service, and of the host, which no other program of the pbx has announced yet.
func testStop(t *testing.T, s *site) {
	s.forget()
	s.pbx.Run(t, "systemctl", "stop", unitName)
	s.await(t, mdnstest.Goodbye, "Shop")
	s.await(t, mdnstest.Goodbye, "pbx")
	if out, err := s.pbx.Try("announcer", "status"); err == nil {
		t.Errorf("after a stop there is a status: %s", out)
	}
	s.pbx.Run(t, "systemctl", "start", unitName)
	finds(t, s.two, "eth0", "Shop", "pbx.local:5060")
}

// responder is another program that publishes by multicast DNS, with which the pbx announces its name, too.
type responder struct {
	unit       string
	complaints []string // in its journal, if it takes announcer for a rival
	speaks     func(*testing.T, *site)
}

const avahiUnit = "avahi-daemon.service"

var (
	avahi    = responder{avahiUnit, []string{"conflict", "withdraw"}, avahiSpeaks}
	resolved = responder{"systemd-resolved.service", []string{"onflict"}, resolvedSpeaks}
)

// resolvedFiles have systemd-resolved, if it runs, use multicast DNS, and announce a service.
var resolvedFiles = []boot.File{
	{Path: "etc/systemd/resolved.conf.d/mdns.conf", Mode: 0o644, Data: []byte("[Resolve]\nMulticastDNS=yes\n")},
	{Path: "etc/systemd/network/eth0.network.d/mdns.conf", Mode: 0o644, Data: []byte("[Network]\nMulticastDNS=yes\n")},
	{Path: "etc/systemd/dnssd/shell.dnssd", Mode: 0o644, Data: []byte("[Service]\nName=Shell\nType=_ssh._tcp\nPort=22\n")},
}

func avahiSpeaks(t *testing.T, s *site) {
	if log := s.pbx.Run(t, "journalctl", "--boot", "--no-pager", "--unit", avahiUnit); !strings.Contains(log, "interface eth0.IPv4") {
		t.Errorf("Avahi has not used eth0:\n%s", log)
	}
}

func resolvedSpeaks(t *testing.T, s *site) {
	findsType(t, s.two, "eth0", "_ssh._tcp", "Shell", "pbx.local:22")
}

// testBeside starts another responder on the pbx, and restarts the daemon. Neither may take the other for a rival, nor may the service
// be announced by both: its names of both are one.
func testBeside(t *testing.T, s *site, other responder) {
	s.forget()
	s.pbx.Run(t, "systemctl", "start", other.unit)
	finds(t, s.two, "eth0", "Shop", "pbx.local:5060", "192.0.2.5")
	s.pbx.Run(t, "systemctl", "restart", unitName)
	finds(t, s.two, "eth0", "Shop", "pbx.local:5060", "192.0.2.5")
	says(t, s.pbx, "all is well")
	other.speaks(t, s)
	s.quiet(t, other)
	out := s.two.Run(t, "announcer", "browse", "--interface", "eth0", serviceType)
	if strings.Count(out, "Shop") != 1 || strings.Contains(out, "#2") {
		t.Errorf("the other machine finds\n%s", out)
	}
	s.never(t, mdnstest.Goodbye, "Shop")
	s.pbx.Run(t, "systemctl", "stop", other.unit)
	finds(t, s.two, "eth0", "Shop", "pbx.local:5060", "192.0.2.5")
}

// quiet fails the test if another responder of the pbx has complained since the boot.
func (s *site) quiet(t *testing.T, other responder) {
	t.Helper()
	log := s.pbx.Run(t, "journalctl", "--boot", "--no-pager", "--unit", other.unit)
	for _, complaint := range other.complaints {
		if strings.Contains(log, complaint) {
			t.Errorf("%s says %q:\n%s", other.unit, complaint, log)
		}
	}
}

// testPowerCut cuts the power when a definition with another port has just been saved by fsync, and nothing else is on the disk
// for certain. A machine that starts by itself must announce that port, beside another responder that starts, too.
func testPowerCut(t *testing.T, s *site, other responder, port int) {
	const unwritten, text = "/unwritten", "This is in no block of the disk."
	s.pbx.Run(t, "systemctl", "enable", other.unit)
	s.pbx.Write(t, definitions+"shop.service", define("Shop", port))
	s.pbx.Run(t, "sync", definitions+"shop.service", definitions)
	s.pbx.Write(t, unwritten, text)
	s.pbx.PowerCut()
	s.forget()
	s.pbx.Boot(t)
	for _, unit := range []string{unitName, other.unit} {
		eventually(t, unit+" active", func() (bool, string) {
			out, err := s.pbx.Try("systemctl", "is-active", unit)
			return err == nil, out
		})
	}
	if out, _ := s.pbx.Try("cat", unwritten); out == text { // an error says that it is missing
		t.Error("the power cut has lost nothing")
	}
	finds(t, s.two, "eth0", "Shop", fmt.Sprintf("pbx.local:%d", port), "192.0.2.5")
	says(t, s.pbx, "all is well")
	other.speaks(t, s)
	s.quiet(t, other)
	s.never(t, mdnstest.Goodbye, "Shop")
	s.pbx.Run(t, "systemctl", "disable", "--now", other.unit)
}

// testPurge wants a removal to withdraw, and a purge to leave nothing by the name of the program but logs.
func testPurge(t *testing.T, s *site) {
	s.pbx.Run(t, "rm", definitions+"shop.service")
	s.pbx.Write(t, "/run/announcer/services/shop.service", define("Shop", 5060))
	s.pbx.Run(t, "systemctl", "reload", unitName)
	finds(t, s.two, "eth0", "Shop", "pbx.local:5060")
	s.pbx.Run(t, "rm", "/run/announcer/services/shop.service")
	s.forget()
	s.pbx.Run(t, "dpkg", "--remove", "announcer")
	s.await(t, mdnstest.Goodbye, "Shop")
	purge := step{command: "sudo dpkg --purge announcer"}
	if !strings.Contains(installSection(t), "`"+purge.command+"`") {
		t.Errorf("the README does not say %s", purge.command)
	}
	s.follow(t, purge)
	left := s.pbx.Run(t, "find", "/", "/run", "/dev/shm", "-xdev", "-name", "*announcer*", "-not", "-path", "/var/log/*", "-not", "-path", boot.Dir+"/*")
	if left != "" {
		t.Errorf("after the purge there is\n%s", left)
	}
	if out, err := s.pbx.Try("grep", "-r", "announcer", "/etc"); err == nil {
		t.Errorf("after the purge there is\n%s", out)
	}
}
