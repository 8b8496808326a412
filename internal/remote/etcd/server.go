package etcd

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/grpclog"

	"announcer/internal/guard"
	"announcer/internal/remote"
)

// The client library and gRPC would log to standard error.
func init() {
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
}

// Server is a connection to one server of a cluster, and what is asked by it. Errors are those of the client library.
type Server interface {
	// Login logs in as a user. What is asked after that is asked by the user.
	Login(ctx context.Context, user, password string) error

	// List returns all keys below a prefix, as a majority of the cluster has them.
	List(ctx context.Context, prefix string) (*clientv3.GetResponse, error)

	// Watch reports what happens below a prefix from a revision on, until ctx is done or the channel is closed.
	Watch(ctx context.Context, prefix string, from int64) clientv3.WatchChan

	// Revision returns the revision that the server has. No other server is asked.
	Revision(ctx context.Context, prefix string) (int64, error)

	// Close ends the connection.
	Close()
}

// Opener connects to the server at an address, which may take some time for that. It calls ended when the connection ends, with the
// cause.
type Opener func(ctx context.Context, address string, wait time.Duration, ended context.CancelCauseFunc) (Server, error)

// tcp is a connection by TCP, used by the client library.
type tcp struct {
	conn   net.Conn
	client *clientv3.Client
	token  *token
}

// open is an [Opener].
func (p *Prefix) open(ctx context.Context, address string, wait time.Duration, ended context.CancelCauseFunc) (Server, error) {
	conn, err := p.dial(ctx, address, wait)
	if err != nil {
		return nil, err
	}
	token := new(token)
	client, err := clientv3.New(clientv3.Config{
		Context: ctx, Endpoints: []string{"http://" + address}, Logger: zap.NewNop(), MaxUnaryRetries: 1, MaxCallRecvMsgSize: mostBytes,
		DialOptions: []grpc.DialOption{grpc.WithContextDialer(once(conn, ended)), grpc.WithPerRPCCredentials(token)},
	})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &tcp{conn, client, token}, nil
}

// Login implements [Server].
func (t *tcp) Login(ctx context.Context, user, password string) error {
	answer, err := t.client.Authenticate(ctx, user, password)
	if err == nil {
		t.token.value.Store(answer.Token)
	}
	return err
}

// List implements [Server].
func (t *tcp) List(ctx context.Context, prefix string) (*clientv3.GetResponse, error) {
	return t.client.Get(ctx, prefix, clientv3.WithPrefix())
}

// Watch implements [Server].
func (t *tcp) Watch(ctx context.Context, prefix string, from int64) clientv3.WatchChan {
	return t.client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(from), clientv3.WithFragment())
}

// Revision implements [Server].
func (t *tcp) Revision(ctx context.Context, prefix string) (int64, error) {
	answer, err := t.client.Get(ctx, prefix, clientv3.WithSerializable(), clientv3.WithCountOnly())
	if err != nil {
		return 0, err
	}
	return answer.Header.Revision, nil
}

// Close implements [Server].
func (t *tcp) Close() {
	t.client.Close() // whose error is that of the context
	t.conn.Close()
}

// dial returns a connection by which gRPC can speak as if there were no TLS, so that the cause of a failure is known.
func (p *Prefix) dial(ctx context.Context, address string, wait time.Duration) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: min(connecting, wait)}
	conn, err := p.settings.Network().Dial(ctx, &dialer, "tcp", address)
	if err != nil {
		return nil, remote.Failure(ctx, err)
	}
	if !p.encrypted() {
		return conn, nil
	}
	cfg, err := p.settings.TLS()
	if err != nil {
		conn.Close()
		return nil, err
	}
	cfg.ServerName, cfg.NextProtos = host, []string{"h2"}
	ctx, cancel := context.WithTimeoutCause(ctx, wait, errSilent)
	defer cancel()
	encrypted := tls.Client(conn, cfg)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, failedHandshake(ctx, err)
	}
	return encrypted, nil
}

func failedHandshake(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return remote.Failure(ctx, err)
}

// once returns a dialer for gRPC that has one connection to give: a second one is for [Prefix.Follow] to make.
func once(conn net.Conn, ended context.CancelCauseFunc) func(context.Context, string) (net.Conn, error) {
	var used atomic.Bool
	return func(context.Context, string) (net.Conn, error) {
		if used.Swap(true) {
			return nil, guard.ErrClosed
		}
		return &watched{conn, ended}, nil
	}
}

// watched is a connection whose end is noticed.
type watched struct {
	net.Conn
	ended context.CancelCauseFunc
}

// Read implements [net.Conn].
func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if err != nil {
		w.ended(remote.Failure(context.Background(), err))
	}
	return n, err
}

// Close implements [net.Conn].
func (w *watched) Close() error {
	w.ended(remote.Failure(context.Background(), net.ErrClosed))
	return w.Conn.Close()
}

// token is what etcd gives for a user and a password. It goes with each request.
type token struct{ value atomic.Value }

// GetRequestMetadata implements [credentials.PerRPCCredentials].
func (t *token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if value, ok := t.value.Load().(string); ok {
		return map[string]string{rpctypes.TokenFieldNameGRPC: value}, nil
	}
	return nil, nil
}

// RequireTransportSecurity implements [credentials.PerRPCCredentials]. TLS is below what gRPC sees.
func (t *token) RequireTransportSecurity() bool { return false }
