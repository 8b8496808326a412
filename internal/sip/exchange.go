package sip

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"

	"announcer/internal/guard"
)

// Why there is no response.
var (
	ErrTimeout     = guard.ErrTimeout
	ErrRefused     = guard.ErrRefused
	ErrUnreachable = guard.ErrUnreachable
	ErrClosed      = guard.ErrClosed
)

// exchange sends the request that build makes, by UDP again and again as RFC 3261 §17.1.2 says, until there is a response
// that is enough. It uses a connection of its own, which is closed when it returns or ctx ends; nothing else is waited
// for. Messages that are not a response to the request are read and dropped, at most [maxMessages].
func (t Target) exchange(ctx context.Context, build func(t Target, local netip.AddrPort) request, enough func(Answer) bool) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, GiveUp)
	defer cancel()
	conn, err := t.dial(ctx)
	if err != nil {
		return Answer{}, guard.Failure(ctx, err)
	}
	defer conn.Close()
	req := build(t, addrPort(conn.LocalAddr()))
	if _, err := io.WriteString(conn, req.text); err != nil {
		return Answer{}, guard.Failure(ctx, err)
	}
	next := newStream(conn).next
	if t.Transport == UDP {
		next = newPackets(conn, req.text).next
	}
	for range maxMessages {
		message, err := next()
		if answer, ok := req.answer(message); ok && enough(answer) {
			return answer, nil
		}
		if err != nil {
			return Answer{}, guard.Failure(ctx, err)
		}
	}
	return Answer{}, fmt.Errorf("%w: %d messages", guard.ErrTooMuch, maxMessages)
}

// dial connects to the target.
func (t Target) dial(ctx context.Context) (net.Conn, error) {
	switch t.Transport {
	case UDP, TCP:
		return guard.Dial(ctx, string(t.Transport), t.Address())
	case TLS:
		conn, err := guard.Dial(ctx, "tcp", t.Address())
		if err != nil {
			return nil, err
		}
		secure := tls.Client(conn, guard.TLS(t.Host))
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, err
		}
		return secure, nil
	}
	return nil, fmt.Errorf("%q is not a transport", t.Transport)
}

// addrPort returns a socket's address without a zone.
func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
