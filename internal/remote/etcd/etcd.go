// Package etcd follows the definitions below a prefix of keys in an etcd cluster.
//
// A [Prefix] lists the keys at a revision and watches them from there. A definition goes away only by an event that deletes
// its key, or by a complete list of the same data at a newer revision. What a cluster lost stays in use.
package etcd

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"announcer/internal/remote"
)

const (
	reconnect    = 3 * time.Second  // the longest pause before another connection: a random part of it
	connecting   = 3 * time.Second  // the longest time for a TCP connection
	patience     = 3 * time.Second  // likewise for the list, at first; it doubles while servers do not answer
	mostPatience = 60 * time.Second // the longest that it becomes
	impatience   = 4 * time.Second  // for all servers together where an answer is waited for
)

// Prefix is the definitions below a prefix of keys.
type Prefix struct {
	Open Opener // by which servers are reached: by TCP

	place     string
	addresses []string // of the servers
	prefix    string
	settings  remote.Settings
}

// New returns the definitions at a place such as "etcd://HOST[:PORT][,HOST[:PORT]]/announcer/sites/berlin/". Servers are
// asked by TLS if the settings have a CA or a certificate.
func New(place string, settings remote.Settings) (*Prefix, error) {
	addresses, prefix, err := remote.SplitPrefix(place)
	if err != nil {
		return nil, err
	}
	p := &Prefix{place: place, addresses: addresses, prefix: prefix, settings: settings}
	p.Open = p.open
	return p, nil
}

// String returns the place.
func (p *Prefix) String() string { return remote.Shown(p.place) }

// Warnings returns what is wrong with how the servers are asked.
func (p *Prefix) Warnings() []string {
	all := p.settings.Warnings()
	if !p.encrypted() && slices.ContainsFunc(p.addresses, isElsewhere) {
		all = append(all, "every host between here and the server can change where phones go; want ca in [remote], so that it is asked by TLS")
	}
	return all
}

// encrypted reports whether servers are asked by TLS.
func (p *Prefix) encrypted() bool { return p.settings.CA != "" || p.settings.Cert != "" }

// isElsewhere reports whether a server is on another host.
func isElsewhere(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil || host == "localhost" {
		return err != nil
	}
	ip := net.ParseIP(host)
	return ip == nil || !ip.IsLoopback()
}

// Follow implements [remote.Origin]. Hosts have one connection each, to a server chosen by chance. After its end they wait
// for a random time, so that not all come back at once.
func (p *Prefix) Follow(ctx context.Context, known remote.Set, report func(remote.Report)) {
	v := newView(p.place, p.prefix, known)
	addresses := p.shuffled()
	for wait := patience; ctx.Err() == nil; {
		err := p.round(ctx, addresses, p.within(wait), v, report)
		switch {
		case ctx.Err() != nil:
			return
		case isSilent(err):
			wait = min(2*wait, mostPatience)
		default:
			wait = patience
		}
		if err != nil {
			report(remote.Report{Err: err})
		}
		pause(ctx, time.Duration(p.settings.Dice().Int64N(int64(reconnect))))
	}
}

// shuffled returns the servers in an order by chance.
func (p *Prefix) shuffled() []string {
	addresses := slices.Clone(p.addresses)
	p.settings.Dice().Shuffle(len(addresses), func(i, k int) { addresses[i], addresses[k] = addresses[k], addresses[i] })
	return addresses
}

// within returns the time to wait for the list of one server.
func (p *Prefix) within(wait time.Duration) time.Duration {
	if p.settings.Cache == "" {
		return impatience / time.Duration(len(p.addresses))
	}
	return wait
}

// round tries one server after the other. It returns nil when a connection has ended that was good; that server is then
// the last one to be tried. If no server can be used, it returns why the last one can't.
func (p *Prefix) round(ctx context.Context, addresses []string, wait time.Duration, v *view, report func(remote.Report)) error {
	var err error
	for range addresses {
		address := addresses[0]
		copy(addresses, addresses[1:])
		addresses[len(addresses)-1] = address
		if err = p.session(ctx, address, wait, v, report); err == nil || ctx.Err() != nil {
			return nil
		}
	}
	if len(addresses) > 1 {
		err = fmt.Errorf("none of its %d servers can be used; %s: %w", len(addresses), addresses[len(addresses)-1], err)
	}
	return err
}

// session follows the prefix by one connection. It returns nil if that was good, and its end is no reason to believe that
// another one will not be.
func (p *Prefix) session(ctx context.Context, address string, wait time.Duration, v *view, report func(remote.Report)) error {
	c, err := p.connect(ctx, address, wait)
	if err != nil {
		return err
	}
	defer c.close()
	list, err := c.list(wait)
	if err != nil {
		return c.failure(err)
	}
	set := v.replace(list)
	report(remote.Report{Set: &set})
	if err = c.watch(v, report); isLoss(err) {
		return nil
	}
	return c.failure(err)
}

// pause waits.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
