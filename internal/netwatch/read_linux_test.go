package netwatch

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/testkit/skip"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"github.com/mdlayher/netlink/nltest"
	"golang.org/x/sys/unix"

	"announcer/internal/publication"
	"announcer/internal/testkit/netlab"
)

func TestMain(m *testing.M) { netlab.Main(m) }

var comparePrefixes = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

// withoutCarriers leaves out what only Linux says, and what TestCarriers has.
var withoutCarriers = cmpopts.IgnoreFields(publication.Link{}, "Carriers")

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

	got := FromKernel([]rtnetlink.LinkMessage{
		link(3, "ppp0", working|unix.IFF_POINTOPOINT),
		link(1, "lo", unix.IFF_UP|unix.IFF_RUNNING|unix.IFF_LOOPBACK),
		link(2, "eth0", working),
		link(4, "down0", unix.IFF_RUNNING|unix.IFF_MULTICAST),
		link(5, "unplugged0", unix.IFF_UP|unix.IFF_MULTICAST),
		link(6, "wg0", unix.IFF_UP|unix.IFF_RUNNING|unix.IFF_POINTOPOINT),
		link(8, "eth8", working|unix.IFF_NOARP),
		{Index: 9, Flags: working | unix.IFF_NOARP, Attributes: &rtnetlink.LinkAttributes{Name: "dummy9", MTU: 1500, Info: &rtnetlink.LinkInfo{Kind: "dummy"}}},
		link(10, "tun10", working|unix.IFF_NOARP|unix.IFF_POINTOPOINT),
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
	want := []publication.Link{
		{Index: 1, Name: "lo", MTU: 1500, Loopback: true, Addrs: []publication.LinkAddr{{Prefix: netip.MustParsePrefix("127.0.0.1/8")}}},
		{Index: 2, Name: "eth0", MTU: 1500, Addrs: []publication.LinkAddr{
			{Prefix: netip.MustParsePrefix("10.1.2.3/24")},
			{Prefix: netip.MustParsePrefix("10.1.2.4/24")},
			{Prefix: netip.MustParsePrefix("2001:db8::2/64"), Tentative: true},
			{Prefix: netip.MustParsePrefix("2001:db8::3/64"), Temporary: true},
			{Prefix: netip.MustParsePrefix("2001:db8::4/64"), Deprecated: true},
			{Prefix: netip.MustParsePrefix("2001:db8::5/64"), Tentative: true, Duplicate: true},
		}},
		{Index: 3, Name: "ppp0", MTU: 1500, PointToPoint: true, Addrs: []publication.LinkAddr{{Prefix: netip.MustParsePrefix("192.0.2.7/32")}}},
		{Index: 4, Name: "down0", MTU: 1500, Addrs: []publication.LinkAddr{{Prefix: netip.MustParsePrefix("10.9.9.9/24")}},
			Outage: publication.Outage{Why: "down", Remedy: "ip link set down0 up"}},
		{Index: 5, Name: "unplugged0", MTU: 1500, Outage: publication.Outage{Why: "without a carrier", Remedy: "check the cable and what is at its other end"}},
		{Index: 6, Name: "wg0", MTU: 1500, PointToPoint: true, Outage: publication.Outage{Why: "without multicast", Remedy: "ip link set wg0 multicast on"}},
		{Index: 8, Name: "eth8", MTU: 1500, NoARP: true},
		{Index: 9, Name: "dummy9", MTU: 1500},
		{Index: 10, Name: "tun10", MTU: 1500, PointToPoint: true},
	}
	if diff := cmp.Diff(want, got, comparePrefixes, withoutCarriers); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestMaster has the kernel say what interfaces are ports of.
func TestMaster(t *testing.T) {
	const working = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_MULTICAST
	index := func(i uint32) *uint32 { return &i }
	for _, test := range []struct {
		name   string
		master *uint32
		port   *rtnetlink.LinkInfo
		info   *rtnetlink.LinkInfo // of the interface br0, 7
		want   string
	}{
		{"no master", nil, nil, nil, ""},
		{"master 0", index(0), nil, nil, ""},
		{"bridge", index(7), &rtnetlink.LinkInfo{SlaveKind: "bridge"}, &rtnetlink.LinkInfo{Kind: "bridge"}, "br0"},
		{"VLAN in a bridge", index(7), &rtnetlink.LinkInfo{Kind: "vlan", SlaveKind: "bridge"}, &rtnetlink.LinkInfo{Kind: "bridge"}, "br0"},
		{"bond", index(7), &rtnetlink.LinkInfo{SlaveKind: "bond"}, &rtnetlink.LinkInfo{Kind: "bond"}, "br0"},
		{"team", index(7), &rtnetlink.LinkInfo{SlaveKind: "team"}, &rtnetlink.LinkInfo{Kind: "team"}, "br0"},
		{"Open vSwitch", index(7), &rtnetlink.LinkInfo{SlaveKind: "openvswitch"}, &rtnetlink.LinkInfo{Kind: "openvswitch"}, "br0"},
		{"a master without a kind, as that of a virtual function on Hyper-V", index(7), nil, nil, "br0"},
		{"VRF", index(7), &rtnetlink.LinkInfo{SlaveKind: "vrf"}, &rtnetlink.LinkInfo{Kind: "vrf"}, ""},
		{"VRF, said by itself only", index(7), nil, &rtnetlink.LinkInfo{Kind: "vrf"}, ""},
		{"VLAN in a VRF", index(7), &rtnetlink.LinkInfo{Kind: "vlan", SlaveKind: "vrf"}, &rtnetlink.LinkInfo{Kind: "vrf"}, ""},
		{"bridge that is in a VRF", index(7), &rtnetlink.LinkInfo{SlaveKind: "bridge"}, &rtnetlink.LinkInfo{Kind: "bridge", SlaveKind: "vrf"}, "br0"},
		{"a master that is not to be seen", index(8), &rtnetlink.LinkInfo{SlaveKind: "bridge"}, nil, "interface 8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			links := FromKernel([]rtnetlink.LinkMessage{
				{Index: 2, Flags: working, Attributes: &rtnetlink.LinkAttributes{Name: "eth0", Master: test.master, Info: test.port}},
				{Index: 7, Flags: unix.IFF_MULTICAST, Attributes: &rtnetlink.LinkAttributes{Name: "br0", Info: test.info}},
			}, nil)
			if links[0].Master != test.want {
				t.Errorf("got %+v; want eth0 as a port of %q", links, test.want)
			}
		})
	}
}

// TestOutage has the kernel say why no multicast goes out on an interface.
func TestOutage(t *testing.T) {
	const working, unplugged = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_MULTICAST, unix.IFF_UP | unix.IFF_MULTICAST
	link := func(index uint32, name string, flags uint32, a rtnetlink.LinkAttributes) rtnetlink.LinkMessage {
		a.Name = name
		return rtnetlink.LinkMessage{Index: index, Flags: flags, Attributes: &a}
	}
	type attributes = rtnetlink.LinkAttributes
	kind := func(k string) *rtnetlink.LinkInfo { return &rtnetlink.LinkInfo{Kind: k} }
	vlan := attributes{Type: 2, Info: kind("vlan"), OperationalState: rtnetlink.OperStateLowerLayerDown}
	const cable = "without a carrier; check the cable and what is at its other end"
	for _, test := range []struct {
		name  string
		links []rtnetlink.LinkMessage // the first is asked about
		want  string
	}{
		{"works", []rtnetlink.LinkMessage{link(2, "eth0", working, attributes{})}, ""},
		{"loopback, which has no multicast", []rtnetlink.LinkMessage{link(1, "lo", unix.IFF_UP|unix.IFF_RUNNING|unix.IFF_LOOPBACK, attributes{})}, ""},
		{"down", []rtnetlink.LinkMessage{link(2, "eth0", unix.IFF_MULTICAST, attributes{})}, "down; ip link set eth0 up"},
		{"down without multicast", []rtnetlink.LinkMessage{link(2, "eth0", 0, attributes{})}, "down; ip link set eth0 up"},
		{"unplugged", []rtnetlink.LinkMessage{link(2, "eth0", unplugged, attributes{})}, cable},
		{"unplugged without multicast", []rtnetlink.LinkMessage{link(2, "eth0", unix.IFF_UP, attributes{})}, cable},
		{"without multicast", []rtnetlink.LinkMessage{link(2, "eth0", unix.IFF_UP|unix.IFF_RUNNING, attributes{})}, "without multicast; ip link set eth0 multicast on"},
		{"Wi-Fi before it is in a network", []rtnetlink.LinkMessage{link(2, "wlan0", unplugged, attributes{OperationalState: rtnetlink.OperStateDormant})},
			"dormant; look at what gives access to the network, such as 802.1X or Wi-Fi"},
		{"bridge", []rtnetlink.LinkMessage{link(2, "br0", unplugged, attributes{Info: kind("bridge")})}, "without a carrier; none of its ports works; want one that is up: ip link show master br0"},
		{"bond that is down", []rtnetlink.LinkMessage{link(2, "bond0", unix.IFF_MULTICAST, attributes{Info: kind("bond")})}, "down; ip link set bond0 up"},
		{"VLAN on what is unplugged", []rtnetlink.LinkMessage{link(3, "eth0.20", unplugged, vlan), link(2, "eth0", unplugged, attributes{})},
			"without a carrier; it is on eth0, which does not work: " + cable},
		{"VLAN on what is down", []rtnetlink.LinkMessage{link(3, "eth0.20", unplugged, vlan), link(2, "eth0", unix.IFF_MULTICAST, attributes{})},
			"without a carrier; it is on eth0, which does not work: down; ip link set eth0 up"},
		{"VLAN on a bridge", []rtnetlink.LinkMessage{link(3, "br0.20", unplugged, vlan), link(2, "br0", unplugged, attributes{Info: kind("bridge")})},
			"without a carrier; it is on br0, which does not work: without a carrier; none of its ports works; want one that is up: ip link show master br0"},
		{"VLAN on what is in another namespace", []rtnetlink.LinkMessage{link(3, "eth0.20", unplugged, vlan)}, cable},
		{"macvlan in a container, on what has the same index outside", []rtnetlink.LinkMessage{
			link(2, "eth0", unplugged, attributes{Type: 2, Info: kind("macvlan")})}, cable},
		{"two macvlan in a container, each on what has the other's index outside", []rtnetlink.LinkMessage{
			link(2, "eth0", unplugged, attributes{Type: 3, Info: kind("macvlan")}), link(3, "eth1", unplugged, attributes{Type: 2, Info: kind("macvlan")})},
			"without a carrier; it is on eth1, which does not work: " + cable},
		{"VLAN on what works", []rtnetlink.LinkMessage{link(3, "eth0.20", unplugged, vlan), link(2, "eth0", working, attributes{})}, cable},
		{"cable whose other end is down", []rtnetlink.LinkMessage{
			link(3, "veth1", unplugged, attributes{Type: 2, Info: kind("veth")}), link(2, "veth0", unix.IFF_MULTICAST, attributes{Type: 3, Info: kind("veth")})}, cable},
	} {
		t.Run(test.name, func(t *testing.T) {
			index := int(test.links[0].Index)
			l, _ := publication.Links(FromKernel(test.links, nil)).ByIndex(index)
			if got := l.Outage.String(); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			if len(l.Carriers) > 0 != (l.Outage.Why == "" || l.Outage.Why == withoutMulticast) {
				t.Errorf("carriers %v", l.Carriers)
			}
		})
	}
}

// TestPorts has interfaces become ports of what the kernel knows, and free again.
func TestPorts(t *testing.T) {
	for _, kind := range []string{"bridge", "bond", "team", "vrf"} {
		t.Run(kind, func(t *testing.T) {
			netlab.Veth(t, netlab.End{Name: "lan0"}, netlab.End{Host: netlab.NewHost(t), Name: "eth0"})
			here, add := (*netlab.Host)(nil), []string{"link", "add", "master0", "type", kind}
			want := "master0"
			if kind == "vrf" {
				add, want = append(add, "table", "7"), ""
			}
			if out, err := exec.Command("ip", add...).CombinedOutput(); err != nil {
				t.Logf("this kernel makes no %s, of which TestMaster has what one says: %s", kind, out)
				return
			}
			t.Cleanup(func() { here.IP(t, "link", "del", "master0") })
			changed := watch(t, slog.New(slog.DiscardHandler))
			expect := func(what, want string) {
				await(t, changed, what, func(links []publication.Link) bool {
					i := slices.IndexFunc(links, func(l publication.Link) bool { return l.Name == "lan0" })
					return i >= 0 && links[i].Master == want
				})
			}
			here.IP(t, "link", "set", "lan0", "down") // which a bond wants
			here.IP(t, "link", "set", "lan0", "master", "master0")
			here.IP(t, "link", "set", "lan0", "up")
			expect("enslaved", want)
			if kind != "vrf" {
				if got := (Reading{Links: readAll(t)}).whereabouts(readNamed(t, "lan0")); got != "port of master0" {
					t.Errorf("lan0 is %q", got)
				}
			}
			here.IP(t, "link", "set", "lan0", "nomaster")
			here.IP(t, "link", "set", "lan0", "up")
			expect("freed", "")
		})
	}
}

// TestCarriers has the kernel say what is behind an interface.
func TestCarriers(t *testing.T) {
	const working = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_MULTICAST
	type attributes = rtnetlink.LinkAttributes
	link := func(index uint32, flags uint32, a attributes) rtnetlink.LinkMessage {
		return rtnetlink.LinkMessage{Index: index, Flags: flags, Attributes: &a}
	}
	number := func(i uint32) *uint32 { return &i }
	port := func(state ...byte) *rtnetlink.LinkInfo {
		info := &rtnetlink.LinkInfo{SlaveKind: "bridge", SlaveData: &rtnetlink.LinkData{}}
		if len(state) > 0 {
			info.SlaveData = &rtnetlink.LinkData{Data: []byte{5, 0, 2, 0, 0, 0, 0, 0, 5, 0, 1, 0, state[0], 0, 0, 0}}
		}
		return info
	}
	bridge := link(7, working, attributes{Name: "br0", Info: &rtnetlink.LinkInfo{Kind: "bridge"}, CarrierUpCount: number(1)})
	vlan := link(9, working, attributes{Name: "br0.20", Type: 7, Info: &rtnetlink.LinkInfo{Kind: "vlan"}})
	for _, c := range []struct {
		name  string
		links []rtnetlink.LinkMessage // the first is asked about
		want  string
	}{
		{"alone", []rtnetlink.LinkMessage{link(2, working, attributes{Name: "eth0", CarrierUpCount: number(3)})}, "2 eth0 3"},
		{"an old kernel", []rtnetlink.LinkMessage{link(2, working, attributes{Name: "eth0"})}, "2 eth0 0"},
		{"a bridge without ports", []rtnetlink.LinkMessage{bridge}, "7 br0 1"},
		{"a bridge", []rtnetlink.LinkMessage{
			bridge, link(3, working, attributes{Name: "eth1", Master: number(7), Info: port(3), CarrierUpCount: number(2)}), link(2, working, attributes{Name: "eth0", Master: number(7), Info: port()}),
		}, "7 br0 1, 2 eth0 0, 3 eth1 2"},
		{"ports that do not work", []rtnetlink.LinkMessage{
			bridge, link(2, unix.IFF_UP, attributes{Name: "eth0", Master: number(7)}), link(3, unix.IFF_RUNNING, attributes{Name: "eth1", Master: number(7)}),
			link(4, working, attributes{Name: "eth2", Master: number(8)}), link(5, working, attributes{Name: "eth3"}), {Index: 6, Flags: working},
		}, "7 br0 1"},
		{"ports that listen, learn and block", []rtnetlink.LinkMessage{
			bridge, link(2, working, attributes{Name: "eth0", Master: number(7), Info: port(1)}), link(3, working, attributes{Name: "eth1", Master: number(7), Info: port(2)}),
			link(4, working, attributes{Name: "eth2", Master: number(7), Info: port(4)}),
		}, "7 br0 1"},
		{"a bond in a bridge", []rtnetlink.LinkMessage{
			bridge, link(5, working, attributes{Name: "eth0", Master: number(6), Info: &rtnetlink.LinkInfo{SlaveKind: "bond"}}), link(6, working, attributes{Name: "bond0", Master: number(7), Info: port(3)}),
		}, "6 bond0 0, 7 br0 1, 5 eth0 0"},
		{"a VLAN on a bridge", []rtnetlink.LinkMessage{vlan, bridge, link(2, working, attributes{Name: "eth0", Master: number(7), Info: port(3)})}, "7 br0 1 under, 9 br0.20 0, 2 eth0 0 under"},
		{"a bridge on a VLAN", []rtnetlink.LinkMessage{
			bridge, link(2, working, attributes{Name: "eth0"}),
			link(9, working, attributes{Name: "eth0.20", Type: 2, Master: number(7), Info: &rtnetlink.LinkInfo{Kind: "vlan", SlaveKind: "bridge"}}),
		}, "7 br0 1, 2 eth0 0 under, 9 eth0.20 0"},
		{"a VRF", []rtnetlink.LinkMessage{
			link(7, working, attributes{Name: "vrf0", Info: &rtnetlink.LinkInfo{Kind: "vrf"}}), link(2, working, attributes{Name: "eth0", Master: number(7), Info: &rtnetlink.LinkInfo{SlaveKind: "vrf"}}),
		}, "7 vrf0 0"},
		{"both ends of a cable", []rtnetlink.LinkMessage{
			link(2, working, attributes{Name: "veth0", Type: 3, Info: &rtnetlink.LinkInfo{Kind: "veth"}}), link(3, working, attributes{Name: "veth1", Type: 2, Info: &rtnetlink.LinkInfo{Kind: "veth"}}),
		}, "2 veth0 0"},
		{"a circle", []rtnetlink.LinkMessage{link(2, working, attributes{Name: "a", Master: number(3)}), link(3, working, attributes{Name: "b", Master: number(2)})}, "2 a 0, 3 b 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := c.links[0].Index
			links := publication.Links(FromKernel(c.links, nil))
			l, _ := links.ByIndex(int(asked))
			var got []string
			for _, c := range l.Carriers {
				text := fmt.Sprint(c.Index, " ", c.Name, " ", c.Ups)
				if c.Under {
					text += " under"
				}
				got = append(got, text)
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestCarriersOfABridge has ports come up behind a bridge.
func TestCarriersOfABridge(t *testing.T) {
	netlab.Need(t)
	here := (*netlab.Host)(nil)
	for _, stp := range []string{"0", "1"} {
		t.Run("stp_state "+stp, func(t *testing.T) {
			here.IP(t, "link", "add", "br0", "type", "bridge", "stp_state", stp, "forward_delay", "200")
			t.Cleanup(func() { here.IP(t, "link", "del", "br0") })
			here.IP(t, "link", "set", "br0", "up")
			changed := watch(t, slog.New(slog.DiscardHandler))
			for _, port := range []string{"lan0", "lan1"} {
				netlab.Veth(t, netlab.End{Name: port}, netlab.End{Host: netlab.NewHost(t), Name: "eth0"})
				var before publication.Link
				if links := publication.Links(readAll(t)); port == "lan1" {
					before, _ = links.ByName("br0")
				}
				enslaved := time.Now()
				here.IP(t, "link", "set", port, "master", "br0")
				await(t, changed, port, func(links []publication.Link) bool {
					l, _ := publication.Links(links).ByName("br0")
					return slices.ContainsFunc(l.CameUp(before), func(c publication.Carrier) bool { return c.Name == port })
				})
				if stp == "1" && time.Since(enslaved) < 3*time.Second {
					t.Errorf("%s counts before it passes packets on", port)
				}
			}
		})
	}
}

func readNamed(t *testing.T, name string) publication.Link {
	t.Helper()
	links := readAll(t)
	i := slices.IndexFunc(links, func(l publication.Link) bool { return l.Name == name })
	if i < 0 {
		t.Fatalf("there is no %s: %+v", name, links)
	}
	return links[i]
}

// TestTunnel has a program open a tunnel.
func TestTunnel(t *testing.T) {
	netlab.Need(t)
	tun, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		skip.Now(t, "no tunnels here: ", err)
	}
	defer tun.Close()
	request, err := unix.NewIfreq("tun0")
	if err != nil {
		t.Fatal(err)
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(int(tun.Fd()), unix.TUNSETIFF, request); err != nil {
		skip.Now(t, "no tunnels here: ", err)
	}
	here := (*netlab.Host)(nil)
	here.IP(t, "addr", "add", "192.0.2.1/24", "dev", "tun0")
	here.IP(t, "link", "set", "tun0", "up")
	link := readNamed(t, "tun0")
	if !link.PointToPoint {
		t.Errorf("%+v is no point-to-point link", link)
	}
	if got := Why(link, nil, nil); got.Why != "it is a point-to-point link" {
		t.Errorf("by default it is left out because %q", got)
	}
	if chosen, _ := Select(readAll(t), []string{"tun0"}, nil); len(chosen) != 1 {
		t.Errorf("named, it gives %+v", chosen)
	}
	if links, err := withoutNetlink(); err != nil || !slices.ContainsFunc(links, func(l publication.Link) bool { return l.Name == "tun0" && l.PointToPoint }) {
		t.Errorf("without netlink there are %+v, %v", links, err)
	}
}

func TestReadAndWatch(t *testing.T) {
	netlab.Need(t)
	var log bytes.Buffer
	changed := watch(t, slog.New(slog.NewTextHandler(&log, nil)))
	links := readAll(t)
	if len(links) != 1 || links[0].Name != "lo" || !links[0].Loopback || links[0].Has(publication.V4) == false {
		t.Fatalf("got %+v, want lo with 127.0.0.1", links)
	}

	netlab.Veth(t, netlab.End{Name: "lan0", Addrs: []string{"192.0.2.1/24", "2001:db8::1/64"}}, netlab.End{Host: netlab.NewHost(t), Name: "eth0"})
	await(t, changed, "a new interface", func(links []publication.Link) bool {
		return len(links) == 2 && links[1].Name == "lan0" && !links[1].Loopback && links[1].MTU == 1500 && len(links[1].Published()) == 2
	})

	here := (*netlab.Host)(nil)
	here.IP(t, "addr", "add", "2001:db8::9/64", "dev", "lan0", "preferred_lft", "0", "valid_lft", "1000")
	await(t, changed, "a deprecated address", func(links []publication.Link) bool {
		return slices.ContainsFunc(links[1].Addrs, func(a publication.LinkAddr) bool {
			return a.Deprecated && a.Prefix == netip.MustParsePrefix("2001:db8::9/64")
		})
	})
	here.IP(t, "addr", "del", "192.0.2.1/24", "dev", "lan0")
	await(t, changed, "an address gone", func(links []publication.Link) bool { return len(links) == 2 && !links[1].Has(publication.V4) })
	here.IP(t, "link", "set", "lan0", "down")
	await(t, changed, "a link down", func(links []publication.Link) bool {
		return links[1].Outage == publication.Outage{Why: "down", Remedy: "ip link set lan0 up"}
	})
	if log.Len() > 0 { // then polling has reported it
		t.Error("the watch says: ", &log)
	}
}

// TestOutagesOnTheWire has an interface be out of service in every way, by all ways to read it, and work again.
func TestOutagesOnTheWire(t *testing.T) {
	peer := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "lan0", Addrs: []string{"192.0.2.1/24"}}, netlab.End{Host: peer, Name: "eth0"})
	here := (*netlab.Host)(nil)
	here.IP(t, "link", "add", "br0", "type", "bridge")
	here.IP(t, "addr", "add", "192.0.2.129/25", "dev", "br0")
	t.Cleanup(func() { here.IP(t, "link", "del", "br0") })
	here.IP(t, "link", "set", "br0", "up")
	changed := watch(t, slog.New(slog.DiscardHandler))
	for _, step := range []struct {
		name string
		host *netlab.Host
		set  []string
		want string
	}{
		{"without a carrier", peer, []string{"eth0", "down"}, noCarrier},
		{"with a carrier", peer, []string{"eth0", "up"}, ""},
		{"without multicast", here, []string{"lan0", "multicast", "off"}, withoutMulticast},
		{"with multicast", here, []string{"lan0", "multicast", "on"}, ""},
		{"down", here, []string{"lan0", "down"}, down},
		{"up", here, []string{"lan0", "up"}, ""},
	} {
		t.Run(step.name, func(t *testing.T) {
			step.host.IP(t, append([]string{"link", "set"}, step.set...)...)
			as := func(links []publication.Link) bool {
				lan0, ok := publication.Links(links).ByName("lan0")
				return ok && lan0.Outage.Why == step.want
			}
			await(t, changed, step.name, as)
			for _, read := range []func() ([]publication.Link, error){withoutNetlink, portable} {
				if links, err := read(); err != nil || !as(links) {
					t.Errorf("read without netlink: %+v, %v", links, err)
				}
			}
		})
	}
	br0 := func(want string) func([]publication.Link) bool {
		return func(links []publication.Link) bool {
			l, ok := publication.Links(links).ByName("br0")
			return ok && l.Outage.String() == want
		}
	}
	here.IP(t, "link", "set", "lan0", "master", "br0")
	await(t, changed, "a bridge with a port", func(links []publication.Link) bool {
		lan0, _ := publication.Links(links).ByName("lan0")
		return lan0.Master == "br0" && br0("")(links)
	})
	here.IP(t, "link", "set", "lan0", "nomaster")
	await(t, changed, "a bridge without a port", br0("without a carrier; none of its ports works; want one that is up: ip link show master br0"))
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
	changed := watch(t, slog.New(slog.DiscardHandler))
	before := readAll(t)
	(*netlab.Host)(nil).IP(t, "addr", "add", "2001:db8::7/64", "dev", "lan0")
	var told []string
	await(t, changed, "a unique address", func(links []publication.Link) bool {
		for _, c := range Changes(before, links, Reading{Links: links}) {
			told = append(told, c.Link+": "+c.What)
		}
		before = links
		return len(told) > 0 && told[len(told)-1] == "lan0: address 2001:db8::7/64 known to be unique"
	})
	if want := []string{"lan0: address 2001:db8::7/64 added (tentative)", "lan0: address 2001:db8::7/64 known to be unique"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// TestWhereabouts has the watcher say what has become of an interface.
func TestWhereabouts(t *testing.T) {
	peer := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "lan0"}, netlab.End{Host: peer, Name: "eth0"})
	here, lan0 := (*netlab.Host)(nil), readNamed(t, "lan0")
	w := NewWatcher(slog.New(slog.DiscardHandler))
	go w.Run(t.Context())
	expect := func(want string) {
		t.Helper()
		deadline := time.After(10 * time.Second)
		for got := ""; got != want; {
			select {
			case r := <-w.Readings():
				got = r.whereabouts(lan0)
			case <-deadline:
				t.Fatalf("lan0 is %s, want %s", got, want)
			}
		}
	}
	expect("no longer used")
	peer.IP(t, "link", "set", "eth0", "down")
	expect("without a carrier")
	peer.IP(t, "link", "set", "eth0", "up")
	expect("no longer used")
	here.IP(t, "link", "set", "lan0", "down")
	expect("down")
	here.IP(t, "link", "set", "lan0", "name", "lan1")
	here.IP(t, "link", "set", "lan1", "up")
	expect("renamed to lan1")
	here.IP(t, "link", "del", "lan1")
	expect("removed")
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
				heard, start := make(chan uint32), time.Now()
				subscribe(ctx, slog.New(slog.NewTextHandler(&log, nil)), func(index uint32) { heard <- index }, dial)
				for range 2 {
					if index := <-heard; index != 0 {
						t.Errorf("heard of interface %d alone; want of all", index)
					}
				}
				if took := time.Since(start); took != 2*pollEvery {
					t.Errorf("two looks within %v, want %v", took, 2*pollEvery)
				}
				if !strings.Contains(log.String(), "they are polled") || !strings.Contains(log.String(), "every=800ms") {
					t.Errorf("it says %q", &log)
				}
				cancel()
			})
		})
	}
}

// await waits for signals until the links are as they should be, and fails the test where that takes long.
// watch runs a watcher until the test ends, and returns its readings after the first.
func watch(t *testing.T, log *slog.Logger) <-chan Reading {
	t.Helper()
	w := NewWatcher(log)
	go w.Run(t.Context())
	if first := <-w.Readings(); first.Err != nil {
		t.Fatal(first.Err)
	}
	return w.Readings()
}

// await waits for a reading that is as it should be.
func await(t *testing.T, readings <-chan Reading, what string, as func([]publication.Link) bool) {
	t.Helper()
	var last Reading
	deadline := time.After(10 * time.Second)
	for {
		select {
		case last = <-readings:
			if as(last.Links) {
				return
			}
		case <-deadline:
			t.Fatalf("%s: not handed over in time; the last reading is %+v", what, last)
		}
	}
}

func readAll(t *testing.T) []publication.Link {
	t.Helper()
	links, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	return links
}

// What is known by other ways than netlink is the same.
func TestOtherWaysReadTheSame(t *testing.T) {
	far := netlab.NewHost(t)
	here := (*netlab.Host)(nil)
	netlab.Veth(t, netlab.End{Name: "lan0", Addrs: []string{"192.0.2.1/24", "2001:db8::1/64"}}, netlab.End{Host: far, Name: "eth0"})
	netlab.Veth(t, netlab.End{Name: "lan1", Addrs: []string{"198.51.100.1/30", "198.51.100.129/25"}}, netlab.End{Host: far, Name: "eth1"})
	netlab.Veth(t, netlab.End{Name: "lan2"}, netlab.End{Host: far, Name: "eth2"})
	netlab.Veth(t, netlab.End{Name: "off0", Addrs: []string{"203.0.113.1/24"}}, netlab.End{Host: far, Name: "eth3"})
	netlab.Veth(t, netlab.End{Name: "one0", Addrs: []string{"203.0.113.2/24"}}, netlab.End{Host: far, Name: "eth4"})
	for i := range 80 { // more than are asked for at first
		here.IP(t, "addr", "add", fmt.Sprintf("10.0.%d.1/24", i), "dev", "lan2", "label", "lan2:x")
	}
	here.IP(t, "addr", "add", "192.0.2.77/24", "dev", "lan0", "label", "lan0:1")
	here.IP(t, "addr", "add", "192.0.2.78", "peer", "192.0.2.79/32", "dev", "lan0")
	here.IP(t, "addr", "add", "2001:db8::2/64", "dev", "lan0", "preferred_lft", "0")
	here.IP(t, "link", "set", "off0", "down")
	here.IP(t, "link", "set", "one0", "multicast", "off")
	want := readAll(t)
	if len(want) < 4 {
		t.Fatalf("netlink reports %+v; want four links at least", want)
	}
	for _, test := range []struct {
		name   string
		read   func() ([]publication.Link, error)
		ignore cmp.Option
	}{
		{"ioctl", withoutNetlink, cmpopts.IgnoreFields(publication.Link{}, "Hardware")},
		{"portable", portable, cmp.Options{withoutCarriers, cmpopts.IgnoreFields(publication.LinkAddr{}, "Deprecated", "Tentative", "Duplicate")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.read()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, comparePrefixes, cmpopts.IgnoreFields(publication.Carrier{}, "Ups"), test.ignore); diff != "" {
				t.Errorf("-netlink +%s:\n%s", test.name, diff)
			}
		})
	}
}

func TestIPv6Addr(t *testing.T) {
	const addr = "20010db8000000000000000000000001"
	for _, test := range []struct {
		name, line string
		want       publication.LinkAddr
		ok         bool
	}{
		{"global", addr + " 02 40 00 80     eth0", publication.LinkAddr{Prefix: netip.MustParsePrefix("2001:db8::1/64")}, true},
		{"tentative", addr + " 02 80 00 40 eth0", publication.LinkAddr{Prefix: netip.MustParsePrefix("2001:db8::1/128"), Tentative: true}, true},
		{"duplicate", addr + " 02 40 00 88 eth0", publication.LinkAddr{Prefix: netip.MustParsePrefix("2001:db8::1/64"), Tentative: true, Duplicate: true}, true},
		{"deprecated and temporary", addr + " 02 40 00 21 eth0", publication.LinkAddr{Prefix: netip.MustParsePrefix("2001:db8::1/64"), Deprecated: true, Temporary: true}, true},
		{"empty", "", publication.LinkAddr{}, false},
		{"a column too few", addr + " 02 40 00 eth0", publication.LinkAddr{}, false},
		{"a short address", "2001 02 40 00 80 eth0", publication.LinkAddr{}, false},
		{"a long prefix", addr + " 02 fff 00 80 eth0", publication.LinkAddr{}, false},
		{"no number", addr + " 02 40 00 zz eth0", publication.LinkAddr{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			name, got, ok := ipv6Addr(strings.Fields(test.line))
			if ok != test.ok || ok && (name != "eth0" || got != test.want) {
				t.Errorf("%q %+v %t, want %+v %t", name, got, ok, test.want, test.ok)
			}
		})
	}
}
