package browse

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
)

// When questions are asked (RFC 6762 §5.2).
const (
	startDelay   = 20 * time.Millisecond  // of the first question, at least
	startJitter  = 100 * time.Millisecond // and as much more at random
	missingDelay = 150 * time.Millisecond // until what an answer lacks is asked for: another packet may bring it
	firstPause   = time.Second            // until a question is asked again; then twice as long each time
	longestPause = time.Hour
)

// question is a name and a type of records to ask for.
type question struct {
	name dnsname.Name
	kind mdns.Type
}

// schedule is when a question is asked next.
type schedule struct {
	next     time.Time
	pause    time.Duration
	expiring bool // a record that answers it has not long to live
}

// client asks on some links, and hears what comes back.
type client struct {
	conn    link.Conn
	links   []publication.Link
	sources link.Sources
	views   []*cache                  // one for each link
	wanted  func(v *cache) []question // what is to be asked on a link, as things stand
	asked   []map[recordKey]*schedule // for each link
	failed  map[int]error             // why a link can't be asked on, by its place
	observe func()                    // called after what was heard, and at least every [observeTime]; may be nil
}

// observeTime is the longest time between two calls of observe.
const observeTime = 250 * time.Millisecond

func newClient(conn link.Conn, links []publication.Link, wanted func(*cache) []question) *client {
	c := &client{conn: conn, links: links, sources: link.NewSources(links), wanted: wanted, failed: map[int]error{}}
	for _, l := range links {
		c.views = append(c.views, newCache(l))
		c.asked = append(c.asked, map[recordKey]*schedule{})
	}
	return c
}

// run asks and hears until ctx is done, and closes the connection.
func (c *client) run(ctx context.Context) error {
	defer c.conn.Close()
	if len(c.links) == 0 {
		return ErrNoLink
	}
	c.conn.SetLinks(c.links) // where that fails, answers to others may still be heard, and asking reports it
	defer context.AfterFunc(ctx, c.conn.Wake)()
	batch := make([]link.Packet, link.MaxBatch)
	for c.setNow(); ctx.Err() == nil; c.setNow() {
		n, err := c.conn.Read(batch, c.until())
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		c.setNow()
		for _, p := range batch[:n] {
			c.hear(p)
		}
		if c.observe != nil {
			c.observe()
		}
	}
	return c.err()
}

// until asks what is due, and returns the time when there is something to do again; zero is never.
func (c *client) until() time.Time {
	next := c.ask()
	if c.observe == nil {
		return next
	}
	look := time.Now().Add(observeTime)
	if next.IsZero() || look.Before(next) {
		return look
	}
	return next
}

func (c *client) setNow() {
	now := time.Now()
	for _, v := range c.views {
		v.now = now
	}
}

// err reports each link that can't be asked on.
func (c *client) err() error {
	var errs []error
	for i, l := range c.links {
		if err := c.failed[i]; err != nil {
			errs = append(errs, fmt.Errorf("%s can't be asked on: %w", l.Name, err))
		}
	}
	return errors.Join(errs...)
}

// hear takes a packet. Nothing that comes by unicast was asked for so.
func (c *client) hear(p link.Packet) {
	if p.Err != nil || p.From.Port() != mdns.Port || !p.Multicast() {
		return
	}
	m, err := wire.Decode(p.Data)
	if err != nil || !m.Response() || !m.Ordinary() {
		return
	}
	for _, v := range c.views {
		if v.link.Index == p.Link {
			v.take(m, p.From.Addr())
		}
	}
}

// ask asks what is due on all links, and returns the time when it is to be called next; zero is never.
func (c *client) ask() (next time.Time) {
	for i, v := range c.views {
		due, at := c.due(i)
		if len(due) > 0 {
			c.send(i, v, due)
		}
		c.greet(v)
		if next.IsZero() || !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	return next
}

// due returns the questions that are due on a link, and when the next one is; zero is never.
func (c *client) due(i int) (due []question, next time.Time) {
	v, asked := c.views[i], c.asked[i]
	wanted := c.wanted(v)
	forget(asked, wanted)
	for _, q := range wanted {
		key := recordKey{q.name.Key(), q.kind}
		s := asked[key]
		expiring := v.expiring(q.name, q.kind)
		switch {
		case s == nil:
			s = &schedule{next: v.now.Add(v.delay()), pause: firstPause}
			asked[key] = s
		case expiring && !s.expiring:
			s.next, s.pause = v.now, firstPause
		}
		s.expiring = expiring
		if !s.next.After(v.now) {
			due = append(due, q)
			s.next, s.pause = v.now.Add(s.pause), min(2*s.pause, longestPause)
		}
		if next.IsZero() || s.next.Before(next) {
			next = s.next
		}
	}
	return due, next
}

// forget removes the schedules of questions that are not wanted any more.
func forget(asked map[recordKey]*schedule, wanted []question) {
	still := map[recordKey]bool{}
	for _, q := range wanted {
		still[recordKey{q.name.Key(), q.kind}] = true
	}
	maps.DeleteFunc(asked, func(key recordKey, _ *schedule) bool { return !still[key] })
}

// delay returns the time until a new question is asked: what is asked at the start is delayed at random.
func (v *cache) delay() time.Duration {
	if v.size == 0 {
		return startDelay + rand.N(startJitter)
	}
	return missingDelay
}

// send asks questions on a link, by each IP version that it has.
func (c *client) send(i int, v *cache, questions []question) {
	var packets []link.Packet
	for _, version := range publication.IPVersions() {
		if !v.link.Has(version) {
			continue
		}
		for _, data := range v.queries(questions) {
			p := link.Packet{Data: data, Link: v.link.Index, To: mdns.Group(version)}
			packets = c.sources.Append(packets, p, netip.Addr{})
		}
	}
	c.conn.Write(packets)
	c.failed[i] = c.failure(v.link, packets)
}

// failure returns why the packets to a link reach not all whom they are for, nil if they do.
func (c *client) failure(l publication.Link, packets []link.Packet) error {
	for _, f := range c.conn.Faults() {
		here := (f.Link == 0 || f.Link == l.Index) && l.Has(f.Version)
		if here && (f.Version == publication.V4 || !l.Has(publication.V4)) { // phones speak IPv4
			return errors.New(f.Why)
		}
	}
	failed := errors.New("it has no address")
	for _, p := range packets {
		if failed = p.Err; failed == nil {
			return nil // one IP version is enough, and on the loopback there is no other
		}
	}
	if errors.Is(failed, syscall.ENODEV) {
		return errors.New("there is no such interface")
	}
	return failed
}

// greet asks each host once by unicast, which RFC 6762 §5.5 allows, so that the kernel comes to know its hardware address.
// The answers are of no interest.
func (c *client) greet(v *cache) {
	if len(v.unasked) == 0 {
		return
	}
	wanted := c.wanted(v)
	if len(wanted) == 0 {
		return // all is known
	}
	data := v.queries(wanted[:1])[0]
	var packets []link.Packet
	for _, a := range v.unasked {
		p := link.Packet{Data: data, Link: v.link.Index, To: netip.AddrPortFrom(a, mdns.Port)}
		packets = c.sources.Append(packets, p, netip.Addr{})
	}
	v.unasked = nil
	c.conn.Write(packets)
}

// messageSize is what fits an ordinary packet of either IP version (RFC 6762 §17).
const messageSize = mdns.EthernetMTU - 40 - 8

// queries returns the messages that ask questions. What is known already goes with them, as much as fits: what is left
// out is only repeated (RFC 6762 §7.1).
func (v *cache) queries(questions []question) [][]byte {
	var messages [][]byte
	var b wire.Builder
	for len(questions) > 0 {
		b.Start(nil, messageSize, 0, 0)
		n := 0
		for n < len(questions) && b.Question(questions[n].name, questions[n].kind, false) {
			n++
		}
		for _, q := range questions[:n] {
			v.known(&b, q)
		}
		messages = append(messages, b.Finish())
		questions = questions[max(n, 1):]
	}
	return messages
}

// known adds the answers to a question of which more than half of the life is left.
func (v *cache) known(b *wire.Builder, q question) {
	added := map[mdns.Data]bool{}
	for _, s := range v.said(q.name, q.kind) {
		left := s.until.Sub(v.now)
		if added[s.Data] || left <= time.Duration(s.TTL)*time.Second/2 {
			continue
		}
		added[s.Data] = true
		if !b.Record(wire.Answer, &s.Record, uint32(left/time.Second), false) {
			return
		}
	}
}
