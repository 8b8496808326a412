package conformance

import (
	"math/rand/v2"
	"time"

	"announcer/internal/mdns/link"
	"announcer/internal/mdns/responder"
	"announcer/internal/publication"
	"announcer/internal/testkit/memlink"
)

// node is our responder on a host of a simulated network.
type node struct {
	*responder.Responder
	host  *memlink.Host
	net   *memlink.Net
	timer *memlink.Timer

	sources link.Sources

	asleep bool
	since  time.Time
}

// newNode puts a responder on a host. It acts as long as the network runs.
func newNode(n *memlink.Net, host *memlink.Host, seed uint64) *node {
	d := &node{host: host, net: n}
	d.Responder = responder.New(responder.Config{Rand: rand.New(rand.NewPCG(seed, 1)), Start: n.Now()})
	d.timer = n.NewTimer(d.act)
	host.OnPacket(d.hear)
	return d
}

func (d *node) hear(p link.Packet) {
	if d.asleep {
		return
	}
	d.Handle(d.net.Now(), responder.Packet{Link: p.Link, Version: p.Version(), Src: p.From, Dst: p.To.Addr(), Data: p.Data})
	d.act()
}

// apply replaces what is published.
func (d *node) apply(desired publication.Desired) {
	d.sources = link.NewSources(desired.Links)
	d.Apply(d.net.Now(), desired)
	d.timer.Reset(d.net.Now())
}

// close withdraws the services.
func (d *node) close() {
	d.Responder.Close(d.net.Now())
	d.timer.Reset(d.net.Now())
}

// suspend keeps the responder from running until resume.
func (d *node) suspend() {
	d.asleep, d.since = true, d.net.Now()
	d.timer.Reset(time.Time{})
}

func (d *node) resume() {
	d.asleep = false
	d.Wake(d.net.Now(), d.net.Now().Sub(d.since))
	d.timer.Reset(d.net.Now())
}

// act sends what is due and sets the timer for what is not.
func (d *node) act() {
	out, next := d.Tick(d.net.Now())
	for _, o := range out {
		p := link.Packet{Data: o.Data, Link: o.Link, To: o.Dst}
		for _, p := range d.sources.Append(nil, p, o.Asker) {
			d.host.Send(p) // what can't be sent is lost
		}
	}
	if !next.IsZero() {
		next = later(next, d.net.Now().Add(time.Microsecond))
	}
	d.timer.Reset(next)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
