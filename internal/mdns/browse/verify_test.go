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
			for _, r := range Compare(want, test.got, nil) {
				got = append(got, describe(r))
			}
			if diff := cmp.Diff(test.text, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		})
	}
}

// What a definition does not say is compared only where this host announces it.
func TestCompareWhatIsAssumed(t *testing.T) {
	self := addrs("192.0.2.1", "fe80::1")
	entry := func(host, addr string, from ...netip.Addr) Entry {
		e := Entry{Link: "eth0", Instance: "PBX", Type: sip, Domain: local, Host: dnsname.MustParse(host), Port: 5060,
			TXT: services.TXT{"v=1"}, Addrs: addrs(addr)}
		for _, a := range from {
			e.From = append(e.From, Sender{Addr: a})
		}
		return e
	}
	want := entry("here.local", "192.0.2.1")
	other := entry("pbx.local", "192.0.2.66", netip.MustParseAddr("192.0.2.66"))
	own := entry("here.local", "192.0.2.1", self[0])
	stale := entry("here.local", "192.0.2.9", netip.MustParseAddr("fe80::1%eth0"))
	wrong := other
	wrong.Port = 5061
	for _, test := range []struct {
		name    string
		assumed bool
		got     []Entry
		text    []string
	}{
		{"another host announces it", true, []Entry{other}, []string{"ok PBX"}},
		{"somebody unknown announces it", true, []Entry{entry("pbx.local", "192.0.2.66")}, []string{"ok PBX"}},
		{"another host, which is not the wanted one", false, []Entry{other}, []string{"differs PBX: host here.local, not pbx.local; addresses 192.0.2.1, not 192.0.2.66"}},
		{"another host, with another port", true, []Entry{wrong}, []string{"differs PBX: port 5060, not 5061"}},
		{"this host", true, []Entry{own}, []string{"ok PBX"}},
		{"this host, with an address that it no longer has", true, []Entry{stale}, []string{"differs PBX: addresses 192.0.2.1, not 192.0.2.9"}},
		{"a rival beside this host", true, []Entry{other, own}, []string{"ok PBX", "foreign PBX at pbx.local"}},
		{"a rival in front of this host", true, []Entry{own, other}, []string{"ok PBX", "foreign PBX at pbx.local"}},
		{"a rival does not replace this host", true, []Entry{other, stale, other}, []string{"differs PBX: addresses 192.0.2.1, not 192.0.2.9", "foreign PBX at pbx.local", "foreign PBX at pbx.local"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, r := range Compare([]Expected{{ID: "x", Entry: want, Assumed: test.assumed}}, test.got, self) {
				got = append(got, describe(r))
			}
			if diff := cmp.Diff(test.text, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Of a host that is known only in part, the known addresses must be among those that were found.
func TestCompareSomeAddresses(t *testing.T) {
	for _, test := range []struct {
		name      string
		want, got []netip.Addr
		text      string
	}{
		{"one of two", addrs("192.0.2.5"), addrs("192.0.2.5", "fe80::5"), "ok PBX"},
		{"none known", nil, addrs("192.0.2.5"), "ok PBX"},
		{"another one", addrs("192.0.2.9"), addrs("192.0.2.5"), "differs PBX: addresses 192.0.2.9, not 192.0.2.5"},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := Entry{Instance: "PBX", Type: sip, Domain: local, Host: dnsname.MustParse("pbx.local"), TXT: services.TXT{}}
			got := want
			want.Addrs, got.Addrs = test.want, test.got
			results := Compare([]Expected{{Entry: want, Partial: true}}, []Entry{got}, nil)
			if text := describe(results[0]); text != test.text {
				t.Errorf("got %q, want %q", text, test.text)
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
		got = append(got, fmt.Sprint(e.ID, " ", e.Link, " ", e.Instance, " ", e.Host, " ", e.Port, " ", e.Addrs, " ", e.Assumed))
	}
	want := []string{
		"a eth0 On pbx pbx.local 5060 [192.0.2.1] true",
		"a wlan0 On pbx pbx.local 5060 [198.51.100.1] true",
		"b eth0 There x.local 1 [192.0.2.9 192.0.2.99] false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("expected (-want +got):\n%s", diff)
	}
}
