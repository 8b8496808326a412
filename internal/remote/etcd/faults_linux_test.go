package etcd_test

import (
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"

	"announcer/internal/remote"
)

// faulty is a server that speaks the protocol of etcd, has one key, and fails in one way after the other. It is a
// [remote.Network], by which it alone is reached.
type faulty struct {
	etcdserverpb.UnimplementedKVServer
	etcdserverpb.UnimplementedWatchServer
	etcdserverpb.UnimplementedAuthServer
	listener *bufconn.Listener

	mu       sync.Mutex
	value    string
	revision int64
	changed  chan struct{} // closed with the next change
	fault    fault
	token    int           // that is valid
	asked    chan struct{} // receives for each list and watch
	last     net.Conn
}

// fault is a way in which a server fails.
type fault struct {
	name  string
	words string // that the last report has; "": it is no error
	list  error  // of each list
	hang  bool   // lists are not answered
	watch *etcdserverpb.WatchResponse
	ends  bool // each watch ends at once
	cut   int  // bytes after which a connection breaks; 0: it does not
	login error
	stale bool // tokens are not valid any more
}

func newFaulty(t *testing.T) *faulty {
	s := &faulty{listener: bufconn.Listen(1 << 20), changed: make(chan struct{}), asked: make(chan struct{}, 1000)}
	server := grpc.NewServer()
	etcdserverpb.RegisterKVServer(server, s)
	etcdserverpb.RegisterWatchServer(server, s)
	etcdserverpb.RegisterAuthServer(server, s)
	go server.Serve(s.listener)
	t.Cleanup(server.Stop)
	return s
}

// Dial implements [remote.Network].
func (s *faulty) Dial(ctx context.Context, _ *net.Dialer, _, _ string) (net.Conn, error) {
	conn, err := s.listener.DialContext(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last = conn; s.fault.cut == 0 {
		return conn, nil
	}
	return &short{conn, s.fault.cut}, nil
}

// short is a connection that breaks after some bytes.
type short struct {
	net.Conn
	rest int
}

// Read implements [net.Conn].
func (c *short) Read(b []byte) (int, error) {
	if c.rest == 0 {
		c.Close()
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Read(b[:min(len(b), c.rest)])
	c.rest -= n
	return n, err
}

// set has the key hold another value, and the server fail in another way.
func (s *faulty) set(value string, f fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.value, s.fault = value, f
	s.revision++
	if f.stale {
		s.token++
	}
	if f.cut > 0 {
		s.last.Close()
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// Uint64 implements [remote.Network].
func (*faulty) Uint64() uint64 { return math.MaxUint64 / 3 }

// count counts a list or a watch.
func (s *faulty) count() {
	select {
	case s.asked <- struct{}{}:
	default:
	}
}

// asksSlowly wants that it takes some time until there are a few more lists and watches.
func (s *faulty) asksSlowly(t *testing.T) {
	t.Helper()
	for len(s.asked) > 0 {
		<-s.asked
	}
	began, enough := time.Now(), time.After(4*time.Second) // in which it has asked whether the server is there
	for range 6 {
		select {
		case <-s.asked:
		case <-enough:
			return
		}
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("it asks 6 times in %v", took)
	}
}

func (s *faulty) header() *etcdserverpb.ResponseHeader {
	return &etcdserverpb.ResponseHeader{ClusterId: 1, Revision: s.revision, RaftTerm: 1}
}

func (s *faulty) key() *mvccpb.KeyValue {
	return &mvccpb.KeyValue{Key: []byte(prefix + "dpma.service"), Value: []byte(s.value), ModRevision: s.revision}
}

// Authenticate implements [etcdserverpb.AuthServer].
func (s *faulty) Authenticate(context.Context, *etcdserverpb.AuthenticateRequest) (*etcdserverpb.AuthenticateResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &etcdserverpb.AuthenticateResponse{Header: s.header(), Token: fmt.Sprint(s.token)}, s.fault.login
}

// Range implements [etcdserverpb.KVServer].
func (s *faulty) Range(ctx context.Context, r *etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !r.CountOnly {
		s.count()
	}
	said, _ := metadata.FromIncomingContext(ctx)
	switch f := s.fault; {
	case f.hang:
		s.mu.Unlock()
		<-ctx.Done()
		s.mu.Lock()
		return nil, ctx.Err()
	case fmt.Sprint(said[rpctypes.TokenFieldNameGRPC]) != fmt.Sprintf("[%d]", s.token):
		return nil, rpctypes.ErrGRPCInvalidAuthToken
	case f.list != nil:
		return nil, f.list
	case r.CountOnly:
		return &etcdserverpb.RangeResponse{Header: s.header(), Count: 1}, nil
	}
	return &etcdserverpb.RangeResponse{Header: s.header(), Count: 1, Kvs: []*mvccpb.KeyValue{s.key()}}, nil
}

// Watch implements [etcdserverpb.WatchServer].
func (s *faulty) Watch(stream etcdserverpb.Watch_WatchServer) error {
	r, err := stream.Recv()
	if err != nil {
		return err
	}
	next := r.GetCreateRequest().GetStartRevision()
	s.mu.Lock()
	s.count()
	answer := &etcdserverpb.WatchResponse{Header: s.header(), Created: true}
	s.mu.Unlock()
	for {
		if err := stream.Send(answer); err != nil {
			return err
		}
		s.mu.Lock()
		changed, f, isBehind := s.changed, s.fault, next <= s.revision
		s.mu.Unlock()
		if f.ends {
			return nil
		}
		if f.watch != nil {
			return stream.Send(f.watch)
		}
		if !isBehind {
			select {
			case <-stream.Context().Done():
				return nil
			case <-changed:
			}
		}
		s.mu.Lock()
		next = s.revision + 1
		answer = &etcdserverpb.WatchResponse{Header: s.header(), Events: []*mvccpb.Event{{Kv: s.key()}}}
		s.mu.Unlock()
	}
}

// canceled is the end of a watch for a reason.
func canceled(why string) *etcdserverpb.WatchResponse {
	return &etcdserverpb.WatchResponse{Header: &etcdserverpb.ResponseHeader{Revision: 2}, Canceled: true, CancelReason: why}
}

var faults = []fault{
	{name: "no leader", words: "the cluster has no leader", list: rpctypes.ErrGRPCNoLeader, watch: canceled("etcdserver: no leader")},
	{name: "a leader that changes", watch: canceled("etcdserver: no leader")},
	{name: "no right", words: "may not read the keys", list: rpctypes.ErrGRPCPermissionDenied, watch: canceled("etcdserver: permission denied")},
	{name: "no space", words: "database space exceeded", list: rpctypes.ErrGRPCNoSpace},
	{name: "overload", words: "too many requests", list: rpctypes.ErrGRPCRequestTooManyRequests, watch: canceled("etcdserver: too many requests")},
	{name: "no answer", words: "does not answer in time", hang: true},
	{name: "a watch that ends", ends: true},
	{name: "compaction without end", watch: &etcdserverpb.WatchResponse{
		Header: &etcdserverpb.ResponseHeader{Revision: 2}, Canceled: true, CompactRevision: 1000,
	}},
	{name: "half an answer", words: "closes the connection", cut: 100},
	{name: "not even an answer", words: "closes the connection", cut: 1},
	{name: "a login that fails", words: "does not accept the user", login: rpctypes.ErrGRPCAuthFailed, list: rpctypes.ErrGRPCInvalidAuthToken, stale: true},
	{name: "tokens that expire", stale: true},
}

// TestFaults has a server fail in each way, while the key changes, and be well again.
func TestFaults(t *testing.T) {
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := newFaulty(t)
			s.set("one", fault{})
			h := followAt(t, "127.0.0.1", remote.Set{}, remote.Settings{Net: s, User: "pbx", PasswordFile: password})
			h.has(t, late, "dpma.service", "one")
			s.set("two", f)
			if f.words != "" {
				h.fails(t, f.words)
			} else {
				h.has(t, late, "dpma.service", "two")
			}
			s.asksSlowly(t)
			s.set("three", fault{})
			h.has(t, late, "dpma.service", "three")
			s.set("four", fault{})
			h.has(t, late, "dpma.service", "four")
			h.keeps(t)
			h.mu.Lock()
			if f.words == "" && h.failed != "" {
				t.Errorf("it says %s", h.failed)
			}
			h.mu.Unlock()
		})
	}
}
