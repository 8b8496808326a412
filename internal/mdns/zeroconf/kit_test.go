//go:build linux

package zeroconf

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	mdnslink "announcer/internal/mdns/link"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/testkit/netlab"
	"announcer/services"
)

const limit = 10 * time.Second // for everything that tests wait for

func TestMain(m *testing.M) { netlab.Main(m) }

// peer is another machine, or another program: it hears and speaks on one interface, and knows no library.
type peer struct {
	t       *testing.T
	conn    net.PacketConn
	index   int
	packets chan *dns.Msg // the responses, in the order in which they came
	asked   chan string   // the questions, as "NAME TYPE"
}

// newPeer makes a peer for IPv4 ("udp4") or IPv6 on an interface of a host.
func newPeer(t *testing.T, host *netlab.Host, network, name string) *peer {
	t.Helper()
	p := &peer{t: t, packets: make(chan *dns.Msg, 10000), asked: make(chan string, 10000)}
	var err error
	host.Do(func() { err = p.open(network, name) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.conn.Close() })
	go p.listen()
	return p
}

func (p *peer) open(network, name string) error {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	p.index = link.Index
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		raw.Control(func(fd uintptr) {
			if err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err == nil {
				err = unix.BindToDevice(int(fd), name)
			}
		})
		return err
	}}
	if p.conn, err = config.ListenPacket(context.Background(), network, ":5353"); err != nil {
		return err
	}
	if network == "udp4" {
		return ipv4.NewPacketConn(p.conn).JoinGroup(link, group4)
	}
	return ipv6.NewPacketConn(p.conn).JoinGroup(link, group6)
}

func (p *peer) listen() {
	buf := make([]byte, maxRead)
	for {
		n, _, err := p.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var msg dns.Msg
		if msg.Unpack(buf[:n]) != nil {
			continue
		}
		if msg.Response {
			p.packets <- &msg
			continue
		}
		for _, q := range msg.Question {
			p.asked <- q.Name + " " + dns.TypeToString[q.Qtype]
		}
	}
}

// ask multicasts a question.
func (p *peer) ask(name string, typ uint16) {
	p.t.Helper()
	query := dns.Msg{Question: []dns.Question{{Name: name, Qtype: typ, Qclass: dns.ClassINET}}}
	packet, err := query.Pack()
	if err != nil {
		p.t.Fatal(err)
	}
	if p.conn.LocalAddr().(*net.UDPAddr).IP.To4() != nil {
		_, err = ipv4.NewPacketConn(p.conn).WriteTo(packet, &ipv4.ControlMessage{IfIndex: p.index}, group4)
	} else {
		_, err = ipv6.NewPacketConn(p.conn).WriteTo(packet, &ipv6.ControlMessage{IfIndex: p.index}, group6)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// wait returns the first packet that comes with all of these records, written as [texts] writes them.
func (p *peer) wait(records ...string) *dns.Msg {
	p.t.Helper()
	all := p.until(records...)
	return all[len(all)-1]
}

// forget drops what came so far.
func (p *peer) forget() {
	for len(p.packets) > 0 {
		<-p.packets
	}
}

// until returns all packets that come until one has all of these records, that one included.
func (p *peer) until(records ...string) []*dns.Msg {
	p.t.Helper()
	var all []*dns.Msg
	deadline := time.After(limit)
	for {
		select {
		case msg := <-p.packets:
			all = append(all, msg)
			if containsAll(texts(msg), records) {
				return all
			}
		case <-deadline:
			p.t.Fatalf("no packet with these records came within %v: %q", limit, records)
		}
	}
}

func containsAll(all, some []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

// texts returns the records of a packet as "NAME TYPE DATA": goodbyes with "gone " in front, additional records with
// "also ".
func texts(msg *dns.Msg) []string {
	var all []string
	for i, rr := range slices.Concat(msg.Answer, msg.Extra) {
		h := *rr.Header()
		text := h.Name + " " + dns.TypeToString[h.Rrtype] + " " + rr.String()[len(h.String()):]
		if h.Ttl == 0 {
			text = "gone " + text
		}
		if i >= len(msg.Answer) {
			text = "also " + text
		}
		all = append(all, text)
	}
	return all
}

// engine makes an engine that is closed when the test ends.
func engine(t *testing.T) *Publisher {
	t.Helper()
	p := New(slog.New(slog.DiscardHandler), mdnslink.Holder)
	t.Cleanup(func() { closed(t, p) })
	return p
}

func closed(t *testing.T, p *Publisher) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := p.Close(ctx); err != nil {
		t.Error(err)
	}
}

// apply publishes groups on links, by the host pbx.
func apply(t *testing.T, p *Publisher, links []publication.Link, groups ...publication.Publication) {
	t.Helper()
	if err := p.Apply(t.Context(), publication.Desired{Host: "pbx", Links: links, Groups: groups}); err != nil {
		t.Fatal(err)
	}
}

// await returns the events up to the batch with the nth of that kind.
func await(t *testing.T, p *Publisher, kind mdns.EventKind, n int) []mdns.Event {
	t.Helper()
	var all []mdns.Event
	deadline := time.After(limit)
	for n > 0 {
		select {
		case events := <-p.Events():
			all = append(all, events...)
			for _, e := range events {
				if e.Kind == kind {
					n--
				}
			}
		case <-deadline:
			t.Fatalf("%d more events of the kind %q wanted after %v; there were %v", n, kind, limit, all)
		}
	}
	return all
}

// group is a publication of one service.
func group(name, typ string, port uint16, txt ...string) publication.Publication {
	return publication.Publication{ID: name + ".service", Group: services.Group{Name: name, Services: []services.Service{
		{Type: dnsname.MustParse(typ), Port: port, TXT: txt},
	}}}
}

// links returns interfaces as they are.
func links(t *testing.T, names ...string) []publication.Link {
	t.Helper()
	all, err := netwatch.Read()
	if err != nil {
		t.Fatal(err)
	}
	var some []publication.Link
	for _, name := range names {
		i := slices.IndexFunc(all, func(l publication.Link) bool { return l.Name == name })
		if i < 0 {
			t.Fatalf("no interface %s in %v", name, all)
		}
		some = append(some, all[i])
	}
	return some
}

func addrs(texts ...string) (all []netip.Addr) {
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}
