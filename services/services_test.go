package services

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"announcer/internal/dnsname"
)

var (
	host  = dnsname.MustParse("sw.local")
	addr  = netip.MustParseAddr("192.0.2.20")
	phone = Service{Type: dnsname.MustParse("_digiumproxy._udp"), Port: 5060, TXT: TXT{"serviceType=asterisk"}}
)

// with returns a changed copy of [phone].
func with(change func(*Service)) Service {
	s := phone
	change(&s)
	return s
}

func TestProtocol(t *testing.T) {
	for _, p := range []Protocol{AnyProtocol, IPv4, IPv6} {
		t.Run(p.String(), func(t *testing.T) {
			if back, ok := ParseProtocol(p.String()); back != p || !ok {
				t.Errorf("%s is read as %s, %t", p, back, ok)
			}
			if !p.Overlaps(p) || !p.Overlaps(AnyProtocol) || !AnyProtocol.Overlaps(p) {
				t.Errorf("%s does not overlap itself and any", p)
			}
		})
	}
	for _, word := range []string{"", "IPv4", "inet", "ipv4 "} {
		t.Run(fmt.Sprintf("%q", word), func(t *testing.T) {
			if p, ok := ParseProtocol(word); ok {
				t.Errorf("%q is read as %s", word, p)
			}
		})
	}
	if IPv4.Overlaps(IPv6) {
		t.Error("IPv4 overlaps IPv6")
	}
}

func TestInstance(t *testing.T) {
	for _, test := range []struct {
		name      string
		wildcards bool
		host      string
		want      string
	}{
		{"%h-%h %%h %H %n \\%h", true, "testhost", "testhost-testhost %testhost %H %n \\testhost"},
		{"PBX on %h", false, "testhost", "PBX on %h"},
		{"%h", true, "%h%h", "%h%h"}, // what is put in is not expanded again
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := (Group{Name: test.name, Wildcards: test.wildcards}).Instance(test.host); got != test.want {
				t.Errorf("%q on %q: %q; want %q", test.name, test.host, got, test.want)
			}
		})
	}
}

func TestFits(t *testing.T) {
	long := dnsname.MustParse(strings.Repeat("d", 60) + "." + strings.Repeat("e", 60) + "." + strings.Repeat("f", 60))
	inLong := with(func(s *Service) { s.Domain = long })
	for _, test := range []struct {
		name  string
		group Group
		host  string
		want  bool
	}{
		{"63 bytes", Group{Name: "PBX %h", Wildcards: true, Services: []Service{phone}}, strings.Repeat("a", 59), true},
		{"64 bytes", Group{Name: "PBX %h", Wildcards: true, Services: []Service{phone}}, strings.Repeat("a", 60), false},
		{"64 bytes of text", Group{Name: strings.Repeat("é", 31) + "%h", Wildcards: true, Services: []Service{phone}}, "ab", false},
		{"no wildcard", Group{Name: "PBX %h", Services: []Service{phone}}, strings.Repeat("a", 63), true},
		{"the host twice", Group{Name: "%h %h", Wildcards: true, Services: []Service{phone}}, strings.Repeat("a", 32), false},
		{"a long domain", Group{Name: "PBX %h", Wildcards: true, Services: []Service{inLong}}, "pbx", true},
		{"a full name of more than 255 bytes", Group{Name: "PBX %h", Wildcards: true, Services: []Service{phone, inLong}}, strings.Repeat("a", 59), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.group.Fits(test.host); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}

func TestEqualAndCollides(t *testing.T) {
	sub := dnsname.MustParse("_fw._sub._digiumproxy._udp")
	for _, test := range []struct {
		what            string
		other           Service
		equal, collides bool
	}{
		{"the same", phone, true, false},
		{"case of the type", with(func(s *Service) { s.Type = dnsname.MustParse("_DigiumProxy._UDP") }), true, false},
		{"domain spelled out", with(func(s *Service) { s.Domain = dnsname.MustParse("LOCAL") }), true, false},
		{"other type", with(func(s *Service) { s.Type = dnsname.MustParse("_http._tcp") }), false, false},
		{"other domain", with(func(s *Service) { s.Domain = dnsname.MustParse("example.com") }), false, false},
		{"other port", with(func(s *Service) { s.Port++ }), false, true},
		{"other port on IPv4", with(func(s *Service) { s.Port++; s.Protocol = IPv4 }), false, true},
		{"other host", with(func(s *Service) { s.Host = host }), false, true},
		{"other TXT", with(func(s *Service) { s.TXT = TXT{"a"} }), false, true},
		{"a subtype more", with(func(s *Service) { s.Subtypes = []dnsname.Name{sub} }), false, false},
		{"an address more", with(func(s *Service) { s.Addresses = []netip.Addr{addr} }), false, false},
		{"one IP version", with(func(s *Service) { s.Protocol = IPv6 }), false, false},
	} {
		t.Run(test.what, func(t *testing.T) {
			if got := phone.Equal(test.other); got != test.equal || test.other.Equal(phone) != got {
				t.Errorf("%s: Equal gives %t; want %t both ways", test.what, got, test.equal)
			}
			if got := phone.Collides(test.other); got != test.collides || test.other.Collides(phone) != got {
				t.Errorf("%s: Collides gives %t; want %t both ways", test.what, got, test.collides)
			}
		})
	}
	v4 := with(func(s *Service) { s.Protocol = IPv4 })
	v6 := with(func(s *Service) { s.Protocol, s.Port = IPv6, 1 })
	if v4.Collides(v6) {
		t.Error("services of different IP versions collide")
	}
}

func TestTXT(t *testing.T) {
	txt := TXT{"a=1", "A=2", "flag", "=x", "b=c=d"}
	for key, want := range map[string]string{"A": "1", "flag": "", "b": "c=d", "": "x"} {
		t.Run(fmt.Sprintf("%q", key), func(t *testing.T) {
			if got, ok := txt.Get(key); !ok || got != want {
				t.Errorf("Get(%q) = %q, %t; want %q", key, got, ok, want)
			}
		})
	}
	if got, ok := txt.Get("c"); ok {
		t.Errorf(`Get("c") = %q`, got)
	}
	if size := txt.Size(); size != 4+4+5+3+6 {
		t.Errorf("the size is %d", size)
	}
	if size := (TXT{}).Size(); size != 1 { // RFC 6763 §6.1
		t.Errorf("the size of no TXT is %d", size)
	}
}

func TestIn(t *testing.T) {
	domains := []dnsname.Name{phone.In(), with(func(s *Service) { s.Domain = dnsname.MustParse("example.com") }).In()}
	if !slices.Equal(domains, []dnsname.Name{dnsname.Local, dnsname.MustParse("example.com")}) {
		t.Errorf("the domains are %v", domains)
	}
}
