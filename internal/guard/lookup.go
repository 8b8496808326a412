package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// Lookup calls try with a host, or with each of its addresses until one succeeds. It returns the last error, which is a
// *[NotFoundError] if no address is found.
type Lookup func(ctx context.Context, host string, try func(host string) error) error

// Dial connects to an address as [Dial] does, after a look-up of its host.
func (l Lookup) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	err = l(ctx, host, func(host string) error {
		conn, err = Dial(ctx, network, net.JoinHostPort(host, port))
		return err
	})
	return conn, err
}

// OwnAddresses calls try with the addresses of this host until one succeeds, and returns the last error.
func OwnAddresses(try func(host string) error) error {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	err = errors.New("this host has no address")
	for _, a := range addrs {
		ip, _, parseErr := net.ParseCIDR(a.String())
		if parseErr != nil || ip.IsLinkLocalUnicast() {
			continue
		}
		if err = try(ip.String()); err == nil {
			return nil
		}
	}
	return err
}

// NotFoundError reports a host of which no address is found.
type NotFoundError struct{ Host, Why string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("the host %s is not found: %s", Clip(e.Host), e.Why)
}
