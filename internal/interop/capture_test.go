//go:build linux

package interop

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// capture is every packet of a link, in the format of libpcap.
type capture struct {
	link    link
	packets bytes.Buffer
	stop    chan struct{}
	stopped chan struct{}
}

func newCapture(t *testing.T, server machine, l link) *capture {
	t.Helper()
	var socket int
	server.do(t, func() (err error) {
		socket, err = packetSocket(l.name)
		return err
	})
	c := &capture{link: l, stop: make(chan struct{}), stopped: make(chan struct{})}
	const magic, linkTypeEthernet = 0xA1B2C3D4, 1
	binary.Write(&c.packets, binary.LittleEndian, struct {
		Magic                 uint32
		Major, Minor          uint16
		_, _, MaxPacket, Type uint32
	}{Magic: magic, Major: 2, Minor: 4, MaxPacket: 65535, Type: linkTypeEthernet})
	go c.read(socket)
	return c
}

// packetSocket opens a socket for all packets of an interface, reading from which ends every 50 ms.
func packetSocket(name string) (int, error) {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return 0, err
	}
	protocol := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})
	socket, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(protocol))
	if err != nil {
		return 0, err
	}
	return socket, errors.Join(
		unix.Bind(socket, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: link.Index}),
		unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}))
}

// read takes packets until it is told to stop and none is left.
func (c *capture) read(socket int) {
	defer close(c.stopped)
	defer unix.Close(socket)
	packet := make([]byte, 65535)
	for {
		n, _, err := unix.Recvfrom(socket, packet, 0)
		if err == nil {
			now := time.Now()
			binary.Write(&c.packets, binary.LittleEndian, []uint32{uint32(now.Unix()), uint32(now.Nanosecond() / 1000), uint32(n), uint32(n)})
			c.packets.Write(packet[:n])
			continue
		}
		select {
		case <-c.stop:
			return
		default:
		}
	}
}

// end stops the capture and gives the file that holds it.
func (c *capture) end(t *testing.T) (file string) {
	t.Helper()
	close(c.stop)
	<-c.stopped
	file = filepath.Join(t.TempDir(), "capture.pcap")
	if err := os.WriteFile(file, c.packets.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// malformed is a filter of tshark's for packets that something is wrong with.
const malformed = "_ws.malformed || _ws.expert.severity >= error || udp.port == 5353 && !mdns"

// decode gives the packets of a file that a filter lets through, a line each.
func decode(t *testing.T, file, filter string) []string {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.Command("tshark", "-r", file, "-Y", filter)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, &stderr)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
}

// check ends the capture, and fails the test where tshark finds something wrong with a packet, or none from the
// machine that announces.
func (c *capture) check(t *testing.T) {
	t.Helper()
	file := c.end(t)
	for _, packet := range decode(t, file, malformed) {
		t.Error("malformed: ", packet)
	}
	if len(decode(t, file, "dns.flags.response == 1 && ip.src == "+c.link.v4+"1")) == 0 {
		t.Error("the capture holds nothing that was announced")
	}
}

// TestMalformedPacketsAreSeen shows that the check of the other tests can fail.
func TestMalformedPacketsAreSeen(t *testing.T) {
	server, _ := newServer(t)
	c := newCapture(t, server, v0)
	server.do(t, func() error {
		conn, err := net.Dial("udp", v0.v4+"2:5353")
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = conn.Write([]byte("\x00\x00\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00\x3Fa name that ends too soon"))
		return err
	})
	if got := decode(t, c.end(t), malformed); len(got) != 1 {
		t.Errorf("tshark finds these malformed packets, want 1: %q", got)
	}
}
