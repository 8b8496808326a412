package browse

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/guard"
	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/publication"
)

// Host is what is found of a host on a link.
type Host struct {
	Link  string // name of the interface
	Name  dnsname.Name
	Addrs []netip.Addr // in order, IPv4 first
	From  []Sender     // who announces them, in the order of addresses

	until time.Time // when the first of the addresses is over
}

// FindHost asks for the addresses of a host, until a link has any or ctx is done. It reports an error if there is none.
func FindHost(ctx context.Context, name dnsname.Name, links []publication.Link) ([]Host, error) {
	conn, err := link.OpenClient()
	if err != nil {
		return nil, err
	}
	found, err := findHost(ctx, conn, name, links)
	return foundFor(name.String(), found, links, err)
}

// FindAddress asks which host has an address (RFC 6762 §4), until a link has an answer or ctx is done. It reports an error if there
// is none.
func FindAddress(ctx context.Context, addr netip.Addr, links []publication.Link) ([]Host, error) {
	conn, err := link.OpenClient()
	if err != nil {
		return nil, err
	}
	found, err := findAddress(ctx, conn, addr, links)
	return foundFor(addr.String(), found, links, err)
}

// foundFor returns what was found or, if that is nothing, an error.
func foundFor(asked string, found []Host, links []publication.Link, err error) ([]Host, error) {
	if len(found) == 0 && err == nil {
		err = fmt.Errorf("no host answers for %s by mDNS on %s", asked, named(links))
	}
	return found, err
}

func findAddress(ctx context.Context, conn link.Conn, addr netip.Addr, links []publication.Link) ([]Host, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	name := mdns.ReverseName(addr.WithZone(""))
	c := newClient(conn, links, func(v *cache) []question {
		if len(v.said(name, mdns.TypePTR)) > 0 {
			cancel()
			return nil
		}
		return []question{{name, mdns.TypePTR}}
	})
	err := c.run(ctx)
	var found []Host
	for _, v := range c.views {
		for _, s := range v.said(name, mdns.TypePTR) {
			found = append(found, Host{Link: v.link.Name, Name: s.Data.(mdns.PTR).Target, Addrs: []netip.Addr{addr}, From: []Sender{{Addr: s.from}}})
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	return nil, err
}

// findHost asks for the addresses of a host, until a link has any or ctx is done. It reports an error for each link that can't
// be asked on, if there is none.
func findHost(ctx context.Context, conn link.Conn, name dnsname.Name, links []publication.Link) ([]Host, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := newClient(conn, links, func(v *cache) []question {
		if len(v.addresses(name)) > 0 {
			cancel()
			return nil
		}
		return []question{{name, mdns.TypeA}, {name, mdns.TypeAAAA}}
	})
	err := c.run(ctx)
	var found []Host
	for _, v := range c.views {
		if h := v.host(name); len(h.Addrs) > 0 {
			found = append(found, h)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	return nil, err
}

// host returns what is said of a host.
func (v *cache) host(name dnsname.Name) Host {
	h := Host{Link: v.link.Name, Name: name, Addrs: v.addresses(name)}
	for _, s := range slices.Concat(v.said(name, mdns.TypeA), v.said(name, mdns.TypeAAAA)) {
		if h.until.IsZero() || s.until.Before(h.until) {
			h.until = s.until
		}
		if !slices.Contains(h.From, Sender{Addr: s.from}) {
			h.From = append(h.From, Sender{Addr: s.from})
		}
	}
	slices.SortFunc(h.From, func(a, b Sender) int { return a.Addr.Compare(b.Addr) })
	return h
}

const (
	findTime = 1500 * time.Millisecond // for the answer of a host: two questions
	keepTime = time.Minute             // that addresses are kept at most
)

// Resolver finds the addresses of hosts in .local by multicast DNS (RFC 6762 §3), and leaves other hosts to the system. What it
// finds is kept for a minute, unless it fails before. Several goroutines can use it.
type Resolver struct {
	place func() (host string, links []publication.Link, err error)
	open  func() (link.Conn, error)
	dns   func(ctx context.Context, host string) ([]netip.Addr, error)

	mu    sync.Mutex
	found map[string]kept
}

// NewResolver makes a resolver. place returns this host's name, without .local, which needs no question, and the links on which
// it asks.
func NewResolver(place func() (host string, links []publication.Link, err error)) *Resolver {
	return &Resolver{
		place: place,
		open:  func() (link.Conn, error) { return link.OpenClient() },
		dns: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
		found: map[string]kept{},
	}
}

// kept is what was found of a host.
type kept struct {
	addrs []string
	until time.Time
}

// Lookup is a [guard.Lookup].
//
// A name of two labels, such as pbx.local, is asked for by multicast DNS, and if no host answers, by DNS; a longer one, such as
// pbx.corp.local, is more often one of DNS, and is asked for there first.
func (r *Resolver) Lookup(ctx context.Context, host string, try func(host string) error) error {
	name, err := dnsname.Parse(host)
	if err != nil || !name.HasSuffix(dnsname.Local) || len(name.Labels()) < 2 {
		return try(host)
	}
	own, links, err := r.place()
	switch {
	case err != nil:
		return &guard.NotFoundError{Host: host, Why: err.Error()}
	case name.Parent().Equal(dnsname.Local) && strings.EqualFold(name.Label(), own):
		return guard.OwnAddresses(try)
	}
	addrs, err := r.addresses(ctx, name, host, links)
	if err != nil {
		return err
	}
	for _, a := range addrs {
		if err = try(a); err == nil {
			return nil
		}
	}
	r.forget(name)
	return err
}

// addresses returns the addresses of a host, of which there is at least one, or a *[guard.NotFoundError].
func (r *Resolver) addresses(ctx context.Context, name dnsname.Name, host string, links []publication.Link) ([]string, error) {
	r.mu.Lock()
	k, ok := r.found[name.Key()]
	r.mu.Unlock()
	if ok && time.Now().Before(k.until) {
		return k.addrs, nil
	}
	short := len(name.Labels()) == 2
	if !short {
		if addrs := r.byDNS(ctx, host); len(addrs) > 0 {
			return addrs, nil
		}
	}
	k, why := r.byMulticast(ctx, name, links)
	if why == "" {
		r.keep(name, k)
		return k.addrs, nil
	}
	if short {
		if addrs := r.byDNS(ctx, host); len(addrs) > 0 {
			return addrs, nil
		}
	}
	return nil, &guard.NotFoundError{Host: host, Why: why}
}

func (r *Resolver) keep(name dnsname.Name, k kept) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found[name.Key()] = k
}

func (r *Resolver) forget(name dnsname.Name) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.found, name.Key())
}

func (r *Resolver) byDNS(ctx context.Context, host string) (addrs []string) {
	found, _ := r.dns(ctx, host) // an error: there are none
	for _, a := range found {
		addrs = append(addrs, a.Unmap().String())
	}
	return addrs
}

// byMulticast asks the hosts of the links. why says why there is no answer, "" if there is one.
func (r *Resolver) byMulticast(ctx context.Context, name dnsname.Name, links []publication.Link) (k kept, why string) {
	conn, err := r.open()
	if err != nil {
		return kept{}, err.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, patience(ctx))
	defer cancel()
	found, err := findHost(ctx, conn, name, links)
	switch {
	case err != nil:
		return kept{}, strings.ReplaceAll(err.Error(), "\n", "; ") // of several links
	case len(found) == 0:
		return kept{}, "no host answers by mDNS on " + named(links)
	}
	k.until = time.Now().Add(keepTime)
	for _, h := range found {
		if h.until.Before(k.until) {
			k.until = h.until
		}
		k.addrs = append(k.addrs, h.reachable()...)
	}
	return k, ""
}

// patience returns how long is waited for an answer: less than ctx has, so that what follows has time too.
func patience(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(findTime, time.Until(deadline)/2)
	}
	return findTime
}

// reachable returns the addresses, those that hold on one link only with its name.
func (h Host) reachable() (addrs []string) {
	for _, a := range h.Addrs {
		if a.Is6() && a.IsLinkLocalUnicast() {
			a = a.WithZone(h.Link)
		}
		addrs = append(addrs, a.String())
	}
	return addrs
}

// named lists links for people, as [publication.Names] does.
func named(links []publication.Link) string {
	var names []string
	for _, l := range links {
		names = append(names, l.Name)
	}
	return publication.Names(names)
}
