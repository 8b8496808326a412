package etcd

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
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

// Connection is a client for one server, reached by TCP. It is not used for another one: when the connection ends, so does its
// context, with the cause.
type Connection struct{ c *connection }

// Connect connects to one server of the place, chosen by chance, or to another one if that can't be reached. If none can, it
// returns why the last one can't. The end of ctx after that does not end the connection.
func (p *Prefix) Connect(ctx context.Context) (Connection, error) {
	life, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, func() { stop(context.Cause(ctx)) })()
	var last error
	for _, address := range p.shuffled() {
		c, err := p.connect(life, address, connecting)
		if err == nil {
			return Connection{c}, nil
		}
		last = fmt.Errorf("%s: %w", address, err)
	}
	stop(last)
	return Connection{}, last
}

// Client returns the client.
func (c Connection) Client() *clientv3.Client { return c.c.server.(*tcp).client }

// Context returns the context of the connection.
func (c Connection) Context() context.Context { return c.c.ctx }

// Close closes the connection.
func (c Connection) Close() { c.c.close() }

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
