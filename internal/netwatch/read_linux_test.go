package netwatch

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jsimonetti/rtnetlink/v2"
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
	changed := Watch(t.Context())
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
}

// await waits for signals until the links are as they should be, and fails the test where that takes long.
func await(t *testing.T, changed <-chan struct{}, what string, as func([]mdns.Link) bool) {
	t.Helper()
	deadline := time.After(pollEvery - settle) // so that it can't be polling that tells
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
