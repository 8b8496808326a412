package mdns

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"announcer/internal/dnsname"
	"announcer/internal/publication"
	"announcer/services"
)

func link(index int, name string, prefixes ...string) publication.Link {
	l := publication.Link{Index: index, Name: name, MTU: 1500}
	for _, p := range prefixes {
		l.Addrs = append(l.Addrs, publication.LinkAddr{Prefix: netip.MustParsePrefix(p)})
	}
	return l
}

func service(typ string, port uint16, txt ...string) services.Service {
	return services.Service{Type: dnsname.MustParse(typ), Port: port, TXT: txt}
}

func published(id, name string, ss ...services.Service) publication.Publication {
	return publication.Publication{ID: id, Group: services.Group{Name: name, Services: ss}}
}

// text returns the records of a link as lines.
func text(records []Record) string {
	var lines []string
	for _, r := range records {
		lines = append(lines, r.String())
	}
	return strings.Join(lines, "\n")
}

func TestRecords(t *testing.T) {
	eth0 := link(2, "eth0", "192.0.2.5/24", "2001:db8::5/64")
	full := service("_ipp._tcp", 631, "a=1", `path=C:\x`, "bin=\x00\xff")
	full.Subtypes = []dnsname.Name{dnsname.MustParse("_colour._sub._ipp._tcp")}
	v4 := service("_http._tcp", 80)
	v4.Protocol = services.IPv4
	foreign := service("_sip._udp", 5060)
	foreign.Host = dnsname.MustParse("sw.local")
	foreign.Addresses = []netip.Addr{netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("2001:db8::9")}
	elsewhere := service("_http._tcp", 80)
	elsewhere.Domain = dnsname.MustParse("example.com")
	host := `pbx.local. 120 IN flush A 192.0.2.5
pbx.local. 120 IN flush AAAA 2001:db8::5
5.2.0.192.in-addr.arpa. 120 IN flush PTR pbx.local.
5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. 120 IN flush PTR pbx.local.`

	tests := []struct {
		name    string
		groups  []publication.Publication
		version publication.IPVersion
		want    string
	}{
		{"nothing but the host", nil, publication.V4, host},
		{"all kinds of data (RFC 6763 §4 to §9)", []publication.Publication{published("a", `Front.desk \ Büro`, full)}, publication.V4,
			`_services._dns-sd._udp.local. 4500 IN PTR _ipp._tcp.local.
_ipp._tcp.local. 4500 IN PTR Front\.desk\ \\\ B\195\188ro._ipp._tcp.local.
_colour._sub._ipp._tcp.local. 4500 IN PTR Front\.desk\ \\\ B\195\188ro._ipp._tcp.local.
Front\.desk\ \\\ B\195\188ro._ipp._tcp.local. 120 IN flush SRV 0 0 631 pbx.local.
Front\.desk\ \\\ B\195\188ro._ipp._tcp.local. 4500 IN flush TXT "a=1" "path=C:\\x" "bin=\000\255"
` + host},
		{"no TXT is one empty string (RFC 6763 §6.1)", []publication.Publication{published("a", "x", service("_http._tcp", 80))}, publication.V6,
			`_services._dns-sd._udp.local. 4500 IN PTR _http._tcp.local.
_http._tcp.local. 4500 IN PTR x._http._tcp.local.
x._http._tcp.local. 120 IN flush SRV 0 0 80 pbx.local.
x._http._tcp.local. 4500 IN flush TXT ""
` + host},
		{"one IP version only, there", []publication.Publication{published("a", "x", v4)}, publication.V4,
			`_services._dns-sd._udp.local. 4500 IN PTR _http._tcp.local.
_http._tcp.local. 4500 IN PTR x._http._tcp.local.
x._http._tcp.local. 120 IN flush SRV 0 0 80 pbx.local.
x._http._tcp.local. 4500 IN flush TXT ""
` + host},
		{"one IP version only, on the other", []publication.Publication{published("a", "x", v4)}, publication.V6, host},
		{"a foreign host has addresses and no reverse names", []publication.Publication{published("a", "x", foreign)}, publication.V4,
			`_services._dns-sd._udp.local. 4500 IN PTR _sip._udp.local.
_sip._udp.local. 4500 IN PTR x._sip._udp.local.
x._sip._udp.local. 120 IN flush SRV 0 0 5060 sw.local.
x._sip._udp.local. 4500 IN flush TXT ""
sw.local. 120 IN flush A 192.0.2.9
sw.local. 120 IN flush AAAA 2001:db8::9
` + host},
		{"another domain", []publication.Publication{published("a", "x", elsewhere)}, publication.V4,
			`_services._dns-sd._udp.example.com. 4500 IN PTR _http._tcp.example.com.
_http._tcp.example.com. 4500 IN PTR x._http._tcp.example.com.
x._http._tcp.example.com. 120 IN flush SRV 0 0 80 pbx.local.
x._http._tcp.example.com. 4500 IN flush TXT ""
` + host},
		{"what two services share stands once", []publication.Publication{published("a", "x", service("_http._tcp", 80)), published("b", "y", service("_http._tcp", 80))}, publication.V4,
			`_services._dns-sd._udp.local. 4500 IN PTR _http._tcp.local.
_http._tcp.local. 4500 IN PTR x._http._tcp.local.
x._http._tcp.local. 120 IN flush SRV 0 0 80 pbx.local.
x._http._tcp.local. 4500 IN flush TXT ""
_http._tcp.local. 4500 IN PTR y._http._tcp.local.
y._http._tcp.local. 120 IN flush SRV 0 0 80 pbx.local.
y._http._tcp.local. 4500 IN flush TXT ""
` + host},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			instances := Settle(publication.Desired{Host: "pbx", Links: []publication.Link{eth0}, Groups: test.groups}, nil)
			if diff := cmp.Diff(test.want, text(Records("pbx", instances, eth0, test.version))); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRecordsStayOnTheirLinks(t *testing.T) {
	eth0, vlan20 := link(2, "eth0", "192.0.2.5/24"), link(3, "vlan20", "198.51.100.5/24")
	p := published("a", "x", service("_http._tcp", 80))
	p.Interfaces = []string{"vlan*"}
	instances := Settle(publication.Desired{Host: "pbx", Links: []publication.Link{eth0, vlan20}, Groups: []publication.Publication{p}}, nil)
	for _, test := range []struct {
		link publication.Link
		srv  bool
		addr string
	}{{eth0, false, "192.0.2.5"}, {vlan20, true, "198.51.100.5"}} {
		t.Run(test.link.Name, func(t *testing.T) {
			got := text(Records("pbx", instances, test.link, publication.V4))
			if strings.Contains(got, "SRV") != test.srv || !strings.Contains(got, "A "+test.addr) || strings.Count(got, " A ") != 1 {
				t.Errorf("on %s: got\n%s", test.link.Name, got)
			}
		})
	}
}

func TestPublished(t *testing.T) {
	addr := func(prefix string) publication.LinkAddr {
		return publication.LinkAddr{Prefix: netip.MustParsePrefix(prefix)}
	}
	with := func(a publication.LinkAddr, set func(*publication.LinkAddr)) publication.LinkAddr { set(&a); return a }
	tentative := func(a *publication.LinkAddr) { a.Tentative = true }
	deprecated := func(a *publication.LinkAddr) { a.Deprecated = true }
	temporary := func(a *publication.LinkAddr) { a.Temporary = true }
	tests := []struct {
		name  string
		addrs []publication.LinkAddr
		want  string
	}{
		{"both versions, sorted", []publication.LinkAddr{addr("2001:db8::5/64"), addr("192.0.2.7/24"), addr("192.0.2.5/24")}, "192.0.2.5 192.0.2.7 2001:db8::5"},
		{"link-local only without a better one", []publication.LinkAddr{addr("fe80::1/64"), addr("169.254.1.1/16"), addr("192.0.2.5/24")}, "192.0.2.5 fe80::1"},
		{"link-local beside a global one", []publication.LinkAddr{addr("fe80::1/64"), addr("2001:db8::5/64")}, "2001:db8::5"},
		{"tentative never", []publication.LinkAddr{with(addr("2001:db8::5/64"), tentative)}, ""},
		{"temporary never", []publication.LinkAddr{with(addr("2001:db8::5/64"), temporary), addr("fe80::1/64")}, "fe80::1"},
		{"deprecated without a better one", []publication.LinkAddr{with(addr("2001:db8::5/64"), deprecated)}, "2001:db8::5"},
		{"deprecated beside a better one", []publication.LinkAddr{with(addr("2001:db8::5/64"), deprecated), addr("2001:db8::6/64")}, "2001:db8::6"},
		{"once", []publication.LinkAddr{addr("192.0.2.5/24"), addr("192.0.2.5/25")}, "192.0.2.5"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, a := range (publication.Link{Addrs: test.addrs}).Published() {
				got = append(got, a.String())
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("%s: got %v, want %s", test.name, got, test.want)
			}
		})
	}
}

func TestReverseName(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.20":  "20.2.0.192.in-addr.arpa",
		"2001:db8::1": "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
	} {
		t.Run(addr, func(t *testing.T) {
			if got := ReverseName(netip.MustParseAddr(addr)).String(); got != want {
				t.Errorf("ReverseName(%s) = %s, want %s", addr, got, want)
			}
		})
	}
}

func TestLinkHas(t *testing.T) {
	tentative := link(1, "eth0", "2001:db8::5/64")
	tentative.Addrs[0].Tentative = true
	for _, test := range []struct {
		name   string
		link   publication.Link
		v4, v6 bool
	}{
		{"no address", link(1, "eth0"), false, false},
		{"IPv4", link(1, "eth0", "192.0.2.5/24"), true, false},
		{"IPv6 link-local", link(1, "eth0", "fe80::1/64"), false, true},
		{"tentative", tentative, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.link.Has(publication.V4) != test.v4 || test.link.Has(publication.V6) != test.v6 {
				t.Errorf("%v: Has(4) = %t, Has(6) = %t; want %t, %t", test.link, test.link.Has(publication.V4), test.link.Has(publication.V6), test.v4, test.v6)
			}
		})
	}
}

// TestLack has addresses that a link has and that can't be used.
func TestLack(t *testing.T) {
	of := func(change func(*publication.LinkAddr), addrs ...string) publication.Link {
		l := link(1, "eth0", addrs...)
		for i := range l.Addrs {
			change(&l.Addrs[i])
		}
		return l
	}
	tentative := func(a *publication.LinkAddr) { a.Tentative = true }
	duplicate := func(a *publication.LinkAddr) { a.Tentative, a.Duplicate = true, true }
	for _, test := range []struct {
		name     string
		link     publication.Link
		protocol services.Protocol
		want     string
	}{
		{"none", link(1, "eth0"), services.AnyProtocol, NoAddress},
		{"none of IPv4", link(1, "eth0", "2001:db8::5/64"), services.IPv4, NoIPv4Address},
		{"none of IPv6", link(1, "eth0", "192.0.2.5/24"), services.IPv6, NoIPv6Address},
		{"tentative", of(tentative, "fe80::5/64", "2001:db8::5/64"), services.AnyProtocol, NoAddress + ": it is not known yet that no other host has fe80::5, 2001:db8::5 (tentative); want it known, 2 s after it was added"},
		{"tentative, for IPv6", of(tentative, "2001:db8::5/64"), services.IPv6, NoIPv6Address + ": it is not known yet that no other host has 2001:db8::5 (tentative); want it known, 2 s after it was added"},
		{"tentative, for IPv4", of(tentative, "2001:db8::5/64"), services.IPv4, NoIPv4Address},
		{"duplicate", of(duplicate, "2001:db8::5/64"), services.AnyProtocol, NoAddress + ": another host has 2001:db8::5, too (duplicate); want another address"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if why := Lack(test.link, test.protocol); why != test.want || !LacksAddress(why) {
				t.Errorf("got %q; want %q", why, test.want)
			}
		})
	}
}
