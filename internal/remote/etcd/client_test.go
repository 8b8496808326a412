package etcd

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"announcer/internal/remote"
)

// TestClientsComeBack wants few of the clients of a server that closes all connections to connect again within 2.5 s, when
// gRPC by itself would have all of them do so.
func TestClientsComeBack(t *testing.T) {
	const clients = 20
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var accepted atomic.Int32
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			accepted.Add(1)
			conn.Close()
		}
	}()
	p, err := New("etcd://"+l.Addr().String()+prefix, remote.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
	defer cancel()
	var running sync.WaitGroup
	for range clients {
		client, err := p.Client(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		running.Go(func() {
			for ctx.Err() == nil {
				if _, err := client.Get(ctx, "x"); err == nil {
					t.Error("it answers")
				}
				pause(ctx, 100*time.Millisecond)
			}
		})
	}
	running.Wait()
	const first = 2 * clients // a try whether the server is there, and the connection
	if n := accepted.Load(); n < first || n > first+3*clients/4 {
		t.Errorf("%d connections; want %d, and few more", n, first)
	}
}
