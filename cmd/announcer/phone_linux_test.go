package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"announcer/internal/testkit/netlab"
)

var mdnsGroup = net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}

const (
	phoneBrowses = "_digiumproxy._udp.local."
	askAgain     = time.Second
	countdown    = 300 * time.Millisecond // from the first server found until the phone takes it
)

// phone is one in factory state, as far as its vendor documents: it looks for a server by multicast DNS; it loads firmware
// that is not what it has, and starts again; it takes the PBX that it finds; and if it finds two servers, it asks a
// person; asked by check-sync, it restarts. It knows nothing of announcer's code.
type phone struct {
	host    *netlab.Host
	model   string
	version string // of its firmware

	found map[string]map[string]string // TXT by instance
	since time.Time                    // when the first one was found

	mu     sync.Mutex
	events []string // what it did
	done   chan struct{}
	err    error
}

func newPhone(h *netlab.Host, model string) *phone {
	return &phone{host: h, model: model, version: "1_4_0_0_63880", done: make(chan struct{})}
}

// did returns what the phone did so far.
func (p *phone) did() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.events)
}

// agent is what the phone says of itself, by HTTP and by SIP.
func (p *phone) agent() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return "Digium " + p.model + " " + p.version
}

func (p *phone) flash(version string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.version = version
}

func (p *phone) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, fmt.Sprintf(format, args...))
}

// listen opens a socket for multicast DNS on the phone.
func (p *phone) listen(t *testing.T) (conn *net.UDPConn) {
	t.Helper()
	var err error
	p.host.Do(func() {
		var eth0 *net.Interface
		if eth0, err = net.InterfaceByName("eth0"); err == nil {
			conn, err = net.ListenMulticastUDP("udp4", eth0, &mdnsGroup)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// start lets the phone look for a PBX until it has one or ctx ends; it hears check-sync until the test ends.
func (p *phone) start(ctx context.Context, t *testing.T) {
	t.Helper()
	conn := p.listen(t)
	var sip net.PacketConn
	var err error
	p.host.Do(func() { sip, err = net.ListenPacket("udp4", ":5060") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sip.Close() })
	go p.hearSIP(sip)
	go func() {
		defer close(p.done)
		defer conn.Close()
		p.err = p.live(ctx, conn)
	}()
}

func (p *phone) live(ctx context.Context, conn *net.UDPConn) error {
	p.found = map[string]map[string]string{}
	query, err := new(dns.Msg).SetQuestion(phoneBrowses, dns.TypePTR).Pack()
	if err != nil {
		return err
	}
	buf := make([]byte, 9000)
	for next := time.Now(); ctx.Err() == nil; {
		if !time.Now().Before(next) {
			next = time.Now().Add(askAgain)
			if _, err := conn.WriteToUDP(query, &mdnsGroup); err != nil {
				return err
			}
		}
		if err := conn.SetReadDeadline(time.Now().Add(countdown / 3)); err != nil {
			return err
		}
		n, _, err := conn.ReadFromUDP(buf)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
		case err != nil:
			return err
		default:
			if alone := len(p.found) == 0; p.hear(buf[:n]) && alone {
				next = time.Now() // whether there is another server, too
			}
		}
		if has, err := p.decide(ctx); has || err != nil {
			return err
		}
	}
	return ctx.Err()
}

// hearSIP restarts at each NOTIFY check-sync, until the connection is closed. A configured phone does not look for a
// server again.
func (p *phone) hearSIP(conn net.PacketConn) {
	buf := make([]byte, 9000)
	seen := map[string]bool{} // by Call-ID: requests are repeated until the answer comes
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		request, _ := textproto.NewReader(bufio.NewReader(bytes.NewReader(buf[:n]))).ReadLine()
		headers, _ := textproto.NewReader(bufio.NewReader(bytes.NewReader(buf[len(request)+2 : n]))).ReadMIMEHeader()
		if !strings.HasPrefix(request, "NOTIFY ") || headers.Get("Event") != "check-sync" {
			continue
		}
		if id := headers.Get("Call-Id"); !seen[id] {
			seen[id] = true
			p.note("restarts")
		}
		answer := "SIP/2.0 200 OK\r\nUser-Agent: " + p.agent() + "\r\n"
		for _, name := range []string{"Via", "From", "To", "Call-Id", "Cseq"} {
			answer += name + ": " + headers.Get(name) + "\r\n"
		}
		// A lost answer makes the other side ask again.
		_, _ = conn.WriteTo([]byte(answer+"Content-Length: 0\r\n\r\n"), from)
	}
}

// hear takes what a packet says, and reports whether there is a server then.
func (p *phone) hear(packet []byte) bool {
	var m dns.Msg
	if m.Unpack(packet) != nil || !m.Response {
		return len(p.found) > 0
	}
	for _, record := range append(m.Answer, m.Extra...) {
		switch r := record.(type) {
		case *dns.PTR:
			switch {
			case r.Hdr.Name != phoneBrowses:
			case r.Hdr.Ttl == 0:
				delete(p.found, r.Ptr)
			case p.found[r.Ptr] == nil:
				if len(p.found) == 0 {
					p.since = time.Now()
				}
				p.found[r.Ptr] = map[string]string{}
			}
		case *dns.TXT:
			if txt := p.found[r.Hdr.Name]; txt != nil {
				for _, text := range r.Txt {
					key, value, _ := strings.Cut(text, "=")
					txt[key] = value
				}
			}
		}
	}
	return len(p.found) > 0
}

// decide does what there is to do, and reports whether the phone has a PBX now.
func (p *phone) decide(ctx context.Context) (has bool, err error) {
	if len(p.found) == 0 || time.Since(p.since) < countdown {
		return false, nil
	}
	if len(p.found) > 1 {
		return false, fmt.Errorf("a person has to choose one of %v", p.found)
	}
	for _, txt := range p.found {
		switch {
		case txt["serviceType"] == "asterisk":
			p.note("takes %s", txt["sipUrl"])
			return true, nil
		case txt["serviceType"] == "firmware" && txt["firmwareVersion"] != p.version:
			return false, p.load(ctx, txt)
		}
	}
	return false, nil
}

// load loads the firmware, and starts again with it.
func (p *phone) load(ctx context.Context, txt map[string]string) error {
	file := txt[p.model+"File"]
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, txt["firmwareUrl"]+file, nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", p.agent())
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
		p.host.Do(func() { conn, err = new(net.Dialer).DialContext(ctx, network, addr) })
		return conn, err
	}}}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", request.URL, answer.Status)
	}
	p.note("loads %s from %s, %s", file, request.URL.Host, hex.EncodeToString(hash.Sum(nil)))
	p.flash(txt["firmwareVersion"])
	p.found = map[string]map[string]string{}
	return nil
}
