package services

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"announcer/internal/dnsname"
)

func TestCheck(t *testing.T) {
	group := func(s ...Service) Group { return Group{Name: "PBX", Services: s} }
	named := func(name string) Group { return Group{Name: name, Services: []Service{phone}} }
	atHost := func(name string, addrs ...netip.Addr) Group {
		return group(with(func(s *Service) { s.Host, s.Addresses = dnsname.MustParse(name), addrs }))
	}
	txt := func(strs ...string) Group { return group(with(func(s *Service) { s.TXT = strs })) }
	portless := func(name string) Service {
		return with(func(s *Service) { s.Type, s.Port = dnsname.MustParse(name), 0 })
	}
	long := func(n int) dnsname.Name {
		return dnsname.MustParse(strings.Repeat(strings.Repeat("x", 49)+".", n) + "local")
	}
	for _, test := range []struct {
		what  string
		group Group
		want  []string // "service field index severity: words of the text"
	}{
		{"nothing wrong", group(phone), nil},
		{"no service", group(), []string{"-1 1 0 error: the group has no service"}},
		{"no type", group(Service{Port: 80}), []string{"0 1 0 error: the service has no type"}},
		{"no type and a bad TXT string", group(Service{Port: 80, TXT: TXT{""}}), []string{"0 1 0 error: the service has no type", "0 7 0 error: the TXT string is empty"}},
		{"no name", named(""), []string{"-1 0 0 error: the name is empty"}},
		{"name of 63 bytes", named(strings.Repeat("é", 31) + "x"), nil},
		{"name of 64 bytes", named(strings.Repeat("é", 32)), []string{"-1 0 0 error: has 64 bytes, at most 63"}},
		{"name not UTF-8", named("\xff"), []string{"-1 0 0 error: is not UTF-8"}},
		{"name not NFC", named("Bu\u0308ro"), []string{`-1 0 0 warning: want "Büro"`}},
		{
			"name that the host makes too long", Group{Name: strings.Repeat("x", 62) + "%h", Wildcards: true, Services: []Service{phone}},
			[]string{`-1 0 0 error: has 65 bytes, at most 63`},
		},
		{"long type", group(with(func(s *Service) { s.Type = dnsname.MustParse("_sixteen-letters-._tcp") })), []string{"0 2 0 warning: a name of 16 characters"}},
		{"port 0", group(with(func(s *Service) { s.Port = 0 })), []string{"0 6 0 warning: the port is 0"}},
		{"port 0 by convention", group(portless("_device-info._tcp"), portless("_ADISK._tcp"), portless("_printer._tcp")), nil},
		{"port 0 of another type", group(portless("_adisk._udp")), []string{"0 6 0 warning: the port is 0"}},
		{"control character in the name", named("a\x1b[2Jb"), []string{`-1 0 0 warning: the name "a\x1b[2Jb" has the control character U+001B`}},
		{"line end in the name", named("a\nb"), []string{"-1 0 0 warning: the control character U+000A"}},
		{"DEL in the name", named("a\x7fb"), []string{"-1 0 0 warning: the control character U+007F"}},
		{"C1 in the name", named("a\u009bb"), []string{"-1 0 0 warning: the control character U+009B"}},
		{"line separator in the name", named("a\u2028b"), []string{"-1 0 0 warning: the control character U+2028"}},
		{"control character behind white space", named(" a\x01 "), []string{"-1 0 0 warning: the white space around", "-1 0 0 warning: the control character U+0001"}},
		{"white space around the name", named("\n  PBX "), []string{`-1 0 0 warning: want "PBX"`}},
		{"name of white space", named(" \t"), []string{"-1 0 0 warning: is only white space"}},
		{"joined emoji in the name", named("👩\u200d💻"), nil},
		{"control character in the host", atHost(`a\007b.example.com`), []string{"0 5 0 warning: the host name"}},
		{"control character in the domain", group(with(func(s *Service) { s.Domain = dnsname.MustParse(`a\007.example.com`) })), []string{"0 4 0 warning: the domain"}},
		{"full name too long", group(with(func(s *Service) {
			s.Domain = long(4)
			s.Type = dnsname.MustParse("_" + strings.Repeat("x", 38) + "._udp")
		})), []string{
			"0 2 0 warning: the most is 15", "0 2 0 error: the full name of the service is too long: the name takes 256 bytes",
		}},
		{"subtype too long", group(with(func(s *Service) {
			s.Domain, s.Subtypes = long(4), []dnsname.Name{dnsname.MustParse("_a1._sub._digiumproxy._udp"), dnsname.MustParse("_" + strings.Repeat("x", 62) + "._sub._digiumproxy._udp")}
		})), []string{"0 3 1 error: the full name of the subtype is too long"}},
		{"empty TXT string", txt("a", ""), []string{"0 7 1 error: the TXT string is empty"}},
		{"TXT string of 256 bytes", txt(strings.Repeat("x", 256)), []string{"0 7 0 error: has 256 bytes, 1 too many"}},
		{"TXT of 1300 bytes", txt(slices.Repeat([]string{strings.Repeat("x", 129)}, 10)...), nil},
		{"TXT of 1430 bytes", txt(slices.Repeat([]string{strings.Repeat("x", 129)}, 11)...), []string{"0 7 10 warning: take 1430 bytes; over 1300"}},
		{"TXT of 8900 bytes", txt(slices.Repeat([]string{strings.Repeat("x", 99)}, 89)...), []string{"0 7 88 warning: take 8900 bytes"}},
		{"TXT of 9000 bytes", txt(slices.Repeat([]string{strings.Repeat("x", 99)}, 90)...), []string{"0 7 89 error: take 9000 bytes, 100 too many"}},
		{"foreign host without addresses", atHost("sw.local"), []string{"0 5 0 warning: no address is published for sw.local"}},
		{"foreign host with addresses", atHost("sw.local", addr, netip.MustParseAddr("2001:db8::20")), nil},
		{"foreign host outside of local", atHost("sw.example.com"), nil},
		{"this host", atHost("PBX.local"), nil},
		{"this host with addresses", atHost("pbx.local", addr), []string{"0 8 0 error: the addresses are for another host"}},
		{"addresses without a host", group(with(func(s *Service) { s.Addresses = []netip.Addr{addr} })), []string{"0 8 0 error: the addresses are for another host"}},
		{"addresses of no host", atHost("sw.local", addr, netip.Addr{}, netip.MustParseAddr("::"), netip.MustParseAddr("ff02::fb"), netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("fe80::1%eth0")), []string{
			"0 8 1 error: is not the address of a host", "0 8 2 error: :: is not", "0 8 3 error: ff02::fb", "0 8 4 error: ::ffff:192.0.2.1", "0 8 5 error: fe80::1%eth0",
		}},
		{"two of one type", group(phone, with(func(s *Service) { s.Port = 80 })), []string{`1 1 0 warning: this one is published under the next free name`}},
		{"the same twice", group(phone, phone), nil},
		{"the third of a type", group(phone, phone, with(func(s *Service) { s.Port = 80 }), phone), []string{`2 1 0 warning: service 1 of this group is`}},
		{"one for each IP version", group(with(func(s *Service) { s.Protocol = IPv4 }), with(func(s *Service) { s.Protocol, s.Port = IPv6, 80 })), nil},
		{
			"one that has its name in spite of one between", group(with(func(s *Service) { s.Protocol = IPv4 }), with(func(s *Service) { s.Port = 80 }), with(func(s *Service) { s.Protocol, s.Port = IPv6, 81 })),
			[]string{`1 1 0 warning: service 1 of this group is`},
		},
		{"all problems at once", Group{Services: []Service{with(func(s *Service) { s.Port, s.TXT = 0, TXT{""} }), {}}}, []string{
			"-1 0 0 error: the name is empty", "0 6 0 warning: the port is 0", "0 7 0 error: the TXT string is empty", "1 1 0 error: the service has no type",
		}},
	} {
		t.Run(test.what, func(t *testing.T) {
			problems := test.group.Check("pbx")
			if len(problems) != len(test.want) {
				t.Errorf("%s: %d problems, want %d: %+v", test.what, len(problems), len(test.want), problems)
				return
			}
			for i, p := range problems {
				place, words, _ := strings.Cut(test.want[i], ": ")
				if got := fmt.Sprintf("%d %d %d %s", p.Service, p.Field, p.Index, p.Severity); got != place || !strings.Contains(p.Text, words) {
					t.Errorf("%s: %s: %s; want %s", test.what, got, p.Text, test.want[i])
				}
			}
		})
	}
}
