package fileserver

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are in memory, so that tests with it run in no time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.conns <- there
	return here
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80} }

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
				l := newPipes()
				r := startOn(t, l, dir, nil)
				defer r.stop()
				conn, ended := l.dial(), make(chan struct{})
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
				l := newPipes()
				r := startOn(t, l, dir, nil)
				defer r.stop()
				conn := l.dial()
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
