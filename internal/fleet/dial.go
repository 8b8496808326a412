package fleet

import (
	"context"

	"announcer/internal/remote"
	"announcer/internal/remote/etcd"
)

// Dial connects to the cluster of a place.
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
