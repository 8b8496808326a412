// Package browse is the client: it finds service types, services and the hosts that announce them, and compares them
// with what is expected.
//
// It asks as in RFC 6762 §5.2, by multicast and with known answers, keeps the records of each host separate (cache.go),
// and asks for missing records (client.go), since an answer may come in several packets.
package browse

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/publication"
	"announcer/services"
)

// allTypes is the name that points to every service type of a domain (RFC 6763 §9).
var allTypes = dnsname.MustParse("_services._dns-sd._udp")

// ErrNoLink reports that there is no link to ask on.
var ErrNoLink = errors.New("there is no interface to ask on")

// Question is a service type and the domain to ask for it in. The zero Type stands for every type that there is.
type Question struct{ Type, Domain dnsname.Name }

// Entry is a service as it is found on a link.
type Entry struct {
	Link     string // name of the interface
	Instance string // the instance name, raw
	Type     dnsname.Name
	Domain   dnsname.Name
	Host     dnsname.Name
	Port     uint16
	TXT      services.TXT // in the order of the record; nil if no TXT record was seen, empty where it holds none
	Addrs    []netip.Addr // of the host, in order
	From     []Sender     // who announces it, in the order of addresses; nil if that is not known
}

// Sender is a host as the source of packets.
type Sender struct {
	Addr netip.Addr
	MAC  string // hardware address, "" if unknown; see [WithMACs]
}

// WithMACs fills in the hardware addresses of those who announce entries. mac returns that of a host on a link, "" if
// unknown.
func WithMACs(entries []Entry, mac func(link string, host netip.Addr) string) []Entry {
	for _, e := range entries {
		for i := range e.From {
			e.From[i].MAC = mac(e.Link, e.From[i].Addr)
		}
	}
	return entries
}

// String returns "192.0.2.7", or "192.0.2.7 (02:00:00:00:00:01)".
func (s Sender) String() string {
	if s.MAC == "" {
		return s.Addr.String()
	}
	return fmt.Sprintf("%s (%s)", s.Addr, s.MAC)
}

// Type is a service type that is found on a link.
type Type struct {
	Link string // name of the interface
	Name dnsname.Name
}

// Types asks until ctx is done, and returns the service types that there are in a domain then, in order. It reports an
// error for each link that can't be asked on.
func Types(ctx context.Context, domain dnsname.Name, links []publication.Link) ([]Type, error) {
	conn, err := link.OpenClient()
	if err != nil {
		return nil, err
	}
	return types(ctx, conn, domain, links)
}

func types(ctx context.Context, conn link.Conn, domain dnsname.Name, links []publication.Link) ([]Type, error) {
	name, err := Question{Domain: domain}.name()
	if err != nil {
		conn.Close()
		return nil, err
	}
	c := newClient(conn, links, func(*cache) []question { return []question{{name, mdns.TypePTR}} })
	err = c.run(ctx)
	var all []Type
	for _, v := range c.views {
		for _, typ := range v.types(domain) {
			all = append(all, Type{v.link.Name, typ})
		}
	}
	slices.SortFunc(all, func(a, b Type) int { return strings.Compare(a.Name.String()+" "+a.Link, b.Name.String()+" "+b.Link) })
	return all, err
}

// below returns the labels of a name in front of those of a domain.
func below(name, domain dnsname.Name) []string {
	labels := name.Labels()
	return labels[:max(0, len(labels)-len(domain.Labels()))]
}

// Services asks until ctx is done, and returns the services that answer the questions then, in order. It reports an error
// for each link that can't be asked on.
func Services(ctx context.Context, questions []Question, links []publication.Link) ([]Entry, error) {
	conn, err := link.OpenClient()
	if err != nil {
		return nil, err
	}
	return find(ctx, conn, questions, links)
}

func find(ctx context.Context, conn link.Conn, questions []Question, links []publication.Link) ([]Entry, error) {
	if err := checkQuestions(questions); err != nil {
		conn.Close()
		return nil, err
	}
	c := newClient(conn, links, func(v *cache) []question { return v.wanted(questions) })
	err := c.run(ctx)
	return c.found(questions), err
}

// checkQuestions reports an error if a question asks for a name that is too long.
func checkQuestions(questions []Question) error {
	for _, q := range questions {
		if _, err := q.name(); err != nil {
			return err
		}
	}
	return nil
}

// name returns the name whose PTR records are asked for: those of the services of a type, or of all types.
func (q Question) name() (dnsname.Name, error) {
	if q.Type.IsZero() {
		return allTypes.Join(q.Domain)
	}
	return q.Type.Join(q.Domain)
}

// found returns the services that are known now.
func (c *client) found(questions []Question) []Entry {
	var all []Entry
	for _, v := range c.views {
		for _, q := range v.typed(questions) {
			name, _ := q.name() // which was checked, or came from the network
			for _, instance := range v.instances(name) {
				all = append(all, v.entries(instance, q)...)
			}
		}
	}
	return InOrder(all)
}

// InOrder sorts entries by name, type, link and host.
func InOrder(all []Entry) []Entry {
	order := func(e Entry) string {
		return strings.Join([]string{e.Instance, e.Type.Key(), e.Domain.Key(), e.Link, e.Host.Key(), fmt.Sprintf("%05d", e.Port)}, "\x00")
	}
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(order(a), order(b)) })
	return all
}

// Resolve finds one service, on the link that first knows it whole. It reports an error if nothing is found until ctx is
// done.
func Resolve(ctx context.Context, instance string, q Question, links []publication.Link) (Entry, error) {
	conn, err := link.OpenClient()
	if err != nil {
		return Entry{}, err
	}
	return resolve(ctx, conn, instance, q, links)
}

func resolve(ctx context.Context, conn link.Conn, instance string, q Question, links []publication.Link) (Entry, error) {
	name, err := q.Type.Join(q.Domain)
	if err == nil {
		name, err = name.Child(instance)
	}
	if err != nil {
		conn.Close()
		return Entry{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := newClient(conn, links, func(v *cache) []question {
		wanted := v.missing(name)
		if len(wanted) == 0 {
			cancel()
		}
		return wanted
	})
	err = c.run(ctx)
	var found []Entry
	for _, v := range c.views {
		found = append(found, v.entries(name, q)...)
	}
	switch best := slices.IndexFunc(found, func(e Entry) bool { return e.TXT != nil && e.Addrs != nil }); {
	case best >= 0:
		return found[best], nil
	case len(found) > 0:
		return found[0], nil
	case err != nil:
		return Entry{}, err
	}
	return Entry{}, fmt.Errorf("no host answers for %q (%s) in %s", instance, q.Type, q.Domain)
}
