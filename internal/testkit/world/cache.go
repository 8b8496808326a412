//go:build linux

package world

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/testkit/memlink"
)

// cache is what a neighbour knows that heard every packet on a segment, and follows RFC 6762 §10.
type cache struct {
	records []cached
}

type cached struct {
	mdns.Record
	first, heard, expires time.Time
	from                  *memlink.Host // that said it last
}

// hear takes a response of a host.
func (c *cache) hear(now time.Time, from *memlink.Host, m *wire.Message) {
	records := slices.Concat(m.Answers, m.Additional)
	for _, r := range records {
		if r.Unique {
			c.flush(now, r)
		}
	}
	for _, r := range records {
		c.take(now, from, r)
	}
}

// flush has other records of a name and type expire in a second, unless they were heard within the last one (RFC 6762 §10.2).
func (c *cache) flush(now time.Time, r mdns.Record) {
	soon := now.Add(time.Second)
	for i := range c.records {
		old := &c.records[i]
		if same(old.Record, r) && now.Sub(old.heard) > time.Second && old.expires.After(soon) {
			old.expires = soon
		}
	}
}

func same(a, b mdns.Record) bool {
	return a.Data.Type() == b.Data.Type() && a.Name.Key() == b.Name.Key()
}

// take adds a record, or renews it; one with a TTL of 0 is gone in a second (RFC 6762 §10.1).
func (c *cache) take(now time.Time, from *memlink.Host, r mdns.Record) {
	expires := now.Add(max(time.Duration(r.TTL)*time.Second, time.Second))
	if i := c.find(r); i >= 0 {
		c.records[i].heard, c.records[i].expires, c.records[i].from = now, expires, from
	} else if r.TTL > 0 {
		c.records = append(c.records, cached{r, now, now, expires, from})
	}
}

// renew takes a response that a reflector repeats, as far as it is what is known. A host that hears its own answer from another does not give
// it (RFC 6762 §7.4). Addresses are those of another segment.
func (c *cache) renew(now time.Time, m *wire.Message) {
	for _, r := range slices.Concat(m.Answers, m.Additional) {
		_, isAddress := r.Data.(mdns.Address)
		if i := c.find(r); i >= 0 && !isAddress {
			c.take(now, c.records[i].from, r)
		}
	}
}

// find returns where a record is, -1 if it is not known.
func (c *cache) find(r mdns.Record) int {
	return slices.IndexFunc(c.records, func(known cached) bool { return same(known.Record, r) && known.Data.String() == r.Data.String() })
}

// holds reports whether a record is known.
func (c *cache) holds(r mdns.Record) bool { return c.find(r) >= 0 }

// expire forgets what has expired.
func (c *cache) expire(now time.Time) {
	c.records = slices.DeleteFunc(c.records, func(r cached) bool { return !r.expires.After(now) })
}

// forget forgets what a host was the last to say.
func (c *cache) forget(host *memlink.Host) {
	c.records = slices.DeleteFunc(c.records, func(r cached) bool { return r.from == host })
}

// forgetName forgets what is about a name.
func (c *cache) forgetName(name dnsname.Name) {
	c.records = slices.DeleteFunc(c.records, func(r cached) bool {
		p, is := r.Data.(mdns.PTR)
		return r.Name.Equal(name) || is && p.Target.Equal(name)
	})
}

// addresses returns the addresses of a host, sorted.
func (c *cache) addresses(host string) (all []netip.Addr) {
	for _, r := range c.records {
		if a, ok := r.Data.(mdns.Address); ok && r.Name.Key() == host {
			all = append(all, a.Addr)
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return all
}

// services returns what is known of the services of a host, by name.
func (c *cache) services(host string) map[string]string {
	parts := map[string][]string{}
	for _, r := range c.records {
		name, ok := instanceOf(r.Record)
		if !ok || !strings.HasPrefix(name, host+" ") {
			continue
		}
		switch r.Data.(type) {
		case mdns.PTR:
			parts[name] = append(parts[name], "PTR")
		case mdns.SRV, mdns.TXT:
			parts[name] = append(parts[name], r.Data.Type().String()+" "+r.Data.String())
		}
	}
	all := map[string]string{}
	for name, list := range parts {
		slices.Sort(list)
		all[name] = strings.Join(list, "; ")
	}
	return all
}
