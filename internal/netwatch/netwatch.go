// Package netwatch knows the network interfaces of this host: which there are, which of them to announce on, and
// when that changes. It needs no privileges.
package netwatch

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"announcer/internal/mdns"
)

const (
	settle    = 100 * time.Millisecond // an interface that comes up changes several times in a row
	pollEvery = 800 * time.Millisecond // where the system doesn't tell of changes
)

// Read gives the interfaces that are up, have a carrier and pass multicast on, by index, with their addresses in order.
// The loopback is one of them, though the system doesn't say that it passes multicast on. How an address stands, and
// what an interface is a port of, is known on Linux only.
func Read() ([]mdns.Link, error) {
	links, err := read()
	if err != nil {
		return nil, fmt.Errorf("the network interfaces can't be read: %w", err)
	}
	return links, nil
}

// Watch gives a signal after each change of what [Read] gives since the call. Changes that follow each other within
// 100 ms, or that nobody has received a signal of yet, are one. Where the system does not tell of changes, that is
// logged, and Watch looks every 800 ms. The channel is closed when ctx is done.
func Watch(ctx context.Context, log *slog.Logger) <-chan struct{} {
	return changes(ctx, nudges(ctx, log), Read)
}

// changes reads the links a while after each nudge and compares. It ends when nudges is closed.
func changes(ctx context.Context, nudges <-chan struct{}, read func() ([]mdns.Link, error)) <-chan struct{} {
	changed := make(chan struct{}, 1)
	last, lastErr := read()
	go func() {
		defer close(changed)
		for range nudges {
			select {
			case <-time.After(settle):
			case <-ctx.Done():
				return
			}
			links, err := read()
			if reflect.DeepEqual(links, last) && (err == nil) == (lastErr == nil) {
				continue
			}
			last, lastErr = links, err
			nudge(changed)
		}
	}()
	return changed
}

// nudge puts a signal into a channel that holds one, unless one is waiting there.
func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// poll nudges at regular intervals.
func poll(ctx context.Context, nudges chan<- struct{}) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			nudge(nudges)
		case <-ctx.Done():
			return
		}
	}
}

// portable reads the interfaces with what every system tells of them.
func portable() ([]mdns.Link, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	const up = net.FlagUp | net.FlagRunning
	var links []mdns.Link
	for _, i := range interfaces {
		if i.Flags&up != up || i.Flags&(net.FlagMulticast|net.FlagLoopback) == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // gone since
		}
		link := mdns.Link{
			Index: i.Index, Name: i.Name, MTU: i.MTU, Loopback: i.Flags&net.FlagLoopback != 0, PointToPoint: i.Flags&net.FlagPointToPoint != 0,
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok {
				addr, _ := netip.AddrFromSlice(n.IP)
				ones, _ := n.Mask.Size()
				link.Addrs = append(link.Addrs, mdns.LinkAddr{Prefix: netip.PrefixFrom(addr.Unmap(), ones)})
			}
		}
		links = append(links, link)
	}
	return inOrder(links), nil
}

func inOrder(links []mdns.Link) []mdns.Link {
	slices.SortFunc(links, func(a, b mdns.Link) int { return a.Index - b.Index })
	for _, l := range links {
		slices.SortFunc(l.Addrs, func(a, b mdns.LinkAddr) int { return a.Prefix.Compare(b.Prefix) })
	}
	return links
}
