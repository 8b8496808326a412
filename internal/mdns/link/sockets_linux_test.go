package link

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/internal/testkit/netlab"
)

func TestMain(m *testing.M) { netlab.Main(m) }

const patience = 5 * time.Second

// open opens the sockets of a host, which listen on links.
func open(t testing.TB, h *netlab.Host, links ...publication.Link) *Sockets {
	t.Helper()
	var s *Sockets
	var err error
	h.Do(func() {
		if s, err = Open(); err == nil {
			err = s.SetLinks(links)
		}
	})
	if s != nil {
		t.Cleanup(func() { s.Close() })
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// linkOf describes an interface when its three addresses are there.
func linkOf(t testing.TB, h *netlab.Host, name string) publication.Link {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		if l := interfaceOf(t, h, name); len(l.Addrs) >= 3 {
			return l
		} else if time.Now().After(end) {
			t.Fatalf("%s has the addresses %v; want a link-local one too", name, l.Addrs)
		}
		time.Sleep(time.Millisecond)
	}
}

func interfaceOf(t testing.TB, h *netlab.Host, name string) publication.Link {
	t.Helper()
	var l publication.Link
	var err error
	h.Do(func() {
		var i *net.Interface
		if i, err = net.InterfaceByName(name); err != nil {
			return
		}
		l = publication.Link{Index: i.Index, Name: name, MTU: i.MTU}
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			l.Addrs = append(l.Addrs, publication.LinkAddr{Prefix: netip.MustParsePrefix(a.String())})
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// lan joins this host and a new one, the phone, by cables lan0, lan1..., and gives the links of both.
func lan(t testing.TB, cables int) (phone *netlab.Host, here, there []publication.Link) {
	t.Helper()
	phone = netlab.NewHost(t)
	for i := range cables {
		name := fmt.Sprintf("lan%d", i)
		netlab.Veth(t,
			netlab.End{Name: name, Addrs: []string{fmt.Sprintf("192.0.2.%d/30", 4*i+1), fmt.Sprintf("2001:db8:%d::1/64", i)}},
			netlab.End{Host: phone, Name: name, Addrs: []string{fmt.Sprintf("192.0.2.%d/30", 4*i+2), fmt.Sprintf("2001:db8:%d::2/64", i)}})
	}
	for i := range cables {
		here = append(here, linkOf(t, nil, fmt.Sprintf("lan%d", i)))
		there = append(there, linkOf(t, phone, fmt.Sprintf("lan%d", i)))
	}
	return phone, here, there
}

// collect reads until want packets that match have come, or patience is over.
func collect(t testing.TB, c Conn, want int, match func(Packet) bool) []Packet {
	t.Helper()
	var got []Packet
	batch := make([]Packet, MaxBatch)
	for end := time.Now().Add(patience); len(got) < want && time.Now().Before(end); {
		n, err := c.Read(batch, end)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range batch[:n] {
			if match(p) {
				p.Data = slices.Clone(p.Data)
				got = append(got, p)
			}
		}
	}
	if len(got) < want {
		t.Fatalf("%d packets came within %v; want %d", len(got), patience, want)
	}
	return got
}

func saying(text string) func(Packet) bool {
	return func(p Packet) bool { return string(p.Data) == text }
}

func send(t testing.TB, c Conn, packets ...Packet) {
	t.Helper()
	if sent := c.Write(packets); sent != len(packets) {
		for _, p := range packets {
			if p.Err != nil {
				t.Errorf("to %v on link %d: %v", p.To, p.Link, p.Err)
			}
		}
		t.Fatalf("%d of %d packets were sent", sent, len(packets))
	}
}

func TestPacketsTellWhereTheyComeFrom(t *testing.T) {
	phone, here, there := lan(t, 2)
	server, client := open(t, nil, here...), open(t, phone, there...)
	for _, test := range []struct{ from, to netip.AddrPort }{
		{netip.MustParseAddrPort("192.0.2.6:5353"), mdns.Group4},
		{netip.MustParseAddrPort("192.0.2.6:5353"), netip.MustParseAddrPort("192.0.2.5:5353")},
		{netip.MustParseAddrPort("[2001:db8:1::2]:5353"), netip.MustParseAddrPort("[2001:db8:1::1]:5353")},
		{linkLocal(t, there[1]), mdns.Group6},
		{linkLocal(t, there[1]), linkLocal(t, here[1])},
	} {
		t.Run(fmt.Sprintf("%v to %v", test.from, test.to), func(t *testing.T) {
			text := t.Name()
			send(t, client, Packet{Data: []byte(text), Link: there[1].Index, To: test.to})
			got := collect(t, server, 1, saying(text))[0]
			if got.Link != here[1].Index || got.From != test.from || got.To != test.to || got.TTL != 255 || got.Err != nil {
				t.Errorf("got link %d, from %v to %v, TTL %d, error %v; want link %d, from %v to %v, TTL 255",
					got.Link, got.From, got.To, got.TTL, got.Err, here[1].Index, test.from, test.to)
			}
			if got.Multicast() != test.to.Addr().IsMulticast() {
				t.Errorf("Multicast() is %v", got.Multicast())
			}
		})
	}
}

// linkLocal returns the link-local address of a link with port 5353.
func linkLocal(t testing.TB, l publication.Link) netip.AddrPort {
	t.Helper()
	for _, a := range l.Addrs {
		if a.Addr().IsLinkLocalUnicast() {
			return netip.AddrPortFrom(a.Addr(), mdns.Port)
		}
	}
	t.Fatalf("%s has no link-local address", l.Name)
	return netip.AddrPort{}
}

func TestSourceAddressCanBeChosen(t *testing.T) {
	phone, here, there := lan(t, 1)
	phone.IP(t, "addr", "add", "192.0.2.3/24", "dev", "lan0")
	server, client := open(t, nil, here...), open(t, phone, there...)
	for _, source := range []string{"192.0.2.3:5353", "[2001:db8::2]:5353"} {
		t.Run(source, func(t *testing.T) {
			from := netip.MustParseAddrPort(source)
			to := mdns.Group(Packet{To: from}.Version())
			send(t, client, Packet{Data: []byte(source), Link: there[0].Index, From: from, To: to})
			if got := collect(t, server, 1, saying(source))[0]; got.From != from {
				t.Errorf("from %v; want %v", got.From, from)
			}
		})
	}
}

func TestMulticastIsHeardByItsSender(t *testing.T) {
	_, here, _ := lan(t, 1)
	server := open(t, nil, here...)
	send(t, server, Packet{Data: []byte("four"), Link: here[0].Index, To: mdns.Group4},
		Packet{Data: []byte("six"), Link: here[0].Index, To: mdns.Group6})
	collect(t, server, 1, saying("four"))
	send(t, server, Packet{Data: []byte("six"), Link: here[0].Index, To: mdns.Group6})
	collect(t, server, 1, saying("six"))
}

// The kernel lets an IPv4 socket have 20 memberships.
func TestTwentyFiveLinks(t *testing.T) {
	const cables = 25
	phone, here, there := lan(t, cables)
	server, client := open(t, nil, here...), open(t, phone, there...)
	var packets []Packet
	for _, l := range there {
		packets = append(packets, Packet{Data: []byte(l.Name), Link: l.Index, To: mdns.Group4},
			Packet{Data: []byte(l.Name), Link: l.Index, To: mdns.Group6})
	}
	all := func(Packet) bool { return true }

	send(t, client, packets...)
	heard := map[string]int{}
	for _, p := range collect(t, server, len(packets), all) {
		heard[fmt.Sprintf("%s IPv%d on %d", p.Data, p.Version(), p.Link)]++
	}
	for _, l := range here {
		for _, v := range publication.IPVersions() {
			if key := fmt.Sprintf("%s IPv%d on %d", l.Name, v, l.Index); heard[key] != 1 {
				t.Errorf("heard %q %d times; want once", key, heard[key])
			}
		}
	}

	if err := server.SetLinks(here[20:]); err != nil {
		t.Fatal(err)
	}
	send(t, client, packets...)
	for _, p := range collect(t, server, 10, all) {
		if p.Link < here[20].Index {
			t.Errorf("%s is heard, which was left", p.Data)
		}
	}
	if err := server.SetLinks(here); err != nil {
		t.Fatal(err)
	}
	if n := len(server.sockets); n != 3 {
		t.Errorf("%d sockets are open; want 2 of IPv4 and 1 of IPv6", n)
	}
}

func TestLinksThatAreGoneMakeRoom(t *testing.T) {
	netlab.Need(t)
	server := open(t, nil)
	var here *netlab.Host
	for i := range 22 { // one socket has room for 20
		name := fmt.Sprintf("gone%d", i)
		here.IP(t, "link", "add", name, "type", "veth", "peer", "name", "peer")
		here.IP(t, "addr", "add", "198.51.100.1/24", "dev", name)
		if err := server.SetLinks([]publication.Link{interfaceOf(t, nil, name)}); err != nil {
			t.Fatal(err)
		}
		here.IP(t, "link", "del", name)
	}
	if n := len(server.sockets); n != 2 {
		t.Errorf("%d sockets are open; want one for each IP version", n)
	}
}

func TestSetLinksTellsWhereItFails(t *testing.T) {
	phone, here, there := lan(t, 1)
	missing := publication.Link{Index: 4711, Name: "wlan7", Addrs: here[0].Addrs}
	server, client := open(t, nil), open(t, phone, there...)
	err := server.SetLinks([]publication.Link{missing, here[0]})
	if !errors.Is(err, unix.ENODEV) || !strings.Contains(err.Error(), "failed to listen on wlan7 by IPv4: no such device") {
		t.Errorf("error %v; want that wlan7 is no device", err)
	}
	send(t, client, Packet{Data: []byte("still here"), Link: there[0].Index, To: mdns.Group4})
	collect(t, server, 1, saying("still here"))
}

// What other programs of this host listen to is not fed to us.
func TestOtherLinksAreNotHeard(t *testing.T) {
	phone, here, there := lan(t, 2)
	server, client := open(t, nil, here[0]), open(t, phone, there...)
	other := open(t, nil, here[1])
	send(t, client,
		Packet{Data: []byte("elsewhere"), Link: there[1].Index, To: mdns.Group4},
		Packet{Data: []byte("elsewhere"), Link: there[1].Index, To: mdns.Group6},
		Packet{Data: []byte("here"), Link: there[0].Index, To: mdns.Group4},
		Packet{Data: []byte("here"), Link: there[0].Index, To: mdns.Group6})
	collect(t, other, 2, saying("elsewhere"))
	for _, p := range collect(t, server, 2, func(Packet) bool { return true }) {
		if string(p.Data) != "here" {
			t.Errorf("heard %q on link %d", p.Data, p.Link)
		}
	}
}

// However many packets come on other links while one is waited for, it is heard.
func TestOtherLinksDontDeafen(t *testing.T) {
	phone, here, there := lan(t, 2)
	server, client := open(t, nil, here[0]), open(t, phone, there...)
	elsewhere := Packet{Data: []byte("elsewhere"), Link: there[1].Index, To: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.5"), mdns.Port)}
	send(t, client, slices.Repeat([]Packet{elsewhere}, MaxBatch+1)...)
	send(t, client, Packet{Data: []byte("here"), Link: there[0].Index, To: mdns.Group4})
	collect(t, server, 1, saying("here"))
}

// Linux hands a packet for a group with one member to any socket of the port that has SO_REUSEPORT, where the member
// has it too.
func TestOtherProgramsTakeNothing(t *testing.T) {
	phone, here, _ := lan(t, 1)
	phone.IP(t, "route", "add", "224.0.0.0/4", "dev", "lan0")
	server := open(t, nil, here...)
	other, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(other)
	for _, option := range []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
		if err := unix.SetsockoptInt(other, unix.SOL_SOCKET, option, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.SetsockoptInt(other, unix.SOL_IP, unix.IP_MULTICAST_ALL, 0); err != nil {
		t.Fatal(err)
	}
	if err := bind(other, publication.V4); err != nil {
		t.Fatal(err)
	}
	const senders = 32
	for range senders {
		phone.Do(func() {
			var c net.Conn
			if c, err = net.Dial("udp4", mdns.Group4.String()); err == nil {
				_, err = c.Write([]byte("query"))
				c.Close()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	collect(t, server, senders, saying("query"))
}

// A program that shares the port by SO_REUSEPORT alone is no obstacle, if it is of the same user.
func TestPortOfAProgramWithReusePortOnly(t *testing.T) {
	netlab.Need(t)
	other, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(other)
	if err := unix.SetsockoptInt(other, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		t.Fatal(err)
	}
	if err := bind(other, publication.V4); err != nil {
		t.Fatal(err)
	}
	if server := open(t, nil); server.Faults() != nil {
		t.Error(server.Faults())
	}
}

func TestLargePackets(t *testing.T) {
	phone, here, there := lan(t, 1)
	server, client := open(t, nil, here...), open(t, phone, there...)
	for _, group := range []netip.AddrPort{mdns.Group4, mdns.Group6} {
		for _, test := range []struct {
			size int
			err  error
		}{{1500, nil}, {mdns.MaxMessage, nil}, {mdns.MaxMessage + 1, ErrTooLong}, {20000, ErrTooLong}} {
			t.Run(fmt.Sprintf("%d bytes to %v", test.size, group.Addr()), func(t *testing.T) {
				data := []byte(strings.Repeat("x", test.size))
				send(t, client, Packet{Data: data, Link: there[0].Index, To: group})
				got := collect(t, server, 1, func(p Packet) bool { return len(p.Data) > 0 })[0]
				if got.Err != test.err || len(got.Data) != min(test.size, mdns.MaxMessage) {
					t.Errorf("%d bytes to %v: %d came, error %v; want error %v", test.size, group, len(got.Data), got.Err, test.err)
				}
			})
		}
	}
}

func TestWriteTellsWhatBecameOfEachPacket(t *testing.T) {
	phone, here, there := lan(t, 2)
	server, client := open(t, nil, here...), open(t, phone, there...)
	phone.IP(t, "link", "set", "lan1", "down")
	batch := []Packet{
		{Data: []byte("first"), Link: there[0].Index, To: mdns.Group4},
		{Data: []byte("no such link"), Link: 4711, To: mdns.Group4},
		{Data: make([]byte, 70000), Link: there[0].Index, To: mdns.Group4},
		{Data: []byte("cable pulled"), Link: there[1].Index, To: mdns.Group4},
		{Data: []byte("cable pulled"), Link: there[1].Index, To: mdns.Group6},
		{Data: []byte("last"), Link: there[0].Index, To: mdns.Group4, Err: unix.EIO},
	}
	sent := client.Write(batch)
	var failed []string
	for _, p := range batch {
		if p.Err != nil {
			failed = append(failed, p.Err.Error())
		}
	}
	if sent != 2 || len(failed) != 4 || batch[0].Err != nil || batch[5].Err != nil {
		t.Errorf("%d were sent, these failed: %q; want the first and the last sent", sent, failed)
	}
	if !errors.Is(batch[2].Err, unix.EMSGSIZE) {
		t.Errorf("70000 bytes: %v; want EMSGSIZE", batch[2].Err)
	}
	collect(t, server, 1, saying("last"))
}

func TestReadWaitsUntilTold(t *testing.T) {
	_, here, _ := lan(t, 1)
	server := open(t, nil, here...)
	batch := make([]Packet, MaxBatch)
	quiet := func(what string, until time.Time) {
		t.Helper()
		if n, err := server.Read(batch, until); err != nil || n > 0 {
			t.Fatalf("%s: %d packets, error %v; want none", what, n, err)
		}
	}
	start := time.Now()
	quiet("deadline", start.Add(30*time.Millisecond))
	if waited := time.Since(start); waited < 30*time.Millisecond {
		t.Errorf("Read came back after %v; want 30ms", waited)
	}
	server.Wake()
	server.Wake()
	quiet("wake before", time.Time{})
	go func() {
		time.Sleep(10 * time.Millisecond)
		server.Wake()
	}()
	quiet("wake while waiting", time.Time{})

	send(t, server, Packet{Data: []byte("x"), Link: here[0].Index, To: mdns.Group4})
	if n, err := server.Read(batch, time.Unix(1, 0)); n != 1 || err != nil {
		t.Errorf("a packet that was there before a deadline in the past: %d packets, error %v", n, err)
	}
	quiet("deadline in the past", time.Unix(1, 0))

	go func() {
		time.Sleep(10 * time.Millisecond)
		server.Close()
	}()
	for range 2 {
		if _, err := server.Read(batch, time.Time{}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read of closed sockets: %v; want net.ErrClosed", err)
		}
	}
	server.Wake()
	if sent := server.Write([]Packet{{Data: []byte("x"), Link: here[0].Index, To: mdns.Group4}}); sent != 0 {
		t.Error("closed sockets send")
	}
	if err := server.SetLinks(here); !errors.Is(err, net.ErrClosed) {
		t.Errorf("SetLinks of closed sockets: %v; want net.ErrClosed", err)
	}
}

// Close comes at any moment of a Read, also while that takes packets.
func TestCloseWhileReading(t *testing.T) {
	_, here, _ := lan(t, 1)
	for range 300 {
		server := open(t, nil, here...)
		ended := make(chan error)
		go func() {
			batch := make([]Packet, MaxBatch)
			for {
				if _, err := server.Read(batch, time.Time{}); err != nil {
					ended <- err
					return
				}
			}
		}()
		server.Write(slices.Repeat([]Packet{{Data: []byte("x"), Link: here[0].Index, To: mdns.Group4}}, MaxBatch))
		server.Close()
		select {
		case err := <-ended:
			if !errors.Is(err, net.ErrClosed) {
				t.Fatal(err)
			}
		case <-time.After(patience):
			t.Fatal("Read goes on")
		}
	}
}

func TestCloseReleasesDescriptors(t *testing.T) {
	netlab.Need(t)
	before := descriptors(t)
	for range 3 {
		s, err := Open()
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors are open; before there were %d", after, before)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	open, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// A socket dies when an administrator kills it (ss -K). Here something that is no socket takes its place.
func TestDeadSocketIsOpenedAgain(t *testing.T) {
	phone, here, there := lan(t, 1)
	server, client := open(t, nil, here...), open(t, phone, there...)
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[1])
	unix.Close(server.sockets[0].fd)
	server.sockets[0].fd = pipe[0]
	if err := watch(server.epollFD, pipe[0], unix.EPOLLIN); err != nil {
		t.Fatal(err)
	}
	unix.Write(pipe[1], []byte("x"))

	batch := make([]Packet, MaxBatch)
	_, err := server.Read(batch, time.Now().Add(patience))
	if !errors.Is(err, unix.ENOTSOCK) || !strings.Contains(err.Error(), "IPv4 socket, which is being reopened") {
		t.Fatalf("error %v; want that the IPv4 socket failed", err)
	}
	failing := []Packet{{Data: []byte("x"), Link: here[0].Index, To: mdns.Group4}}
	if server.Write(failing); failing[0].Err != ErrNoSocket {
		t.Errorf("a packet to send meanwhile: %v; want ErrNoSocket", failing[0].Err)
	}
	for end := time.Now().Add(patience); server.sockets[0].fd < 0 && time.Now().Before(end); {
		if n, err := server.Read(batch, time.Now().Add(10*time.Millisecond)); err != nil || n > 0 {
			t.Fatalf("%d packets, error %v", n, err)
		}
	}
	send(t, client, Packet{Data: []byte("again"), Link: there[0].Index, To: mdns.Group4})
	collect(t, server, 1, saying("again"))
}

func TestRestGrowsToABound(t *testing.T) {
	s := &socket{fd: -1}
	now := time.Unix(0, 0)
	var pauses []time.Duration
	for range 7 {
		s.rest(now)
		pauses = append(pauses, s.again.Sub(now))
	}
	want := []time.Duration{250e6, 500e6, 1e9, 2e9, 2e9, 2e9, 2e9}
	if !slices.Equal(pauses, want) {
		t.Errorf("pauses %v; want %v", pauses, want)
	}
}

func TestSharedPort(t *testing.T) {
	netlab.Need(t)
	server := open(t, nil)
	if server.Shared() {
		t.Error("shared before anybody else has the port")
	}
	other := open(t, nil)
	if !server.Shared() || !other.Shared() {
		t.Error("not shared though somebody else has the port")
	}
	other.Close()
	if server.Shared() {
		t.Error("still shared after the other has gone")
	}
}

// Not for a moment does a program that opens the port keep another one out.
func TestManyOpenAtOnce(t *testing.T) {
	netlab.Need(t)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for range 200 {
				s, err := Open()
				if err != nil {
					t.Error(err)
					return
				}
				s.Close()
			}
		})
	}
	all.Wait()
}

func TestParsePortSockets(t *testing.T) {
	const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uuid  timeout inode ref pointer drops
  123: 00000000:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000   105        0 20311 2 0000000000000000 0
  124: 00000000:14EA 00000000:0000 07 00000000:00000000 00:00000000 00000000   105        0 20312 2 0000000000000000 0
  125: 0100007F:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 77 2 0000000000000000 0
  126: 000080FE000000000000000002000000:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 78 2 0000000000000000 0
  127: 00zz007F:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 77 2 0000000000000000 0
  128: short:14E9
`
	want := []portSocket{
		{netip.IPv4Unspecified(), 20311, "105"},
		{netip.MustParseAddr("127.0.0.1"), 77, "0"},
		{netip.MustParseAddr("fe80::2"), 78, "0"},
	}
	if got := parsePortSockets([]byte(table)); !slices.Equal(got, want) {
		t.Errorf("got %v; want %v", got, want)
	}
}

func TestNothingIsAllocatedForAPacket(t *testing.T) {
	phone, here, there := lan(t, 1)
	server, client := open(t, nil, here...), open(t, phone, there...)
	for _, group := range []netip.AddrPort{mdns.Group4, mdns.Group6} {
		t.Run(group.Addr().String(), func(t *testing.T) {
			out := []Packet{{Data: []byte("query"), Link: there[0].Index, To: group}}
			in := make([]Packet, MaxBatch)
			exchange := func() {
				client.Write(out)
				if _, err := server.Read(in, time.Time{}); err != nil {
					t.Fatal(err)
				}
			}
			exchange()
			if n := testing.AllocsPerRun(200, exchange); n > 0 {
				t.Errorf("to %v: %v allocations for a packet sent and read; want none", group, n)
			}
		})
	}
}
