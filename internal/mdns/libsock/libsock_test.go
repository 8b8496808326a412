//go:build linux

package libsock

import (
	"net"
	"testing"

	"github.com/grandcat/zeroconf"
	"golang.org/x/sys/unix"

	"announcer/internal/testkit/netlab"
)

func TestMain(m *testing.M) { netlab.Main(m) }

func loopback(t *testing.T) []net.Interface {
	t.Helper()
	netlab.Need(t)
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	return []net.Interface{*lo}
}

func TestServer(t *testing.T) {
	server, err := zeroconf.RegisterProxy("x", "_test._udp", "local", 1, "pbx.local.", []string{"127.0.0.1"}, nil, loopback(t))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Shutdown()
	sockets, err := OfServer(server)
	if err != nil {
		t.Fatal(err)
	}
	checkBound(t, sockets)
	sockets.Silence()
	for _, conn := range sockets {
		if _, err := conn.WriteTo([]byte("x"), conn.LocalAddr()); err == nil {
			t.Error("a silent socket still sends")
		}
	}
}

func TestResolver(t *testing.T) {
	resolver, err := zeroconf.NewResolver(zeroconf.SelectIfaces(loopback(t)))
	if err != nil {
		t.Fatal(err)
	}
	sockets, err := OfResolver(resolver)
	if err != nil {
		t.Fatal(err)
	}
	defer sockets.Close()
	checkBound(t, sockets)
}

func TestBindRefuses(t *testing.T) {
	netlab.Need(t)
	conn, err := net.ListenUDP("udp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := (Sockets{conn}).Bind("nonesuch"); err == nil {
		t.Error("a socket was bound to an interface that is not there")
	}
}

func checkBound(t *testing.T, sockets Sockets) {
	t.Helper()
	if len(sockets) != 2 {
		t.Fatalf("%d sockets; want one for IPv4 and one for IPv6", len(sockets))
	}
	if err := sockets.Bind("lo"); err != nil {
		t.Fatal(err)
	}
	for _, conn := range sockets {
		raw, err := conn.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var bound string
		raw.Control(func(fd uintptr) { bound, err = unix.GetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE) })
		if err != nil || bound != "lo" {
			t.Errorf("%s is bound to %q, %v; want lo", conn.LocalAddr(), bound, err)
		}
	}
}
