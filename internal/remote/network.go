package remote

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net"

	"announcer/internal/sysdb"
)

// Network is the way to servers, and the chance by which many hosts do not ask at once.
type Network interface {
	Dial(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error)
	rand.Source
}

// system is the network of this host.
type system struct{}

// Dial connects as [sysdb.Dial] does.
func (system) Dial(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	return sysdb.Dial(ctx, d, network, address)
}

// Uint64 returns a random number.
func (system) Uint64() uint64 { return rand.Uint64() }

// Network returns the way to servers.
func (s Settings) Network() Network { return cmp.Or(s.Net, Network(system{})) }

// Dice returns what decides by chance.
func (s Settings) Dice() *rand.Rand { return rand.New(s.Network()) }
