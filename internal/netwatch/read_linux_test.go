package netwatch

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"github.com/mdlayher/netlink/nltest"
	"golang.org/x/sys/unix"

	"announcer/internal/mdns"
	"announcer/internal/netlab"
)

func TestMain(m *testing.M) { netlab.Main(m) }

var comparePrefixes = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

func TestFromKernel(t *testing.T) {
	link := func(index uint32, name string, flags uint32) rtnetlink.LinkMessage {
		return rtnetlink.LinkMessage{Index: index, Flags: flags, Attributes: &rtnetlink.LinkAttributes{Name: name, MTU: 1500}}
	}
	addr := func(index uint32, prefix string, flags uint32) rtnetlink.AddressMessage {
		p := netip.MustParsePrefix(prefix)
		return rtnetlink.AddressMessage{Index: index, PrefixLength: uint8(p.Bits()), Flags: uint8(flags),
			Attributes: &rtnetlink.AddressAttributes{Address: p.Addr().AsSlice(), Flags: flags}}
	}
	const working = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_MULTICAST
	peer := addr(3, "192.0.2.1/32", 0)
	peer.Attributes.Local = net.IPv4(192, 0, 2, 7).To4()

	got := fromKernel([]rtnetlink.LinkMessage{
		link(3, "ppp0", working|unix.IFF_POINTOPOINT),
		link(1, "lo", unix.IFF_UP|unix.IFF_RUNNING|unix.IFF_LOOPBACK),
		link(2, "eth0", working),
		link(4, "down0", unix.IFF_RUNNING|unix.IFF_MULTICAST),
		link(5, "unplugged0", unix.IFF_UP|unix.IFF_MULTICAST),
		link(6, "wg0", unix.IFF_UP|unix.IFF_RUNNING|unix.IFF_POINTOPOINT),
		{Index: 7, Flags: working},
	}, []rtnetlink.AddressMessage{
		peer,
		addr(1, "127.0.0.1/8", unix.IFA_F_PERMANENT),
		addr(2, "2001:db8::4/64", unix.IFA_F_DEPRECATED),
		addr(2, "2001:db8::3/64", unix.IFA_F_TEMPORARY),
		addr(2, "2001:db8::2/64", unix.IFA_F_TENTATIVE),
		addr(2, "2001:db8::5/64", unix.IFA_F_DADFAILED),
		addr(2, "10.1.2.4/24", unix.IFA_F_SECONDARY),
		addr(2, "10.1.2.3/24", unix.IFA_F_PERMANENT),
		addr(4, "10.9.9.9/24", 0),
		{Index: 2},
		{Index: 2, Attributes: &rtnetlink.AddressAttributes{}},
	})
	want := []mdns.Link{
		{Index: 1, Name: "lo", MTU: 1500, Loopback: true, Addrs: []mdns.LinkAddr{{Prefix: netip.MustParsePrefix("127.0.0.1/8")}}},
		{Index: 2, Name: "eth0", MTU: 1500, Addrs: []mdns.LinkAddr{
			{Prefix: netip.MustParsePrefix("10.1.2.3/24")},
			{Prefix: netip.MustParsePrefix("10.1.2.4/24")},
			{Prefix: netip.MustParsePrefix("2001:db8::2/64"), Tentative: true},
			{Prefix: netip.MustParsePrefix("2001:db8::3/64"), Temporary: true},
			{Prefix: netip.MustParsePrefix("2001:db8::4/64"), Deprecated: true},
			{Prefix: netip.MustParsePrefix("2001:db8::5/64"), Tentative: true},
		}},
		{Index: 3, Name: "ppp0", MTU: 1500, Addrs: []mdns.LinkAddr{{Prefix: netip.MustParsePrefix("192.0.2.7/32")}}},
	}
	if diff := cmp.Diff(want, got, comparePrefixes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestReadAndWatch(t *testing.T) {
	netlab.Need(t)
	var log bytes.Buffer
	changed := Watch(t.Context(), slog.New(slog.NewTextHandler(&log, nil)))
	links := readAll(t)
	if len(links) != 1 || links[0].Name != "lo" || !links[0].Loopback || links[0].Has(mdns.V4) == false {
		t.Fatalf("got %+v, want lo with 127.0.0.1", links)
	}

	netlab.Veth(t, netlab.End{Name: "lan0", Addrs: []string{"192.0.2.1/24", "2001:db8::1/64"}}, netlab.End{Host: netlab.NewHost(t), Name: "eth0"})
	await(t, changed, "a new interface", func(links []mdns.Link) bool {
		return len(links) == 2 && links[1].Name == "lan0" && !links[1].Loopback && links[1].MTU == 1500 && len(links[1].Published()) == 2
	})

	here := (*netlab.Host)(nil)
	here.IP(t, "addr", "add", "2001:db8::9/64", "dev", "lan0", "preferred_lft", "0", "valid_lft", "1000")
	await(t, changed, "a deprecated address", func(links []mdns.Link) bool {
		return slices.ContainsFunc(links[1].Addrs, func(a mdns.LinkAddr) bool {
			return a.Deprecated && a.Prefix == netip.MustParsePrefix("2001:db8::9/64")
		})
	})
	here.IP(t, "addr", "del", "192.0.2.1/24", "dev", "lan0")
	await(t, changed, "an address gone", func(links []mdns.Link) bool { return len(links) == 2 && !links[1].Has(mdns.V4) })
	here.IP(t, "link", "set", "lan0", "down")
	await(t, changed, "a link down", func(links []mdns.Link) bool { return len(links) == 1 })
	if log.Len() > 0 { // it would be polling that told
		t.Error("the watch says: ", &log)
	}
}

// TestWatchDuplicateAddressDetection has an address be tentative for a while (RFC 4862 §5.4).
func TestWatchDuplicateAddressDetection(t *testing.T) {
	netlab.Need(t)
	netlab.Veth(t, netlab.End{Name: "lan0"}, netlab.End{Host: netlab.NewHost(t), Name: "eth0"})
	for name, value := range map[string]string{"accept_dad": "1", "dad_transmits": "1"} {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/lan0/"+name, []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	changed := Watch(t.Context(), slog.New(slog.DiscardHandler))
	before := readAll(t)
	(*netlab.Host)(nil).IP(t, "addr", "add", "2001:db8::7/64", "dev", "lan0")
	var told []string
	await(t, changed, "a unique address", func(links []mdns.Link) bool {
		for _, c := range Changes(before, links) {
			told = append(told, c.String())
		}
		before = links
		return len(told) > 0 && told[len(told)-1] == "lan0: address 2001:db8::7/64 known to be unique"
	})
	if want := []string{"lan0: address 2001:db8::7/64 added (tentative)", "lan0: address 2001:db8::7/64 known to be unique"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// TestWhereabouts asks what has become of an interface.
func TestWhereabouts(t *testing.T) {
	peer := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "lan0"}, netlab.End{Host: peer, Name: "eth0"})
	here, lan0 := (*netlab.Host)(nil), readAll(t)[1]
	expect := func(want string) {
		t.Helper()
		deadline := time.Now().Add(10 * time.Second)
		for got := whereabouts(lan0); got != want; got = whereabouts(lan0) { // the kernel takes a moment
			if time.Now().After(deadline) {
				t.Fatalf("lan0 is %s, want %s", got, want)
			}
			time.Sleep(time.Millisecond)
		}
	}
	peer.IP(t, "link", "set", "eth0", "down")
	expect("without a carrier")
	here.IP(t, "link", "set", "lan0", "down")
	expect("down")
	here.IP(t, "link", "set", "lan0", "name", "lan1")
	peer.IP(t, "link", "set", "eth0", "up")
	here.IP(t, "link", "set", "lan1", "up")
	expect("renamed to lan1")
	here.IP(t, "link", "set", "lan1", "down")
	here.IP(t, "link", "set", "lan1", "name", "lan0")
	gone := lan0
	gone.Index += 1000
	if got := whereabouts(gone); got != "removed" {
		t.Errorf("an interface that does not exist is %s", got)
	}
}

// TestSubscribeRefused has netlink be refused at the start, and fail later: then there is polling, and a line about it.
func TestSubscribeRefused(t *testing.T) {
	refused := func() (*netlink.Conn, error) { return nil, unix.EPERM }
	failing := func() (*netlink.Conn, error) {
		return nltest.Dial(func([]netlink.Message) ([]netlink.Message, error) { return nil, unix.EBADF }), nil
	}
	for name, dial := range map[string]func() (*netlink.Conn, error){"refused": refused, "failing": failing} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				var log bytes.Buffer
				nudges, start := subscribe(ctx, slog.New(slog.NewTextHandler(&log, nil)), dial), time.Now()
				<-nudges
				<-nudges
				if took := time.Since(start); took != 2*pollEvery {
					t.Errorf("two looks within %v, want %v", took, 2*pollEvery)
				}
				if !strings.Contains(log.String(), "they are looked at regularly") || !strings.Contains(log.String(), "every=800ms") {
					t.Errorf("it says %q", &log)
				}
				cancel()
				for range nudges {
				}
			})
		})
	}
}

// await waits for signals until the links are as they should be, and fails the test where that takes long.
func await(t *testing.T, changed <-chan struct{}, what string, as func([]mdns.Link) bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case <-changed:
			if as(readAll(t)) {
				return
			}
		case <-deadline:
			t.Fatalf("%s: not told in time; the links are %+v", what, readAll(t))
		}
	}
}

func readAll(t *testing.T) []mdns.Link {
	t.Helper()
	links, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	return links
}

func TestPortableReadsTheSame(t *testing.T) {
	netlab.Veth(t, netlab.End{Name: "lan0", Addrs: []string{"192.0.2.1/24", "2001:db8::1/64"}}, netlab.End{Host: netlab.NewHost(t), Name: "eth0"})
	got, err := portable()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(readAll(t), got, comparePrefixes); diff != "" {
		t.Errorf("-netlink +portable:\n%s", diff)
	}
}
