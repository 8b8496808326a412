//go:build linux

package zeroconf

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/dnstext"
	mdnslink "announcer/internal/mdns/link"
	"announcer/internal/publication"
	"announcer/internal/testkit/netlab"
)

const (
	meta = "_services._dns-sd._udp.local. PTR "
	host = "pbx.local. A 127.0.0.1"
)

// onLoopback returns an engine and a peer on lo.
func onLoopback(t *testing.T) (*Publisher, *peer, []publication.Link) {
	t.Helper()
	netlab.Need(t)
	return engine(t), newPeer(t, nil, "udp4", "lo"), links(t, "lo")
}

func TestAnyNameAndTXT(t *testing.T) {
	p, peer, lo := onLoopback(t)
	allBytes := make([]byte, 0, 255)
	for b := range 255 {
		allBytes = append(allBytes, byte(b))
	}
	txt := []string{"a=1", `path=C:\new\100`, `say="hi"`, "ü=ö", string(allBytes), "flag", "empty="}
	tests := []struct{ what, name, escaped string }{ // as miekg/dns writes them
		{"plain", "PBX", `PBX`},
		{"dot, comma and space", "Front.desk 2, left", `Front\.desk\ 2,\ left`},
		{"backslash", `back\slash\100`, `back\\slash\\100`},
		{"characters of zone files", `"it's" (x); y@z $`, `\"it\'s\"\ \(x\)\;\ y\@z\ $`},
		{"UTF-8", "Büro № 1", `B\195\188ro\ \226\132\150\ 1`},
		{"control characters", "tab\tand\x01\x7f", `tab\009and\001\127`},
		{"63 bytes", strings.Repeat(".ä", 21), strings.Repeat(`\.\195\164`, 21)},
	}
	var groups []publication.Publication
	for _, test := range tests {
		groups = append(groups, group(test.name, "_names._udp", 4000, txt...))
	}
	apply(t, p, lo, groups...)
	await(t, p, mdns.ServiceAnnounced, len(tests))

	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			full := test.escaped + "._names._udp.local."
			peer.forget()
			peer.ask("_names._udp.local.", dns.TypePTR)
			peer.wait("_names._udp.local. PTR "+full, "also "+full+" SRV 0 0 4000 pbx.local.", "also "+host)
			peer.forget()
			peer.ask(full, dns.TypeTXT)
			answer := peer.wait(full + " SRV 0 0 4000 pbx.local.")
			if got := txtOf(answer, full); !slices.Equal(got, txt) {
				t.Errorf("the TXT strings are %q; want %q", got, txt)
			}
		})
	}
}

// txtOf returns the raw strings of the TXT record of a name, with the empty string that stands for none.
func txtOf(msg *dns.Msg, name string) []string {
	for _, rr := range msg.Answer {
		if txt, ok := rr.(*dns.TXT); ok && rr.Header().Name == name {
			var all []string
			for _, s := range txt.Txt {
				all = append(all, dnstext.Unescape(s))
			}
			return all
		}
	}
	return nil
}

func TestNoTXTIsOneZeroByte(t *testing.T) { // RFC 6763 §6.1
	p, peer, lo := onLoopback(t)
	apply(t, p, lo, group("Empty", "_empty._udp", 1))
	msg := peer.wait("Empty._empty._udp.local. SRV 0 0 1 pbx.local.")
	if got := txtOf(msg, "Empty._empty._udp.local."); len(got) != 1 || got[0] != "" {
		t.Errorf("the TXT record holds %q; want one empty string", got)
	}
	peer.forget()
	peer.ask("_empty._udp.local.", dns.TypePTR)
	peer.wait("_empty._udp.local. PTR Empty._empty._udp.local.", `also Empty._empty._udp.local. TXT ""`)
}

func TestPortZero(t *testing.T) {
	p, peer, lo := onLoopback(t)
	apply(t, p, lo, group("Model", "_device-info._tcp", 0, "model=PBX"))
	peer.wait("Model._device-info._tcp.local. SRV 0 0 0 pbx.local.")
	await(t, p, mdns.ServiceAnnounced, 1)
}

func TestNameThatEndsInADotIsAnnounced(t *testing.T) {
	p, peer, lo := onLoopback(t)
	apply(t, p, lo, group("Phones Ltd.", "_dot._udp", 1))
	await(t, p, mdns.ServiceAnnounced, 1)
	peer.forget()
	peer.ask("_dot._udp.local.", dns.TypePTR)
	peer.wait(`_dot._udp.local. PTR Phones\ Ltd\.._dot._udp.local.`, `also Phones\ Ltd\.._dot._udp.local. SRV 0 0 1 pbx.local.`)
}

func TestForeignHost(t *testing.T) {
	p, peer, lo := onLoopback(t)
	with := group("There", "_sip._udp", 5060)
	with.Group.Services[0].Host = dnsname.MustParse("Phones.LOCAL")
	with.Group.Services[0].Addresses = addrs("192.0.2.9", "2001:db8::9")
	without := group("Nowhere", "_sip._udp", 5060)
	without.Group.Services[0].Host = dnsname.MustParse("gone.local")
	apply(t, p, lo, with, without)
	peer.wait("There._sip._udp.local. SRV 0 0 5060 Phones.local.", "Phones.local. A 192.0.2.9", "Phones.local. AAAA 2001:db8::9")
	events := await(t, p, mdns.ServiceAnnounced, 1)
	if events[0].Kind != mdns.ServiceRefused || events[0].Name != "Nowhere" {
		t.Errorf("the events are %v; want the host without addresses to be refused first", events)
	}
	if s := p.Status()[1]; s.State != mdns.Refused || s.Why == "" {
		t.Errorf("the status is %+v; want the service refused with a reason", s)
	}
}

func TestSubtypeIsAnnounced(t *testing.T) {
	p, peer, lo := onLoopback(t)
	g := group("Printer", "_ipp._tcp", 631)
	g.Group.Services[0].Subtypes = []dnsname.Name{dnsname.MustParse("_colour._sub._ipp._tcp"), dnsname.MustParse("_x._sub._other._tcp")}
	apply(t, p, lo, g)
	msg := peer.wait("_colour._sub._ipp._tcp.local. PTR Printer._ipp._tcp.local.")
	if all := strings.Join(texts(msg), "\n"); strings.Contains(all, "_x._sub") {
		t.Errorf("the subtype of another type is announced:\n%s", all)
	}
}

func TestRemovalLeavesWhatOthersNeed(t *testing.T) {
	p, peer, lo := onLoopback(t)
	stays, goes := group("Stays", "_digiumproxy._udp", 5060), group("Goes", "_digiumproxy._udp", 5061)
	apply(t, p, lo, stays, goes, group("Also goes", "_http._tcp", 80))
	await(t, p, mdns.ServiceAnnounced, 3)
	before := servers(p)
	peer.forget()

	apply(t, p, lo, stays)
	goodbye := []string{
		"gone _digiumproxy._udp.local. PTR Goes._digiumproxy._udp.local.",
		"gone Goes._digiumproxy._udp.local. SRV 0 0 5061 pbx.local.",
		`gone Goes._digiumproxy._udp.local. TXT ""`,
		"gone " + meta + "_http._tcp.local.",
		"gone _http._tcp.local. PTR Also\\ goes._http._tcp.local.",
	}
	packets := peer.until(goodbye...)
	peer.ask("_digiumproxy._udp.local.", dns.TypePTR)
	packets = append(packets, peer.until("_digiumproxy._udp.local. PTR Stays._digiumproxy._udp.local.", "also "+host)...)
	peer.ask("_services._dns-sd._udp.local.", dns.TypePTR)
	packets = append(packets, peer.until(meta+"_digiumproxy._udp.local.")...)
	for _, msg := range packets {
		for _, gone := range texts(msg) {
			if gone == "gone "+host || gone == "gone "+meta+"_digiumproxy._udp.local." || strings.HasPrefix(gone, "gone Stays") {
				t.Errorf("withdrawn, though still true: %s", gone)
			}
		}
	}
	await(t, p, mdns.ServiceWithdrawn, 2)
	for key, s := range servers(p) {
		if before[key] != s {
			t.Error("the service that stays was registered anew")
		}
	}
}

func TestNewTXTNeedsNoGoodbye(t *testing.T) {
	p, peer, lo := onLoopback(t)
	apply(t, p, lo, group("PBX", "_sip._udp", 5060, "v=1"))
	await(t, p, mdns.ServiceAnnounced, 1)
	peer.forget()
	apply(t, p, lo, group("PBX", "_sip._udp", 5060, "v=2"))
	for _, msg := range peer.until(`PBX._sip._udp.local. TXT "v=2"`) {
		if all := strings.Join(texts(msg), "\n"); strings.Contains(all, "gone") {
			t.Errorf("a change is no goodbye:\n%s", all)
		}
	}
	await(t, p, mdns.ServiceAnnounced, 1)
	peer.forget()
	peer.ask("PBX._sip._udp.local.", dns.TypeTXT)
	if got := txtOf(peer.wait("PBX._sip._udp.local. SRV 0 0 5060 pbx.local."), "PBX._sip._udp.local."); !slices.Equal(got, []string{"v=2"}) {
		t.Errorf("the TXT strings are %q; want the new ones", got)
	}
}

func TestTheSameAgainChangesNothing(t *testing.T) {
	p, _, lo := onLoopback(t)
	twin := group("PBX", "_sip._udp", 5060)
	twin.ID = "twin.service"
	apply(t, p, lo, group("PBX", "_sip._udp", 5060), twin)
	await(t, p, mdns.ServiceAnnounced, 2)
	before, status := servers(p), p.Status()
	if len(before) != 1 {
		t.Errorf("%d servers; want one for two services that are the same", len(before))
	}
	apply(t, p, lo, group("PBX", "_sip._udp", 5060), twin)
	if !maps.Equal(before, servers(p)) || !slices.Equal(status, p.Status()) {
		t.Errorf("the status was %+v and is %+v; want no change", status, p.Status())
	}
	apply(t, p, lo, twin)
	if !maps.Equal(before, servers(p)) {
		t.Error("the service is registered anew though one of two definitions still holds it")
	}
	if e := await(t, p, mdns.ServiceWithdrawn, 1); len(e) != 1 || e[0].ID != "PBX.service" {
		t.Errorf("the events are %v; want the one that went, withdrawn", e)
	}
}

func servers(p *Publisher) map[string]*server {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.servers)
}

func TestOneNameForTwo(t *testing.T) {
	p, peer, lo := onLoopback(t)
	second := group("PBX", "_sip._udp", 5061)
	second.ID = "second"
	third := group("PBX", "_sip._udp", 5062)
	third.ID, third.OnConflict = "third", publication.Fail
	apply(t, p, lo, group("PBX", "_sip._udp", 5060), second, third)
	peer.wait(`PBX\ #2._sip._udp.local. SRV 0 0 5061 pbx.local.`)
	var got []string
	for _, e := range await(t, p, mdns.ServiceAnnounced, 2) {
		got = append(got, e.String())
	}
	slices.Sort(got)
	want := []string{
		`announced "PBX #2" (_sip._udp) on lo`,
		`announced "PBX" (_sip._udp) on lo`,
		`refused "PBX" (_sip._udp) on lo: service 1 of PBX.service has the name "PBX"`,
		`renamed "PBX #2" (_sip._udp) on lo: service 1 of PBX.service has the name "PBX"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("the events are %q; want %q", got, want)
	}
}

func TestCloseSaysGoodbye(t *testing.T) {
	p, peer, lo := onLoopback(t)
	apply(t, p, lo, group("PBX", "_sip._udp", 5060), group("Web", "_http._tcp", 80))
	await(t, p, mdns.ServiceAnnounced, 2)
	closed(t, p)
	goodbye := peer.wait("gone _sip._udp.local. PTR PBX._sip._udp.local.", "gone PBX._sip._udp.local. SRV 0 0 5060 pbx.local.",
		"gone "+meta+"_sip._udp.local.", "gone _http._tcp.local. PTR Web._http._tcp.local.")
	if slices.Contains(texts(goodbye), "gone "+host) {
		t.Error("the address of the host is withdrawn, though still true")
	}
	peer.forget()
	peer.ask("_sip._udp.local.", dns.TypePTR)

	var withdrawn int
	for events := range p.Events() { // until it is closed
		for _, e := range events {
			if e.Kind == mdns.ServiceWithdrawn {
				withdrawn++
			}
		}
	}
	if withdrawn != 2 || len(p.Status()) != 0 {
		t.Errorf("%d services were withdrawn, the status is %v; want 2, and nothing", withdrawn, p.Status())
	}
	if err := p.Apply(t.Context(), publication.Desired{Host: "pbx", Links: lo}); err == nil {
		t.Error("a closed engine takes new services")
	}
	if len(peer.packets) > 0 {
		t.Errorf("a closed engine answers: %v", <-peer.packets)
	}
	closed(t, p) // once more is no error
}

func TestCloseReleasesAll(t *testing.T) {
	netlab.Need(t)
	lo := links(t, "lo")
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	p := New(slog.New(slog.DiscardHandler), mdnslink.Holder)
	var groups []publication.Publication
	for i := range 5 {
		groups = append(groups, group(fmt.Sprint("PBX ", i), "_sip._udp", 5060))
	}
	apply(t, p, lo, groups...)
	await(t, p, mdns.ServiceAnnounced, 5)
	closed(t, p)
	if n := openFiles(t); n != files {
		t.Errorf("%d files are open; want %d as before", n, files)
	}
	deadline := time.Now().Add(limit) // what the library strands ends within 4 seconds
	for runtime.NumGoroutine() > goroutines && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines are left; want %d as before", n, goroutines)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestCloseKeepsToItsTime(t *testing.T) {
	p, _, lo := onLoopback(t)
	apply(t, p, lo, group("PBX", "_sip._udp", 5060))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.mu.Lock() // so that it can't be done
	err := p.Close(ctx)
	p.mu.Unlock()
	if err == nil {
		t.Error("Close claims to have said goodbye")
	}
}

func TestEachLinkHasItsOwn(t *testing.T) {
	desk, hall := netlab.NewHost(t), netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "lan0", Addrs: []string{"192.0.2.1/24", "2001:db8::1/64"}}, netlab.End{Host: desk, Name: "eth0", Addrs: []string{"192.0.2.2/24"}})
	netlab.Veth(t, netlab.End{Name: "lan1", Addrs: []string{"198.51.100.1/24"}}, netlab.End{Host: hall, Name: "eth0", Addrs: []string{"198.51.100.2/24"}})
	atDesk, atHall := newPeer(t, desk, "udp4", "eth0"), newPeer(t, hall, "udp4", "eth0")

	p := engine(t)
	both := links(t, "lo", "lan0", "lan1")
	deskOnly := group("Desk", "_sip._udp", 5061)
	deskOnly.Interfaces = []string{"lan0"}
	apply(t, p, both, group("PBX", "_sip._udp", 5060), deskOnly)
	await(t, p, mdns.ServiceAnnounced, 4)
	heard := map[*peer][]*dns.Msg{}
	for range 5 { // a wrong answer may be slow, but hardly slower than four right ones
		for _, peer := range []*peer{atDesk, atHall} {
			peer.ask("Desk._sip._udp.local.", dns.TypeSRV)
			peer.ask("_sip._udp.local.", dns.TypePTR)
			heard[peer] = append(heard[peer], peer.until("_sip._udp.local. PTR PBX._sip._udp.local.")...)
		}
	}
	apply(t, p, both)
	check := func(peer *peer, own []string, strange ...string) {
		t.Helper()
		packets := append(heard[peer], peer.until("gone PBX._sip._udp.local. SRV 0 0 5060 pbx.local.")...)
		var all []string
		for _, msg := range packets {
			all = append(all, texts(msg)...)
		}
		if !containsAll(all, own) {
			t.Errorf("%q are not all among these records:\n%s", own, strings.Join(all, "\n"))
		}
		for _, s := range strange {
			if i := slices.IndexFunc(all, func(r string) bool { return strings.Contains(r, s) }); i >= 0 {
				t.Errorf("%q is on the wrong link", all[i])
			}
		}
	}
	check(atDesk, []string{"pbx.local. A 192.0.2.1", "pbx.local. AAAA 2001:db8::1", "Desk._sip._udp.local. SRV 0 0 5061 pbx.local."}, "198.51.100.1", "127.0.0.1")
	check(atHall, []string{"pbx.local. A 198.51.100.1"}, "192.0.2.1", "2001:db8::1", "127.0.0.1", "Desk")
}

func TestLinksComeAndGo(t *testing.T) {
	desk := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "lan0", Addrs: []string{"192.0.2.1/24"}}, netlab.End{Host: desk, Name: "eth0", Addrs: []string{"192.0.2.2/24"}})
	peer := newPeer(t, desk, "udp4", "eth0")
	p := engine(t)
	g := group("PBX", "_sip._udp", 5060)
	apply(t, p, links(t, "lo"), g)
	apply(t, p, links(t, "lo", "lan0"), g)
	peer.wait("PBX._sip._udp.local. SRV 0 0 5060 pbx.local.", "pbx.local. A 192.0.2.1")
	await(t, p, mdns.ServiceAnnounced, 2)

	var here *netlab.Host
	here.IP(t, "addr", "del", "192.0.2.1/24", "dev", "lan0")
	here.IP(t, "addr", "add", "192.0.2.7/24", "dev", "lan0")
	apply(t, p, links(t, "lo", "lan0"), g)
	for _, msg := range peer.until("PBX._sip._udp.local. SRV 0 0 5060 pbx.local.", "pbx.local. A 192.0.2.7") {
		if all := strings.Join(texts(msg), "\n"); strings.Contains(all, "gone") {
			t.Errorf("another address is no goodbye:\n%s", all)
		}
	}
	await(t, p, mdns.ServiceAnnounced, 1)

	peer.forget()
	apply(t, p, links(t, "lo"), g)
	peer.wait("gone PBX._sip._udp.local. SRV 0 0 5060 pbx.local.")
	if e := await(t, p, mdns.ServiceWithdrawn, 1); e[len(e)-1].Link != "lan0" {
		t.Errorf("the last event is %v; want the service withdrawn on lan0", e[len(e)-1])
	}
	groups, err := os.ReadFile("/proc/thread-self/net/igmp")
	if err != nil {
		t.Fatal(err)
	}
	if _, lan0, listed := strings.Cut(string(groups), "lan0"); !listed || strings.Contains(lan0, "FB0000E0") { // 224.0.0.251
		t.Errorf("the group is still joined on the link that is not used any more:\n%s", groups)
	}
}

func TestWhatIsTakenBackAtOnceIsNotWaitedFor(t *testing.T) {
	p, _, lo := onLoopback(t)
	apply(t, p, lo, group("PBX", "_sip._udp", 5060))
	apply(t, p, lo)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) > 0 || len(p.servers) > 0 {
		t.Errorf("%d services are waited for, %d registered; want none", len(p.waiting), len(p.servers))
	}
}

func TestIPv6Alone(t *testing.T) {
	desk := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "lan0", Addrs: []string{"2001:db8::1/64"}}, netlab.End{Host: desk, Name: "eth0"})
	peer := newPeer(t, desk, "udp6", "eth0")
	p := engine(t)
	apply(t, p, links(t, "lan0"), group("PBX", "_sip._udp", 5060))
	peer.wait("PBX._sip._udp.local. SRV 0 0 5060 pbx.local.", "pbx.local. AAAA 2001:db8::1")
	await(t, p, mdns.ServiceAnnounced, 1)
	peer.ask("_sip._udp.local.", dns.TypePTR)
	peer.wait("_sip._udp.local. PTR PBX._sip._udp.local.")
}

// The library makes do with IPv6 where another program holds the port for IPv4. Phones don't: the service is refused, and
// the program is named. Where the port is held for both IP versions, nothing can be published.
func TestPortIsHeld(t *testing.T) {
	desk := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "lan0", Addrs: []string{"192.0.2.1/24", "2001:db8::1/64"}}, netlab.End{Host: desk, Name: "eth0"})
	here := links(t, "lan0")
	program, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("port 5353 for IPv4 is held by %s (pid %d), which does not share it", bytes.TrimSpace(program), os.Getpid())
	t.Run("IPv4", func(t *testing.T) {
		holder, err := net.ListenPacket("udp4", "127.0.0.1:5353")
		if err != nil {
			t.Fatal(err)
		}
		defer holder.Close()
		p := engine(t)
		apply(t, p, here, group("PBX", "_sip._udp", 5060))
		if s := p.Status()[0]; s.State != mdns.Refused || s.Why != "no phone can be reached by IPv4 on lan0: "+want {
			t.Errorf("it is %v: %q", s.State, s.Why)
		}
		holder.Close()
		apply(t, p, here, group("PBX", "_sip._udp", 5060))
		await(t, p, mdns.ServiceAnnounced, 1)
	})
	t.Run("both", func(t *testing.T) {
		holder, err := net.ListenPacket("udp", ":5353")
		if err != nil {
			t.Fatal(err)
		}
		defer holder.Close()
		err = engine(t).Apply(t.Context(), publication.Desired{Host: "pbx", Links: here, Groups: []publication.Publication{group("PBX", "_sip._udp", 5060)}})
		if err == nil || !strings.HasSuffix(err.Error(), "; "+want) {
			t.Errorf("the error is %v, want %q", err, want)
		}
	})
}

// While the engine runs, nothing waits for a look-up of who holds the port; its result is reported when it is there.
func TestHolderIsLookedUpAside(t *testing.T) {
	desk := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "lan0", Addrs: []string{"192.0.2.1/24", "2001:db8::1/64"}}, netlab.End{Host: desk, Name: "eth0"})
	for _, test := range []struct{ name, network, address string }{
		{"IPv4", "udp4", "127.0.0.1:5353"},
		{"both", "udp", ":5353"},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn, err := net.ListenPacket(test.network, test.address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			names := make(chan string, 2)
			names <- "first"
			names <- "first"
			p := New(slog.New(slog.DiscardHandler), func(publication.IPVersion) string { return <-names })
			defer closed(t, p)
			held := publication.Desired{Host: "pbx", Links: links(t, "lan0"), Groups: []publication.Publication{group("PBX", "_sip._udp", 5060)}}
			reasons := func() string { // waits for nothing
				if err := p.Apply(t.Context(), held); err != nil {
					return err.Error()
				}
				return p.Status()[0].Why
			}
			for range 3 {
				if why := reasons(); !strings.Contains(why, "held by first") {
					t.Fatalf("the reason is %q; want the holder that was known at the start", why)
				}
			}
			names <- "second"
			names <- "second"
			if test.name == "IPv4" {
				if e := await(t, p, mdns.ServiceRefused, 2)[1]; !strings.Contains(e.Detail, "held by second") {
					t.Errorf("the event is %+v; want the new holder", e)
				}
			}
			close(names) // whatever is looked up from now on is not known
			for deadline := time.Now().Add(limit); strings.Contains(reasons(), "held by first"); {
				if time.Now().After(deadline) {
					t.Fatal("the new holder is never reported")
				}
			}
		})
	}
}

func TestSilenceIsReported(t *testing.T) {
	p, _, lo := onLoopback(t)
	lo[0].Addrs, lo[0].Loopback = nil, false // so that nothing that is heard there seems to come from this host
	g := group("PBX", "_sip._udp", 5060)
	g.Group.Services[0].Host = dnsname.MustParse("x.local")
	g.Group.Services[0].Addresses = addrs("192.0.2.9")
	apply(t, p, lo, g)
	p.miss(slices.Collect(maps.Values(servers(p))), maxAsked)
	if e := await(t, p, mdns.EngineFailed, 1); e[0].Link != "lo" || e[0].Detail == "" {
		t.Errorf("the event is %+v; want the link and what may be wrong", e[0])
	}
}

func TestWhatWasNotHeardIsAskedFor(t *testing.T) {
	p, peer, lo := onLoopback(t)
	var groups []publication.Publication
	for i := range maxQuestions + 1 {
		groups = append(groups, group(fmt.Sprintf("PBX.%d", i), "_sip._udp", 5060))
	}
	apply(t, p, lo, groups...)
	await(t, p, mdns.ServiceAnnounced, len(groups))
	p.mu.Lock()
	for _, s := range p.servers {
		s.announced = false
		p.waiting = append(p.waiting, s)
	}
	p.report(p.entries)
	p.mu.Unlock()
	p.miss(slices.Collect(maps.Values(servers(p))), 0)
	await(t, p, mdns.ServiceAnnounced, len(groups))
	asked := map[string]bool{}
	for deadline := time.After(limit); len(asked) < len(groups); {
		select {
		case q := <-peer.asked:
			if strings.HasSuffix(q, "._sip._udp.local. SRV") {
				asked[q] = true
			}
		case <-deadline:
			t.Fatalf("asked for were %v; want %d services", asked, len(groups))
		}
	}
}

func TestLinkThatIsNotThere(t *testing.T) {
	p, _, _ := onLoopback(t)
	apply(t, p, []publication.Link{link(4711, "gone0", "192.0.2.1/24")}, group("PBX", "_sip._udp", 5060))
	if e := await(t, p, mdns.ServiceRefused, 1); !strings.Contains(e[0].Detail, "gone0") {
		t.Errorf("the event is %v; want it to name the link", e[0])
	}
}

// After a sleep that caches noticed everything is announced again, without goodbyes.
func TestWakes(t *testing.T) {
	p, peer, lo := onLoopback(t)
	apply(t, p, lo, group("PBX", "_sip._udp", 5060))
	await(t, p, mdns.ServiceAnnounced, 1)
	peer.forget()
	p.woke(mdns.Nap)
	p.woke(mdns.Nap + time.Second)
	if events := await(t, p, mdns.ServiceAnnounced, 1); len(events) != 2 || events[0].Kind != mdns.HostWoke {
		t.Errorf("events %v, want one sleep and one announcement", events)
	}
	for _, msg := range peer.until("PBX._sip._udp.local. SRV 0 0 5060 pbx.local.") {
		for _, text := range texts(msg) {
			if strings.HasPrefix(text, "gone ") {
				t.Errorf("heard %s", text)
			}
		}
	}
}
