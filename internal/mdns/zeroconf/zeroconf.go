// Package zeroconf is the engine on github.com/grandcat/zeroconf.
//
// The library probes, announces and answers. It serves one service with one list of addresses at a time, so that
// each service takes one of its servers on each link: two sockets and two goroutines, and every packet on the link
// is parsed by every server. That is good for some tens of services. Whatever is published, it does not answer
// queries for the addresses of a host, distinguishes upper and lower case in queries, and does not notice
// when another host has the same name; [Limits] returns its other limits.
// The engine does three things itself, without which a phone would not find its server:
//
//   - It keeps the sockets of a server to the link of the server. By themselves they hear all links and answer
//     there with the addresses of another one.
//   - It sends the goodbyes. The library's own withdraw the address of the host and the service type, which the
//     services that remain still need. Here nothing is withdrawn that is still true, and the addresses of the host
//     are true as long as the link has them.
//   - It registers a service again whose data has changed. To change it in the library is a data race.
//
// The library writes to the logger of package log when a link has only one IP version. A program that calls
// [slog.SetDefault] gets these lines in the form of its others, at the level of [slog.SetLogLoggerLevel].
package zeroconf

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"

	"announcer/internal/dnsname"
	"announcer/internal/mailbox"
	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/internal/wakeup"
)

const (
	patience = 2 * time.Second // until something that is waited for should have been heard; the library announces after half a second and once more after one and a half
	maxAsked = 3               // how often the engine asks for what it has not heard
)

// Publisher is the engine. Use [New] to make one.
type Publisher struct {
	log     *slog.Logger
	holders *holders
	events  *mailbox.Box[mdns.Event]
	stop    func()        // ends the watch for sleeps
	rested  chan struct{} // closed when it has ended

	mu      sync.Mutex // guards what follows
	air     *air
	own     dnsname.Name
	links   publication.Links
	servers map[string]*server // by the key of their service
	failed  map[string]error   // why a service has no server, by its key
	waiting []*server          // those whose announcement has not been heard
	entries []entry
	closed  bool
}

var _ mdns.Publisher = (*Publisher)(nil)

// New makes an engine that publishes nothing yet. holder names the programs that have port 5353 of an IP version for
// themselves, "" if none is known; it may take a second. Where the port is held, New waits until it knows them.
func New(log *slog.Logger, holder func(publication.IPVersion) string) *Publisher {
	ctx, stop := context.WithCancel(context.Background())
	p := &Publisher{log: log, events: mailbox.New[mdns.Event](mdns.EventsMost), stop: stop, rested: make(chan struct{}), servers: map[string]*server{}}
	p.air = newAir(p.hear)
	p.holders = &holders{lookUp: holder, changed: p.holderChanged}
	if err := p.air.open(); err != nil || p.air.voices[publication.V4] == nil {
		p.holders.find()
	}
	go func() {
		defer close(p.rested)
		wakeup.Watch(ctx, p.woke)
	}()
	return p
}

// holderChanged reports why services have no socket for IPv4, as it is known now.
func (p *Publisher) holderChanged() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.report(p.entries)
	}
}

// woke registers all services again after a sleep that caches noticed (RFC 6762 §8).
func (p *Publisher) woke(slept time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slept <= mdns.Nap || p.closed {
		return
	}
	p.shutDownAllBut(nil)
	p.publish(p.entries)
	p.report(p.entries)
	p.emit(mdns.Woke(time.Now(), slept))
}

// Apply replaces what is published. A service that stays as it is is left alone. Apply reports an error where
// nothing at all can be published; that a single service can't is an event, and tried again at the next call.
func (p *Publisher) Apply(ctx context.Context, d publication.Desired) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errors.New("the zeroconf engine is closed")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := p.air.open(); err != nil {
		p.holders.refresh()
		return p.holders.blame(err)
	}
	p.air.follow(d.Links)
	p.own, p.links = mdns.HostName(d.Host), d.Links
	entries := plan(d)
	p.publish(entries)
	p.report(entries)
	return nil
}

// publish makes the services of the entries the only ones that are announced.
func (p *Publisher) publish(entries []entry) {
	gone := p.shutDownAllBut(entries)
	fresh := p.registerNew(entries)
	p.sayGoodbye(gone)
	p.waiting = append(p.waiting, fresh...)
	if len(fresh) > 0 {
		time.AfterFunc(patience, func() { p.miss(fresh, 0) })
	}
}

// shutDownAllBut shuts the servers down that no entry wants, and returns them.
func (p *Publisher) shutDownAllBut(entries []entry) []*server {
	wanted := map[string]bool{}
	for _, e := range entries {
		wanted[e.key] = true
	}
	var gone []*server
	for key, s := range p.servers {
		if !wanted[key] {
			s.sockets.ShutDown()
			gone = append(gone, s)
			delete(p.servers, key)
		}
	}
	p.waiting = slices.DeleteFunc(p.waiting, func(s *server) bool { return !wanted[s.key] })
	return gone
}

// registerNew assigns a server to each entry that wants one and has none, and returns these servers.
func (p *Publisher) registerNew(entries []entry) []*server {
	p.failed = map[string]error{}
	var fresh []*server
	for _, e := range entries {
		if e.service == nil || p.servers[e.key] != nil || p.failed[e.key] != nil {
			continue
		}
		s, err := register(e)
		if err != nil {
			p.failed[e.key] = err
			p.holders.refresh()
			continue
		}
		p.servers[e.key] = s
		fresh = append(fresh, s)
	}
	return fresh
}

// sayGoodbye withdraws what servers announced that are shut down, except for what is still true: the records of the
// other servers, and the addresses of this host.
func (p *Publisher) sayGoodbye(gone []*server) {
	before := map[int][]mdns.Record{} // by index of the link
	after := map[int][]mdns.Record{}
	for _, s := range gone {
		before[s.link.Index] = append(before[s.link.Index], s.records()...)
		after[s.link.Index] = mdns.HostRecords(p.own, p.current(s.link))
	}
	for _, s := range p.servers {
		after[s.link.Index] = append(after[s.link.Index], s.records()...)
	}
	for link, records := range before {
		if err := p.sendAll(link, goodbyes(farewell(records, after[link]))); err != nil {
			p.log.Debug("a goodbye was not sent", "link", link, "error", err) // as a rule because the link is gone
		}
	}
}

// sendAll sends packets on a link.
func (p *Publisher) sendAll(link int, packets []*dns.Msg) error {
	var errs []error
	for _, msg := range packets {
		packet, err := msg.Pack()
		if err == nil {
			err = p.air.send(link, packet)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// current returns a link as it was last applied, or as given if it isn't there any more.
func (p *Publisher) current(link publication.Link) publication.Link {
	if l, ok := p.links.ByIndex(link.Index); ok {
		return l
	}
	return link
}

// hear notes which services a packet of the library announces.
func (p *Publisher) hear(link int, from netip.Addr, packet []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 || !p.isOurs(link, from) {
		return
	}
	var msg dns.Msg
	if err := msg.Unpack(packet); err != nil {
		return
	}
	waiting := len(p.waiting)
	p.waiting = slices.DeleteFunc(p.waiting, func(s *server) bool {
		s.announced = s.link.Index == link && s.isIn(&msg)
		return s.announced
	})
	if len(p.waiting) < waiting {
		p.report(p.entries)
	}
}

// isOurs reports whether a packet comes from this host. All on the loopback does, whatever its source: for multicast
// there Linux takes the address of another interface, or 0.0.0.0.
func (p *Publisher) isOurs(link int, from netip.Addr) bool {
	l, ok := p.links.ByIndex(link)
	return ok && (l.Loopback || slices.ContainsFunc(l.Addrs, func(a publication.LinkAddr) bool { return a.Addr().WithZone("") == from }))
}

// miss asks for the services among these that have not been heard: much traffic may have drowned their
// announcements. After a number of times it reports the links on which they are not to be heard.
func (p *Publisher) miss(servers []*server, asked int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	unheard := map[int][]*server{} // by index of the link
	for _, s := range servers {
		if slices.Contains(p.waiting, s) {
			unheard[s.link.Index] = append(unheard[s.link.Index], s)
		}
	}
	for link, missed := range unheard {
		if asked == maxAsked {
			p.emit(mdns.Event{Kind: mdns.EngineFailed, Link: missed[0].link.Name, Detail: fmt.Sprintf(
				"%d of its services are not to be heard there; does a firewall block UDP port %d?", len(missed), mdns.Port)})
		} else if err := p.sendAll(link, questions(missed)); err != nil {
			p.log.Debug("a question was not sent", "link", missed[0].link.Name, "error", err)
		}
	}
	if len(unheard) > 0 && asked < maxAsked {
		time.AfterFunc(patience, func() { p.miss(servers, asked+1) })
	}
}

// Status reports the state of each service on each link.
func (p *Publisher) Status() []mdns.ServiceStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []mdns.ServiceStatus
	for _, e := range p.entries {
		all = append(all, e.status)
	}
	return all
}

// Events returns a channel of what happens, in batches.
func (p *Publisher) Events() <-chan []mdns.Event { return p.events.Batches() }

// Close sends goodbyes for all services, releases the sockets, and closes the channel of events.
func (p *Publisher) Close(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.shut(true)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the zeroconf engine has not sent all its goodbyes: %w", ctx.Err())
	}
}

// Abandon implements [mdns.Publisher].
func (p *Publisher) Abandon() error {
	p.shut(false)
	return nil
}

// shut ends the engine, with goodbyes or without.
func (p *Publisher) shut(goodbyes bool) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	p.stop()
	if goodbyes {
		p.publish(nil)
	} else {
		p.shutDownAllBut(nil)
	}
	p.report(nil)
	p.events.Close()
	p.mu.Unlock()
	<-p.rested    // without the lock, which woke takes
	p.air.close() // without the lock, which its readers take
}
