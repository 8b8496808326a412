//go:build linux

package interop

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// capture is every packet of a link, in the format of libpcap.
type capture struct {
	mac     string // of the machine that announces
	file    string
	packets bytes.Buffer
	once    sync.Once // for the end
	stop    chan struct{}
	stopped chan struct{}
}

func newCapture(t *testing.T, server machine, l link) *capture {
	t.Helper()
	c := &capture{file: captureFile(t, l), stop: make(chan struct{}), stopped: make(chan struct{})}
	var socket int
	server.do(t, func() error {
		nic, err := net.InterfaceByName(l.name)
		if err != nil {
			return err
		}
		c.mac = nic.HardwareAddr.String()
		socket, err = packetSocket(nic)
		return err
	})
	const magic, linkTypeEthernet = 0xA1B2C3D4, 1
	binary.Write(&c.packets, binary.LittleEndian, struct {
		Magic                 uint32
		Major, Minor          uint16
		_, _, MaxPacket, Type uint32
	}{Magic: magic, Major: 2, Minor: 4, MaxPacket: 65535, Type: linkTypeEthernet})
	go c.read(socket)
	t.Cleanup(func() { c.end(t) })
	return c
}

// captures is where the packets of every test are kept, for people and for the seeds of the fuzz targets.
var captures = flag.String("captures", "", "folder to keep the packets of every test in, as NAME.INTERFACE.pcap")

func captureFile(t *testing.T, l link) string {
	folder := *captures
	if folder == "" {
		folder = t.TempDir()
	}
	return filepath.Join(folder, strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())+"."+l.name+".pcap")
}

// packetSocket opens a socket for all packets of an interface, reading from which ends every 50 ms.
func packetSocket(nic *net.Interface) (int, error) {
	protocol := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})
	socket, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(protocol))
	if err != nil {
		return 0, err
	}
	return socket, errors.Join(
		unix.Bind(socket, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: nic.Index}),
		unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}))
}

// read takes packets until it is stopped and none is left.
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

// end stops the capture and writes its file.
func (c *capture) end(t *testing.T) {
	t.Helper()
	c.once.Do(func() {
		close(c.stop)
		<-c.stopped
		if err := os.WriteFile(c.file, c.packets.Bytes(), 0o644); err != nil {
			t.Error(err)
		}
	})
}

// tshark returns fields of the packets of a file that a filter lets through, a line each. Fields are parted by tabs, the
// values of a field by bars.
func tshark(t *testing.T, file, filter string, fields ...string) []string {
	t.Helper()
	args := []string{"-r", file, "-Y", filter, "-T", "fields", "-E", "aggregator=|"}
	for _, field := range fields {
		args = append(args, "-e", field)
	}
	var stderr strings.Builder
	cmd := exec.Command("tshark", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, &stderr)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
}

// harmless are warnings of tshark's about what multicast DNS is meant to be: probes and announcements are sent again,
// and the data of a TXT record need not be text.
var harmless = regexp.MustCompile(`^(DNS (query|response) retransmission|Trailing stray characters)`)

// complaints returns what is wrong with the packets of a file: what tshark can't read at all, and on port 5353 what it
// takes for an error, warns of or does not know as multicast DNS.
func complaints(t *testing.T, file string) []string {
	t.Helper()
	const warning = 0x600000
	var found []string
	for _, line := range tshark(t, file, "_ws.malformed || udp.port == 5353 && (_ws.expert.severity >= warning || !mdns)",
		"frame.number", "_ws.col.Info", "frame.protocols", "_ws.expert.severity", "_ws.expert.message") {
		packet := strings.Split(line, "\t")
		if !strings.Contains(packet[2], "mdns") {
			found = append(found, fmt.Sprintf("packet %s: %s: not multicast DNS", packet[0], packet[1]))
		}
		severities := strings.Split(packet[3], "|")
		for i, message := range strings.Split(packet[4], "|") {
			severity, _ := strconv.Atoi(severities[i])
			if severity >= warning && !harmless.MatchString(message) {
				found = append(found, fmt.Sprintf("packet %s: %s: %s", packet[0], packet[1], message))
			}
		}
	}
	return found
}

// check ends the capture, and fails the test where tshark finds something wrong with a packet, or none from the
// machine that announces.
func (c *capture) check(t *testing.T) {
	t.Helper()
	c.end(t)
	for _, complaint := range complaints(t, c.file) {
		t.Error("tshark complains of ", complaint)
	}
	if len(tshark(t, c.file, "dns.flags.response == 1 && eth.src == "+c.mac, "frame.number")) == 0 {
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
	c.end(t)
	if got := complaints(t, c.file); len(got) != 1 {
		t.Errorf("tshark complains of %q, want one malformed packet", got)
	}
}
