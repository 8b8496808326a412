package stranger

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grandcat/zeroconf"

	"announcer/internal/dnsname"
	"announcer/internal/mdns/browse"
	"announcer/internal/mdns/dnstext"
	"announcer/services"
)

var (
	sip   = dnsname.MustParse("_sip._udp")
	local = dnsname.Local

	question = browse.Question{Type: sip, Domain: local}
)

// cmpText compares names and addresses by their text.
var cmpText = cmp.Options{
	cmp.Comparer(func(a, b dnsname.Name) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
}

func addrs(texts ...string) (all []netip.Addr) {
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

func TestParse(t *testing.T) {
	answer := func(change func(*zeroconf.ServiceEntry)) *zeroconf.ServiceEntry {
		e := zeroconf.NewServiceEntry(`Front\.desk\ \195\188`, "_sip._udp", "local")
		e.HostName, e.Port, e.Text = "pbx.local.", 5060, []string{`path=C:\\new`, `\000\255`, "flag"}
		e.AddrIPv4 = []net.IP{net.ParseIP("192.0.2.7"), net.ParseIP("192.0.2.1"), net.ParseIP("192.0.2.7")}
		e.AddrIPv6 = []net.IP{net.ParseIP("2001:db8::1")}
		change(e)
		return e
	}
	whole := browse.Entry{
		Link: "eth0", Instance: "Front.desk ü", Type: sip, Domain: local, Host: dnsname.MustParse("pbx.local"), Port: 5060,
		TXT: services.TXT{`path=C:\new`, "\x00\xff", "flag"}, Addrs: addrs("192.0.2.1", "192.0.2.7", "2001:db8::1"),
	}
	with := func(change func(*browse.Entry)) *browse.Entry {
		e := whole
		change(&e)
		return &e
	}
	for _, test := range []struct {
		name   string
		answer *zeroconf.ServiceEntry
		want   *browse.Entry // nil: none
	}{
		{"whole", answer(func(*zeroconf.ServiceEntry) {}), &whole},
		{"no TXT strings", answer(func(e *zeroconf.ServiceEntry) { e.Text = []string{""} }), with(func(e *browse.Entry) { e.TXT = services.TXT{} })},
		{"no TXT record", answer(func(e *zeroconf.ServiceEntry) { e.Text = nil }), with(func(e *browse.Entry) { e.TXT = nil })},
		{"a dot at the end", answer(func(e *zeroconf.ServiceEntry) { e.Instance = `Ltd\` }), with(func(e *browse.Entry) { e.Instance = "Ltd." })},
		{"dots at the end", answer(func(e *zeroconf.ServiceEntry) { e.Instance = `Ltd\.\` }), with(func(e *browse.Entry) { e.Instance = "Ltd.." })},
		{"a backslash at the end", answer(func(e *zeroconf.ServiceEntry) { e.Instance = `Ltd\\` }), with(func(e *browse.Entry) { e.Instance = `Ltd\` })},
		{"two labels", answer(func(e *zeroconf.ServiceEntry) { e.Instance = "a.b" }), nil},
		{"no instance", answer(func(e *zeroconf.ServiceEntry) { e.Instance = "" }), nil},
		{"no host", answer(func(e *zeroconf.ServiceEntry) { e.HostName = "" }), nil},
		{"a host that is no name", answer(func(e *zeroconf.ServiceEntry) { e.HostName = "a..local." }), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := parse(test.answer, "eth0", question)
			if ok != (test.want != nil) {
				t.Errorf("%s: parsed: %t; want %t", test.name, ok, !ok)
			} else if ok {
				if diff := cmp.Diff(*test.want, got, cmpText); diff != "" {
					t.Errorf("%s (-want +got):\n%s", test.name, diff)
				}
			}
		})
	}
}

// FuzzParse wants every instance name and TXT string to come back as it was, whatever the library does to it.
func FuzzParse(f *testing.F) {
	f.Add("PBX #2", "a=1")
	f.Add(`..a.b\c..`, "path=C:\\new\\100\x00\xff\"")
	f.Add(`\`, "")
	f.Fuzz(func(t *testing.T, instance, txt string) {
		if _, err := dnsname.New(instance); err != nil || len(txt) > 255 {
			return // not a name, or not a TXT string
		}
		printed := strings.Trim(dnstext.Label(instance)+".", ".") // as the library cuts the name from its type
		answer := zeroconf.NewServiceEntry(printed, "_sip._udp", "local")
		answer.HostName, answer.Text = "pbx.local.", []string{"first", dnstext.String(txt)}
		e, ok := parse(answer, "eth0", question)
		if !ok || e.Instance != instance || !slices.Equal(e.TXT, services.TXT{"first", txt}) {
			t.Errorf("%q, %q came back as %q, %q (%t)", instance, txt, e.Instance, e.TXT, ok)
		}
	})
}

func TestAdd(t *testing.T) {
	entry := func(change func(*browse.Entry)) browse.Entry {
		e := browse.Entry{Link: "eth0", Instance: "PBX", Type: sip, Domain: local, Host: dnsname.MustParse("pbx.local"), Port: 5060,
			TXT: services.TXT{"v=1"}, Addrs: addrs("192.0.2.1")}
		change(&e)
		return e
	}
	same := entry(func(*browse.Entry) {})
	v6 := entry(func(e *browse.Entry) { e.Addrs = addrs("2001:db8::1") })
	both := entry(func(e *browse.Entry) { e.Addrs = addrs("192.0.2.1", "2001:db8::1") })
	bare := entry(func(e *browse.Entry) { e.TXT = nil })
	newTXT := entry(func(e *browse.Entry) { e.TXT = services.TXT{"v=2"} })
	elsewhere := entry(func(e *browse.Entry) { e.Link = "eth1" })
	rival := entry(func(e *browse.Entry) { e.Host = dnsname.MustParse("rival.local") })
	for _, test := range []struct {
		name      string
		add, want []browse.Entry
	}{
		{"once", []browse.Entry{same, same}, []browse.Entry{same}},
		{"with all addresses", []browse.Entry{same, v6, same}, []browse.Entry{both}},
		{"with the latest data", []browse.Entry{same, newTXT}, []browse.Entry{newTXT}},
		{"without TXT", []browse.Entry{bare, bare}, []browse.Entry{bare}},
		{"with the TXT that was seen once", []browse.Entry{bare, same, bare}, []browse.Entry{same}},
		{"on each link", []browse.Entry{same, elsewhere}, []browse.Entry{same, elsewhere}},
		{"by each host", []browse.Entry{same, rival, same}, []browse.Entry{same, rival}},
	} {
		t.Run(test.name, func(t *testing.T) {
			seen := map[string]browse.Entry{}
			for _, e := range test.add {
				add(seen, e)
			}
			got := browse.InOrder(slices.Collect(maps.Values(seen)))
			if diff := cmp.Diff(test.want, got, cmpText); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		})
	}
}
