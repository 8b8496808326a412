package native

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/mdns/wire"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/testkit/netlab"
)

// patience is how long something that must come may take.
const patience = 10 * time.Second

// linkOf describes an interface of a host; nil is the host of the tests.
func linkOf(t *testing.T, h *netlab.Host, name string) publication.Link {
	t.Helper()
	var l publication.Link
	var err error
	h.Do(func() {
		var nic *net.Interface
		if nic, err = net.InterfaceByName(name); err != nil {
			return
		}
		l = publication.Link{Index: nic.Index, Name: name, MTU: nic.MTU}
		var addrs []net.Addr
		addrs, err = nic.Addrs()
		for _, a := range addrs {
			l.Addrs = append(l.Addrs, publication.LinkAddr{Prefix: netip.MustParsePrefix(a.String())})
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// phone is a host on the network with strict reverse path filtering, and what it hears.
type phone struct {
	host *netlab.Host
	link publication.Link
	conn *link.Sockets
}

// plugIn puts phones on the network of the interface eth0 of this host, each with an address and the networks that it has routes to.
func plugIn(t *testing.T, own []string, addrs ...string) []*phone {
	t.Helper()
	netlab.Need(t)
	var ends []netlab.End
	var all []*phone
	for _, a := range addrs {
		n := &phone{host: netlab.NewHost(t)}
		all = append(all, n)
		ends = append(ends, netlab.End{Host: n.host, Name: "eth0", Addrs: []string{a}})
	}
	netlab.Switch(t, netlab.End{Name: "eth0", Addrs: own}, ends...)
	for _, n := range all {
		n.filter(t)
		n.link = linkOf(t, n.host, "eth0")
		var err error
		n.host.Do(func() {
			if n.conn, err = link.Open(); err == nil {
				err = n.conn.SetLinks([]publication.Link{n.link})
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.conn.Close() })
	}
	return all
}

// filter has a phone drop what comes from an address that it would not reach through the same interface.
func (n *phone) filter(t *testing.T) {
	t.Helper()
	for _, of := range []string{"all", "eth0"} {
		var err error
		n.host.Do(func() { err = os.WriteFile("/proc/sys/net/ipv4/conf/"+of+"/rp_filter", []byte("1"), 0o644) })
		if err != nil {
			t.Fatal(err)
		}
	}
}

// heard is a message that a phone heard.
type heard struct {
	link.Packet
	msg wire.Message
}

// await reads what others send by an IP version until one message is as wanted, and returns all of them.
func (n *phone) await(t *testing.T, v publication.IPVersion, what string, like func(heard) bool) []heard {
	t.Helper()
	var all []heard
	batch := make([]link.Packet, link.MaxBatch)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		got, err := n.conn.Read(batch, end)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, p := range batch[:got] {
			p.Data = slices.Clone(p.Data)
			msg, err := wire.Decode(p.Data)
			if err != nil || p.Version() != v || p.From.Addr() == n.link.Addrs[0].Addr() {
				continue
			}
			all = append(all, heard{p, msg})
			found = found || like(all[len(all)-1])
		}
		if found {
			return all
		}
	}
	var sources []string
	for _, h := range all {
		sources = append(sources, h.From.String())
	}
	t.Fatalf("%v: no %s came by IPv%d; heard from %v", n.link.Addrs[0].Addr(), what, v, sources)
	return nil
}

// says reports whether a message holds a record of the name "Desk._sip._udp.local" with a TTL like that.
func says(ttl func(uint32) bool) func(heard) bool {
	return func(h heard) bool {
		return h.msg.Response() && slices.ContainsFunc(h.msg.Answers, func(r mdns.Record) bool {
			return r.Data.Type() == mdns.TypeSRV && r.Name.Label() == "Desk" && ttl(r.TTL)
		})
	}
}

var (
	announcement = says(func(ttl uint32) bool { return ttl > 0 })
	goodbye      = says(func(ttl uint32) bool { return ttl == 0 })
)

func probe(h heard) bool { return !h.msg.Response() && len(h.msg.Authority) > 0 }

// from returns the distinct source addresses of messages.
func from(all []heard) string {
	var sources []netip.Addr
	for _, h := range all {
		if !slices.Contains(sources, h.From.Addr()) {
			sources = append(sources, h.From.Addr())
		}
	}
	slices.SortFunc(sources, netip.Addr.Compare)
	return fmt.Sprint(sources)
}

// desk announces a service on eth0 by an engine on real sockets.
func desk(t *testing.T) *Publisher {
	t.Helper()
	p, err := Open(slog.New(slog.DiscardHandler), netwatch.MAC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Abandon() })
	d := publication.Desired{Host: "pbx", Links: []publication.Link{linkOf(t, nil, "eth0")}, Groups: []publication.Publication{sip("Desk")}}
	if err := p.Apply(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return p
}

// question returns a question for the service "Desk".
func question(kind mdns.Type) []byte {
	name := dnsname.MustParse("Desk._sip._udp.local")
	data, _ := wire.Message{Questions: []wire.Query{{Name: name, Type: kind, Class: wire.ClassIN}}}.Encode(1500)
	return data
}

// denial reports whether a message answers that a name lacks a type, which no announcement does.
func denial(h heard) bool {
	return slices.ContainsFunc(h.msg.Answers, func(r mdns.Record) bool { return r.Data.Type() == mdns.TypeNSEC })
}

// Hosts of each network of a link that filter strictly hear probes, announcements, answers and goodbyes, from published
// addresses only, though the first address of the interface is none.
func TestEveryNetworkIsReached(t *testing.T) {
	own := []string{"169.254.1.1/16", "192.0.2.1/24", "198.51.100.1/24"}
	near := plugIn(t, own, "192.0.2.2/24", "198.51.100.2/24", "203.0.113.5/32")
	near[2].host.IP(t, "route", "add", "198.51.100.0/24", "dev", "eth0")
	p := desk(t)
	want := []string{"[192.0.2.1]", "[198.51.100.1]", "[198.51.100.1]"}
	for i, n := range near {
		n.await(t, publication.V4, "probe", probe)
		if got := from(n.await(t, publication.V4, "announcement", announcement)); got != want[i] {
			t.Errorf("%v hears %s; want %s", n.link.Addrs[0], got, want[i])
		}
	}
	for i, n := range near {
		n.conn.Write([]link.Packet{{Data: question(mdns.TypeAAAA), Link: n.link.Index, To: mdns.Group4}})
		all := n.await(t, publication.V4, "answer", denial)
		if got := from(all[len(all)-1:]); got != want[i] {
			t.Errorf("%v gets an answer from %s; want %s", n.link.Addrs[0], got, want[i])
		}
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, n := range near {
		n.await(t, publication.V4, "goodbye", goodbye)
	}
}

// An address that went before the engine heard of it leaves no host unanswered.
func TestSourceThatIsGone(t *testing.T) {
	near := plugIn(t, []string{"192.0.2.1/24", "198.51.100.1/24"}, "192.0.2.2/24")[0]
	near.host.IP(t, "route", "add", "198.51.100.0/24", "dev", "eth0")
	desk(t)
	near.await(t, publication.V4, "announcement", announcement)
	var here *netlab.Host
	here.IPs(t, "addr del 192.0.2.1/24 dev eth0", "addr add 192.0.2.7/24 dev eth0")
	near.conn.Write([]link.Packet{{Data: question(mdns.TypeAAAA), Link: near.link.Index, To: mdns.Group4}})
	near.await(t, publication.V4, "answer", denial)
}

// By IPv6 all leaves from the link-local address, which every host has a route to.
func TestIPv6LeavesFromTheLinkLocalAddress(t *testing.T) {
	near := plugIn(t, []string{"2001:db8::1/64", "2001:db8:1::1/64"}, "2001:db8::2/64", "2001:db8:1::2/64")
	desk(t)
	for _, n := range near {
		all := n.await(t, publication.V6, "announcement", announcement)
		if got := all[len(all)-1].From.Addr(); !got.IsLinkLocalUnicast() {
			t.Errorf("%v hears an announcement from %v", n.link.Addrs[0], got)
		}
	}
}
