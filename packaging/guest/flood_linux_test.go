//go:build boot

package guest

import (
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"announcer/internal/testkit/mdnstest"
	"announcer/internal/testkit/siptest"
)

const (
	floodTime   = 30 * time.Second
	floodMemory = 64 << 20 // bytes that the daemon may ever have had
	batch       = 100      // requests in one write
	server      = "127.0.0.1:5070"
)

// requests returns many requests, each of a transaction of its own, which is what a hostile server sends instead of an answer.
func requests(first, count int) []byte {
	var text []byte
	for n := first; n < first+count; n++ {
		text = fmt.Appendf(text, "OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK%d\r\nFrom: <sip:a@127.0.0.1>;tag=%d\r\n"+
			"To: <sip:a@127.0.0.1>\r\nCall-ID: %d\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", n, n, n)
	}
	return text
}

// TestFlood has the SIP server that is checked send requests without end, and read nothing.
func TestFlood(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) { testFlood(t, transport) })
	}
}

func testFlood(t *testing.T, transport string) {
	install(t)
	peer, err := siptest.Start(transport, server, siptest.Answers("200 OK"))
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	writeFor(t, configFile, "[daemon]\ncheck_interval = \"1s\"\n[[rule]]\nmatch = \"pbx.service\"\ncheck = \"auto\"\n")
	writeFor(t, definitions+"pbx.service", group("PBX", "_digiumproxy._udp", 5070, "sipUrl=sip:proxy@"+server+";transport="+transport, "serviceType=asterisk"))
	neighbour := newSite(t)
	neighbour.ask(t, "_digiumproxy._udp")
	neighbour.await(t, mdnstest.Announcement, "PBX")
	before := unitState(t)

	peer.Close()
	stop := flood(t, transport)
	began := time.Now()
	neighbour.await(t, mdnstest.Goodbye, "PBX")
	t.Logf("withdrawn %v after the flood began", time.Since(began).Round(time.Second))
	time.Sleep(max(0, floodTime-time.Since(began)))
	if out, err := try(command("announcer", "status")); err == nil {
		t.Errorf("while a server floods, announcer status finds nothing wrong:\n%s", out)
	}
	if sent := stop(); sent < 1000 {
		t.Errorf("the flood was of %d messages only", sent)
	} else {
		t.Logf("%d messages sent", sent)
	}
	after := unitState(t)
	if after["MainPID"] != before["MainPID"] || after["NRestarts"] != before["NRestarts"] {
		t.Errorf("the daemon was ended: %v, %v", before, after)
	}
	if peak := peakMemory(t, before.pid(t)); peak > floodMemory {
		t.Errorf("the daemon took %d MiB", peak>>20)
	} else {
		t.Logf("the daemon took %d MiB at most", peak>>20)
	}
}

// peakMemory returns the bytes that a process had at most.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	status := readFile(t, fmt.Sprintf("/proc/%d/status", pid))
	peak := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindStringSubmatch(status)
	if peak == nil {
		t.Fatal("no VmHWM in ", status)
	}
	kib, err := strconv.Atoi(peak[1])
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// flood is a server that answers each request with requests until stop is called, which returns how many.
func flood(t *testing.T, transport string) (stop func() int) {
	t.Helper()
	f := &flooder{done: make(chan struct{})}
	var closer io.Closer
	if transport == "udp" {
		conn, err := net.ListenPacket("udp", server)
		if err != nil {
			t.Fatal(err)
		}
		closer = conn
		f.tasks.Go(func() { f.packets(conn) })
	} else {
		listener, err := net.Listen("tcp", server)
		if err != nil {
			t.Fatal(err)
		}
		closer = listener
		f.tasks.Go(func() { f.accept(listener) })
	}
	stop = sync.OnceValue(func() int {
		close(f.done)
		closer.Close()
		f.tasks.Wait()
		return f.sent
	})
	t.Cleanup(func() { stop() })
	return stop
}

type flooder struct {
	done  chan struct{}
	tasks sync.WaitGroup
	mu    sync.Mutex
	sent  int
}

func (f *flooder) over() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

func (f *flooder) count(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent += n
}

// packets sends to the client that asked last.
func (f *flooder) packets(conn net.PacketConn) {
	buffer := make([]byte, 2000)
	var asker net.Addr
	for !f.over() {
		// The asker is changed as often as it asks; the flood does not wait for that.
		patience := time.Microsecond
		if asker == nil {
			patience = 100 * time.Millisecond
		}
		conn.SetReadDeadline(time.Now().Add(patience))
		if _, from, err := conn.ReadFrom(buffer); err == nil {
			asker = from
		}
		if asker == nil {
			continue
		}
		for range batch {
			if _, err := conn.WriteTo(requests(f.sent, 1), asker); err == nil {
				f.count(1)
			}
		}
	}
}

// accept sends to every client that connects, and reads nothing.
func (f *flooder) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		f.tasks.Go(func() {
			defer conn.Close()
			for first := 0; !f.over(); first += batch {
				conn.SetWriteDeadline(time.Now().Add(floodTime))
				if _, err := conn.Write(requests(first, batch)); err != nil {
					return
				}
				f.count(batch)
			}
		})
	}
}
