package zeroconf

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/services"
)

func TestPlan(t *testing.T) {
	sip := func(port uint16) services.Service {
		return services.Service{Type: dnsname.MustParse("_sip._udp"), Port: port}
	}
	with := func(s services.Service, change func(*services.Service)) services.Service {
		change(&s)
		return s
	}
	foreign := func(host string, addrs ...string) services.Service {
		return with(sip(5060), func(s *services.Service) {
			s.Host = dnsname.MustParse(host)
			for _, a := range addrs {
				s.Addresses = append(s.Addresses, netip.MustParseAddr(a))
			}
		})
	}
	tests := []struct {
		name     string
		services []services.Service
		want     string // the state on each link and the records there, except the PTRs of the type
	}{
		{"each link has its own addresses", []services.Service{sip(5060)}, `
lan0 probing
PBX._sip._udp.local. 120 IN flush SRV 0 0 5060 pbx.local.
PBX._sip._udp.local. 4500 IN flush TXT ""
pbx.local. 120 IN flush A 192.0.2.1
pbx.local. 120 IN flush AAAA 2001:db8::1
lan1 probing
PBX._sip._udp.local. 120 IN flush SRV 0 0 5060 pbx.local.
PBX._sip._udp.local. 4500 IN flush TXT ""
pbx.local. 120 IN flush A 198.51.100.1
down0 refused: the link has no address
`},
		{"a foreign host has the addresses that are given, on all links",
			[]services.Service{foreign("phones.local", "203.0.113.9")}, `
lan0 probing
PBX._sip._udp.local. 120 IN flush SRV 0 0 5060 phones.local.
PBX._sip._udp.local. 4500 IN flush TXT ""
phones.local. 120 IN flush A 203.0.113.9
lan1 probing
PBX._sip._udp.local. 120 IN flush SRV 0 0 5060 phones.local.
PBX._sip._udp.local. 4500 IN flush TXT ""
phones.local. 120 IN flush A 203.0.113.9
down0 probing
PBX._sip._udp.local. 120 IN flush SRV 0 0 5060 phones.local.
PBX._sip._udp.local. 4500 IN flush TXT ""
phones.local. 120 IN flush A 203.0.113.9
`},
		{"a foreign host without addresses would get ours", []services.Service{foreign("phones.local")}, `
lan0 refused: the zeroconf engine would publish the addresses of this host for phones.local; want its addresses with it, or another engine
lan1 refused: the zeroconf engine would publish the addresses of this host for phones.local; want its addresses with it, or another engine
down0 refused: the zeroconf engine would publish the addresses of this host for phones.local; want its addresses with it, or another engine
`},
		{"the domain of the host is spelled as that of the service", []services.Service{foreign("PHONES.LOCAL", "203.0.113.9")}, `
lan0 probing
PBX._sip._udp.local. 120 IN flush SRV 0 0 5060 PHONES.local.
PBX._sip._udp.local. 4500 IN flush TXT ""
PHONES.local. 120 IN flush A 203.0.113.9
lan1 probing
PBX._sip._udp.local. 120 IN flush SRV 0 0 5060 PHONES.local.
PBX._sip._udp.local. 4500 IN flush TXT ""
PHONES.local. 120 IN flush A 203.0.113.9
down0 probing
PBX._sip._udp.local. 120 IN flush SRV 0 0 5060 PHONES.local.
PBX._sip._udp.local. 4500 IN flush TXT ""
PHONES.local. 120 IN flush A 203.0.113.9
`},
		{"a name for each IP version would be one name for both", []services.Service{
			with(sip(1), func(s *services.Service) { s.Protocol = services.IPv4 }),
			with(sip(2), func(s *services.Service) { s.Protocol = services.IPv6 }),
		}, `
lan0 probing
PBX._sip._udp.local. 120 IN flush SRV 0 0 1 pbx.local.
PBX._sip._udp.local. 4500 IN flush TXT ""
pbx.local. 120 IN flush A 192.0.2.1
pbx.local. 120 IN flush AAAA 2001:db8::1
lan1 probing
PBX._sip._udp.local. 120 IN flush SRV 0 0 1 pbx.local.
PBX._sip._udp.local. 4500 IN flush TXT ""
pbx.local. 120 IN flush A 198.51.100.1
down0 refused: the link has no address
lan0 probing (service 1 of pbx.service has the name "PBX")
PBX\ #2._sip._udp.local. 120 IN flush SRV 0 0 2 pbx.local.
PBX\ #2._sip._udp.local. 4500 IN flush TXT ""
pbx.local. 120 IN flush A 192.0.2.1
pbx.local. 120 IN flush AAAA 2001:db8::1
lan1 probing (service 1 of pbx.service has the name "PBX")
PBX\ #2._sip._udp.local. 120 IN flush SRV 0 0 2 pbx.local.
PBX\ #2._sip._udp.local. 4500 IN flush TXT ""
pbx.local. 120 IN flush A 198.51.100.1
down0 refused: the link has no address
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			entries := plan(publication.Desired{
				Host: "pbx",
				Links: []publication.Link{
					link(2, "lan0", "192.0.2.1/24", "2001:db8::1/64", "fe80::1/64"),
					link(3, "lan1", "198.51.100.1/24"),
					link(4, "down0"),
				},
				Groups: []publication.Publication{{ID: "pbx.service", Group: services.Group{Name: "PBX", Services: test.services}}},
			})
			if diff := cmp.Diff(test.want, describe(entries)); diff != "" {
				t.Errorf("other entries than wanted (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheSameTwiceIsOne(t *testing.T) {
	s := services.Service{Type: dnsname.MustParse("_sip._udp"), Port: 5060, TXT: services.TXT{"a"}}
	entries := plan(publication.Desired{Host: "pbx", Links: []publication.Link{link(2, "lan0", "192.0.2.1/24")}, Groups: []publication.Publication{
		{ID: "a", Group: services.Group{Name: "PBX", Services: []services.Service{s, s}}},
		{ID: "b", Group: services.Group{Name: "PBX", Services: []services.Service{s}}},
		{ID: "c", Group: services.Group{Name: "Other", Services: []services.Service{s}}},
	}})
	if entries[0].key != entries[1].key || entries[0].key != entries[2].key || entries[0].key == entries[3].key {
		t.Errorf("the services are told apart by\n%q\n%q\n%q\n%q; want the first three to be the same, the last another", entries[0].key, entries[1].key, entries[2].key, entries[3].key)
	}
}

func describe(entries []entry) string {
	var b strings.Builder
	b.WriteString("\n")
	for _, e := range entries {
		b.WriteString(e.status.Link + " " + e.status.State.String())
		if e.status.Why != "" {
			b.WriteString(": " + e.status.Why)
		}
		if e.renamed != "" {
			b.WriteString(" (" + e.renamed + ")")
		}
		b.WriteString("\n")
		if e.service == nil {
			continue
		}
		for _, r := range e.service.records() {
			if r.Data.Type() != mdns.TypePTR {
				b.WriteString(r.String() + "\n")
			}
		}
	}
	return b.String()
}

func link(index int, name string, prefixes ...string) publication.Link {
	l := publication.Link{Index: index, Name: name, MTU: 1500}
	for _, p := range prefixes {
		l.Addrs = append(l.Addrs, publication.LinkAddr{Prefix: netip.MustParsePrefix(p)})
	}
	return l
}

func TestFarewell(t *testing.T) {
	name := dnsname.MustParse
	ptr := func(from, to string) mdns.Record {
		return mdns.Record{Name: name(from), TTL: 4500, Data: mdns.PTR{Target: name(to)}}
	}
	txt := func(of, text string) mdns.Record {
		return mdns.Record{Name: name(of), TTL: 4500, Unique: true, Data: mdns.NewTXT(text)}
	}
	address := func(of, addr string) mdns.Record {
		return mdns.Record{Name: name(of), TTL: 120, Unique: true, Data: mdns.Address{Addr: netip.MustParseAddr(addr)}}
	}
	for _, test := range []struct {
		name                string
		before, after, want []mdns.Record
	}{
		{"all goes, each once", []mdns.Record{ptr("t.local", "a.local"), ptr("t.local", "a.local")}, nil, []mdns.Record{ptr("t.local", "a.local")}},
		{"what others hold stays", []mdns.Record{ptr("t.local", "a.local"), ptr("t.local", "b.local")}, []mdns.Record{ptr("T.local", "B.local")}, []mdns.Record{ptr("t.local", "a.local")}},
		{"what is replaced is flushed", []mdns.Record{txt("a.local", "1")}, []mdns.Record{txt("a.local", "2")}, nil},
		{"another address is flushed", []mdns.Record{address("h.local", "192.0.2.1")}, []mdns.Record{address("h.local", "192.0.2.2")}, nil},
		{"the last address of an IP version goes", []mdns.Record{address("h.local", "192.0.2.1"), address("h.local", "2001:db8::1")}, []mdns.Record{address("h.local", "192.0.2.1")}, []mdns.Record{address("h.local", "2001:db8::1")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(lines(test.want), lines(farewell(test.before, test.after))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		})
	}
}

func lines(records []mdns.Record) (all []string) {
	for _, r := range records {
		all = append(all, r.String())
	}
	return all
}

func TestArguments(t *testing.T) {
	for _, test := range []struct{ label, want string }{
		{"PBX", "PBX"},
		{"Front.desk 2, left", `Front\.desk\ 2,\ left`},
		{`C:\new\100`, `C:\\new\\100`},
		{"ends.", `ends\046`}, // the library would drop an escaped dot, and leave its backslash
		{"ends..", `ends\.\046`},
		{".", `\046`},
	} {
		t.Run(test.label, func(t *testing.T) {
			if got := (service{label: test.label}).instance(); got != test.want {
				t.Errorf("the instance %q is given as %s; want %s", test.label, got, test.want)
			}
		})
	}
	s := service{Service: services.Service{
		Type:     dnsname.MustParse("_i,pp._tcp"),
		Subtypes: []dnsname.Name{dnsname.MustParse("_colour._sub._i,pp._tcp"), dnsname.MustParse(`_a\.b,c._sub._i,pp._tcp`)},
	}}
	if got, want := s.typeAndSubtypes(), `_i\044pp._tcp,_colour,_a\.b\044c`; got != want {
		t.Errorf("the type is given as %s; want %s", got, want)
	}
}

func TestGoodbyesFitPackets(t *testing.T) {
	var records []mdns.Record
	for range 100 {
		records = append(records, mdns.Record{Name: dnsname.MustParse("x.local"), Data: mdns.NewTXT(strings.Repeat("x", 200))})
	}
	big := mdns.Record{Name: dnsname.MustParse("x.local"), Data: mdns.NewTXT(slices.Repeat([]string{strings.Repeat("y", 255)}, 30)...)}
	packets := goodbyes(append(records, big))
	count := 0
	for i, msg := range packets {
		packet, err := msg.Pack()
		if err != nil {
			t.Fatal(err)
		}
		count += len(msg.Answer)
		if len(packet) > maxPacket && len(msg.Answer) > 1 {
			t.Errorf("packet %d has %d bytes and %d records; want at most %d bytes, or one record", i, len(packet), len(msg.Answer), maxPacket)
		}
		for _, rr := range msg.Answer {
			if rr.Header().Ttl != 0 || rr.Header().Class != dns.ClassINET {
				t.Errorf("%s is no goodbye", rr)
			}
		}
	}
	if count != 101 || len(packets) > 30 {
		t.Errorf("%d records in %d packets; want 101 in few", count, len(packets))
	}
}
