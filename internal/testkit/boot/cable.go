//go:build linux

package boot

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"announcer/internal/testkit/pcap"
)

const (
	ends      = 2
	frameSize = 65536
	// overflow is how long a frame may wait for a machine that reads nothing, before it is lost.
	overflow = 10 * time.Millisecond
)

// Cable joins the network devices of two machines. The test forwards the frames, and keeps them all.
type Cable struct {
	dir     string
	sockets [ends]*net.UnixConn

	mu      sync.Mutex
	frames  []Frame
	capture *pcap.Writer
}

// Frame is an Ethernet frame.
type Frame struct {
	At   time.Time
	From int // the end of the cable: 0 or 1; -1 for the test
	Data []byte
}

// NewCable returns a cable that lasts until the test ends, and writes a capture into a file.
func NewCable(t *testing.T, capture string) *Cable {
	t.Helper()
	dir, err := os.MkdirTemp("", "cable-") // shorter than t.TempDir, as a name of a socket must be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file, err := os.Create(capture)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	c := &Cable{dir: dir, capture: pcap.New(file)}
	var tasks sync.WaitGroup
	for end := range c.sockets {
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: c.path(end, "test"), Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		c.sockets[end] = conn
	}
	for end := range c.sockets {
		tasks.Go(func() { c.forward(end) })
	}
	t.Cleanup(func() {
		for _, conn := range c.sockets {
			conn.Close()
		}
		tasks.Wait()
	})
	return c
}

// path returns the socket of the test, or of the machine, at an end.
func (c *Cable) path(end int, side string) string {
	return filepath.Join(c.dir, side+strconv.Itoa(end))
}

// device returns the arguments of the emulator for a network device at an end.
func (c *Cable) device(end int) []string {
	return []string{
		"-netdev", "dgram,id=cable,local.type=unix,local.path=" + c.path(end, "machine") + ",remote.type=unix,remote.path=" + c.path(end, "test"),
		"-device", "virtio-net-pci,netdev=cable,romfile=,mac=52:54:00:00:00:0" + strconv.Itoa(end+1),
	}
}

// forward passes on what comes from the machine at an end.
func (c *Cable) forward(end int) {
	for {
		buffer := make([]byte, frameSize)
		n, err := c.sockets[end].Read(buffer)
		if err != nil {
			return
		}
		c.pass(Frame{time.Now(), end, buffer[:n:n]}, ends-1-end)
	}
}

// Send sends a frame to both machines.
func (c *Cable) Send(data []byte) {
	f := Frame{time.Now(), -1, data}
	c.pass(f, 0, 1)
}

// pass keeps a frame, and sends it to machines. It is lost for one that is off, or that reads nothing.
func (c *Cable) pass(f Frame, to ...int) {
	c.mu.Lock()
	c.frames = append(c.frames, f)
	_ = c.capture.Frame(f.At, f.Data) // a disk that is full is no reason to cut the cable
	c.mu.Unlock()
	for _, end := range to {
		c.sockets[end].SetWriteDeadline(time.Now().Add(overflow))
		_, _ = c.sockets[end].WriteToUnix(f.Data, &net.UnixAddr{Name: c.path(end, "machine"), Net: "unixgram"})
	}
}

// Frames returns all frames since the one with that number, which is 0 for the first.
func (c *Cable) Frames(since int) []Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frames[since:len(c.frames):len(c.frames)]
}

// Datagram is a UDP datagram in a frame.
type Datagram struct {
	VLAN     int // 0 if the frame has no tag
	From, To netip.AddrPort
	Data     []byte
}

var errNoDatagram = errors.New("no UDP datagram")

// Datagram returns the datagram in a frame. It is an error if there is no whole one.
func (f Frame) Datagram() (Datagram, error) {
	const tagged, ip4, ip6, udp = 0x8100, 0x0800, 0x86DD, 17
	var d Datagram
	if len(f.Data) < 18 {
		return d, errNoDatagram
	}
	kind, packet := binary.BigEndian.Uint16(f.Data[12:]), f.Data[14:]
	if kind == tagged {
		d.VLAN = int(binary.BigEndian.Uint16(packet) & 0xFFF)
		kind, packet = binary.BigEndian.Uint16(packet[2:]), packet[4:]
	}
	var from, to netip.Addr
	var segment []byte
	switch {
	case kind == ip4 && len(packet) >= 20 && packet[9] == udp && len(packet) >= int(packet[0]&15)*4:
		from, to, segment = netip.AddrFrom4([4]byte(packet[12:])), netip.AddrFrom4([4]byte(packet[16:])), packet[int(packet[0]&15)*4:]
	case kind == ip6 && len(packet) >= 40 && packet[6] == udp:
		from, to, segment = netip.AddrFrom16([16]byte(packet[8:])), netip.AddrFrom16([16]byte(packet[24:])), packet[40:]
	}
	if len(segment) < 8 {
		return d, errNoDatagram
	}
	size := int(binary.BigEndian.Uint16(segment[4:]))
	if size < 8 || size > len(segment) {
		return d, errNoDatagram
	}
	d.From = netip.AddrPortFrom(from, binary.BigEndian.Uint16(segment))
	d.To = netip.AddrPortFrom(to, binary.BigEndian.Uint16(segment[2:]))
	d.Data = segment[8:size]
	return d, nil
}
