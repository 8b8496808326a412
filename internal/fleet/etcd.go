package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"announcer/internal/remote/etcd"
)

// Etcd is a store in etcd.
type Etcd struct {
	Client *clientv3.Client
}

// Read implements [Store].
func (e Etcd) Read(ctx context.Context, prefix string, at int64) (Listing, error) {
	answer, err := e.Client.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(at))
	if err != nil {
		return Listing{}, fmt.Errorf("%s can't be read: %w", prefix, etcd.Failure(err))
	}
	l := Listing{Revision: answer.Header.Revision}
	if at > 0 {
		l.Revision = at
	}
	for _, kv := range answer.Kvs {
		l.Entries = append(l.Entries, entry(kv))
	}
	return l, nil
}

func entry(kv *mvccpb.KeyValue) Entry {
	return Entry{Key: string(kv.Key), Value: kv.Value, Revision: kv.ModRevision}
}

// Watch implements [Store].
func (e Etcd) Watch(ctx context.Context, prefix string, after int64, yield func([]Change)) error {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	for answer := range e.Client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(after+1)) {
		if err := answer.Err(); err != nil {
			return err
		}
		var changes []Change
		for _, event := range answer.Events {
			changes = append(changes, Change{Entry: entry(event.Kv), Deleted: event.Type == clientv3.EventTypeDelete})
		}
		if len(changes) > 0 {
			yield(changes)
		}
	}
	return ctx.Err()
}

// Grant implements [Leases].
func (e Etcd) Grant(ctx context.Context, life time.Duration) (Lease, error) {
	answer, err := e.Client.Grant(ctx, int64(life/time.Second))
	if err != nil {
		return 0, etcd.Failure(err)
	}
	return Lease(answer.ID), nil
}

// errEnded reports that a lease has ended.
var errEnded = errors.New("the lease has ended")

// Keep implements [Leases].
func (e Etcd) Keep(ctx context.Context, lease Lease) error {
	answer, err := e.Client.KeepAliveOnce(ctx, clientv3.LeaseID(lease))
	if err == nil && answer.TTL <= 0 {
		err = errEnded
	}
	return etcd.Failure(err)
}

// Put implements [Leases].
func (e Etcd) Put(ctx context.Context, key string, value []byte, lease Lease) error {
	_, err := e.Client.Put(ctx, key, string(value), clientv3.WithLease(clientv3.LeaseID(lease)))
	return etcd.Failure(err)
}

// Revoke implements [Leases].
func (e Etcd) Revoke(ctx context.Context, lease Lease) error {
	_, err := e.Client.Revoke(ctx, clientv3.LeaseID(lease))
	return etcd.Failure(err)
}
