//go:build linux

package boot

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// plug returns the socket of a machine at an end of a cable.
func plug(t *testing.T, c *Cable, end int) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: c.path(end, "machine"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

func TestCable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cable.pcap")
	c := NewCable(t, file)
	one, two := plug(t, c, 0), plug(t, c, 1)
	wantFrame := func(conn *net.UnixConn, want string) {
		t.Helper()
		buffer := make([]byte, 100)
		if n, err := conn.Read(buffer); err != nil || string(buffer[:n]) != want {
			t.Errorf("a machine receives %q, %v; want %q", buffer[:n], err, want)
		}
	}
	if _, err := one.WriteToUnix([]byte("from one"), &net.UnixAddr{Name: c.path(0, "test"), Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	wantFrame(two, "from one")
	c.Send([]byte("to both"))
	wantFrame(one, "to both")
	wantFrame(two, "to both")
	two.Close()
	c.Send([]byte("to one"))
	wantFrame(one, "to one")

	all := c.Frames(0)
	if len(all) != 3 || all[0].From != 0 || all[1].From != -1 || string(c.Frames(2)[0].Data) != "to one" {
		t.Errorf("the frames are %v", all)
	}
	capture, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(capture, []byte("from one")) {
		t.Errorf("the capture is %q, %v", capture, err)
	}
}

func TestDatagram(t *testing.T) {
	const (
		ethernet = "\x01\x00\x5E\x00\x00\xFB\x52\x54\x00\x00\x00\x01"
		ip4      = "\x08\x00\x45\x00\x00\x1E\x00\x00\x00\x00\xFF\x11\x00\x00\xC0\x00\x02\x05\xE0\x00\x00\xFB"
		ip6      = "\x86\xDD\x60\x00\x00\x00\x00\x0A\x11\xFF"
		udp      = "\x14\xE9\x14\xEA\x00\x0A\x00\x00hi"
	)
	link, group := netip.MustParseAddr("fe80::1").As16(), netip.MustParseAddr("ff02::fb").As16()
	addrs := string(link[:]) + string(group[:])
	tests := []struct {
		name, frame, from, to string
		vlan                  int
	}{
		{"IPv4", ethernet + ip4 + udp, "192.0.2.5:5353", "224.0.0.251:5354", 0},
		{"IPv4, padded", ethernet + ip4 + udp + "\x00\x00\x00", "192.0.2.5:5353", "224.0.0.251:5354", 0},
		{"IPv6", ethernet + ip6 + addrs + udp, "[fe80::1]:5353", "[ff02::fb]:5354", 0},
		{"VLAN", ethernet + "\x81\x00\x20\x14" + ip4 + udp, "192.0.2.5:5353", "224.0.0.251:5354", 20},
		{"ARP", ethernet + "\x08\x06" + ip4 + udp, "", "", 0},
		{"cut short", ethernet + ip4 + udp[:9], "", "", 0},
		{"header alone", ethernet + ip4, "", "", 0},
		{"short", "short", "", "", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := Frame{Data: []byte(test.frame)}.Datagram()
			if test.from == "" {
				if err == nil {
					t.Errorf("%+v; want an error", d)
				}
				return
			}
			if err != nil || d.From.String() != test.from || d.To.String() != test.to || d.VLAN != test.vlan || string(d.Data) != "hi" {
				t.Errorf("%+v, %v", d, err)
			}
		})
	}
}
