// Package native is announcer's own engine: the pure responder on the sockets of the host.
//
// One goroutine owns the responder. It reads packets, hands them over, runs the jobs of other goroutines, and
// sends the packets that result. What is read from /proc, which can hang, is read by tasks that hand it over.
package native

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"announcer/internal/disk"
	"announcer/internal/mailbox"
	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/mdns/responder"
	"announcer/internal/publication"
	"announcer/internal/wakeup"
	"announcer/internal/within"
)

// Config holds what an engine needs from outside.
type Config struct {
	Conn link.Conn    // the network; the engine closes it
	Log  *slog.Logger // for what goes wrong with sockets
	Seed [2]uint64    // of the random delays
	// Notes are places for the file in which the engine keeps what it says for the next start, the first of them that
	// can be written; none: it keeps nothing.
	Notes []string
	FS    disk.FS // of the notes; nil: [disk.OS]
	// MAC returns the hardware address of a neighbour, "" if it isn't known; nil: it never is.
	MAC func(link int, a netip.Addr) string
	// Sleeps calls woke when the process runs again that did not for a while, until ctx ends; nil: it never sleeps.
	Sleeps func(ctx context.Context, woke func(slept time.Duration))
}

// Publisher is the engine. Use [Open] or [New] to make one.
type Publisher struct {
	config    Config
	responder *responder.Responder
	events    *mailbox.Box[mdns.Event]
	asked     chan []mdns.Asked
	done      chan struct{} // closed when the loop has ended
	stop      func()        // ends Config.Sleeps
	news      chan struct{} // there is something to note
	noted     chan struct{} // closed when the last note is written

	host   host
	rivals rivals
	raw    *mailbox.Box[mdns.Event] // events before the hardware addresses of rivals are known
	lost   atomic.Uint64            // events and questions that were not received

	mu   sync.Mutex
	jobs []func()
	end  bool // the loop has ended and takes no jobs

	// The loop's own:
	desired  *publication.Desired // what was applied last; nil before, and at the end
	faults   []link.Fault
	links    publication.Links // of desired, with their faults
	packets  []link.Packet
	late     backlogged
	gathered gathered
	last     []mdns.ServiceStatus // when the loop ended
	failed   time.Time            // when a failure of the network was last logged
	tooLong  uint64               // packets dropped
	unsentOn map[int]uint64       // packets by the index of the link

	blockades blockades    // where no multicast can be sent
	blocked   []link.Fault // those of them that are faults
	repeated  time.Time    // when what was lost there was last said again
}

var (
	_ mdns.Publisher = (*Publisher)(nil)
	_ mdns.Observer  = (*Publisher)(nil)
)

// Open makes an engine on the sockets of this host that holds nothing yet. notes are places for the file in which it
// keeps what it says for the next start; mac is as in [Config]. It reports an error if port 5353 can't be opened. Where /proc
// does not answer, it waits for a moment.
func Open(log *slog.Logger, mac func(link int, a netip.Addr) string, notes ...string) (*Publisher, error) {
	conn, err := link.Open()
	if err != nil {
		return nil, err
	}
	return New(Config{
		Conn: conn, Log: log, Seed: [2]uint64{rand.Uint64(), rand.Uint64()}, MAC: mac,
		Notes: notes, Sleeps: wakeup.Watch,
	}), nil
}

// New makes an engine on any network.
func New(config Config) *Publisher {
	config.FS = cmp.Or(config.FS, disk.OS)
	p := &Publisher{
		config:   config,
		host:     host{looks: make(chan chan struct{}, 1)},
		rivals:   rivals{lookUp: config.MAC, known: map[neighbour]hardware{}},
		raw:      mailbox.New[mdns.Event](mdns.EventsMost),
		events:   mailbox.New[mdns.Event](mdns.EventsMost),
		asked:    make(chan []mdns.Asked, 1),
		done:     make(chan struct{}),
		news:     make(chan struct{}, 1),
		noted:    make(chan struct{}),
		unsentOn: map[int]uint64{},

		blockades: blockades{},
	}
	p.responder = responder.New(responder.Config{
		Rand: rand.New(rand.NewPCG(config.Seed[0], config.Seed[1])), Start: time.Now(), Asked: p.ask,
	})
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	if config.Sleeps != nil {
		go config.Sleeps(ctx, p.woke)
	}
	if len(config.Notes) > 0 {
		now := time.Now()
		l := readNote(config.FS, config.Notes, now, config.Log)
		p.responder.Recall(now, l.said)
		p.responder.Inherit(now, l.ago, l.announced)
		go p.keepNote()
	} else {
		close(p.noted)
	}
	go p.introduceRivals()
	go p.loop()
	go p.lookAtHost(ctx)
	p.refreshHost()
	return p
}

// Apply implements [mdns.Publisher].
func (p *Publisher) Apply(ctx context.Context, d publication.Desired) error {
	err := p.do(ctx, func() {
		p.desired = &d
		p.config.Conn.SetLinks(d.Links) // what fails is a fault
		p.retestBlockades(time.Now())
		p.publish()
	})
	p.host.look()
	return err
}

// Status implements [mdns.Publisher].
func (p *Publisher) Status() []mdns.ServiceStatus {
	var status []mdns.ServiceStatus
	if err := p.do(context.Background(), func() { status = p.status() }); err != nil {
		return slices.Clone(p.last)
	}
	return status
}

// Stats returns the counts of the responder.
func (p *Publisher) Stats() responder.Stats {
	var stats responder.Stats
	if err := p.do(context.Background(), func() { stats = p.responder.Stats() }); err != nil {
		return p.responder.Stats() // no other goroutine has it any more
	}
	return stats
}

// Events implements [mdns.Publisher].
func (p *Publisher) Events() <-chan []mdns.Event { return p.events.Batches() }

// Asked implements [mdns.Observer].
func (p *Publisher) Asked() <-chan []mdns.Asked { return p.asked }

// Observe implements [mdns.Observer].
func (p *Publisher) Observe() mdns.Observation {
	var seen mdns.Observation
	if err := p.do(context.Background(), func() { seen = p.observe() }); err != nil {
		return p.observe() // no other goroutine has it any more
	}
	return seen
}

// Close implements [mdns.Publisher].
func (p *Publisher) Close(ctx context.Context) error {
	p.refreshHost()
	err := p.do(ctx, func() {
		p.desired = nil
		p.responder.Close(time.Now())
	})
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	select {
	case <-p.done:
		p.awaitNote()
		return nil
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), p.Abandon())
	}
}

// Abandon implements [mdns.Publisher].
func (p *Publisher) Abandon() error {
	err := p.config.Conn.Close()
	<-p.done
	p.awaitNote()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// do has the loop do something, and waits for it. It reports [net.ErrClosed] when the loop has ended.
func (p *Publisher) do(ctx context.Context, job func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	did := make(chan struct{})
	p.mu.Lock()
	if p.end {
		p.mu.Unlock()
		<-p.done
		return net.ErrClosed
	}
	p.jobs = append(p.jobs, func() { job(); close(did) })
	p.mu.Unlock()
	p.config.Conn.Wake()
	select {
	case <-did:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-p.done:
		return net.ErrClosed
	}
}

// loop owns the responder until it is closed.
func (p *Publisher) loop() {
	defer p.lastWords()
	p.work()
	p.finish()
}

// work hears and says what there is until the responder or the network is closed.
func (p *Publisher) work() {
	batch := make([]link.Packet, link.MaxBatch)
	var next time.Time
	for {
		n, err := p.config.Conn.Read(batch, next)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			p.fail(err)
		}
		now := time.Now()
		for i := range batch[:n] {
			p.handle(now, &batch[i])
		}
		p.testBlockades(now)
		p.followFaults()
		p.runJobs()
		next = p.tick()
		if p.responder.Done() && p.late.again.IsZero() {
			return
		}
	}
}

func (p *Publisher) handle(now time.Time, in *link.Packet) {
	if in.Err != nil {
		p.tooLong++
		return
	}
	p.responder.Handle(now, responder.Packet{
		Link: in.Link, Version: in.Version(), Src: in.From, Dst: in.To.Addr(), Data: in.Data,
	})
}

// woke announces everything again after a sleep that caches noticed. Packets of before are not sent any more.
func (p *Publisher) woke(slept time.Duration) {
	_ = p.do(context.Background(), func() { // unless the engine has ended
		now := time.Now()
		if !p.responder.Wake(now, slept) {
			return
		}
		p.late = backlogged{}
		p.emit(mdns.Woke(now, slept))
	})
}

func (p *Publisher) runJobs() {
	p.mu.Lock()
	jobs := p.jobs
	p.jobs = nil
	p.mu.Unlock()
	for _, job := range jobs {
		job()
	}
}

// tick does what is due, passes on what came of it, and returns the time of the next thing to do.
func (p *Publisher) tick() (next time.Time) {
	next = p.send()
	p.report()
	if p.responder.SaidNews() {
		p.noteNews()
	}
	p.passOn(time.Now())
	return earliest(next, p.late.again, p.gathered.due, p.blockades.next())
}

// packetsKept is the number of packets for which there is room after a burst, such as that of thousands of links at the start.
const packetsKept = 1024

// send does what is due, sends what comes of it, and returns the time of the next thing to do.
func (p *Publisher) send() (next time.Time) {
	p.block(time.Now(), p.late.resend(p.config.Conn))
	out, next := p.responder.Tick(time.Now())
	if len(out) > 0 {
		if cap(p.packets) > packetsKept && len(out) < cap(p.packets)/4 {
			p.packets = nil
		}
		p.packets = p.packets[:0]
		for _, o := range out {
			p.packets = link.AppendFrom(p.packets, packetOf(o), p.responder.Sources(o.Link, o.Version), o.Asker)
		}
		if p.config.Conn.Write(p.packets) < len(p.packets) && p.sendUnbound() < len(p.packets) {
			p.fail(p.unsent())
			p.block(time.Now(), p.late.keep(p.packets))
		}
	}
	return next
}

// sendUnbound sends those packets again whose source address went a moment ago, from one that the kernel chooses, until
// the links say so. It returns how many packets of the batch are sent by now.
func (p *Publisher) sendUnbound() (sent int) {
	for i := range p.packets {
		if out := &p.packets[i]; out.From.IsValid() && noSource(out.Err) {
			out.From = netip.AddrPort{}
			p.config.Conn.Write(p.packets[i : i+1])
		}
		if p.packets[i].Err == nil {
			sent++
		}
	}
	return sent
}

// noSource reports whether an error of a send is what Linux says where the source address is none of this host's.
func noSource(err error) bool {
	return errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EADDRNOTAVAIL)
}

// packetOf returns the packet that the responder wants sent.
func packetOf(o responder.Out) link.Packet {
	p := link.Packet{Data: o.Data, Link: o.Link, To: o.Dst}
	if o.Src.IsValid() {
		p.From = netip.AddrPortFrom(o.Src, mdns.Port)
	}
	return p
}

// earliest returns the first of some times, of which zero is never.
func earliest(times ...time.Time) (first time.Time) {
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// unsent counts the packets that were not sent, and reports why the first of them was not; nil if that is as it
// should be, or the link seems to be gone.
func (p *Publisher) unsent() (err error) {
	for i := range p.packets {
		out := &p.packets[i]
		if !p.isFailure(out) {
			continue
		}
		p.unsentOn[out.Link]++
		if err == nil && !linkGone(out.Err) {
			l, _ := p.links.ByIndex(out.Link)
			err = fmt.Errorf("failed to send on %s to %s: %w", l.Name, out.To, out.Err)
		}
	}
	return err
}

// linkGone reports whether an error of a send is what the system says where the link or its addresses have just gone, which
// is known from elsewhere in a moment. If it lasts, the IP version of the link is a fault.
func linkGone(err error) bool {
	return noSource(err) || errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.ENETDOWN)
}

// isFailure reports whether a packet was not sent though it could be expected to be.
func (p *Publisher) isFailure(out *link.Packet) bool {
	l, here := p.links.ByIndex(out.Link)
	switch {
	case out.Err == nil:
	case !here, noSource(out.Err) && !l.Has(out.Version()): // a goodbye for a link or an address that is gone
	case errors.Is(out.Err, link.ErrNoSocket): // which is a fault, or passes
	case l.Loopback && errors.Is(out.Err, syscall.ENETUNREACH): // Linux routes no IPv6 multicast there, where IPv4 does
	default:
		return true
	}
	return false
}

// quiet is the least time between two lines of the log about the network.
const quiet = 10 * time.Second

// fail reports a failure of the network, which the engine outlives.
func (p *Publisher) fail(err error) {
	if err == nil || time.Since(p.failed) < quiet {
		return
	}
	p.failed = time.Now()
	p.config.Log.Warn("the network fails", "error", err)
	p.emit(mdns.Event{Time: p.failed, Kind: mdns.EngineFailed, Detail: err.Error()})
}

// report passes on what happened.
func (p *Publisher) report() { p.emit(p.responder.Events()...) }

func (p *Publisher) emit(events ...mdns.Event) {
	p.lost.Add(uint64(p.raw.Put(events...)))
}

func (p *Publisher) observe() mdns.Observation {
	s := p.responder.Stats()
	seen := mdns.Observation{
		Traffic: mdns.Traffic{
			Queries: s.Queries, Responses: s.Responses, Malformed: s.Malformed, Ignored: s.Ignored, TooLong: p.tooLong,
			Suppressed: s.Suppressed, Throttled: s.Throttled, Conflicts: s.Conflicts, Missed: s.MissedEvents + p.lost.Load(),
		},
		Links: p.responder.Traffic(), Foreign: p.responder.Foreign(), Crowded: p.responder.Crowded(), Faults: faultsOf(p.links),
	}
	unsent := map[string]uint64{}
	for index, n := range p.unsentOn {
		if l, here := p.links.ByIndex(index); here {
			unsent[l.Name] = n
		}
	}
	for i := range seen.Links {
		seen.Links[i].SendErrors = unsent[seen.Links[i].Link]
	}
	for i := range seen.Foreign {
		seen.Foreign[i].MAC = p.rivals.mac(seen.Foreign[i].Link, seen.Foreign[i].From)
	}
	return seen
}

func (p *Publisher) status() []mdns.ServiceStatus {
	status := p.responder.Status()
	for i := range status {
		if status[i].Rival.IsValid() {
			status[i].MAC = p.rivals.mac(status[i].Link, status[i].Rival)
		}
	}
	return status
}

// finish leaves everything as it can be after the loop.
func (p *Publisher) finish() {
	p.mu.Lock()
	p.end = true
	p.mu.Unlock()
	p.last = p.status()
	p.stop()
	p.config.Conn.Close()
	p.passOn(p.gathered.due)
	p.raw.Close()
	close(p.asked)
	close(p.done)
}

// lastTime is how long the goodbyes may take after a panic.
const lastTime = time.Second

// lastWords sends goodbyes when the loop panics, as far as that is possible within lastTime, and lets the panic end the
// process.
func (p *Publisher) lastWords() {
	cause := recover()
	if cause == nil {
		return
	}
	said := make(chan struct{})
	go func() {
		defer close(said)
		defer func() { _ = recover() }() // the first panic is what counts
		p.sayGoodbye()
	}()
	select {
	case <-said:
	case <-time.After(lastTime):
	}
	panic(cause)
}

// sayGoodbye sends all goodbyes, and nothing else.
func (p *Publisher) sayGoodbye() {
	shared, ok := within.Do(hostTime, p.config.Conn.Shared)
	p.responder.SharePort(shared || !ok)
	p.responder.Close(time.Now())
	for next := p.send(); !p.responder.Done() || !p.late.again.IsZero(); next = p.send() {
		time.Sleep(time.Until(earliest(next, p.late.again)))
	}
}
