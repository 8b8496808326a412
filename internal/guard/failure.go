package guard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// Why a server gives no answer.
var (
	ErrTimeout     = errors.New("it does not answer")
	ErrRefused     = errors.New("no server listens on that port")
	ErrUnreachable = errors.New("it can't be reached")
	ErrClosed      = errors.New("it closes the connection without an answer")
	ErrDenied      = errors.New("this host does not permit the connection")
	ErrTLS         = errors.New("the TLS handshake fails")
	ErrNoAnswer    = errors.New("its answer is not one of the protocol")
)

// Failure returns a sentence, without the target, that says why asking a server with the context ctx failed: one of the
// errors of this package, or the name that is not found. It never holds the text of a library. If ctx was cancelled, it
// returns the error of ctx.
func Failure(ctx context.Context, err error) error {
	switch timeout, ok := errors.AsType[net.Error](err); {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case ctx.Err() != nil, ok && timeout.Timeout():
		return ErrTimeout
	}
	if redirect, ok := errors.AsType[*RedirectError](err); ok {
		return redirect
	}
	if missing, ok := errors.AsType[*NotFoundError](err); ok {
		return missing
	}
	for _, own := range []error{ErrTimeout, ErrRefused, ErrUnreachable, ErrClosed, ErrDenied, ErrTLS, ErrNoAnswer, ErrTooMuch} {
		if errors.Is(err, own) {
			return err
		}
	}
	if lookUp, ok := errors.AsType[*net.DNSError](err); ok {
		return failedLookUp(lookUp)
	}
	for own, causes := range map[error][]error{
		ErrRefused:     {syscall.ECONNREFUSED},
		ErrUnreachable: {syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EADDRNOTAVAIL, syscall.EINVAL},
		ErrDenied:      {os.ErrPermission},
		ErrClosed:      {io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, net.ErrClosed},
	} {
		for _, cause := range causes {
			if errors.Is(err, cause) {
				return own
			}
		}
	}
	if isTLS(err) {
		return ErrTLS
	}
	return ErrNoAnswer
}

func failedLookUp(e *net.DNSError) error {
	if e.IsNotFound {
		return fmt.Errorf("the host %s is not found", Clip(e.Name))
	}
	return fmt.Errorf("the DNS server has no address of %s", Clip(e.Name))
}

// isTLS reports whether a TLS handshake failed. Some of the errors of crypto/tls have no type.
func isTLS(err error) bool {
	_, header := errors.AsType[tls.RecordHeaderError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	return header || alert || strings.Contains(err.Error(), "tls: ")
}
