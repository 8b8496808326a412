package fleet

import (
	"context"

	"announcer/internal/remote"
	"announcer/internal/remote/etcd"
)

// Dial connects to the cluster of a place, and to all of its servers that can be reached.
func Dial(ctx context.Context, place string, settings remote.Settings) (Etcd, error) {
	prefix, err := etcd.New(place, settings)
	if err != nil {
		return Etcd{}, err
	}
	client, err := prefix.Client(ctx)
	return Etcd{Client: client}, err
}

// Close closes the connections.
func (e Etcd) Close() error { return e.Client.Close() }

// single is one server of a cluster.
type single struct {
	Etcd
	connection etcd.Connection
}

// DialOne connects to one server of a cluster, chosen by chance, as the many hosts of a fleet do.
func DialOne(ctx context.Context, place string, settings remote.Settings) (Connection, error) {
	prefix, err := etcd.New(place, settings)
	if err != nil {
		return nil, err
	}
	connection, err := prefix.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return single{Etcd{connection.Client()}, connection}, nil
}

// Context implements [Connection].
func (s single) Context() context.Context { return s.connection.Context() }

// Close implements [Connection].
func (s single) Close() error {
	s.connection.Close()
	return nil
}
