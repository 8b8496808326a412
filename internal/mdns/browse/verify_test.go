package browse

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/services"
)

func TestCompare(t *testing.T) {
	entry := func(instance string, change func(*Entry)) Entry {
		e := Entry{Link: "eth0", Instance: instance, Type: sip, Domain: local, Host: dnsname.MustParse("pbx.local"), Port: 5060,
			TXT: services.TXT{"v=1", "ü"}, Addrs: addrs("192.0.2.1", "2001:db8::1")}
		change(&e)
		return e
	}
	plain := func(instance string) Entry { return entry(instance, func(*Entry) {}) }
	rival := entry("PBX", func(e *Entry) { e.Host, e.Addrs = dnsname.MustParse("rival.local"), addrs("192.0.2.66") })

	for _, test := range []struct {
		name string
		want []Entry
		got  []Entry
		text []string
	}{
		{"found, whatever the case", []Entry{plain("PBX")}, []Entry{entry("pbx", func(e *Entry) { e.Host = dnsname.MustParse("PBX.local") })}, []string{"ok PBX"}},
		{"missing", []Entry{plain("PBX")}, nil, []string{"missing PBX"}},
		{"on another link only", []Entry{plain("PBX")}, []Entry{entry("PBX", func(e *Entry) { e.Link = "eth1" })}, []string{"missing PBX", "foreign PBX at pbx.local"}},
		{"one for two that are the same", []Entry{plain("PBX"), plain("PBX")}, []Entry{plain("PBX")}, []string{"ok PBX", "ok PBX"}},
		{"all fields differ", []Entry{plain("PBX")}, []Entry{entry("PBX", func(e *Entry) {
			e.Host, e.Port, e.TXT, e.Addrs = dnsname.MustParse("old.local"), 5061, services.TXT{"v=\x00"}, addrs("192.0.2.1")
		})}, []string{`differs PBX: host pbx.local, not old.local; port 5060, not 5061; txt "v=1" "ü", not "v=\x00"; addresses 192.0.2.1 2001:db8::1, not 192.0.2.1`}},
		{"the order of TXT strings counts", []Entry{plain("PBX")}, []Entry{entry("PBX", func(e *Entry) { e.TXT = services.TXT{"ü", "v=1"} })},
			[]string{`differs PBX: txt "v=1" "ü", not "ü" "v=1"`}},
		{"no TXT is not the same as none seen", []Entry{entry("PBX", func(e *Entry) { e.TXT = nil })}, []Entry{entry("PBX", func(e *Entry) { e.TXT = nil })},
			[]string{"differs PBX: txt no strings, not no such record beside the others"}},
		{"no TXT", []Entry{entry("PBX", func(e *Entry) { e.TXT = nil })}, []Entry{entry("PBX", func(e *Entry) { e.TXT = services.TXT{} })}, []string{"ok PBX"}},
		{"no addresses are expected", []Entry{entry("PBX", func(e *Entry) { e.Addrs = nil })}, []Entry{plain("PBX")}, []string{"ok PBX"}},
		{"somebody else has another name", []Entry{plain("PBX")}, []Entry{plain("Other"), plain("PBX")}, []string{"ok PBX", "foreign Other at pbx.local"}},
		{"somebody else has our name", []Entry{plain("PBX")}, []Entry{rival, plain("PBX")}, []string{"ok PBX", "foreign PBX at rival.local"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var want []Expected
			for _, e := range test.want {
				want = append(want, Expected{ID: "x", Entry: e})
			}
			var got []string
			for _, r := range Compare(want, test.got) {
				got = append(got, describe(r))
			}
			if diff := cmp.Diff(test.text, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		})
	}
}

func describe(r Result) string {
	if r.Verdict == Foreign {
		return fmt.Sprintf("foreign %s at %s", r.Found.Instance, r.Found.Host)
	}
	text := fmt.Sprintf("%s %s", r.Verdict, r.Expected.Instance)
	for i, d := range r.Differences {
		separator := ";"
		if i == 0 {
			separator = ":"
		}
		text += fmt.Sprintf("%s %s %s, not %s", separator, d.Field, d.Want, d.Got)
	}
	return text
}

func TestExpect(t *testing.T) {
	link := func(name, prefix string) publication.Link {
		l := publication.Link{Index: len(name), Name: name}
		l.Addrs = append(l.Addrs, publication.LinkAddr{Prefix: netip.MustParsePrefix(prefix)})
		return l
	}
	foreign := services.Service{Type: sip, Port: 1, Host: dnsname.MustParse("x.local"), Addresses: addrs("192.0.2.99", "192.0.2.9")}
	instances := mdns.Settle(publication.Desired{Host: "pbx", Links: []publication.Link{link("eth0", "192.0.2.1/24"), link("wlan0", "198.51.100.1/24")}, Groups: []publication.Publication{
		{ID: "a", Group: services.Group{Name: "On %h", Wildcards: true, Services: []services.Service{{Type: sip, Port: 5060}}}},
		{ID: "b", Group: services.Group{Name: "There", Services: []services.Service{foreign}}, Interfaces: []string{"eth*"}},
		{ID: "c", Group: services.Group{Name: "On pbx", Services: []services.Service{{Type: sip, Port: 5061}}}, OnConflict: publication.Fail},
	}}, nil)
	var got []string
	for _, e := range Expect("pbx", instances) {
		got = append(got, fmt.Sprint(e.ID, " ", e.Link, " ", e.Instance, " ", e.Host, " ", e.Port, " ", e.Addrs))
	}
	want := []string{
		"a eth0 On pbx pbx.local 5060 [192.0.2.1]",
		"a wlan0 On pbx pbx.local 5060 [198.51.100.1]",
		"b eth0 There x.local 1 [192.0.2.9 192.0.2.99]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("expected (-want +got):\n%s", diff)
	}
}
