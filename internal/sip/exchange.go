package sip

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/emiago/sipgo"
	lib "github.com/emiago/sipgo/sip"
)

// Why there is no response.
var (
	ErrTimeout     = errors.New("it does not answer")
	ErrRefused     = errors.New("nobody listens on that port")
	ErrUnreachable = errors.New("it can't be reached")
	ErrClosed      = errors.New("it closes the connection without an answer")
)

// The library logs what a stranger on the network can cause, to the log of the process; whoever calls us is told.
func init() { lib.SetDefaultLogger(slog.New(slog.DiscardHandler)) }

// exchange sends the request that build makes, again and again as RFC 3261 §17.1.2 says, until there is a response that
// is enough. It uses a socket of its own.
func (t Target) exchange(ctx context.Context, build func(t Target, local netip.AddrPort) *lib.Request, enough func(*lib.Response) bool) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, GiveUp)
	defer cancel()
	conn, err := t.dial(ctx)
	if err != nil {
		return Answer{}, failure(ctx, err)
	}
	defer conn.Close()
	ua, err := sipgo.NewUA()
	if err != nil {
		return Answer{}, err
	}
	defer ua.Close()
	broken := t.serve(ua.TransportLayer(), conn)

	local := addrPort(conn.LocalAddr())
	req := build(t, local)
	req.SetDestination(addrPort(conn.RemoteAddr()).String())
	req.Laddr = lib.Addr{IP: net.IP(local.Addr().AsSlice()), Port: int(local.Port())}
	tx, err := ua.TransactionLayer().Request(ctx, req)
	if err != nil {
		return Answer{}, failure(ctx, cause(broken, err))
	}
	defer tx.Terminate()
	var end error // why the connection is broken
	var late <-chan time.Time
	for {
		select {
		case res := <-tx.Responses():
			if enough(res) {
				return Answer{Code: res.StatusCode, Reason: res.Reason}, nil
			}
		case <-tx.Done():
			return Answer{}, failure(ctx, cmp.Or(end, cause(broken, tx.Err())))
		case end = <-broken:
			late = time.After(onTheWay)
		case <-late:
			return Answer{}, failure(ctx, end)
		case <-ctx.Done():
			return Answer{}, failure(ctx, ctx.Err())
		}
	}
}

// onTheWay is how long a response may take through the library that was read before its connection ended.
const onTheWay = 100 * time.Millisecond

// cause gives what broke the connection or, where it is not broken, err.
func cause(broken <-chan error, err error) error {
	select {
	case first := <-broken:
		return first
	default:
		return err
	}
}

// tlsConfig takes any certificate: whether a phone trusts it is the phone's matter, and nothing that is secret is sent.
var tlsConfig = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}

// dial connects to the target. A UDP socket is connected too, so that the kernel tells when nobody listens.
func (t Target) dial(ctx context.Context) (net.Conn, error) {
	switch t.Transport {
	case UDP, TCP:
		var d net.Dialer
		return d.DialContext(ctx, string(t.Transport), t.Address())
	case TLS:
		d := tls.Dialer{Config: tlsConfig}
		return d.DialContext(ctx, "tcp", t.Address())
	}
	return nil, fmt.Errorf("%q is not a transport", t.Transport)
}

// serve lets the library read from and write to the connection. broken gives the error that ends the reading. (The
// library can end the transactions of a connection itself, but panics where that ends before the request is sent.)
func (t Target) serve(transport *lib.TransportLayer, conn net.Conn) (broken <-chan error) {
	ends := make(chan error, 1)
	switch t.Transport {
	case TCP:
		_ = transport.ServeTCP(&single{conn: stream{conn, ends}}) // it returns when it has the connection
	case TLS:
		_ = transport.ServeTLS(&single{conn: stream{conn, ends}})
	default:
		c := &connected{conn.(*net.UDPConn), ends}
		// The library looks connections up by their local address; it adds this one itself, but not before it reads.
		local := addrPort(conn.LocalAddr())
		transport.Pool("udp").Add(local.String(), &lib.UDPConnection{PacketConn: c, PacketAddr: local.String(), Listener: true})
		go transport.ServeUDP(c)
	}
	return ends
}

// addrPort gives a socket's address without a zone, as the library compares them.
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

// stream is a connection that tells of the error that ends the reading.
type stream struct {
	net.Conn
	ends chan<- error
}

// Read reads from the connection.
func (s stream) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if err != nil {
		tell(s.ends, err)
	}
	return n, err
}

func tell(ends chan<- error, err error) {
	select {
	case ends <- err:
	default:
	}
}

// connected is a connected UDP socket that takes the address that it is connected to, and tells of the error that ends
// the reading, such as that nobody listens there.
type connected struct {
	*net.UDPConn
	ends chan<- error
}

// WriteTo sends to the address that the socket is connected to.
func (c *connected) WriteTo(b []byte, _ net.Addr) (int, error) { return c.Write(b) }

// ReadFrom reads a packet.
func (c *connected) ReadFrom(b []byte) (int, net.Addr, error) {
	n, addr, err := c.UDPConn.ReadFrom(b)
	if err != nil {
		tell(c.ends, err)
	}
	return n, addr, err
}

// single is a listener that has one connection to give.
type single struct {
	conn  net.Conn
	given bool
}

func (s *single) Accept() (net.Conn, error) {
	if s.given {
		return nil, net.ErrClosed
	}
	s.given = true
	return s.conn, nil
}

func (s *single) Close() error   { return nil }
func (s *single) Addr() net.Addr { return s.conn.LocalAddr() }

// failure gives the error that says why there is no response.
func failure(ctx context.Context, err error) error {
	var netErr net.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case errors.Is(err, syscall.ECONNREFUSED):
		return ErrRefused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return ErrUnreachable
	case ctx.Err() != nil, errors.Is(err, lib.ErrTransactionTimeout), errors.As(err, &netErr) && netErr.Timeout():
		return ErrTimeout
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, lib.ErrTransactionTransport):
		return ErrClosed
	}
	return err
}
