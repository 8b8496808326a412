//go:build boot

package guest

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"announcer/internal/testkit/mdnstest"
	"announcer/internal/testkit/netlab"
)

var mdnsGroup = netip.MustParseAddrPort("224.0.0.251:5353")

// heard is what a packet says of the name of a service or a host.
type heard struct {
	mdnstest.Fact
	at time.Time
}

// ear is a neighbour on the link who hears what is sent to the group.
type ear struct {
	host  *netlab.Host
	conn  *net.UDPConn
	facts chan heard
}

// newNeighbour joins this machine to a neighbour by a cable.
func newNeighbour(t *testing.T) *ear {
	t.Helper()
	return newCable(t, nil)
}

// newCable joins a host to a neighbour by a cable whose ends are both called eth0.
func newCable(t *testing.T, host *netlab.Host) *ear {
	t.Helper()
	other := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Host: host, Name: "eth0", Addrs: []string{"192.0.2.5/24"}}, netlab.End{Host: other, Name: "eth0", Addrs: []string{"192.0.2.6/24"}})
	return listen(t, other)
}

func listen(t *testing.T, host *netlab.Host) *ear {
	t.Helper()
	var conn *net.UDPConn
	var err error
	host.Do(func() {
		var link *net.Interface
		if link, err = net.InterfaceByName("eth0"); err == nil {
			conn, err = net.ListenMulticastUDP("udp4", link, net.UDPAddrFromAddrPort(mdnsGroup))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	e := &ear{host, conn, make(chan heard, 10000)}
	go e.hear()
	return e
}

func (e *ear) hear() {
	for {
		packet := make([]byte, 9000)
		n, err := e.conn.Read(packet)
		if err != nil {
			return
		}
		var message dns.Msg
		if message.Unpack(packet[:n]) != nil {
			continue
		}
		at := time.Now()
		for _, fact := range mdnstest.Facts(message) {
			e.facts <- heard{fact, at}
		}
	}
}

// await returns the next fact of that kind about a name.
func (e *ear) await(t *testing.T, kind, name string) heard {
	t.Helper()
	return e.awaitWithin(t, patience, kind, name)
}

func (e *ear) awaitWithin(t *testing.T, within time.Duration, kind, name string) heard {
	t.Helper()
	late := time.After(within)
	for {
		select {
		case fact := <-e.facts:
			if fact.Fact == (mdnstest.Fact{Kind: kind, Name: name}) {
				return fact
			}
		case <-late:
			t.Fatalf("no %s of %q within %v", kind, name, within)
		}
	}
}

// awaitWithout waits for an announcement of a name before which there is no goodbye of it.
func (e *ear) awaitWithout(t *testing.T, name string) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case fact := <-e.facts:
			if fact.Fact == (mdnstest.Fact{Kind: mdnstest.Goodbye, Name: name}) {
				t.Fatalf("a goodbye of %q", name)
			}
			if fact.Fact == (mdnstest.Fact{Kind: mdnstest.Announcement, Name: name}) {
				return
			}
		case <-late:
			t.Fatalf("no announcement of %q within %v", name, patience)
		}
	}
}

// forget drops what was heard until now.
func (e *ear) forget() {
	for len(e.facts) > 0 {
		<-e.facts
	}
}

// ask sends a question of a browser to the group.
func (e *ear) ask(t *testing.T, kind string) {
	t.Helper()
	query := new(dns.Msg).SetQuestion(kind+".local.", dns.TypePTR)
	query.Id, query.RecursionDesired = 0, false
	packet, err := query.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.conn.WriteToUDPAddrPort(packet, mdnsGroup); err != nil {
		t.Fatal(err)
	}
}
