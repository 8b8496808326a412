package health

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"announcer/internal/testkit/skip"

	"announcer/internal/publication"
	"announcer/internal/testkit/siptest"
)

// What a question may take beyond its time, and in all the memory that is allocated meanwhile, by the server too: ten
// redirections have ten requests and responses, each with a URL of 60 kB.
const (
	slack      = 5 * time.Second
	memorySIP  = 8 << 20
	memoryHTTP = 32 << 20
)

// askHostile asks a server that does not answer as it should, and wants the end in time, an error and little memory.
func askHostile(t *testing.T, probe Probe, answers bool, memory uint64) {
	t.Helper()
	const patience = 300 * time.Millisecond
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	if answers {
		ctx, cancel = context.WithTimeout(t.Context(), slack)
	}
	defer cancel()
	go func() { ended <- system.Ask(ctx, probe) }()
	select {
	case err := <-ended:
		if (err == nil) != answers || err != nil && len(err.Error()) > 400 {
			t.Errorf("error %v, want one: %v", err, !answers)
		}
	case <-time.After(patience + slack):
		t.Fatal("the question does not end")
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > memory {
		t.Errorf("the question allocates %d kB", took>>10)
	}
}

func TestAskHostileSIP(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		for _, b := range siptest.Behaviours() {
			if slices.Contains(b.Transports, transport) {
				t.Run(transport+"/"+b.Name, func(t *testing.T) {
					askHostile(t, Probe{Options, "sip:proxy@" + siptest.Hostile(t, transport, b).Addr.String() + ";transport=" + transport}, b.Answers, memorySIP)
				})
			}
		}
	}
}

// TestMonitorHostile has a SIP server that was up and turns hostile, in each way that is possible: it is down after the
// failures that are allowed.
func TestMonitorHostile(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		for _, b := range siptest.Behaviours() {
			if b.Answers || !slices.Contains(b.Transports, transport) {
				continue
			}
			t.Run(transport+"/"+b.Name, func(t *testing.T) {
				var server atomic.Value
				server.Store(siptest.Listen(t, transport, "127.0.0.1:0", siptest.Answers("200 OK")).Addr.String())
				m := New(func(ctx context.Context, _ Probe) error {
					return system.Ask(ctx, Probe{Options, "sip:proxy@" + server.Load().(string) + ";transport=" + transport})
				}, slog.New(slog.DiscardHandler))
				settings := Settings{Interval: 10 * time.Millisecond, Timeout: 5 * time.Second, Down: 2, Up: 2}
				m.Answering(publication.Desired{Groups: []publication.Publication{tcp("a", 80)}}, settings)
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					m.Run(ctx)
				}()
				expectState(t, m, Up)
				if !b.Floods { // which ends a question by itself
					settings.Timeout = 100 * time.Millisecond
				}
				m.Answering(publication.Desired{Groups: []publication.Publication{tcp("a", 80)}}, settings)
				server.Store(siptest.Hostile(t, transport, b).Addr.String())
				expectState(t, m, Down)
				cancel()
				<-ended
			})
		}
	}
}

// expectState waits for the next change of state.
func expectState(t *testing.T, m *Monitor, want State) {
	t.Helper()
	select {
	case <-m.Changed():
	case <-time.After(4 * slack):
		t.Fatalf("the state does not change from %s to %s", m.States()[0].State, want)
	}
	if s := m.States()[0]; s.State != want {
		t.Fatalf("state %+v, want %s", s, want)
	}
}

// hostileHTTP has what a server does to a connection with a request.
var hostileHTTP = map[string]func(c net.Conn){
	"says nothing":         func(net.Conn) {},
	"drips":                func(c net.Conn) { repeat(c, "x", 10*time.Millisecond) },
	"line without end":     func(c net.Conn) { repeat(c, "HTTP/1.1 200 "+strings.Repeat("x", 4000), 0) },
	"headers without end":  func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\n"); repeat(c, "X: y\r\n", 0) },
	"provisional for ever": func(c net.Conn) { repeat(c, "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n", 0) },
	"drips headers": func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\n")
		repeat(c, "X: y\r\n", 10*time.Millisecond)
	},
	"moves in a circle": func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: /"+strings.Repeat("x", 60000)+"\r\nContent-Length: 0\r\n\r\n")
	},
	"long reason": func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 404 "+strings.Repeat("x", 60000)+"\r\nContent-Length: 0\r\n\r\n")
	},
}

// repeat sends a text again and again, for a minute at most.
func repeat(c net.Conn, text string, pause time.Duration) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(pause) {
		if _, err := io.WriteString(c, text); err != nil {
			return
		}
	}
}

// serveRaw returns each connection with a request to a function, and closes it at the end of the test only.
func serveRaw(t *testing.T, listener net.Listener, do func(net.Conn)) {
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			go func() {
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					do(conn)
				}
			}()
		}
	}()
}

func TestAskHostileHTTP(t *testing.T) {
	pair := httptest.NewUnstartedServer(nil)
	pair.StartTLS()
	defer pair.Close()
	for _, scheme := range []string{"http", "https"} {
		for name, do := range hostileHTTP {
			t.Run(scheme+"/"+name, func(t *testing.T) {
				listener, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				address := listener.Addr().String()
				if scheme == "https" {
					listener = tls.NewListener(listener, &tls.Config{Certificates: pair.TLS.Certificates})
				}
				serveRaw(t, listener, do)
				askHostile(t, Probe{File, scheme + "://" + address + "/file"}, false, memoryHTTP)
			})
		}
	}
}

// TestBodyWithoutEnd has a server that sends a body that was not asked for.
func TestBodyWithoutEnd(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveRaw(t, listener, func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4294967296\r\n\r\n")
		repeat(c, strings.Repeat("x", 4000), 0)
	})
	askHostile(t, Probe{File, "http://" + listener.Addr().String() + "/file"}, true, memoryHTTP)
}

// TestNothingStays asks servers that never come to an end, again and again: each connection is closed when its question
// is over.
func TestNothingStays(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // its backlog accepts, and no program reads
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	address := silent.Addr().String()
	for _, probe := range []Probe{
		{File, "https://" + address + "/file"}, {Page, "http://" + address + "/"},
		{Options, "sip:" + address + ";transport=tcp"}, {Options, "sip:" + address + ";transport=tls"},
	} {
		t.Run(probe.Target, func(t *testing.T) {
			files, goroutines := openFiles(t), runtime.NumGoroutine()
			for range 20 {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				if err := system.Ask(ctx, probe); err == nil {
					t.Error("there is an answer")
				}
				cancel()
			}
			for end := time.Now().Add(slack); openFiles(t) > files || runtime.NumGoroutine() > goroutines; runtime.Gosched() {
				if time.Now().After(end) {
					t.Fatalf("%d files and %d goroutines became %d and %d", files, goroutines, openFiles(t), runtime.NumGoroutine())
				}
			}
		})
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", os.Getpid()))
	if err != nil {
		skip.Now(t, "what is open can't be told here: ", err)
	}
	return len(files)
}
