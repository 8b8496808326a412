//go:build linux

package libsock

import (
	"errors"
	"net"
	"runtime"
	"testing"
	"time"

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
	server := register(t)
	defer server.ShutDown()
	checkBound(t, server.Sockets)
}

// A server that is shut down as soon as it is made, before its readers have started, as often as one that has run.
func TestShutDown(t *testing.T) {
	netlab.Need(t)
	before := runtime.NumGoroutine()
	for _, runs := range []time.Duration{0, time.Millisecond} {
		for range 50 {
			server := register(t)
			time.Sleep(runs)
			server.ShutDown()
			for _, conn := range server.Sockets {
				if _, err := conn.WriteTo([]byte("x"), conn.LocalAddr()); !errors.Is(err, net.ErrClosed) {
					t.Fatalf("a server that is shut down still sends: %v", err)
				}
			}
		}
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines are left; want %d as before", runtime.NumGoroutine(), before)
		}
	}
}

func register(t *testing.T) Server {
	t.Helper()
	lib, err := zeroconf.RegisterProxy("x", "_test._udp", "local", 1, "pbx.local.", []string{"127.0.0.1"}, nil, loopback(t))
	if err != nil {
		t.Fatal(err)
	}
	server, err := OfServer(lib)
	if err != nil {
		t.Fatal(err)
	}
	return server
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
