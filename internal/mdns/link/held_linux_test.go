package link

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"announcer/internal/testkit/skip"

	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/internal/testkit/netlab"
)

// hold has the port for itself, as a program does that knows of no others.
func hold(t *testing.T, network, addr string) *net.UDPConn {
	t.Helper()
	netlab.Need(t)
	c, err := net.ListenPacket(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.UDPConn)
}

// heldFault is what is reported if this very process holds the port.
func heldFault(t *testing.T, v publication.IPVersion) Fault {
	t.Helper()
	program, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	return Fault{Version: v, Why: fmt.Sprintf("port 5353 for IPv%d is held by %s (pid %d), which does not share it",
		v, bytes.TrimSpace(program), os.Getpid())}
}

// awaitFaults reads until the faults are those that are wanted.
func awaitFaults(t *testing.T, s *Sockets, want ...Fault) {
	t.Helper()
	batch := make([]Packet, MaxBatch)
	for end := time.Now().Add(patience); !slices.Equal(s.Faults(), want); {
		if time.Now().After(end) {
			t.Fatalf("the faults are %v; want %v", s.Faults(), want)
		}
		if _, err := s.Read(batch, end); err != nil {
			t.Fatal(err)
		}
	}
}

// A program that has the port for itself is named, whichever address it is bound to, and the port is opened when it goes.
func TestPortHeld(t *testing.T) {
	tests := []struct {
		name, network, addr string
		lost                []publication.IPVersion
	}{
		{"IPv4", "udp4", ":5353", []publication.IPVersion{publication.V4}},
		{"127.0.0.1 only", "udp4", "127.0.0.1:5353", []publication.IPVersion{publication.V4}},
		{"IPv6", "udp6", ":5353", []publication.IPVersion{publication.V6}},
		{"::1 only", "udp6", "[::1]:5353", []publication.IPVersion{publication.V6}},
		{"both by one socket", "udp", ":5353", []publication.IPVersion{publication.V4, publication.V6}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			phone, here, there := lan(t, 1)
			holder := hold(t, test.network, test.addr)
			server := open(t, nil, here...)
			var want []Fault
			for _, v := range test.lost {
				want = append(want, heldFault(t, v))
			}
			if got := server.Faults(); !slices.Equal(got, want) {
				t.Errorf("the faults are %v; want %v", got, want)
			}
			holder.Close()
			awaitFaults(t, server)
			client := open(t, phone, there...)
			send(t, client, Packet{Data: []byte("four"), Link: there[0].Index, To: mdns.Group4}, Packet{Data: []byte("six"), Link: there[0].Index, To: mdns.Group6})
			collect(t, server, 2, func(Packet) bool { return true })
		})
	}
}

// The reader is notified of a fault when it begins and when it ends, and a reload opens the port at once.
func TestPortHeldLater(t *testing.T) {
	_, here, _ := lan(t, 1)
	server := open(t, nil, here...)
	server.mu.Lock()
	server.sockets[0].rest(time.Now())
	server.mu.Unlock()
	holder := hold(t, "udp4", "127.0.0.1:5353")
	awaitFaults(t, server, heldFault(t, publication.V4))
	holder.Close()
	server.sockets[0].again = time.Now().Add(time.Hour)
	if err := server.SetLinks(here); err != nil {
		t.Fatal(err)
	}
	awaitFaults(t, server)
}

// A program that shares the port is a sharer; one that holds it for itself is none.
func TestHoldersAreNoSharers(t *testing.T) {
	netlab.Need(t)
	hold(t, "udp4", "127.0.0.1:5353")
	shared := socket{version: publication.V6}
	if err := shared.open(); err != nil {
		t.Fatal(err)
	}
	defer shared.close()
	sockets, err := portSockets()
	if err != nil || len(sockets) != 2 {
		t.Fatalf("sockets %v, error %v", sockets, err)
	}
	for _, s := range sockets {
		if s.holds() != (s.version() == publication.V4) {
			t.Errorf("%v holds the port: %v", s.addr, s.holds())
		}
	}
	if got := holding(sockets, publication.V4); len(got) != 1 || got[0].version() != publication.V4 {
		t.Errorf("IPv4 is held by %v", got)
	}
}

// A link whose group can't be joined is a fault of that link, until it can be.
func TestGroupThatCannotBeJoined(t *testing.T) {
	_, here, _ := lan(t, 1)
	server := open(t, nil)
	const setting = "/proc/sys/net/ipv4/igmp_max_memberships"
	before, err := os.ReadFile(setting)
	if err != nil {
		skip.Now(t, err)
	}
	if err := os.WriteFile(setting, []byte("0"), 0o644); err != nil {
		skip.Now(t, err)
	}
	err = server.SetLinks(here)
	faults := server.Faults()
	if err == nil || len(faults) != 1 || faults[0].Version != publication.V4 || faults[0].Link != here[0].Index {
		t.Errorf("error %v, faults %v; want one of IPv4 on link %d", err, faults, here[0].Index)
	}
	for range 3 { // each time, it is tried again
		err = server.SetLinks(here)
	}
	if n := len(server.sockets); err == nil || n != 2 {
		t.Errorf("error %v, %d sockets are open; want one for each IP version", err, n)
	}
	if err := os.WriteFile(setting, before, 0o644); err != nil {
		t.Fatal(err)
	}
	awaitFaults(t, server)
}
