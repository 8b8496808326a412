package phones

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"announcer/internal/testkit/skip"

	"golang.org/x/sys/unix"

	"announcer/internal/testkit/netlab"
	"announcer/internal/testkit/printed"
)

func TestMain(m *testing.M) { netlab.Main(m) }

// TestDHCPServersSendTheURL runs each DHCP server on what is written for it, and asks it as phones do that do not ask
// for option 66.
func TestDHCPServersSendTheURL(t *testing.T) {
	netlab.Need(t)
	const url = "http://192.0.2.5:8080/{model}/"
	for _, server := range DHCPServers() {
		start := map[string]func(t *testing.T, config string) *exec.Cmd{"dnsmasq": dnsmasqServer, "isc": iscServer, "kea": keaServer}[server]
		for _, test := range []struct {
			name, mac, class string
			perModel         bool
			want             string
		}{
			{"D-series by option 60", "02:00:00:00:00:01", "digium_D40_1_4_0_0_63880", false, "http://192.0.2.5:8080/"},
			{"P-series by option 60", "02:00:00:00:00:02", "sangoma_P330_4_10_2", false, "http://192.0.2.5:8080/"},
			{"by the hardware address", "00:0f:d3:00:00:03", "", false, "http://192.0.2.5:8080/"},
			{"another device", "02:00:00:00:00:04", "MSFT 5.0", false, ""},
			{"model of the D-series", "02:00:00:00:00:05", "digium_D65_2_9_19", true, "http://192.0.2.5:8080/D65/"},
			{"model of the P-series", "02:00:00:00:00:06", "sangoma_P315_4_9_2", true, "http://192.0.2.5:8080/P315/"},
		} {
			t.Run(server+"/"+test.name, func(t *testing.T) {
				place := strings.ReplaceAll(url, "{model}/", "")
				if test.perModel {
					place = url
				}
				config, err := DHCPConfig(server, place, test.perModel)
				if err != nil {
					t.Fatal(err)
				}
				phone := netlab.NewHost(t)
				netlab.Veth(t, netlab.End{Name: "eth0", Addrs: []string{"192.0.2.5/24"}}, netlab.End{Host: phone, Name: "eth0", OnlyIPv4: true})
				cmd := start(t, config)
				var log printed.Text
				cmd.Stdout, cmd.Stderr = &log, &log
				cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					cmd.Process.Kill()
					cmd.Wait()
					if t.Failed() {
						t.Logf("%s\n%s", config, log.String())
					}
				})
				if got := offeredURL(t, phone, test.mac, test.class); got != test.want {
					t.Errorf("option 66 is %q; want %q", got, test.want)
				}
			})
		}
	}
}

func written(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func dnsmasqServer(t *testing.T, config string) *exec.Cmd {
	skip.Without(t, "dnsmasq")
	dir := t.TempDir()
	return exec.Command("dnsmasq", "--no-daemon", "--conf-file="+written(t, dir, "config", config), "--port=0",
		"--interface=eth0", "--no-ping", "--dhcp-range=192.0.2.100,192.0.2.200", "--dhcp-authoritative", "--log-dhcp",
		"--dhcp-leasefile="+filepath.Join(dir, "leases"), "--pid-file="+filepath.Join(dir, "pid"))
}

func iscServer(t *testing.T, config string) *exec.Cmd {
	skip.Without(t, "dhcpd")
	dir := t.TempDir()
	config += "ping-check false;\nauthoritative;\nsubnet 192.0.2.0 netmask 255.255.255.0 { range 192.0.2.100 192.0.2.200; }\n"
	return exec.Command("dhcpd", "-f", "-d", "-4", "--no-pid", "-cf", written(t, dir, "config", config), "-lf", written(t, dir, "leases", ""), "eth0")
}

func keaServer(t *testing.T, config string) *exec.Cmd {
	skip.Without(t, "kea-dhcp4")
	dir := t.TempDir()
	var all struct{ Dhcp4 map[string]any }
	if err := json.Unmarshal([]byte(config[strings.Index(config, "{\n"):]), &all); err != nil {
		t.Fatal(err)
	}
	all.Dhcp4["interfaces-config"] = map[string]any{"interfaces": []string{"eth0"}}
	all.Dhcp4["lease-database"] = map[string]any{"type": "memfile", "persist": false}
	all.Dhcp4["subnet4"] = []any{map[string]any{"id": 1, "subnet": "192.0.2.0/24", "pools": []any{map[string]any{"pool": "192.0.2.100-192.0.2.200"}}}}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("kea-dhcp4", "-c", written(t, dir, "config", string(text)))
	cmd.Env = append(os.Environ(), "KEA_PIDFILE_DIR="+dir, "KEA_LOCKFILE_DIR="+dir)
	return cmd
}

// offeredURL asks for an address, until a server has started and offers one, and returns the option 66 of the offer.
func offeredURL(t *testing.T, phone *netlab.Host, mac, class string) string {
	t.Helper()
	hardware, err := net.ParseMAC(mac)
	if err != nil {
		t.Fatal(err)
	}
	var conn net.PacketConn
	phone.Do(func() { conn, err = dhcpSocket() })
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	buf := make([]byte, 1500)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if _, err := conn.WriteTo(discover(hardware, class), &net.UDPAddr{IP: net.IPv4bcast, Port: 67}); err != nil {
			t.Fatal(err)
		}
		conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		if n, _, err := conn.ReadFrom(buf); err == nil {
			return strings.TrimSuffix(string(dhcpOptions(t, buf[:n])[66]), "\x00") // which clients must take (RFC 2132 §2)
		}
	}
	t.Fatal("no offer within 20 seconds")
	return ""
}

// dhcpSocket opens the socket of a DHCP client on eth0, which has no address.
func dhcpSocket() (net.PacketConn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "dhcp")
	defer file.Close()
	for _, err := range []error{
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1),
		unix.BindToDevice(fd, "eth0"),
		unix.Bind(fd, &unix.SockaddrInet4{Port: 68}),
	} {
		if err != nil {
			return nil, fmt.Errorf("the socket of a DHCP client: %w", err)
		}
	}
	return net.FilePacketConn(file)
}

// discover returns a DHCPDISCOVER (RFC 2131 §3.1) of a device that asks for a netmask, a router and a DNS server.
func discover(mac net.HardwareAddr, class string) []byte {
	packet := make([]byte, 236)
	packet[0], packet[1], packet[2] = 1, 1, 6 // a request; Ethernet, 6 bytes
	copy(packet[4:], "\x01\x02\x03\x04")      // transaction
	packet[10] = 0x80                         // answer by broadcast
	copy(packet[28:], mac)
	packet = append(packet, 99, 130, 83, 99, 53, 1, 1, 55, 3, 1, 3, 6)
	if class != "" {
		packet = append(append(packet, 60, byte(len(class))), class...)
	}
	return append(packet, 255)
}

// dhcpOptions returns the options of a DHCP message by number (RFC 2132 §2).
func dhcpOptions(t *testing.T, packet []byte) map[byte][]byte {
	t.Helper()
	_, rest, ok := bytes.Cut(packet, []byte{99, 130, 83, 99})
	if !ok {
		t.Fatalf("%x is no DHCP message", packet)
	}
	options := map[byte][]byte{}
	for len(rest) >= 2 && rest[0] != 255 {
		if rest[0] == 0 {
			rest = rest[1:]
			continue
		}
		end := min(2+int(rest[1]), len(rest))
		options[rest[0]] = rest[2:end]
		rest = rest[end:]
	}
	return options
}
