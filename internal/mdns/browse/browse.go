// Package browse is the client side: what service types there are on a network, what services, and whether they are
// what they should be. It sees the network as a stranger does, by the resolver of github.com/grandcat/zeroconf and
// nothing of the engines.
//
// That resolver has its ways, which this package allows for. It tells of a service once, so that each question is
// asked by a new one, again and again until the time is over. It hears all links at once, so that each link has
// one of its own, whose sockets hear nothing else. It sees a service only where one packet has its SRV record
// together with an address of its host; a TXT record that comes apart from these it does not see. It does not tell
// of goodbyes, and it takes upper and lower case for different letters.
package browse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grandcat/zeroconf"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/dnstext"
	"announcer/internal/mdns/libsock"
	"announcer/services"
)

const (
	firstRound   = time.Second // until a question is asked again; then twice as long each time (RFC 6762 §5.2)
	longestRound = time.Minute
	allTypes     = "_services._dns-sd._udp" // RFC 6763 §9
)

// Entry is a service as it is found on a link.
type Entry struct {
	Link     string // name of the interface
	Instance string // the instance name, raw
	Type     dnsname.Name
	Domain   dnsname.Name
	Host     dnsname.Name
	Port     uint16
	TXT      services.TXT // in the order of the record; nil where no TXT record was seen, empty where it holds none
	Addrs    []netip.Addr // in order
}

// Types tells which service types there are in a domain, each once on each link, until ctx is done. It reports an
// error for each link that can't be asked on. found is never called by two goroutines at once.
func Types(ctx context.Context, domain dnsname.Name, links []mdns.Link, found func(typ dnsname.Name, link string)) error {
	known := map[string]bool{}
	question := func(ctx context.Context, r *zeroconf.Resolver, _ int, answers chan<- *zeroconf.ServiceEntry) error {
		return r.Browse(ctx, allTypes, libraryName(domain), answers)
	}
	return ask(ctx, links, question, func(link string, answer *zeroconf.ServiceEntry) {
		name, err := dnstext.ParseName(answer.Instance)
		if err != nil || !name.HasSuffix(domain) {
			return
		}
		labels := name.Labels()
		typ, err := dnsname.New(labels[:len(labels)-len(domain.Labels())]...)
		if key := link + " " + typ.Key(); err == nil && !known[key] {
			known[key] = true
			found(typ, link)
		}
	})
}

// Services tells which services of a type there are in a domain, until ctx is done: each once on each link, and again
// when more is known of it, or something else. It reports an error for each link that can't be asked on. found is
// never called by two goroutines at once.
func Services(ctx context.Context, typ, domain dnsname.Name, links []mdns.Link, found func(Entry)) error {
	c := collector{known: map[string]Entry{}, found: found}
	question := func(ctx context.Context, r *zeroconf.Resolver, _ int, answers chan<- *zeroconf.ServiceEntry) error {
		return r.Browse(ctx, libraryName(typ), libraryName(domain), answers)
	}
	err := ask(ctx, links, question, func(link string, answer *zeroconf.ServiceEntry) {
		if e, ok := parse(answer, link, typ, domain); ok {
			c.add(e)
		}
	})
	c.flush()
	return err
}

// Resolve finds one service, on the link where it answers first. It asks for the instance by its name and, every
// second time, for all of the type: not everybody answers the first question with all that is needed. It reports an
// error where nothing is found until ctx is done.
func Resolve(ctx context.Context, instance string, typ, domain dnsname.Name, links []mdns.Link) (Entry, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	question := func(ctx context.Context, r *zeroconf.Resolver, round int, answers chan<- *zeroconf.ServiceEntry) error {
		if round%2 == 0 {
			return r.Lookup(ctx, dnstext.Label(instance), libraryName(typ), libraryName(domain), answers)
		}
		return r.Browse(ctx, libraryName(typ), libraryName(domain), answers)
	}
	var first, whole *Entry
	err := ask(ctx, links, question, func(link string, answer *zeroconf.ServiceEntry) {
		e, ok := parse(answer, link, typ, domain)
		if !ok || dnsname.Fold(e.Instance) != dnsname.Fold(instance) {
			return
		}
		if first == nil {
			first = &e
		}
		if whole == nil && e.TXT != nil {
			whole = &e
			cancel()
		}
	})
	switch {
	case whole != nil:
		return *whole, nil
	case first != nil:
		return *first, nil
	case err != nil:
		return Entry{}, err
	}
	return Entry{}, fmt.Errorf("nobody answers for %q (%s) in %s", instance, typ, domain)
}

// question asks once. It closes answers when ctx is done, unless it reports an error.
type question func(ctx context.Context, r *zeroconf.Resolver, round int, answers chan<- *zeroconf.ServiceEntry) error

// ask asks a question on all links until ctx is done.
func ask(ctx context.Context, links []mdns.Link, q question, heard func(link string, answer *zeroconf.ServiceEntry)) error {
	if len(links) == 0 {
		return errors.New("there is no interface to ask on")
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
func askOn(ctx context.Context, link mdns.Link, q question, heard func(*zeroconf.ServiceEntry)) error {
	length := firstRound
	for round := 0; ctx.Err() == nil; round++ {
		if err := askOnce(ctx, link, length, round, q, heard); err != nil {
			return err
		}
		length = min(2*length, longestRound)
	}
	return nil
}

// askOnce asks a question and waits for answers as long as the round lasts.
func askOnce(ctx context.Context, link mdns.Link, length time.Duration, round int, q question, heard func(*zeroconf.ServiceEntry)) error {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	resolver, err := open(link)
	if err != nil {
		return err
	}
	answers := make(chan *zeroconf.ServiceEntry)
	if err := q(ctx, resolver, round, answers); err != nil {
		return err
	}
	for answer := range answers {
		heard(answer)
	}
	return nil
}

// open makes a resolver for one link.
func open(link mdns.Link) (*zeroconf.Resolver, error) {
	var traffic zeroconf.IPType
	if link.Has(mdns.V4) {
		traffic |= zeroconf.IPv4
	}
	if link.Has(mdns.V6) {
		traffic |= zeroconf.IPv6
	}
	if traffic == 0 {
		return nil, errors.New("it has no address")
	}
	iface := net.Interface{Index: link.Index, Name: link.Name, MTU: link.MTU}
	resolver, err := zeroconf.NewResolver(zeroconf.SelectIfaces([]net.Interface{iface}), zeroconf.SelectIPTraffic(traffic))
	if err != nil {
		return nil, err
	}
	sockets, err := libsock.OfResolver(resolver)
	if err != nil {
		return nil, err
	}
	if err := sockets.Bind(link.Name); err != nil {
		sockets.Close()
		return nil, err
	}
	return resolver, nil
}

func libraryName(n dnsname.Name) string { return strings.TrimSuffix(dnstext.Name(n), ".") }

// parse reads an answer of the library. It reports false where that is no service.
func parse(answer *zeroconf.ServiceEntry, link string, typ, domain dnsname.Name) (Entry, bool) {
	instance, err := dnstext.ParseName(undot(answer.Instance))
	if err != nil || len(instance.Labels()) != 1 {
		return Entry{}, false
	}
	host, err := dnstext.ParseName(answer.HostName)
	if err != nil {
		return Entry{}, false
	}
	e := Entry{Link: link, Instance: instance.Label(), Type: typ, Domain: domain, Host: host, Port: uint16(answer.Port)}
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
	e.Addrs = inOrder(e.Addrs)
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

func inOrder(addrs []netip.Addr) []netip.Addr {
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}

// collector puts together what the answers tell of each service.
type collector struct {
	known map[string]Entry
	found func(Entry)
}

// add takes an answer. A service without a TXT record waits for a better one.
func (c *collector) add(e Entry) {
	key := fmt.Sprintf("%q %q %q %d", e.Link, dnsname.Fold(e.Instance), e.Host.Key(), e.Port)
	old, known := c.known[key]
	e.Addrs = inOrder(slices.Concat(old.Addrs, e.Addrs))
	if e.TXT == nil {
		e.TXT = old.TXT
	}
	c.known[key] = e
	news := !known || !slices.Equal(old.Addrs, e.Addrs) || (old.TXT == nil) != (e.TXT == nil) || !slices.Equal(old.TXT, e.TXT)
	if news && e.TXT != nil {
		c.found(e)
	}
}

// flush tells of the services for which no TXT record came.
func (c *collector) flush() {
	for _, e := range c.known {
		if e.TXT == nil {
			c.found(e)
		}
	}
}
