// Package siptest provides a SIP peer for tests, on real sockets. It reads and writes SIP as text, with no library.
package siptest

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// Peer answers requests, and remembers them.
type Peer struct {
	Addr netip.AddrPort

	answer   func(n int) []string
	mu       sync.Mutex
	requests []string
	closers  []io.Closer
}

// Answers returns a function for [Listen] that answers each request with the same responses, each such as "200 OK".
func Answers(responses ...string) func(int) []string { return func(int) []string { return responses } }

// Listen starts a peer on an address such as "127.0.0.1:0", by "udp", "tcp" or "tls", until the test ends. answer gives
// what it says to the nth request that it receives, from 0: responses such as "200 OK", none to stay silent. "close"
// closes a stream.
func Listen(t testing.TB, transport, address string, answer func(n int) []string) *Peer {
	t.Helper()
	p, err := Start(transport, address, answer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// Start is [Listen] without a test, for where an error must not end one.
func Start(transport, address string, answer func(n int) []string) (*Peer, error) {
	p := &Peer{answer: answer}
	if transport == "udp" {
		conn, err := net.ListenPacket("udp", address)
		if err != nil {
			return nil, err
		}
		p.Addr = netip.MustParseAddrPort(conn.LocalAddr().String())
		p.closers = append(p.closers, conn)
		go p.packets(conn)
		return p, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	p.Addr = netip.MustParseAddrPort(listener.Addr().String())
	if transport == "tls" {
		listener = tls.NewListener(listener, certificate())
	}
	p.closers = append(p.closers, listener)
	go p.streams(listener)
	return p, nil
}

// certificate returns one that no client trusts.
func certificate() *tls.Config {
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	defer server.Close()
	return &tls.Config{Certificates: server.TLS.Certificates}
}

// Close ends the peer.
func (p *Peer) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.closers {
		c.Close()
	}
}

// Requests returns the requests received so far.
func (p *Peer) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.requests...)
}

func (p *Peer) packets(conn net.PacketConn) {
	buf := make([]byte, 65535)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		for _, response := range p.respond(string(buf[:n])) {
			conn.WriteTo([]byte(response), from)
		}
	}
}

func (p *Peer) streams(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.closers = append(p.closers, conn)
		p.mu.Unlock()
		go p.stream(conn)
	}
}

func (p *Peer) stream(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		request, err := readRequest(r)
		if err != nil {
			return
		}
		for _, response := range p.respond(request) {
			if response == "" {
				return
			}
			io.WriteString(conn, response)
		}
	}
}

// readRequest reads a request without a body.
func readRequest(r *bufio.Reader) (string, error) {
	var request strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", err
		}
		request.WriteString(line)
		if line == "\r\n" {
			break
		}
	}
	if !strings.Contains(request.String(), "Content-Length: 0\r\n") {
		return "", errors.New("a body")
	}
	return request.String(), nil
}

// respond returns the responses to a request; "" closes the stream.
func (p *Peer) respond(request string) []string {
	p.mu.Lock()
	n := len(p.requests)
	p.requests = append(p.requests, request)
	p.mu.Unlock()
	var responses []string
	for _, line := range p.answer(n) {
		if line == "close" {
			responses = append(responses, "")
			continue
		}
		responses = append(responses, response(request, line))
	}
	return responses
}

// response returns the response to a request with a status such as "200 OK".
func response(request, status string) string {
	text := "SIP/2.0 " + status + "\r\n"
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		value := Header(request, name)
		if name == "To" {
			value += ";tag=peer"
		}
		text += name + ": " + value + "\r\n"
	}
	return text + "Content-Length: 0\r\n\r\n"
}

// Header returns the value of a header of a message, "" if it has none.
func Header(message, name string) string {
	for line := range strings.Lines(message) {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return strings.TrimRight(value, "\r\n")
		}
	}
	return ""
}
