package memlink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/testkit/skip"

	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
)

// lan plugs hosts named a, b, c... into one segment. Each notes what it hears as "10ms text" in the order of arrival.
func lan(n *Net, hosts int) (s *Segment, all []*Host, heard map[string][]string) {
	s, heard = n.NewSegment(), map[string][]string{}
	for i := range hosts {
		h := n.NewHost(string(rune('a' + i)))
		h.Plug(s, prefix("192.0.2.%d/24", i+1), prefix("fe80::%d/64", i+1), prefix("2001:db8::%d/64", i+1))
		h.OnPacket(func(p link.Packet) {
			heard[h.Name] = append(heard[h.Name], fmt.Sprintf("%v %s", n.Now().Sub(Start), p.Data))
		})
		all = append(all, h)
	}
	return s, all, heard
}

func prefix(format string, i int) netip.Prefix { return netip.MustParsePrefix(fmt.Sprintf(format, i)) }

func say(t *testing.T, h *Host, to netip.AddrPort, text string) {
	t.Helper()
	if err := h.Send(link.Packet{Data: []byte(text), Link: 2, To: to}); err != nil {
		t.Fatal(err)
	}
}

func TestMulticastReachesAllAndUnicastOne(t *testing.T) {
	n := New(1)
	s, hosts, heard := lan(n, 3)
	s.SetWeather(Weather{Delay: 10 * time.Millisecond})
	say(t, hosts[0], mdns.Group4, "all")
	say(t, hosts[0], netip.MustParseAddrPort("192.0.2.3:5353"), "one")
	n.Run(Start.Add(time.Second))
	for name, want := range map[string][]string{"a": {"0s all"}, "b": {"10ms all"}, "c": {"10ms all", "10ms one"}} {
		t.Run(name, func(t *testing.T) {
			if !slices.Equal(heard[name], want) {
				t.Errorf("heard %q; want %q", heard[name], want)
			}
		})
	}
	if got := n.Now().Sub(Start); got != time.Second {
		t.Errorf("it is %v after the start; want 1s", got)
	}
}

func TestPacketsTellWhereTheyComeFrom(t *testing.T) {
	for _, test := range []struct{ to, from string }{
		{"224.0.0.251:5353", "192.0.2.1:5353"},
		{"[ff02::fb]:5353", "[fe80::1]:5353"},
		{"[2001:db8::2]:5353", "[fe80::1]:5353"},
	} {
		t.Run(test.to, func(t *testing.T) {
			n := New(1)
			_, hosts, _ := lan(n, 2)
			var got link.Packet
			hosts[1].OnPacket(func(p link.Packet) { got = p })
			say(t, hosts[0], netip.MustParseAddrPort(test.to), "x")
			for n.Step() {
			}
			if got.From.String() != test.from || got.To.String() != test.to || got.TTL != 255 || got.Link != 2 {
				t.Errorf("to %s: from %v to %v on link %d with TTL %d; want from %s, link 2, TTL 255",
					test.to, got.From, got.To, got.Link, got.TTL, test.from)
			}
		})
	}
}

func TestSendFails(t *testing.T) {
	n := New(1)
	s := n.NewSegment()
	h := n.NewHost("a")
	port := h.Plug(s, prefix("192.0.2.%d/24", 1))
	for _, test := range []struct {
		name   string
		packet link.Packet
		want   error
	}{
		{"no such link", link.Packet{Link: 3, To: mdns.Group4}, ErrNoLink},
		{"no address of that IP version", link.Packet{Link: 2, To: mdns.Group6}, ErrNoAddress},
		{"too large", link.Packet{Link: 2, To: mdns.Group4, Data: make([]byte, 65508)}, ErrTooLarge},
		{"the largest", link.Packet{Link: 2, To: mdns.Group4, Data: make([]byte, 65507)}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := h.Send(test.packet); err != test.want {
				t.Errorf("link %d, to %v: error %v; want %v", test.packet.Link, test.packet.To, err, test.want)
			}
		})
	}
	port.SetDown(true)
	if err := h.Send(link.Packet{Link: 2, To: mdns.Group4}); err != ErrNoLink {
		t.Errorf("interface that is down: error %v; want ErrNoLink", err)
	}
}

func TestSplitAndHeal(t *testing.T) {
	n := New(1)
	s, hosts, heard := lan(n, 4)
	s.Split(func(h *Host) int { return int(h.Name[0]) % 2 }) // a and c, b and d
	say(t, hosts[0], mdns.Group4, "split")
	s.Heal()
	say(t, hosts[0], mdns.Group4, "healed")
	n.Run(Start)
	for name, want := range map[string][]string{"b": {"0s healed"}, "c": {"0s split", "0s healed"}, "d": {"0s healed"}} {
		t.Run(name, func(t *testing.T) {
			if !slices.Equal(heard[name], want) {
				t.Errorf("heard %q; want %q", heard[name], want)
			}
		})
	}
}

func TestWeatherFollowsTheSeed(t *testing.T) {
	const packets = 1000
	weather := Weather{Loss: 0.3, Duplicate: 0.2, Delay: time.Millisecond, Jitter: 5 * time.Millisecond}
	run := func(seed uint64) []string {
		n := New(seed)
		s, hosts, heard := lan(n, 2)
		s.SetWeather(weather)
		for i := range packets {
			n.At(Start.Add(time.Duration(i)*time.Millisecond), func() { say(t, hosts[0], mdns.Group4, fmt.Sprintf("%04d", i)) })
		}
		for n.Step() {
		}
		return heard["b"]
	}
	first := run(7)
	if !slices.Equal(first, run(7)) {
		t.Error("two runs with the same seed differ")
	}
	if slices.Equal(first, run(8)) {
		t.Error("two runs with different seeds are the same")
	}
	copies, overtaken := map[string]int{}, 0
	last := ""
	for _, line := range first {
		_, text, _ := strings.Cut(line, " ")
		copies[text]++
		if text < last {
			overtaken++
		}
		last = text
	}
	twice := 0
	for _, n := range copies {
		if n == 2 {
			twice++
		}
	}
	// 1000 × (1 − (0.8×0.3 + 0.2×0.09)) = 742 arrive, 1000 × 0.2 × 0.49 = 98 of them twice; five deviations either way.
	if n := len(copies); n < 672 || n > 812 {
		t.Errorf("%d of %d packets arrive; want about 742", n, packets)
	}
	if twice < 51 || twice > 145 {
		t.Errorf("%d packets arrive twice; want about 98", twice)
	}
	if overtaken < 100 {
		t.Errorf("%d packets are overtaken; want many", overtaken)
	}
}

func TestTimers(t *testing.T) {
	n := New(1)
	var fired []string
	timer := n.NewTimer(func() { fired = append(fired, n.Now().Sub(Start).String()) })
	at := func(d time.Duration) time.Time { return Start.Add(d) }

	timer.Reset(at(5 * time.Second))
	timer.Reset(at(9 * time.Second)) // later
	timer.Reset(at(2 * time.Second)) // earlier
	n.Run(at(3 * time.Second))
	timer.Reset(at(4 * time.Second))
	timer.Reset(time.Time{}) // stopped
	n.Run(at(20 * time.Second))
	timer.Reset(at(time.Second)) // passed
	n.Run(at(20 * time.Second))
	timer.Reset(at(30 * time.Second))
	n.Run(at(40 * time.Second))
	if want := []string{"2s", "20s", "30s"}; !slices.Equal(fired, want) {
		t.Errorf("fired at %q; want %q", fired, want)
	}
	if n.Step() {
		t.Error("something is left to happen")
	}
}

func TestThingsHappenInOrder(t *testing.T) {
	n := New(1)
	var order []int
	for _, ms := range []int{5, 3, 9, 1, 3, 7, 2, 8, 5, 5} {
		n.At(Start.Add(time.Duration(ms)*time.Millisecond), func() { order = append(order, ms) })
	}
	for n.Step() {
	}
	if !slices.IsSorted(order) || len(order) != 10 {
		t.Errorf("order %v", order)
	}
}

func TestConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := Live(1)
		s, hosts, _ := lan(n, 2)
		s.SetWeather(Weather{Delay: 10 * time.Millisecond})
		server, client := hosts[0].Conn(), hosts[1].Conn()
		batch := make([]link.Packet, 4)
		query := func() {
			t.Helper()
			if sent := client.Write([]link.Packet{{Data: []byte("query"), Link: 2, To: mdns.Group4}}); sent != 1 {
				t.Fatal("not sent")
			}
		}

		query() // no host listens yet
		start := time.Now()
		if got, err := server.Read(batch, start.Add(time.Second)); got != 0 || err != nil || time.Since(start) != time.Second {
			t.Errorf("Read: %d packets, error %v after %v; want none after 1s", got, err, time.Since(start))
		}
		server.SetLinks(hosts[0].Links())
		query()
		start = time.Now()
		got, err := server.Read(batch, time.Time{})
		if got != 1 || err != nil || string(batch[0].Data) != "query" || time.Since(start) != 10*time.Millisecond {
			t.Errorf("Read: %d packets, error %v after %v; want the query after 10ms", got, err, time.Since(start))
		}
		for range 6 {
			query()
		}
		synctest.Wait()
		time.Sleep(time.Second)
		for _, want := range []int{4, 2} {
			if got, err := server.Read(batch, time.Time{}); got != want || err != nil {
				t.Errorf("Read: %d packets, error %v; want %d", got, err, want)
			}
		}
		server.Wake()
		if got, err := server.Read(batch, time.Time{}); got != 0 || err != nil {
			t.Errorf("Read after Wake: %d packets, error %v", got, err)
		}
		go func() {
			time.Sleep(time.Second)
			server.Close()
		}()
		if _, err := server.Read(batch, time.Time{}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read while closed: %v; want net.ErrClosed", err)
		}
		out := []link.Packet{{Link: 2, To: mdns.Group4}}
		if server.Write(out); !errors.Is(out[0].Err, net.ErrClosed) {
			t.Errorf("Write when closed: %v; want net.ErrClosed", out[0].Err)
		}
	})
}

func TestCaptureIsAFileOfPcap(t *testing.T) {
	n := New(1)
	var file bytes.Buffer
	s, hosts, _ := lan(n, 2)
	s.Capture(&file)
	n.At(Start.Add(1500*time.Millisecond), func() { say(t, hosts[0], mdns.Group4, "odd") })
	n.Run(Start.Add(2 * time.Second))
	b := file.Bytes()
	if len(b) != 24+16+14+20+8+3 {
		t.Fatalf("the file has %d bytes", len(b))
	}
	if seconds, micros := binary.BigEndian.Uint32(b[24:]), binary.BigEndian.Uint32(b[28:]); int64(seconds) != Start.Unix()+1 || micros != 500000 {
		t.Errorf("the packet is of %d.%06d", seconds, micros)
	}
}

// What tshark finds wrong with packets, their checksums included, it says in an expert info.
func TestSharkReadsCapture(t *testing.T) {
	tshark := skip.Without(t, "tshark")
	n := New(1)
	file, err := os.Create(filepath.Join(t.TempDir(), "lan.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	s, hosts, _ := lan(n, 2)
	s.Capture(file)
	for i, to := range []string{"224.0.0.251:5353", "192.0.2.2:5353", "[ff02::fb]:5353", "[2001:db8::2]:5353"} {
		name := "\x02pb\x05local\x00"
		if i%2 == 0 {
			name = "\x03pbx\x05local\x00" // even and odd sizes have different checksums
		}
		say(t, hosts[0], netip.MustParseAddrPort(to), "\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"+name+"\x00\x01\x00\x01")
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tshark, "-r", file.Name(), "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
		"-T", "fields", "-e", "eth.dst", "-e", "ip.ttl", "-e", "ipv6.hlim", "-e", "dns.qry.name", "-e", "_ws.expert.message").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "01:00:5e:00:00:fb\t255\t\tpbx.local\t\n" +
		"02:00:00:00:02:02\t255\t\tpb.local\t\n" +
		"33:33:00:00:00:fb\t\t255\tpbx.local\t\n" +
		"02:00:00:00:02:02\t\t255\tpb.local\t\n"
	if string(out) != want {
		t.Errorf("tshark reads\n%swant\n%s", out, want)
	}
}
