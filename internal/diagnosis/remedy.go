package diagnosis

import (
	"net/netip"
	"runtime"
	"strings"
)

// commands are those of a system for what to do. LINK stands for the name of an interface, GROUP for an address of multicast.
type commands struct {
	interfaces  string // lists them
	address     string // adds one to LINK
	mtu         string // sets that of LINK to that of Ethernet
	routes      string // shows those to GROUP of IPv4
	routes6     string // shows those to GROUP of IPv6
	memberships string // shows what limits them
	log         string // shows that of the kernel
	openPort    string // lets UDP port 5353 pass
}

// here has the commands of this system.
var here = commandsOf(runtime.GOOS)

// commandsOf returns the commands of a system, which is named as in GOOS.
func commandsOf(system string) commands {
	switch system {
	case "linux":
		return commands{
			interfaces:  "ip -brief link",
			address:     "ip address add ADDRESS/LENGTH dev LINK",
			mtu:         "ip link set LINK mtu 1500",
			routes:      "ip route get GROUP",
			routes6:     "ip route get GROUP",
			memberships: "sysctl net.ipv4.igmp_max_memberships",
			log:         "journalctl --dmesg",
			openPort:    "ufw allow 5353/udp, or firewall-cmd --permanent --add-service=mdns and --reload, or the like",
		}
	case "windows":
		return commands{
			interfaces:  "netsh interface show interface",
			address:     `netsh interface ipv4 add address name="LINK" address=ADDRESS/LENGTH`,
			mtu:         `netsh interface ipv4 set subinterface "LINK" mtu=1500`,
			routes:      "route print -4",
			routes6:     "route print -6",
			memberships: "netsh interface ip show joins",
			log:         "Get-WinEvent -LogName System",
			openPort:    "netsh advfirewall firewall add rule name=mDNS dir=in action=allow protocol=UDP localport=5353",
		}
	}
	unix := commands{
		interfaces:  "ifconfig -l",
		address:     "ifconfig LINK inet ADDRESS/LENGTH alias",
		mtu:         "ifconfig LINK mtu 1500",
		routes:      "route -n get GROUP",
		routes6:     "route -n get -inet6 GROUP",
		memberships: "netstat -g",
		log:         "dmesg",
		openPort:    "look at pfctl -s rules and ipfw list",
	}
	if system == "darwin" {
		unix.openPort = "allow announcer in the settings of the firewall"
	}
	return unix
}

func (c commands) toAddAddress(link string) string {
	return "give it one, by DHCP or with " + strings.ReplaceAll(c.address, "LINK", link)
}

func (c commands) toEnlargeMTU(link string) string { return strings.ReplaceAll(c.mtu, "LINK", link) }

func (c commands) toSeeRoutes(group netip.Addr) string {
	command := c.routes
	if group.Is6() {
		command = c.routes6
	}
	return "look at the routes: " + strings.ReplaceAll(command, "GROUP", group.String())
}
