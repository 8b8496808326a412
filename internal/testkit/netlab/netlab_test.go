//go:build linux

package netlab

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) { Main(m) }

func TestMainLeavesOnlyLoopback(t *testing.T) {
	Need(t)
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	if len(interfaces) != 1 || interfaces[0].Name != "lo" || interfaces[0].Flags&net.FlagUp == 0 {
		t.Errorf("the tests see the interfaces %v; want lo alone, up", interfaces)
	}
	if os.Getuid() != 0 {
		t.Errorf("the tests run as user %d; want 0 in their namespace", os.Getuid())
	}
}

func TestVethCarriesPackets(t *testing.T) {
	phone := NewHost(t)
	Veth(t, End{Name: "lan0", Addrs: []string{"192.0.2.1/24", "2001:db8::1/64"}},
		End{Host: phone, Name: "eth0", Addrs: []string{"192.0.2.2/24", "2001:db8::2/64"}})

	for version, addr := range map[string]string{"IPv4": "192.0.2.2", "IPv6": "2001:db8::2"} {
		t.Run(version, func(t *testing.T) {
			var there net.PacketConn
			var err error
			phone.Do(func() { there, err = net.ListenPacket("udp", net.JoinHostPort(addr, "0")) })
			if err != nil {
				t.Fatal(err)
			}
			defer there.Close()
			here, err := net.Dial("udp", there.LocalAddr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer here.Close()
			here.Write([]byte("hello"))
			buf := make([]byte, 100)
			there.SetReadDeadline(time.Now().Add(5 * time.Second))
			if n, _, err := there.ReadFrom(buf); err != nil || string(buf[:n]) != "hello" {
				t.Errorf("received %q, %v; want hello", buf[:n], err)
			}
		})
	}
}

func TestCommandsRunOnTheHost(t *testing.T) {
	phone := NewHost(t)
	Veth(t, End{Name: "lan0"}, End{Host: phone, Name: "eth0"})
	cmd := exec.Command("cat", "/proc/self/net/dev")
	var out strings.Builder
	cmd.Stdout = &out
	if err := phone.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "eth0:") || strings.Contains(out.String(), "lan0:") {
		t.Errorf("the command sees these interfaces; want eth0, not lan0:\n%s", &out)
	}
}

func TestVethOfIPv4Alone(t *testing.T) {
	phone := NewHost(t)
	Veth(t, End{Name: "lan0", Addrs: []string{"192.0.2.1/24"}, OnlyIPv4: true}, End{Host: phone, Name: "eth0", OnlyIPv4: true})
	link, err := net.InterfaceByName("lan0")
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := link.Addrs()
	if err != nil || len(addrs) != 1 || addrs[0].String() != "192.0.2.1/24" {
		t.Errorf("the interface has the addresses %v, %v; want 192.0.2.1/24 alone", addrs, err)
	}
}
