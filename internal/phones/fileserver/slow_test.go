package fileserver

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/testkit/pipes"
)

// dial connects from a phone.
func dial(l *pipes.Listener) net.Conn { return dialFrom(l, "192.0.2.2") }

func dialFrom(l *pipes.Listener, host string) net.Conn {
	conn, _ := l.Dial(host) // the listener is open
	return conn
}

// TestSlowRequests has clients that never finish a request; each is cut off in time.
func TestSlowRequests(t *testing.T) {
	dir := folder(t, 1000)
	for name, begin := range map[string]string{
		"nothing":       "",
		"half a line":   "GET /eff",
		"half a header": "GET / HTTP/1.1\r\nHost: x\r\nX: ",
		"half a body":   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := pipes.Listen()
				r := startOn(t, l, dir, nil)
				defer r.stop()
				conn, ended := dial(l), make(chan struct{})
				began := time.Now()
				go func() {
					defer close(ended)
					fmt.Fprint(conn, begin)
					for range 100 { // and a byte now and then
						time.Sleep(time.Second)
						if _, err := fmt.Fprint(conn, "x"); err != nil {
							return
						}
					}
				}()
				_, _ = io.Copy(io.Discard, conn) // an error says that it was cut off, too
				if took := time.Since(began); took > headerTime+time.Second {
					t.Errorf("cut off after %s; want %s", took, headerTime)
				}
				conn.Close()
				<-ended
			})
		})
	}
}

// TestSlowReaders has phones that take a file slowly: too slowly, and just fast enough.
func TestSlowReaders(t *testing.T) {
	const size = 1 << 20
	dir := folder(t, size)
	for _, test := range []struct {
		name  string
		bytes int // every 10 seconds
		whole bool
	}{
		{"too slowly", 1000, false},
		{"fast enough", 50_000, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := pipes.Listen()
				r := startOn(t, l, dir, nil)
				defer r.stop()
				conn := dial(l)
				defer conn.Close()
				fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", d40Path)
				answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				for err == nil {
					time.Sleep(10 * time.Second)
					_, err = io.CopyN(io.Discard, answer.Body, int64(test.bytes))
				}
				if end := r.ended(t); end.Whole != test.whole || !test.whole && end.Took > 3*stallTime {
					t.Errorf("whole %t after %s; want %t", end.Whole, end.Took, test.whole)
				}
			})
		})
	}
}

// TestSlowReadersKeepNobodyOut has 33 hosts with 16 connections each, which read just fast enough not to be cut off. A
// phone that comes then gets the file at once, and so do phones that read fast.
func TestSlowReadersKeepNobodyOut(t *testing.T) {
	const size = 1 << 20
	dir := folder(t, size)
	for name, hosts := range map[string]struct{ number, each int }{
		"many connections of few hosts": {33, 16},
		"one connection of many hosts":  {600, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := pipes.Listen()
				r := startOn(t, l, dir, func(c *Config) { c.Report = func(Transfer) {} })
				var readers sync.WaitGroup
				defer readers.Wait()
				defer r.stop()
				for h := range hosts.number {
					for range hosts.each {
						readers.Go(func() { readSlowly(l, fmt.Sprintf("192.0.%d.%d", 3+h/250, 1+h%250)) })
					}
				}
				time.Sleep(time.Minute)
				began := time.Now()
				conn := dialFrom(l, "192.0.2.20")
				defer conn.Close()
				go fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", d40Path)
				answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				n, err := io.Copy(io.Discard, answer.Body)
				if took := time.Since(began); n != size || err != nil || took > 20*time.Second {
					t.Errorf("%d bytes after %s, %v; want all at once", n, took, err)
				}
			})
		})
	}
}

// readSlowly loads a file from an address again and again, with 20,000 bytes every 5 s.
func readSlowly(l *pipes.Listener, from string) {
	for {
		conn, ok := l.Dial(from)
		if !ok {
			return
		}
		_, err := fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", d40Path)
		for err == nil {
			time.Sleep(5 * time.Second)
			_, err = io.CopyN(io.Discard, conn, 20_000)
		}
		conn.Close()
	}
}
