package netwatch

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"announcer/internal/publication"
)

func TestSelect(t *testing.T) {
	here := []publication.Link{
		{Index: 1, Name: "lo", Loopback: true}, {Index: 2, Name: "eth0"}, {Index: 3, Name: "wlan0"}, {Index: 4, Name: "docker0"},
		{Index: 5, Name: "br-1f2e3d4c5b6a"}, {Index: 6, Name: "veth7a"}, {Index: 7, Name: "virbr0"}, {Index: 8, Name: "cni0"}, {Index: 9, Name: "br0"},
	}
	const leftOut = ", not lo, docker0, br-1f2e3d4c5b6a, veth7a, virbr0, cni0"
	bridged := []publication.Link{
		{Index: 1, Name: "lo", Loopback: true}, {Index: 2, Name: "eth0", Master: "bond0"}, {Index: 3, Name: "eth1", Master: "br0"},
		{Index: 4, Name: "bond0", Master: "br0"}, {Index: 5, Name: "br0"}, {Index: 6, Name: "docker0"}, {Index: 7, Name: "veth1", Master: "docker0"},
	}
	const ports = "eth0 (port of bond0), eth1 (port of br0), bond0 (port of br0)"
	const warning = "eth1 is a port of br0, which receives every question; want br0 in the list"
	vpn := []publication.Link{{Index: 1, Name: "eth0"}, {Index: 2, Name: "tun0", PointToPoint: true}, {Index: 3, Name: "wg0", PointToPoint: true}}
	out := func(name string, o publication.Outage, addrs ...publication.LinkAddr) publication.Link {
		return publication.Link{Name: name, Outage: o, Addrs: addrs}
	}
	addr := publication.LinkAddr{Prefix: netip.MustParsePrefix("192.0.2.5/24")}
	isDown := func(name string) publication.Outage { return outage(name, false, false, true) }
	broken := []publication.Link{
		{Index: 1, Name: "eth0"}, out("eth1", isDown("eth1"), addr), out("eth2", outage("eth2", true, false, true)),
		out("eth3", outage("eth3", true, true, false), addr), out("docker0", outage("docker0", true, false, true), addr),
	}
	const downText, multicastText = "eth1 is down (ip link set eth1 up)", "eth3 is without multicast (ip link set eth3 multicast on)"
	const cableText = "eth2 is without a carrier (check the cable and what is at its other end)"
	var many []publication.Link
	for i := range 120 {
		many = append(many, publication.Link{Index: i + 1, Name: fmt.Sprintf("docker%d", i)})
	}
	const ten = "docker0, docker1, docker2, docker3, docker4, docker5, docker6, docker7, docker8, docker9"
	for _, test := range []struct {
		name        string
		links       []publication.Link
		allow, deny []string
		chosen      []string
		note        string
	}{
		{"defaults", here, nil, nil, []string{"eth0", "wlan0", "br0"}, "no interface was named: using eth0, wlan0, br0" + leftOut},
		{"defaults but one", here, nil, []string{"w*"}, []string{"eth0", "br0"}, "no interface was named: using eth0, br0" + leftOut},
		{"nothing but loopback", here[:1], nil, nil, nil, "no interface was named, and none is usable except lo; want it named"},
		{"nothing left by deny", here[1:2], nil, []string{"*"}, nil, "no interface was named, and none is usable"},
		{"nothing at all", nil, nil, nil, nil, "no interface was named, and none is usable"},
		{"nothing left out", here[1:3], nil, nil, []string{"eth0", "wlan0"}, "no interface was named: using eth0, wlan0"},
		{"loopback by name", here, []string{"lo"}, nil, []string{"lo"}, ""},
		{"container by glob", here, []string{"veth*", "eth0"}, nil, []string{"eth0", "veth7a"}, ""},
		{"everything", here[:4], []string{"*"}, nil, []string{"lo", "eth0", "wlan0", "docker0"}, ""},
		{"deny wins", here, []string{"eth*", "wlan*"}, []string{"eth0"}, []string{"wlan0"}, ""},
		{"no match", here[:2], []string{"eht0"}, nil, nil, `no interface matches "eht0"; there are: lo, eth0`},
		{"one of three matches", here[:2], []string{"ppp*", "lo", "eht0"}, nil, []string{"lo"}, `no interface matches "ppp*" or "eht0"; there are: lo, eth0`},
		{"a match that is denied", here[:2], []string{"eth0"}, []string{"eth0"}, nil, ""},
		{"no interface at all", nil, []string{"eth0"}, nil, nil, `no interface matches "eth0"; there are: none`},
		{"a loopback of another name", []publication.Link{{Name: "loop7", Loopback: true}}, nil, nil, nil, "no interface was named, and none is usable except loop7; want it named"},
		{"ports", bridged, nil, nil, []string{"br0"}, "no interface was named: using br0, not lo, eth1 (port of br0), bond0 (port of br0), docker0"},
		{"nothing but ports", bridged[1:2], nil, nil, nil, "no interface was named, and none is usable except eth0 (port of bond0); want it named"},
		{"a port by name", bridged, []string{"eth1"}, nil, []string{"eth1"}, warning},
		{"a port and its bridge by name", bridged, []string{"br0", "eth1"}, nil, []string{"eth1", "br0"}, warning},
		{"a port by glob", bridged, []string{"eth*"}, nil, nil, `"eth*" matches only eth0 (port of bond0), eth1 (port of br0); want bond0 in the list`},
		{"a port by glob and another by name", bridged, []string{"eth1", "bond*"}, nil, []string{"eth1"}, `"bond*" matches only bond0 (port of br0); want br0 in the list; ` + warning},
		{"everything but ports", bridged, []string{"*"}, nil, []string{"lo", "br0", "docker0"}, ""},
		{"a port that is denied", bridged, []string{"eth1"}, []string{"eth1"}, nil, ""},
		{"no match among ports", bridged, []string{"wan0"}, nil, nil, `no interface matches "wan0"; there are: lo, ` + ports + ", br0, docker0, veth1 (port of docker0)"},
		{"many that are left out", many, nil, nil, nil, "no interface was named, and none is usable except " + ten + " and 110 more; want it named"},
		{"many that do not match", many, []string{"eth0"}, nil, nil, `no interface matches "eth0"; there are: ` + ten + " and 110 more"},
		{"point-to-point links", vpn, nil, nil, []string{"eth0"}, "no interface was named: using eth0, not tun0, wg0"},
		{"a point-to-point link by name", vpn, []string{"tun0"}, nil, []string{"tun0"}, ""},
		{"a point-to-point link by glob", vpn, []string{"wg*"}, nil, []string{"wg0"}, ""},
		{"links that do not work", broken, nil, nil, []string{"eth0"}, "no interface was named: using eth0; " + downText + ", " + multicastText},
		{"no link that works", broken[1:], nil, nil, nil, "no interface was named, and none is usable; " + downText + ", " + multicastText},
		{"one that is down", broken, []string{"eth1"}, nil, nil, downText},
		{"one without a carrier, beside one that works", broken, []string{"eth0", "eth2"}, nil, []string{"eth0"}, cableText},
		{"one without multicast, and a wrong name", broken, []string{"eth3", "ea"}, nil, nil,
			`no interface matches "ea"; there are: eth0, eth1 (down), eth3 (without multicast), docker0 (without a carrier); ` + multicastText},
		{"a glob with a link that works", broken, []string{"eth*"}, nil, []string{"eth0"}, ""},
		{"a glob with a link that works, and a name", broken, []string{"eth*", "eth1"}, nil, []string{"eth0"}, downText},
		{"a glob without a link that works", broken, []string{"eth0", "eth[123]"}, nil, []string{"eth0"}, downText + ", " + cableText + ", " + multicastText},
		{"one that is denied and down", broken, []string{"eth*"}, []string{"eth[123]"}, []string{"eth0"}, ""},
		{"a free port that nobody named", broken[2:3], nil, nil, nil, "no interface was named, and none is usable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			chosen, note := Select(test.links, test.allow, test.deny)
			var got []string
			for _, l := range chosen {
				got = append(got, l.Name)
			}
			if !slices.Equal(got, test.chosen) || note != test.note {
				t.Errorf("got  %q %q\nwant %q %q", got, note, test.chosen, test.note)
			}
		})
	}
}

func TestWhy(t *testing.T) {
	for _, test := range []struct {
		link        publication.Link
		allow, deny []string
		want        string
	}{
		{publication.Link{Name: "eth0"}, nil, nil, ""},
		{publication.Link{Name: "eth0"}, []string{"eth*"}, nil, ""},
		{publication.Link{Name: "eth0"}, []string{"eth*"}, []string{"eth0"}, "denied by interfaces_deny"},
		{publication.Link{Name: "eth0"}, []string{"lan*", "wan0"}, nil, "not in the list of interfaces: lan*, wan0"},
		{publication.Link{Name: "lo", Loopback: true}, nil, nil, "it is the loopback"},
		{publication.Link{Name: "eth0", Master: "br0"}, nil, nil, "port of br0"},
		{publication.Link{Name: "eth0", Master: "br0"}, []string{"eth*"}, nil, "port of br0"},
		{publication.Link{Name: "eth0", Master: "br0"}, []string{"br0"}, nil, "port of br0"},
		{publication.Link{Name: "eth0", Master: "br0"}, []string{"eth0"}, nil, ""},
		{publication.Link{Name: "veth1", Master: "docker0"}, nil, nil, "port of docker0"},
		{publication.Link{Name: "wg0", PointToPoint: true}, nil, nil, "it is a point-to-point link"},
		{publication.Link{Name: "wg0", PointToPoint: true}, []string{"wg0"}, nil, ""},
		{publication.Link{Name: "virbr0"}, nil, nil, "its name is that of an interface of libvirt"},
		{publication.Link{Name: "virbr0"}, []string{"virbr0"}, nil, ""},
		{publication.Link{Name: "eth1", Outage: outage("eth1", false, false, true)}, nil, nil, "down; ip link set eth1 up"},
		{publication.Link{Name: "eth1", Outage: outage("eth1", false, false, true)}, []string{"eth1"}, nil, "down; ip link set eth1 up"},
		{publication.Link{Name: "eth1", Outage: outage("eth1", false, false, true)}, []string{"eth0"}, nil, "not in the list of interfaces: eth0"},
		{publication.Link{Name: "docker0", Outage: outage("docker0", true, false, true)}, nil, nil, "its name is that of an interface of Docker"},
		{publication.Link{Name: "eth1", Master: "br0", Outage: outage("eth1", true, false, true)}, nil, nil, "port of br0"},
	} {
		t.Run(fmt.Sprintf("%s %s", test.link.Name, test.allow), func(t *testing.T) {
			if got := Why(test.link, test.allow, test.deny); got.String() != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestVirtualNames(t *testing.T) {
	for _, name := range []string{
		"docker0", "docker_gwbridge", "br-1f2e3d4c5b6a", "veth7a1b2c3", "vethwe-bridge", "podman0", "podman1", "nerdctl0", "cni0", "cni-podman0",
		"lxcbr0", "lxc_health", "lxc1a2b3c4d5e6f", "lxdbr0", "incusbr0", "ve-web", "vb-web", "vz-office", "vt-vm1",
		"virbr0", "virbr1-nic", "vnet0", "vnet12", "macvtap0", "fwbr100i0", "fwln100i0", "fwpr100p0",
		"qbr1a2b3c4d-5e", "qvb1a2b3c4d-5e", "qvo1a2b3c4d-5e", "tap1a2b3c4d-5e", "vif1.0", "vmnet8", "vboxnet0", "mpqemubr0", "waydroid0",
		"cali1a2b3c4d5e6", "vxlan.calico", "flannel.1", "flannel-wg", "cilium_host", "cilium_vxlan", "weave", "kube-ipvs0", "kube-bridge", "nodelocaldns",
	} {
		t.Run(name, func(t *testing.T) {
			if owner(&publication.Link{Name: name}) == "" {
				t.Error("it is announced on")
			}
		})
	}
	for _, name := range []string{
		"eth0", "eno1", "ens3", "enp3s0", "enx001122334455", "wlan0", "wlp2s0", "br0", "br-lan", "br-guest", "br-1f2e", "br-1f2e3d4c5b6a7", "br-1F2E3D4C5B6A",
		"bridge0", "vmbr0", "xenbr0", "bond0", "team0", "vlan20", "eth0.20", "tap0", "macvlan0", "ztabcdef12", "lan1", "nic0", "usb0", "end0", "veno1",
	} {
		t.Run(name, func(t *testing.T) {
			if by := owner(&publication.Link{Name: name}); by != "" {
				t.Errorf("it is taken for an interface of %s", by)
			}
		})
	}
}

// TestDocumentedNames wants the list of virtual names in the documents.
func TestDocumentedNames(t *testing.T) {
	var names []string
	for _, v := range virtual {
		names = append(names, strings.ReplaceAll(v.glob, digits, "<12 hex digits>"))
	}
	list := strings.Join(names, " ")
	for _, file := range []string{"../../docs/configuration.md", "../../docs/man/announcer.8.md", "../../examples/announcer.toml"} {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			words := strings.Fields(strings.NewReplacer("#", " ", "`", " ").Replace(string(text)))
			if want := "named like an interface of a container or virtual machine: " + list; !strings.Contains(strings.Join(words, " "), want) {
				t.Errorf("want in it: %s", want)
			}
		})
	}
}

// BenchmarkSelect measures what it takes to choose from many links.
func BenchmarkSelect(b *testing.B) {
	var links []publication.Link
	for i := range 8000 {
		links = append(links, publication.Link{Index: i + 1, Name: fmt.Sprintf("%s%d", []string{"far", "vlan"}[i%2], i/2)})
	}
	for name, allow := range map[string][]string{"default": nil, "glob": {"vlan*"}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Select(links, allow, nil)
			}
		})
	}
}
