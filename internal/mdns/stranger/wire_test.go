//go:build linux

package stranger

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/browse"
	"announcer/internal/mdns/zeroconf"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/testkit/netlab"
	"announcer/services"
)

const limit = 10 * time.Second // for everything that tests wait for

func TestMain(m *testing.M) { netlab.Main(m) }

// publish has an engine announce services on a link of a host until the test ends.
func publish(t *testing.T, host *netlab.Host, link string, all ...services.Group) {
	t.Helper()
	netlab.Need(t)
	var groups []publication.Publication
	for _, g := range all {
		groups = append(groups, publication.Publication{ID: g.Name, Group: g})
	}
	var engine *zeroconf.Publisher
	var err error
	host.Do(func() {
		engine = zeroconf.New(slog.New(slog.DiscardHandler), func(publication.IPVersion) string { return "" })
		err = engine.Apply(t.Context(), publication.Desired{Host: "pbx", Links: links(t, link), Groups: groups})
	})
	t.Cleanup(func() { engine.Close(context.Background()) })
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.After(limit)
	for n := len(groups); n > 0; {
		select {
		case events := <-engine.Events():
			for _, e := range events {
				if e.Kind == mdns.ServiceAnnounced {
					n--
				}
			}
		case <-deadline:
			t.Fatalf("%d services are not announced after %v", n, limit)
		}
	}
}

// links returns interfaces of the host of the calling thread.
func links(t *testing.T, names ...string) (some []publication.Link) {
	all, err := netwatch.Read()
	if err != nil {
		t.Error(err)
	}
	for _, l := range all {
		if slices.Contains(names, l.Name) {
			some = append(some, l)
		}
	}
	if len(some) != len(names) {
		t.Errorf("the interfaces are %v; want %v among them", all, names)
	}
	return some
}

func group(name string, typ dnsname.Name, port uint16, txt ...string) services.Group {
	return services.Group{Name: name, Services: []services.Service{{Type: typ, Port: port, TXT: txt}}}
}

func TestEveryNameAndTXTIsFoundOnLoopback(t *testing.T) {
	names := []string{"PBX", "Front.desk 2, left", `C:\new\100`, "Büro (2); x@y \"z\" 'w'", "ctrl\x01\x7f", "Phones Ltd.", "dots...", ".dot"}
	txt := []string{"a=1", `path=C:\new\100`, `say="hi"`, "ü=ö", "bin=\x00\x01\xff", "flag", "empty="}
	var groups []services.Group
	want := map[string]services.TXT{}
	for _, name := range names {
		groups = append(groups, group(name, sip, 5060, txt...))
		want[name] = txt
	}
	groups = append(groups, group("no TXT", sip, 5060))
	want["no TXT"] = services.TXT{}
	publish(t, nil, "lo", groups...)

	got := map[string]services.TXT{}
	for _, e := range look(t, 4*time.Second, "lo") {
		got[e.Instance] = e.TXT
		if e.Link != "lo" || e.Host != dnsname.MustParse("pbx.local") || e.Port != 5060 || !slices.Equal(e.Addrs, addrs("127.0.0.1", "::1")) {
			t.Errorf("found %+v; want pbx.local, port 5060, at 127.0.0.1 and ::1 on lo", e)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("other services than wanted (-want +got):\n%s", diff)
	}
}

// look returns what is seen on links of this host in a time: two rounds of questions, if it is 2.5 s.
func look(t *testing.T, d time.Duration, names ...string) []browse.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	all, err := Services(ctx, question, links(t, names...))
	if err != nil {
		t.Error(err)
	}
	return all
}

func TestEachLinkIsToldApart(t *testing.T) {
	desk, hall := netlab.NewHost(t), netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "lan0", Addrs: []string{"192.0.2.1/24"}}, netlab.End{Host: desk, Name: "eth0", Addrs: []string{"192.0.2.2/24"}})
	netlab.Veth(t, netlab.End{Name: "lan1"}, netlab.End{Host: hall, Name: "eth0", Addrs: []string{"2001:db8::2/64"}})
	publish(t, desk, "eth0", group("PBX", sip, 5060))
	publish(t, hall, "eth0", group("PBX", sip, 5060))

	got := map[string][]string{}
	for _, e := range look(t, 2500*time.Millisecond, "lan0", "lan1") {
		got[e.Link] = append(got[e.Link], strings.Trim(fmt.Sprint(e.Addrs), "[]"))
	}
	want := map[string][]string{"lan0": {"192.0.2.2 " + linkLocal(t, desk)}, "lan1": {"2001:db8::2"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("other addresses than wanted (-want +got):\n%s", diff)
	}
}

// linkLocal returns the IPv6 address that the kernel gave eth0 of a host.
func linkLocal(t *testing.T, host *netlab.Host) (addr string) {
	t.Helper()
	host.Do(func() {
		for _, a := range links(t, "eth0")[0].Addrs {
			if a.Addr().Is6() && a.Addr().IsLinkLocalUnicast() {
				addr = a.Addr().String()
			}
		}
	})
	return addr
}

func TestQuestionsAreAskedAgain(t *testing.T) {
	netlab.Need(t)
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenMulticastUDP("udp4", lo, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	go Services(ctx, question, links(t, "lo"))
	conn.SetReadDeadline(time.Now().Add(limit))
	buf := make([]byte, 9000)
	var asked []time.Time
	for len(asked) < 3 {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("%d questions were asked: %v", len(asked), err)
		}
		var msg dns.Msg
		isQuestion := msg.Unpack(buf[:n]) == nil && !msg.Response && msg.Question[0].Name == "_sip._udp.local."
		if isQuestion && (len(asked) == 0 || time.Since(asked[len(asked)-1]) > firstRound/2) { // lo may carry a packet twice
			asked = append(asked, time.Now())
		}
	}
	first, second := asked[1].Sub(asked[0]), asked[2].Sub(asked[1])
	if first < firstRound-100*time.Millisecond || second < 2*firstRound-100*time.Millisecond {
		t.Errorf("the question was asked again after %v and %v; want %v, then twice that (RFC 6762 §5.2)", first, second, firstRound)
	}
}

func TestLinksThatCannotBeAskedOn(t *testing.T) {
	netlab.Need(t)
	if _, err := Services(t.Context(), question, nil); err == nil {
		t.Error("no link at all is no error")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	bad := []publication.Link{{Index: 1, Name: "lo"}, {Index: 4711, Name: "gone0", Addrs: links(t, "lo")[0].Addrs}}
	_, err := Services(ctx, question, append(bad, links(t, "lo")...))
	if err == nil || !strings.Contains(err.Error(), "lo can't be asked on: it has no address") || !strings.Contains(err.Error(), "gone0 can't be asked on") {
		t.Errorf("the error is %v; want it to name both links", err)
	}
}
