package native

import (
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"announcer/internal/mdns"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/testkit/hangfs"
	"announcer/internal/testkit/netlab"
)

func TestMain(m *testing.M) {
	hangfs.Main()
	netlab.Main(m)
}

// cable returns the engine on real sockets at one end of a cable, and a socket of a stranger at the other.
func cable(t *testing.T) (p *Publisher, l publication.Link, stranger *net.UDPConn) {
	other := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "eth0", Addrs: []string{"192.0.2.1/24"}}, netlab.End{Host: other, Name: "eth0", Addrs: []string{"192.0.2.2/24"}})
	nic, err := net.InterfaceByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	other.Do(func() { stranger, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(192, 0, 2, 2)}) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stranger.Close() })
	p, err = Open(slog.New(slog.DiscardHandler), netwatch.MAC)
	if err != nil {
		t.Fatal(err)
	}
	return p, publication.Link{Index: nic.Index, Name: "eth0", MTU: 1500, Addrs: []publication.LinkAddr{{Prefix: netip.MustParsePrefix("192.0.2.1/24")}}}, stranger
}

// The engine on real sockets answers a program that knows no multicast DNS, on the other end of a cable.
func TestOnACable(t *testing.T) {
	netlab.Need(t)
	p, l, stranger := cable(t)
	if err := p.Apply(t.Context(), publication.Desired{Host: "pbx", Links: []publication.Link{l}, Groups: []publication.Publication{sip("Front.desk é")}}); err != nil {
		t.Fatal(err)
	}
	for events := range p.Events() {
		if slices.ContainsFunc(events, func(e mdns.Event) bool { return e.Kind == mdns.ServiceAnnounced }) {
			break
		}
	}
	question := new(dns.Msg)
	question.SetQuestion("_sip._udp.local.", dns.TypePTR)
	answer := ask(t, stranger, question)
	if answer.Id != question.Id || len(answer.Answer) != 1 || len(answer.Extra) != 3 {
		t.Fatalf("got %v", answer)
	}
	if ptr, ok := answer.Answer[0].(*dns.PTR); !ok || ptr.Ptr != `Front\.desk\ \195\169._sip._udp.local.` {
		t.Errorf("got %v", answer.Answer[0])
	}
	if mac := netwatch.MAC(l.Index, netip.MustParseAddr("192.0.2.2")); len(mac) != len("02:00:00:00:00:01") {
		t.Errorf("the hardware address of the other end is %q", mac)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func ask(t *testing.T, conn *net.UDPConn, question *dns.Msg) *dns.Msg {
	t.Helper()
	packet, err := question.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.WriteTo(packet, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, 9000)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	answer := new(dns.Msg)
	if err := answer.Unpack(buf[:n]); err != nil {
		t.Fatal(err)
	}
	return answer
}
