package web_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/admission"
	"announcer/internal/control"
	"announcer/internal/status"
	"announcer/internal/testkit/pipes"
	"announcer/internal/web"
)

// watched is a daemon whose events are those of a test.
type watched struct {
	idle
	events chan []status.Event
	ended  chan struct{} // closed when the last client has ended
}

func (w watched) Watch() (<-chan []status.Event, func(), error) {
	return w.events, func() { close(w.ended) }, nil
}

// serve answers for a daemon as one that runs does, in the bubble of a test, and returns what connects a client.
func serve(t *testing.T, d web.Daemon) (dial func() net.Conn) {
	t.Helper()
	l := pipes.Listen()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	names := func() []string { return []string{"localhost", "pbx", "pbx.local", "status.example.com"} }
	go func() {
		ended <- control.Serve(ctx, l, admission.Hosts(web.Handler(d), names, "http_hosts"), slog.New(slog.DiscardHandler))
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second) // in the time of the bubble: until the connections are closed
	})
	return func() net.Conn {
		client, _ := l.Dial("192.0.2.9") // the listener is open
		t.Cleanup(func() { client.Close() })
		return client
	}
}

// send writes a request, however much of it the server reads.
func send(client net.Conn, request string) { go io.WriteString(client, request) }

// What a client writes, and the status of the answer.
func TestRequests(t *testing.T) {
	get := func(host string) string { return "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n" }
	ask := func(line string) string { return line + "\r\nHost: localhost\r\n\r\n" }
	for _, test := range []struct {
		name, request string
		want          int
	}{
		{"an address", get("127.0.0.1"), 200},
		{"an address and a port", get("127.0.0.1:9353"), 200},
		{"IPv6", get("[::1]"), 200},
		{"IPv6 and a port", get("[2001:db8::1]:9353"), 200},
		{"localhost", get("localhost:9353"), 200},
		{"localhost with a dot, in capitals", get("LOCALHOST.:9353"), 200},
		{"a name of this host", get("pbx.local"), 200},
		{"a configured name", get("status.example.com"), 200},
		{"a configured name and a port", get("Status.Example.Com:443"), 200},
		{"another name", get("evil.example"), 421},
		{"another name that begins with an address", get("127.0.0.1.evil.example"), 421},
		{"an address as a number", get("2130706433"), 421},
		{"a part of a name", get("example.com"), 421},
		{"no host", "GET / HTTP/1.1\r\n\r\n", 400},
		{"two hosts", "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 400},
		{"HTTP/1.0 without a host", "GET / HTTP/1.0\r\n\r\n", 200},
		{"HTTP/1.0 with another name", "GET / HTTP/1.0\r\nHost: evil.example\r\n\r\n", 421},
		{"an absolute address", ask("GET http://127.0.0.1:9353/ HTTP/1.1"), 200},
		{"an absolute address under another name", ask("GET http://evil.example/ HTTP/1.1"), 421},
		{"a tunnel", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", 421},
		{"a tunnel to this host", "CONNECT localhost:9353 HTTP/1.1\r\nHost: localhost:9353\r\n\r\n", 404},
		{"what a server can do", ask("OPTIONS * HTTP/1.1"), 400},
		{"changing something", ask("POST / HTTP/1.1"), 405},
		{"changing something under another name", "POST / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421},
		{"up a directory", ask("GET /../../etc/passwd HTTP/1.1"), 307},
		{"up a directory, encoded", ask("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1"), 404},
		{"up from a file", ask("GET /style.css/../web.go HTTP/1.1"), 307},
		{"up from a file, encoded", ask("GET /style.css%2f..%2fweb.go HTTP/1.1"), 404},
		{"a file of the system", ask("GET /etc/passwd HTTP/1.1"), 404},
		{"a source file", ask("GET /web.go HTTP/1.1"), 404},
		{"a directory", ask("GET /. HTTP/1.1"), 307},
		{"a path that is another host", ask("GET //evil.example/ HTTP/1.1"), 307},
		{"a long address", ask("GET /?q=" + strings.Repeat("x", 4<<10) + " HTTP/1.1"), 200},
		{"headers without an end", "GET / HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X-Pad: "+strings.Repeat("x", 1000)+"\r\n", 100), 431},
		{"nonsense", "\x16\x03\x01\x02\r\n\r\n", 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := serve(t, idle{})()
				send(client, test.request)
				answer, err := http.ReadResponse(bufio.NewReader(client), nil)
				if err != nil {
					t.Fatal(err)
				}
				if answer.StatusCode != test.want {
					t.Errorf("%s, want %d", answer.Status, test.want)
				}
				if to := answer.Header.Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//")) {
					t.Errorf("it leads to %q", to)
				}
			})
		})
	}
}

// A client that does not finish its header is cut off.
func TestSlowHeader(t *testing.T) {
	const headerTime = 5 * time.Second
	for _, begun := range []string{"", "GET / HT", "GET /events HTTP/1.1\r\nHost: localhost\r\n"} {
		t.Run(begun, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := serve(t, idle{})()
				began := time.Now()
				send(client, begun)
				if _, err := io.Copy(io.Discard, client); err != nil || time.Since(began) > headerTime {
					t.Errorf("the connection ends after %v, %v", time.Since(began), err)
				}
			})
		})
	}
}

// A client of the events that does not read loses its stream, and the daemon keeps nothing for it.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := watched{events: make(chan []status.Event), ended: make(chan struct{})}
		client := serve(t, d)()
		send(client, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
		answer, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil || answer.StatusCode != 200 {
			t.Fatal(answer, err)
		}
		began := time.Now()
		d.events <- slices.Repeat([]status.Event{{Missed: 1}}, 1000)
		<-d.ended
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the stream ends after %v", took)
		}
	})
}

// A client that goes is noticed at once, and the daemon keeps nothing for it.
func TestGoneReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := watched{events: make(chan []status.Event), ended: make(chan struct{})}
		client := serve(t, d)()
		send(client, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if answer, err := http.ReadResponse(bufio.NewReader(client), nil); err != nil || answer.StatusCode != 200 {
			t.Fatal(answer, err)
		}
		began := time.Now()
		client.Close()
		<-d.ended
		if took := time.Since(began); took > time.Second {
			t.Errorf("the stream ends after %v", took)
		}
	})
}

// Events that come one after the other reach a client together, none is lost, and the first one does not wait.
func TestManyEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := watched{events: make(chan []status.Event), ended: make(chan struct{})}
		client := serve(t, d)()
		send(client, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
		answer, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		go func() {
			for n := range 10 {
				d.events <- []status.Event{{Missed: uint64(n + 1)}}
			}
		}()
		lines := bufio.NewScanner(answer.Body)
		var times []time.Duration
		for len(times) < 10 && lines.Scan() {
			if strings.HasPrefix(lines.Text(), "data: ") {
				times = append(times, time.Since(began))
			}
		}
		if len(times) != 10 || times[0] != 0 || times[9] < time.Second || times[9] > 3*time.Second {
			t.Errorf("the events come after %v", times)
		}
	})
}
