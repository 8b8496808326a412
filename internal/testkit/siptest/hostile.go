package siptest

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Behaviour is what a hostile peer does to a client.
type Behaviour struct {
	Name       string
	Transports []string // that it is possible by
	Answers    bool     // it answers with 200, whatever it does beside that
	Floods     bool     // it sends as fast as it can

	raw bool // below TLS
	do  func(client io.ReadWriter)
}

// Behaviours returns what can be tried against a client.
func Behaviours() []Behaviour {
	all, streams, tlsOnly := []string{"udp", "tcp", "tls"}, []string{"tcp", "tls"}, []string{"tls"}
	request := message("OPTIONS sip:announcer@192.0.2.1 SIP/2.0", "OPTIONS")
	foreign := message("SIP/2.0 200 OK", "OPTIONS")
	return []Behaviour{
		{Name: "says nothing", Transports: all, do: discard},
		{Name: "never reads", Transports: streams, do: func(io.ReadWriter) {}},
		{Name: "floods requests, never reads", Transports: all, Floods: true, do: flood(request)},
		{Name: "floods requests", Transports: all, Floods: true, do: reading(flood(request))},
		{Name: "floods requests that are to be refused, never reads", Transports: all, Floods: true, do: flood(strings.Replace(request, "CSeq", "X", 1))},
		{Name: "floods responses to others", Transports: all, Floods: true, do: flood(foreign)},
		{Name: "floods signs of life, never reads", Transports: all, Floods: true, do: flood("\r\n\r\n")},
		{Name: "floods what is not SIP", Transports: all, Floods: true, do: flood("GET /# HTTP/1.1\r\nHost: x\r\n\r\n")},
		{Name: "floods empty packets", Transports: []string{"udp"}, Floods: true, do: flood("")},
		{Name: "floods large packets", Transports: []string{"udp"}, Floods: true, do: flood(request + strings.Repeat("x", 60000))},
		{Name: "line without end", Transports: streams, Floods: true, do: first("SIP/2.0 200 OK\r\nX: ", flood(strings.Repeat("x", 1000)))},
		{Name: "headers without end", Transports: streams, Floods: true, do: first("SIP/2.0 200 OK\r\n", flood("X: y\r\n"))},
		{Name: "header of many lines without end", Transports: streams, Floods: true, do: first("SIP/2.0 200 OK\r\nX: y\r\n", flood(" y\r\n"))},
		{Name: "body of 4 GB", Transports: streams, do: first(strings.Replace(request, "Length: 0", "Length: 4294967295", 1), flood(strings.Repeat("x", 1000)))},
		{Name: "bodies of 65 kB", Transports: streams, Floods: true, do: flood(strings.Replace(request, "Length: 0", "Length: 65000", 1) + strings.Repeat("x", 65000))},
		{Name: "body of unknown length", Transports: streams, do: first(strings.Replace(request, "Length: 0", "Length: -1", 1), discard)},
		{Name: "drips", Transports: streams, do: drip},
		{Name: "answers and floods requests", Transports: all, Answers: true, do: answerWith("0", flood(request))},
		{Name: "answers with a body of 4 GB", Transports: streams, Answers: true, do: answerWith("4294967295", flood(strings.Repeat("x", 1000)))},
		{Name: "closes in the middle", Transports: streams, do: first("SIP/2.0 200 OK\r\nVia:", func(c io.ReadWriter) { c.(io.Closer).Close() })},
		{Name: "no handshake", Transports: tlsOnly, raw: true, do: discard},
		{Name: "drips a handshake", Transports: tlsOnly, raw: true, do: drip},
		{Name: "floods handshakes", Transports: tlsOnly, Floods: true, raw: true, do: flood("\x16\x03\x03\x40\x00\x0B\x00\xFF\xFF" + strings.Repeat("x", 0x4000-4))},
		{Name: "floods alerts", Transports: tlsOnly, Floods: true, raw: true, do: flood("\x15\x03\x03\x00\x02\x01\x5A")},
	}
}

// Provisional is a peer that answers that it tries, and says so for ever.
var Provisional = Behaviour{Name: "tries for ever", Transports: []string{"udp", "tcp", "tls"}, Floods: true, do: func(c io.ReadWriter) {
	if request, err := receive(c); err == nil {
		flood(response(request, "100 Trying"))(c)
	}
}}

// message returns a message without a body, as [flood] wants it.
func message(startLine, method string) string {
	return strings.Join([]string{startLine, "Via: SIP/2.0/TCP 192.0.2.9:5060;branch=z9hG4bK#;rport", "Max-Forwards: 70", "From: <sip:x@192.0.2.9>;tag=#",
		"To: <sip:announcer@192.0.2.1>", "Call-ID: #@192.0.2.9", "CSeq: 102 " + method, "Content-Length: 0", "", ""}, "\r\n")
}

// The limits of a flood.
const (
	floodMessages = 3_000_000
	floodTime     = time.Minute
)

// flood sends a message again and again, each time with another number of ten digits instead of "#". What it sends
// costs no memory, so that a test may look at what the client takes.
func flood(message string) func(io.ReadWriter) {
	return func(c io.ReadWriter) {
		const start = 1_000_000_000
		text := []byte(strings.ReplaceAll(message, "#", strconv.Itoa(start)))
		var places [][]byte
		for rest := text; ; {
			i := bytes.Index(rest, strconv.AppendInt(nil, start, 10))
			if i < 0 {
				break
			}
			places = append(places, rest[i:i+10])
			rest = rest[i+10:]
		}
		for n, end := int64(start), time.Now().Add(floodTime); n < start+floodMessages && time.Now().Before(end); n++ {
			for _, place := range places {
				strconv.AppendInt(place[:0], n, 10)
			}
			if _, err := c.Write(text); err != nil {
				return
			}
		}
	}
}

// reading does something and reads meanwhile, so that a client can always write.
func reading(do func(io.ReadWriter)) func(io.ReadWriter) {
	return func(c io.ReadWriter) {
		go discard(c)
		do(c)
	}
}

func discard(c io.ReadWriter) { io.Copy(io.Discard, c) }

// first sends a text before it does something.
func first(text string, do func(io.ReadWriter)) func(io.ReadWriter) {
	return func(c io.ReadWriter) {
		if _, err := io.WriteString(c, text); err == nil {
			do(c)
		}
	}
}

// answerWith answers the first request, with that Content-Length, before it does something.
func answerWith(length string, do func(io.ReadWriter)) func(io.ReadWriter) {
	return func(c io.ReadWriter) {
		if request, err := receive(c); err == nil {
			first(strings.Replace(response(request, "200 OK"), "Length: 0", "Length: "+length, 1), do)(c)
		}
	}
}

func receive(c io.ReadWriter) (string, error) {
	buf := make([]byte, 4096)
	n, err := c.Read(buf)
	return string(buf[:n]), err
}

// drip sends a response of which there is no end in sight.
func drip(c io.ReadWriter) {
	for range 6000 {
		if _, err := io.WriteString(c, "\x16"); err != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// HostilePeer is a peer that does nothing but behave as it should not.
type HostilePeer struct {
	Addr netip.AddrPort
	Met  <-chan struct{} // closed when a client is there, by TLS before the handshake
	Left <-chan struct{} // closed when the behaviour towards the first client has ended, such as a flood when it hangs up

	behaviour Behaviour
	met, left func()
	mu        sync.Mutex
	closers   []io.Closer
}

// Hostile starts a peer that behaves like that, until the test ends.
func Hostile(t testing.TB, transport string, b Behaviour) *HostilePeer {
	t.Helper()
	if !slices.Contains(b.Transports, transport) {
		t.Fatalf("%q is not possible by %s", b.Name, transport)
	}
	met, left := make(chan struct{}), make(chan struct{})
	p := &HostilePeer{
		Met: met, Left: left, behaviour: b,
		met: sync.OnceFunc(func() { close(met) }), left: sync.OnceFunc(func() { close(left) }),
	}
	t.Cleanup(p.close)
	if transport == "udp" {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		p.Addr = conn.LocalAddr().(*net.UDPAddr).AddrPort()
		p.closers = append(p.closers, conn)
		go p.packets(conn)
		return p
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.Addr = listener.Addr().(*net.TCPAddr).AddrPort()
	p.closers = append(p.closers, listener)
	var secure *tls.Config
	if transport == "tls" && !b.raw {
		secure = certificate()
	}
	go p.streams(listener, secure)
	return p
}

func (p *HostilePeer) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.closers {
		c.Close()
	}
}

func (p *HostilePeer) streams(listener net.Listener, secure *tls.Config) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.closers = append(p.closers, conn) // never closed before the test ends
		p.mu.Unlock()
		p.met()
		go p.serve(conn, secure)
	}
}

func (p *HostilePeer) serve(conn net.Conn, secure *tls.Config) {
	defer p.left()
	if secure != nil {
		conn = tls.Server(conn, secure)
		if conn.(*tls.Conn).Handshake() != nil {
			return
		}
	}
	p.behaviour.do(conn)
}

// packets starts a goroutine for each client that sends something.
func (p *HostilePeer) packets(conn *net.UDPConn) {
	clients := map[netip.AddrPort]*packetClient{}
	buf := make([]byte, 65535)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			for _, c := range clients {
				c.incoming.CloseWithError(err)
			}
			return
		}
		c := clients[from]
		if c == nil {
			r, w := io.Pipe()
			c = &packetClient{conn: conn, addr: from, Reader: r, incoming: w}
			clients[from] = c
			p.met()
			go p.behaviour.do(c)
		}
		packet := bytes.Clone(buf[:n])
		go c.incoming.Write(packet)
	}
}

// packetClient is a client by UDP, as a stream.
type packetClient struct {
	io.Reader
	conn     *net.UDPConn
	addr     netip.AddrPort
	incoming *io.PipeWriter
}

func (c *packetClient) Write(b []byte) (int, error) { return c.conn.WriteToUDPAddrPort(b, c.addr) }
