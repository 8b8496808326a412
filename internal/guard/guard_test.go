package guard

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"unicode/utf8"
)

// server returns each connection to a function.
func server(t *testing.T, do func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go do(conn)
		}
	}()
	return listener.Addr().String()
}

func TestTooMuch(t *testing.T) {
	address := server(t, func(c net.Conn) {
		for range 2 * MaxBytes / 1000 {
			if _, err := c.Write(make([]byte, 1000)); err != nil {
				return
			}
		}
	})
	conn, err := Dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if n, err := io.Copy(io.Discard, conn); n > MaxBytes || !errors.Is(err, ErrTooMuch) {
		t.Errorf("%d bytes, %v; want %v", n, err, ErrTooMuch)
	}
}

// TestEnd cancels while the connection is read from and written to, and neither goes on.
func TestEnd(t *testing.T) {
	for name, block := range map[string]func(net.Conn) error{
		"read": func(c net.Conn) error {
			_, err := io.Copy(io.Discard, c)
			return err
		},
		"write": func(c net.Conn) error {
			for {
				if _, err := c.Write(make([]byte, 1<<16)); err != nil {
					return err
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			met := make(chan struct{})
			address := server(t, func(net.Conn) { close(met) })
			ctx, cancel := context.WithCancel(t.Context())
			conn, err := Dial(ctx, "tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error)
			go func() { ended <- block(conn) }()
			<-met
			cancel()
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Errorf("error %v, want %v", err, net.ErrClosed)
			}
		})
	}
}

func TestClip(t *testing.T) {
	if got := Clip("OK"); got != "OK" {
		t.Errorf("got %q", got)
	}
	got := Clip("x" + strings.Repeat("ü", MaxText))
	if !utf8.ValidString(got) || len(got) > MaxText+len("…") || !strings.HasSuffix(got, "ü…") {
		t.Errorf("got %q", got)
	}
}
