package browse

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"announcer/internal/mdns/native"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/testkit/netlab"
	"announcer/services"
)

func TestMain(m *testing.M) { netlab.Main(m) }

// On a real link an entry says who announces it, with the hardware address.
func TestWhoIsToldOnACable(t *testing.T) {
	netlab.Need(t)
	other := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "eth0", Addrs: []string{"192.0.2.1/24"}}, netlab.End{Host: other, Name: "eth0", Addrs: []string{"192.0.2.2/24"}})
	mac := announceOn(t, other, group("PBX", sip, 5060, "v=1"))
	links, err := netwatch.Read()
	if err != nil {
		t.Fatal(err)
	}
	links, _ = netwatch.Select(links, []string{"eth0"}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if e, err := Resolve(ctx, "PBX", sipLocal, links); err != nil || e.Port != 5060 {
		t.Errorf("resolved %+v, %v", e, err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	all, err := Services(ctx, []Question{sipLocal}, links)
	if err != nil || len(all) != 1 {
		t.Fatalf("found %+v, %v; want one service", all, err)
	}
	if from := WithMACs(all, netwatch.MACs())[0].From[0]; from.Addr != netip.MustParseAddr("192.0.2.2") || from.MAC != mac {
		t.Errorf("announced by %v; want 192.0.2.2 (%s)", from, mac)
	}
}

// announceOn has our engine announce a group on eth0 of a host, and returns the hardware address of that.
func announceOn(t *testing.T, host *netlab.Host, g services.Group) (mac string) {
	t.Helper()
	var p *native.Publisher
	var err error
	host.Do(func() {
		var links []publication.Link
		if links, err = netwatch.Read(); err != nil {
			return
		}
		if p, err = native.Open(slog.New(slog.DiscardHandler), nil); err != nil {
			return
		}
		links, _ = netwatch.Select(links, []string{"eth0"}, nil)
		err = p.Apply(t.Context(), publication.Desired{Host: "pbx", Links: links, Groups: []publication.Publication{{ID: g.Name, Group: g}}})
		if nic, e := net.InterfaceByName("eth0"); e == nil {
			mac = nic.HardwareAddr.String()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(context.Background()) })
	return mac
}
