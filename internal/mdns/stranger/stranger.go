// Package stranger looks at the network with the resolver of github.com/grandcat/zeroconf, which shares no code with our
// engine: a second opinion on what another program sees.
//
// This package works around the limits of that resolver. It reports a service once, so that each question is
// asked by a new one, again and again until the time is over. It hears all links at once, so that each link has
// one of its own, whose sockets hear nothing else. It sees a service only where one packet has its SRV record
// together with an address of its host, and misses a TXT record in another packet. It does not
// report goodbyes, and it distinguishes upper and lower case.
package stranger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grandcat/zeroconf"

	"announcer/internal/dnsname"
	"announcer/internal/mdns/browse"
	"announcer/internal/mdns/dnstext"
	"announcer/internal/mdns/libsock"
	"announcer/internal/mdns/link"
	"announcer/internal/publication"
	"announcer/services"
)

const (
	firstRound   = time.Second // until a question is asked again; then twice as long each time (RFC 6762 §5.2)
	longestRound = time.Minute
)

// Services asks until ctx is done, and returns the services of a type and domain that it saw, in order. It reports an
// error for each link that can't be asked on.
func Services(ctx context.Context, q browse.Question, links []publication.Link) ([]browse.Entry, error) {
	seen := map[string]browse.Entry{}
	err := ask(ctx, links, q, func(link string, answer *zeroconf.ServiceEntry) {
		if e, ok := parse(answer, link, q); ok {
			add(seen, e)
		}
	})
	return browse.InOrder(slices.Collect(maps.Values(seen))), err
}

// ask asks a question on all links until ctx is done.
func ask(ctx context.Context, links []publication.Link, q browse.Question, heard func(link string, answer *zeroconf.ServiceEntry)) error {
	if len(links) == 0 {
		return browse.ErrNoLink
	}
	var mu sync.Mutex
	var errs []error
	var all sync.WaitGroup
	for _, link := range links {
		all.Go(func() {
			err := askOn(ctx, link, q, func(answer *zeroconf.ServiceEntry) {
				mu.Lock()
				defer mu.Unlock()
				heard(link.Name, answer)
			})
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("%s can't be asked on: %w", link.Name, err))
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// askOn asks a question on one link until ctx is done.
func askOn(ctx context.Context, link publication.Link, q browse.Question, heard func(*zeroconf.ServiceEntry)) error {
	length := firstRound
	for ctx.Err() == nil {
		if err := askOnce(ctx, link, length, q, heard); err != nil {
			return err
		}
		length = min(2*length, longestRound)
	}
	return nil
}

// askOnce asks a question and waits for answers as long as the round lasts.
func askOnce(ctx context.Context, link publication.Link, length time.Duration, q browse.Question, heard func(*zeroconf.ServiceEntry)) error {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	resolver, closed, err := open(link)
	if err != nil {
		return err
	}
	defer closed()
	answers := make(chan *zeroconf.ServiceEntry)
	if err := resolver.Browse(ctx, libraryName(q.Type), libraryName(q.Domain), answers); err != nil {
		return err
	}
	for answer := range answers {
		heard(answer)
	}
	return nil
}

// open makes a resolver for one link, and returns what to call when its sockets are closed. Where the link has IPv4, that is
// enough: a kernel or a sandbox may know no IPv6.
func open(link publication.Link) (r *zeroconf.Resolver, closed func(), err error) {
	var v4, v6 zeroconf.IPType
	if link.Has(publication.V4) {
		v4 = zeroconf.IPv4
	}
	if link.Has(publication.V6) {
		v6 = zeroconf.IPv6
	}
	if v4|v6 == 0 {
		return nil, nil, errors.New("it has no address")
	}
	r, closed, err = openBy(link, v4|v6)
	if err != nil && v4 != 0 && v6 != 0 {
		return openBy(link, v4)
	}
	return r, closed, err
}

// openBy makes a resolver for one link and IP versions.
func openBy(on publication.Link, traffic zeroconf.IPType) (r *zeroconf.Resolver, closed func(), err error) {
	iface := net.Interface{Index: on.Index, Name: on.Name, MTU: on.MTU}
	r, err = zeroconf.NewResolver(zeroconf.SelectIfaces([]net.Interface{iface}), zeroconf.SelectIPTraffic(traffic))
	if err != nil {
		return nil, nil, err
	}
	sockets, err := libsock.OfResolver(r)
	if err != nil {
		return nil, nil, err
	}
	if err := sockets.Bind(on.Name); err != nil {
		sockets.Close()
		return nil, nil, err
	}
	var marks []func()
	for _, conn := range sockets {
		marks = append(marks, link.MarkClient(conn))
	}
	return r, func() {
		for _, unmark := range marks {
			unmark()
		}
	}, nil
}

func libraryName(n dnsname.Name) string { return strings.TrimSuffix(dnstext.Name(n), ".") }

// parse reads an answer of the library. It reports false if that is no service.
func parse(answer *zeroconf.ServiceEntry, link string, q browse.Question) (browse.Entry, bool) {
	instance, err := dnstext.ParseName(undot(answer.Instance))
	if err != nil || len(instance.Labels()) != 1 {
		return browse.Entry{}, false
	}
	host, err := dnstext.ParseName(answer.HostName)
	if err != nil {
		return browse.Entry{}, false
	}
	e := browse.Entry{Link: link, Instance: instance.Label(), Type: q.Type, Domain: q.Domain, Host: host, Port: uint16(answer.Port)}
	if answer.Text != nil {
		e.TXT = services.TXT{}
	}
	for _, s := range answer.Text {
		if s != "" || len(answer.Text) > 1 { // one empty string stands for none (RFC 6763 §6.1)
			e.TXT = append(e.TXT, dnstext.Unescape(s))
		}
	}
	for _, ip := range slices.Concat(answer.AddrIPv4, answer.AddrIPv6) {
		if a, ok := netip.AddrFromSlice(ip); ok {
			e.Addrs = append(e.Addrs, a.Unmap())
		}
	}
	e.Addrs = browse.Sorted(e.Addrs)
	return e, true
}

// undot puts back a dot at the end of an instance name that the library takes away, and leaves its backslash.
func undot(text string) string {
	backslashes := len(text) - len(strings.TrimRight(text, `\`))
	if backslashes%2 == 1 {
		text += "."
	}
	return text
}

// add puts together what the answers report of a service. The latest TXT record counts.
func add(seen map[string]browse.Entry, e browse.Entry) {
	key := fmt.Sprintf("%q %q %q %d", e.Link, dnsname.Fold(e.Instance), e.Host.Key(), e.Port)
	old := seen[key]
	e.Addrs = browse.Sorted(slices.Concat(old.Addrs, e.Addrs))
	if e.TXT == nil {
		e.TXT = old.TXT
	}
	seen[key] = e
}
