package diagnosis

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/native"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/source"
	"announcer/internal/testkit/netlab"
	"announcer/internal/testkit/siptest"
	"announcer/internal/testkit/skip"
	"announcer/services"
)

func TestMain(m *testing.M) { netlab.Main(m) }

// host is the one that the tests run on.
var host *netlab.Host

// pbx is the address of the server that is announced.
const pbx = "203.0.113.20"

// network is a host with an interface eth0, a definition of a PBX whose server answers, and another host, which announces a printer.
type network struct {
	neighbour *netlab.Host
	dir       string // of definitions
	server    *siptest.Peer
	options   Options
}

// connect makes a network in which nothing is wrong. Cables are made by the function, which knows the two ends.
func connect(t *testing.T, cable func(t testing.TB, a, b netlab.End)) *network {
	t.Helper()
	netlab.Need(t)
	n := &network{neighbour: netlab.NewHost(t), dir: t.TempDir()}
	cable(t, netlab.End{Name: "eth0", Addrs: []string{"192.0.2.5/24"}}, netlab.End{Host: n.neighbour, Name: "eth0", Addrs: []string{"192.0.2.6/24"}})
	host.IP(t, "address", "add", pbx+"/32", "dev", "lo") // which no fault of eth0 takes away
	t.Cleanup(func() { host.IP(t, "address", "del", pbx+"/32", "dev", "lo") })
	var err error
	if n.server, err = siptest.Start("udp", pbx+":0", siptest.Answers("200 OK")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.server.Close() })
	n.write(t, "pbx.service", "Front office", netip.MustParseAddrPort(n.server.Addr.String()))
	n.options = Options{
		Request: source.Request{Services: []string{n.dir}},
		Sockets: []string{filepath.Join(t.TempDir(), "announcer.sock")},
		Root:    t.TempDir(),
		Wait:    1700 * time.Millisecond,
		Lookup: func(_ context.Context, host string, try func(string) error) error {
			return try(host)
		},
	}
	return n
}

// write makes a definition of a PBX.
func (n *network) write(t *testing.T, file, name string, server netip.AddrPort) {
	t.Helper()
	text := fmt.Sprintf(`<service-group><name>%s</name><service><type>_digiumproxy._udp</type><port>%d</port>
<txt-record>sipUrl=sip:proxy@%s;transport=udp</txt-record><txt-record>serviceType=asterisk</txt-record></service></service-group>`, name, server.Port(), server)
	if err := os.WriteFile(filepath.Join(n.dir, file), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// announce lets the neighbour begin to announce a service.
func (n *network) announce(t *testing.T, typ, name string) *native.Publisher {
	t.Helper()
	var p *native.Publisher
	var links []publication.Link
	var err error
	n.neighbour.Do(func() {
		if links, err = netwatch.Read(); err == nil {
			p, err = native.Open(slog.New(slog.DiscardHandler), nil)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Abandon() })
	links, _ = netwatch.Select(links, nil, nil)
	group := services.Group{Name: name, Services: []services.Service{{Type: dnsname.MustParse(typ), Port: 9, TXT: services.TXT{"serviceType=asterisk"}}}}
	if err := p.Apply(t.Context(), publication.Desired{Host: "other", Links: links, Groups: []publication.Publication{{ID: name, Group: group}}}); err != nil {
		t.Fatal(err)
	}
	return p
}

// announced waits until all is announced.
func announced(t *testing.T, p *native.Publisher) {
	t.Helper()
	for deadline := time.After(20 * time.Second); p.Status()[0].State != mdns.Announced; {
		select {
		case <-p.Events():
		case <-deadline:
			t.Fatalf("%+v", p.Status())
		}
	}
}

// look returns what is wrong, each as "LINK STEP", in order, and prints all lines if the test fails.
func (n *network) look(t *testing.T) (wrong []string, all []Finding) {
	t.Helper()
	all = Look(t.Context(), n.options).Findings()
	for _, f := range all {
		t.Logf("%-6s %-6s %-11s %s; %s", f.State, f.Link, f.Step, f.Text, f.Remedy)
		if f.State == Wrong {
			wrong = append(wrong, strings.TrimSpace(f.Link+" "+string(f.Step)))
		}
	}
	return wrong, all
}

// serve answers at the place of the control socket as a daemon with a state.
func (n *network) serve(t *testing.T, state string) {
	t.Helper()
	l, err := net.Listen("unix", n.options.Sockets[0])
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, state) })}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
}

// run runs a program, which must succeed.
func run(t *testing.T, program string, args ...string) {
	t.Helper()
	if out, err := exec.Command(skip.Without(t, program), args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

// nft adds a rule to a chain at a hook of the host, until the test ends.
func nft(t *testing.T, hook, rule string) {
	t.Helper()
	run(t, "nft", "add table inet doctor; add chain inet doctor c { type filter hook "+hook+" priority 0; }; add rule inet doctor c "+rule)
	t.Cleanup(func() { run(t, "nft", "delete table inet doctor") })
}

// phone lets a host ask for its server, again and again until the test ends.
func phone(t *testing.T, host *netlab.Host, addr string) {
	t.Helper()
	var conn *net.UDPConn
	var err error
	host.Do(func() { conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(addr), Port: mdns.Port}) })
	if err != nil {
		t.Fatal(err)
	}
	repeat(t, func() { conn.WriteToUDPAddrPort(browsing(t), mdns.Group4) })
	t.Cleanup(func() { conn.Close() })
}

// repeat does something ten times a second until the test ends.
func repeat(t *testing.T, do func()) {
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case <-ended:
				return
			case <-time.After(100 * time.Millisecond):
				do()
			}
		}
	}()
	t.Cleanup(func() { close(ended) })
}

// tagged sends frames with a question of a phone in a VLAN from eth0 of a host, until the test ends.
func tagged(t *testing.T, host *netlab.Host, vlan uint16) {
	t.Helper()
	var fd int
	var err error
	var nic *net.Interface
	host.Do(func() {
		if nic, err = net.InterfaceByName("eth0"); err == nil {
			fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	data := browsing(t)
	udp := binary.BigEndian.AppendUint16(nil, mdns.Port)
	udp = binary.BigEndian.AppendUint16(udp, mdns.Port)
	udp = binary.BigEndian.AppendUint16(udp, uint16(8+len(data)))
	udp = append(append(udp, 0, 0), data...)
	ip := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 255, 17, 0, 0, 198, 51, 100, 9, 224, 0, 0, 251}
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)+len(udp)))
	frame := slices.Concat([]byte{1, 0, 0x5E, 0, 0, 0xFB, 0, 0x0F, 0xD3, 1, 2, 3, 0x81, 0, byte(vlan >> 8), byte(vlan), 8, 0}, ip, udp)
	repeat(t, func() { unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: nic.Index, Halen: 6}) })
	t.Cleanup(func() { unix.Close(fd) })
}

// TestNetworks breaks networks, each in one way, and wants that fault named, and no other.
func TestNetworks(t *testing.T) {
	var bridged = func(t testing.TB, a, b netlab.End) { netlab.Switch(t, a, b) }
	for _, test := range []struct {
		name   string
		cable  func(t testing.TB, a, b netlab.End)
		damage func(t *testing.T, n *network)
		wrong  string // the only line that is wrong: its link and step; "" if none is
		text   string // part of it, or of a hint
	}{
		{name: "healthy"},
		{name: "healthy, on a bridge without snooping", cable: bridged},
		{name: "healthy, with rules that let multicast DNS pass", damage: func(t *testing.T, _ *network) {
			nft(t, "input", "udp dport 5353 accept; add rule inet doctor c udp dport 5000-5999 drop")
		}},
		{name: "healthy, beside a link that nobody uses", damage: func(t *testing.T, n *network) {
			netlab.Veth(t, netlab.End{Name: "eth1"}, netlab.End{Host: n.neighbour, Name: "eth1"})
			n.neighbour.IP(t, "link", "set", "eth1", "down")
		}},

		{name: "no multicast", wrong: "eth0 interface", text: "without multicast; ip link set eth0 multicast on", damage: func(t *testing.T, _ *network) {
			host.IP(t, "link", "set", "eth0", "multicast", "off")
		}},
		{name: "no carrier", wrong: "eth0 interface", text: "without a carrier; check the cable", damage: func(t *testing.T, n *network) {
			n.neighbour.IP(t, "link", "set", "eth0", "down")
			await(t, "eth0", func(l publication.Link) bool { return l.Outage.Why == "without a carrier" })
		}},
		{name: "down", wrong: "eth0 interface", text: "down; ip link set eth0 up", damage: func(t *testing.T, _ *network) {
			host.IP(t, "link", "set", "eth0", "down")
			host.IP(t, "address", "replace", "192.0.2.5/24", "dev", "eth0")
		}},

		{name: "an address that has run out", wrong: "eth0 addresses", text: "192.0.2.5/24 has run out", damage: func(t *testing.T, _ *network) {
			host.IP(t, "address", "change", "192.0.2.5/24", "dev", "eth0", "valid_lft", "600", "preferred_lft", "0")
		}},
		{name: "an address that has expired", wrong: "eth0 addresses", text: "link-local addresses alone", damage: func(t *testing.T, _ *network) {
			host.IP(t, "address", "change", "192.0.2.5/24", "dev", "eth0", "valid_lft", "1", "preferred_lft", "1")
			await(t, "eth0", func(l publication.Link) bool { return !l.Has(publication.V4) })
		}},
		{name: "no address", wrong: "eth0 addresses", text: "it has no address", damage: func(t *testing.T, _ *network) {
			host.IP(t, "address", "flush", "dev", "eth0")
		}},

		{name: "the port is held", wrong: "eth0 socket", text: "port 5353 for IPv4 is held by", damage: func(t *testing.T, _ *network) {
			holder, err := net.ListenPacket("udp4", ":5353")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { holder.Close() })
		}},

		{name: "a firewall drops what comes in", wrong: "eth0 firewall", text: "coming in to UDP port 5353 by IPv4 are dropped by the rule", damage: func(t *testing.T, _ *network) {
			nft(t, "input", "meta nfproto ipv4 udp dport 5353 drop")
		}},
		{name: "a firewall drops what comes in from others", wrong: "eth0 firewall", text: "those of 192.0.2.6", damage: func(t *testing.T, n *network) {
			nft(t, "input", "ip saddr 192.0.2.6 udp dport 5353 drop")
			n.options.Wait = 3 * time.Second // the answers to the second question count
		}},
		{name: "a firewall lets in nothing", wrong: "eth0 firewall", text: "by the policy of chain c", damage: func(t *testing.T, _ *network) {
			nft(t, "input", "iif lo accept; add rule inet doctor c ct state established accept; add rule inet doctor c meta l4proto ipv6-icmp accept; add chain inet doctor c { policy drop; }")
		}},
		{name: "a firewall drops what goes out", wrong: "eth0 firewall", text: "going out to UDP port 5353 by IPv4 are dropped by the rule", damage: func(t *testing.T, _ *network) {
			nft(t, "output", "udp dport 5353 oifname eth* drop")
		}},

		{name: "a firewall drops the group early", wrong: "eth0 firewall", text: "coming in to UDP port 5353 by IPv4 are dropped by the rule", damage: func(t *testing.T, _ *network) {
			run(t, "nft", "add table ip doctor; add chain ip doctor early { type filter hook prerouting priority -300; }; add rule ip doctor early ip daddr 224.0.0.251 drop")
			t.Cleanup(func() { run(t, "nft", "delete table ip doctor") })
		}},
		{name: "a firewall rejects by the interface", wrong: "eth0 firewall", text: "coming in to UDP port 5353 by IPv4 are dropped by the rule", damage: func(t *testing.T, _ *network) {
			nft(t, "input", "iifname eth0 meta l4proto udp reject")
		}},
		{name: "reverse path filtering", wrong: "eth0 firewall", text: "sysctl net.ipv4.conf.eth0.rp_filter", damage: func(t *testing.T, n *network) {
			strayed(t, "1")
			n.options.Wait = 3 * time.Second // the answers to the second question count
		}},
		{name: "a netmask that leaves the other host out", text: "192.0.2.6 is in none of its networks (192.0.2.129/28", damage: func(t *testing.T, _ *network) { strayed(t, "0") }},
		{name: "two interfaces on one network", text: "eth0 is on the same network", damage: func(t *testing.T, n *network) {
			netlab.Veth(t, netlab.End{Name: "eth1", Addrs: []string{"192.0.2.7/24"}}, netlab.End{Host: n.neighbour, Name: "eth1"})
		}},
		{name: "ARP is off", text: "ARP is off", damage: func(t *testing.T, _ *network) { host.IP(t, "link", "set", "eth0", "arp", "off") }},
		{name: "a small MTU", text: "its MTU of 500 bytes is small", damage: func(t *testing.T, _ *network) { host.IP(t, "link", "set", "eth0", "mtu", "500") }},

		{name: "snooping without a querier", cable: bridged, wrong: "eth0 snooping", text: "the bridge eth0 snoops", damage: func(t *testing.T, _ *network) {
			host.IP(t, "link", "set", "eth0", "type", "bridge", "mcast_snooping", "1", "mcast_querier", "0")
		}},
		{name: "a switch that holds back multicast", cable: switched, wrong: "eth0 snooping", text: "192.0.2.6 answers by unicast", damage: func(t *testing.T, n *network) {
			announced(t, n.announce(t, "_ipp._tcp", "Other printer"))
		}},

		{name: "phones in another VLAN", wrong: "eth1 vlan", text: "198.51.100.9 asked for a server here", damage: func(t *testing.T, n *network) {
			voice := netlab.NewHost(t)
			netlab.Veth(t, netlab.End{Name: "eth1", Addrs: []string{"198.51.100.5/24"}}, netlab.End{Host: voice, Name: "eth0", Addrs: []string{"198.51.100.9/24"}})
			phone(t, voice, "198.51.100.9")
			n.options.Request.Interfaces = []string{"eth0"}
		}},
		{name: "phones in a VLAN that has no interface", wrong: "eth0 vlan", text: "00:0f:d3:01:02:03 asked for a server in VLAN 20", damage: func(t *testing.T, n *network) {
			tagged(t, n.neighbour, 20)
		}},

		{name: "another server", wrong: "eth0 servers", text: `phones find "Old PBX" of 192.0.2.6`, damage: func(t *testing.T, n *network) {
			announced(t, n.announce(t, "_digiumproxy._udp", "Old PBX"))
		}},

		{name: "a definition with an error", wrong: "definitions", text: "bad.service:1:1: ", damage: func(t *testing.T, n *network) {
			if err := os.WriteFile(filepath.Join(n.dir, "bad.service"), []byte("<service-group><name>Desk</name></service-group>"), 0o644); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "a definition that is a link to nowhere", wrong: "definitions", text: `link.service: it can't be opened: it is a symbolic link to "/nowhere", which does not exist`, damage: func(t *testing.T, n *network) {
			if err := os.Symlink("/nowhere", filepath.Join(n.dir, "link.service")); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "a definition that the daemon can't read", wrong: "definitions", text: "the daemon can't read it", damage: func(t *testing.T, n *network) {
			n.serve(t, `{"time": "2026-01-02T03:04:05Z", "problems": [], "daemon": {"pid": 1}}`)
			n.options.Default = false
			unit := filepath.Join(n.options.Root, "usr/lib/systemd/system")
			if err := os.MkdirAll(unit, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(unit, "announcer.service"), []byte("[Service]\nDynamicUser=yes\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, dir := range []string{n.dir, filepath.Dir(n.dir)} {
				if err := os.Chmod(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(filepath.Join(n.dir, "pbx.service"), 0o600); err != nil {
				t.Fatal(err)
			}
		}},

		{name: "the daemon is not running", wrong: "daemon", text: "systemctl enable --now announcer", damage: func(t *testing.T, n *network) {
			if err := os.MkdirAll(filepath.Join(n.options.Root, "etc/systemd/system"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(n.options.Root, "etc/systemd/system/announcer.service"), []byte("[Service]\nUser=root\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "the daemon has a problem", wrong: "daemon", text: "its last good version is in use", damage: func(t *testing.T, n *network) {
			n.serve(t, `{"time": "2026-01-02T03:04:05Z", "problems": ["refused; its last good version is in use"], "daemon": {"pid": 1}}`)
		}},

		{name: "DPMA announces itself", wrong: "definitions", text: `"Asterisk" is announced beside "Front office" of `, damage: func(t *testing.T, n *network) {
			dir := filepath.Join(n.options.Root, "etc/asterisk")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			text := "[general]\nservice_discovery_enabled=yes\nmdns_address=" + pbx + "\n"
			if err := os.WriteFile(filepath.Join(dir, "res_digium_phone.conf"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}},

		{name: "the server is dead", wrong: "answers", text: "gives no answer", damage: func(t *testing.T, n *network) { n.server.Close() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			cable := test.cable
			if cable == nil {
				cable = netlab.Veth
			}
			n := connect(t, cable)
			n.announce(t, "_ipp._tcp", "Printer")
			if test.damage != nil {
				test.damage(t, n)
			}
			wrong, all := n.look(t)
			switch {
			case test.wrong == "" && wrong != nil:
				t.Fatalf("it is healthy, and these are wrong: %q", wrong)
			case test.wrong == "":
				if !slices.ContainsFunc(all, func(f Finding) bool { return strings.Contains(f.Text, test.text) }) {
					t.Errorf("no line has %q", test.text)
				}
				return
			case !slices.Equal(wrong, []string{test.wrong}):
				t.Fatalf("these are wrong: %q; want %q alone", wrong, test.wrong)
			}
			f := all[slices.IndexFunc(all, func(f Finding) bool { return f.State == Wrong })]
			if !strings.Contains(f.Text+"; "+f.Remedy, test.text) {
				t.Errorf("it says %q; %q; want %q", f.Text, f.Remedy, test.text)
			}
		})
	}
}

// strayed moves the host into another network than that of its neighbour, with a mode of reverse path filtering.
func strayed(t *testing.T, filter string) {
	t.Helper()
	host.IP(t, "address", "add", "192.0.2.129/28", "dev", "eth0")
	host.IP(t, "address", "del", "192.0.2.5/24", "dev", "eth0")
	for _, of := range []string{"all", "eth0"} {
		setting := "/proc/sys/net/ipv4/conf/" + of + "/rp_filter"
		before, err := os.ReadFile(setting)
		if err == nil {
			err = os.WriteFile(setting, []byte(filter), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		if of == "all" {
			t.Cleanup(func() { os.WriteFile(setting, before, 0o644) })
		}
	}
}

// switched connects two hosts by a switch that passes no multicast on to the first one.
func switched(t testing.TB, a, b netlab.End) {
	middle := netlab.NewHost(t)
	middle.IP(t, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
	middle.IP(t, "link", "set", "br0", "up")
	netlab.Veth(t, a, netlab.End{Host: middle, Name: "port1"})
	netlab.Veth(t, b, netlab.End{Host: middle, Name: "port2"})
	for _, port := range []string{"port1", "port2"} {
		middle.IP(t, "link", "set", port, "master", "br0")
	}
	middle.IP(t, "link", "set", "port1", "type", "bridge_slave", "mcast_flood", "off")
}

// await waits until an interface is as wanted.
func await(t *testing.T, name string, as func(publication.Link) bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		links, err := netwatch.Read()
		if err != nil {
			t.Fatal(err)
		}
		l, _ := publication.Links(links).ByName(name)
		if as(l) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it is still %+v", l)
		}
	}
}
