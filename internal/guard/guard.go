// Package guard connects to servers and phones that may be broken or hostile. The cost of a connection is limited in
// bytes and in time, even if the other side floods, is silent or never reads.
package guard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"announcer/internal/sysdb"
)

// MaxBytes is the number of bytes that are read from one connection at most. The answers that are asked for have about 1 KB, the
// certificates of a TLS handshake up to 20 KB; the rest is for messages that come in between.
const MaxBytes = 256 << 10

// MaxText is the number of bytes of a text of the other side that are kept: enough for any usual reason phrase.
const MaxText = 200

// ErrTooMuch is the error of reading from a connection after [MaxBytes].
var ErrTooMuch = errors.New("it sends too much that is not an answer")

// Dial connects to an address as [net.Dialer] does. When ctx ends, the connection is closed, which also ends a read or
// write that is under way. A connection by "udp" receives from that address alone, and reports if the port is closed there.
func Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	c, err := sysdb.Dial(ctx, &d, network, address)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, release: context.AfterFunc(ctx, func() { c.Close() })}, nil
}

// conn counts what it reads.
type conn struct {
	net.Conn
	release func() bool
	read    atomic.Int64
}

// Read reads from the connection. Its error is [ErrTooMuch] after [MaxBytes].
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.read.Add(int64(n)) > MaxBytes {
		return 0, ErrTooMuch
	}
	return n, err
}

// Close closes the connection.
func (c *conn) Close() error {
	c.release()
	return c.Conn.Close()
}

// TLS returns a configuration that accepts any certificate, since whether a phone trusts it is not known here and nothing
// secret is sent. Old servers with TLS 1.0 are accepted too. An empty serverName is that of the URL, by HTTP.
func TLS(serverName string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, ServerName: serverName}
}

// maxRedirects is the number of redirections that are followed for one request.
const maxRedirects = 5

// RedirectError reports a redirection that is not followed.
type RedirectError struct {
	Host string // another host; "": there are too many redirections
}

func (e *RedirectError) Error() string {
	if e.Host == "" {
		return fmt.Sprintf("it redirects more than %d times", maxRedirects)
	}
	return fmt.Sprintf("it redirects to another host, %q, which is not asked; want the URL there", Clip(e.Host))
}

// sameHost follows redirections to any port and scheme of the host that was asked, since another host was not named by who
// wants to know.
func sameHost(request *http.Request, before []*http.Request) error {
	host := request.URL.Hostname()
	switch {
	case !strings.EqualFold(host, before[0].URL.Hostname()):
		return &RedirectError{Host: host}
	case len(before) > maxRedirects:
		return &RedirectError{}
	}
	return nil
}

// HTTP returns a client for requests with the context ctx. Its connections are made by dial, such as [Dial], and end with
// ctx, in the TLS handshake too: those of an ordinary client outlive the request that they were made for. Each request has
// a connection of its own, without a proxy. Certificates are not verified. Redirections to another host are a
// *[RedirectError].
func HTTP(ctx context.Context, dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Client {
	return &http.Client{CheckRedirect: sameHost, Transport: &http.Transport{
		DialContext: func(_ context.Context, network, address string) (net.Conn, error) {
			return dial(ctx, network, address)
		},
		TLSClientConfig:        TLS(""),
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: MaxBytes / 4,
	}}
}

// Clip returns the start of a text from the other side, at most [MaxText] bytes and an ellipsis.
func Clip(text string) string {
	if len(text) <= MaxText {
		return text
	}
	return strings.ToValidUTF8(text[:MaxText], "") + "…"
}
