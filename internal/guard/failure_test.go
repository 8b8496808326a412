package guard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

// TestFailure wants a sentence of this package for each error of the network, and none of the texts of a library.
func TestFailure(t *testing.T) {
	dial := func(err error) error { return fmt.Errorf("x: %w", &net.OpError{Op: "dial", Net: "tcp", Err: err}) }
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"refused", dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), "no server listens on that port"},
		{"timeout", dial(os.ErrDeadlineExceeded), "it does not answer"},
		{"unreachable", dial(syscall.EHOSTUNREACH), "it can't be reached"},
		{"closed", io.ErrUnexpectedEOF, "it closes the connection without an answer"},
		{"denied", dial(syscall.EPERM), "this host does not permit the connection"},
		{"no name", dial(&net.DNSError{Name: "pbx.example.com", Err: "no such host", IsNotFound: true}), "the host pbx.example.com is not found"},
		{"no DNS", dial(&net.DNSError{Name: "pbx.example.com", Err: "server misbehaving"}), "the DNS server has no address of pbx.example.com"},
		{"TLS", tls.AlertError(40), "the TLS handshake fails"},
		{"no TLS", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, "the TLS handshake fails"},
		{"too much", fmt.Errorf("x: %w", ErrTooMuch), "x: " + ErrTooMuch.Error()},
		{"anything", errors.New("malformed HTTP response"), "its answer is not one of the protocol"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Failure(t.Context(), test.err); got.Error() != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := Failure(ctx, io.EOF); !errors.Is(got, context.Canceled) {
		t.Errorf("cancelled: %v", got)
	}
}
