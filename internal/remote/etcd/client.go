package etcd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

// Client returns a client for all servers of the place, which goes on with another one when one fails. If none can be
// reached, it returns why the last one can't.
func (p *Prefix) Client(ctx context.Context) (*clientv3.Client, error) {
	if err := p.reach(ctx); err != nil {
		return nil, err
	}
	password, err := p.password(p.addresses)
	if err != nil {
		return nil, err
	}
	config := clientv3.Config{
		Logger: zap.NewNop(), Username: p.settings.User, Password: password, MaxCallRecvMsgSize: mostBytes,
		DialTimeout: connecting, DialKeepAliveTime: 2 * beat, DialKeepAliveTimeout: beatWait,
		DialOptions: []grpc.DialOption{grpc.WithContextDialer(new(spread).dial)},
	}
	scheme := "http://"
	if p.encrypted() {
		if config.TLS, err = p.settings.TLS(); err != nil {
			return nil, err
		}
		scheme = "https://"
	}
	for _, address := range p.addresses {
		config.Endpoints = append(config.Endpoints, scheme+address)
	}
	client, err := clientv3.New(config)
	return client, Failure(err)
}

// comeback is the longest pause before a client connects to a server again: a random part of it. gRPC connects at once.
const comeback = 15 * time.Second

// spread connects a client to its servers. All clients of a server that restarts lose their connections at the same time.
type spread struct{ known sync.Map } // addresses

// dial connects to a server, after a pause if it did so before.
func (s *spread) dial(ctx context.Context, address string) (net.Conn, error) {
	if _, again := s.known.LoadOrStore(address, true); again {
		pause(ctx, rand.N(comeback))
	}
	dialer := net.Dialer{Timeout: connecting}
	return dialer.DialContext(ctx, "tcp", address)
}

// reach connects to one server after the other until one answers.
func (p *Prefix) reach(ctx context.Context) error {
	var last error
	for _, address := range p.addresses {
		conn, err := p.dial(ctx, address, connecting)
		if err == nil {
			return conn.Close()
		}
		last = fmt.Errorf("%s: %w", address, err)
	}
	return last
}

// Failure returns an error of a client as a sentence.
func Failure(err error) error {
	switch {
	case errors.Is(err, rpctypes.ErrPermissionDenied):
		return errors.New("this user of etcd has not the right to do that; want a role with it")
	case errors.Is(err, rpctypes.ErrUserEmpty):
		return errors.New("etcd wants a user; want user and password_file in [remote]")
	case errors.Is(err, rpctypes.ErrAuthFailed):
		return errors.New("etcd does not accept the user or the password; want them right in [remote]")
	case errors.Is(err, rpctypes.ErrNoLeader), errors.Is(err, rpctypes.ErrNotCapable):
		return errors.New("the cluster has no leader; want the majority of its servers running and connected")
	}
	return err
}
