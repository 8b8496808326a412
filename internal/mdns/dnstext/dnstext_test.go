package dnstext

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"

	"announcer/internal/dnsname"
)

func TestName(t *testing.T) {
	for _, test := range []struct {
		labels []string
		want   string
	}{
		{nil, "."},
		{[]string{"pbx", "local"}, "pbx.local."},
		{[]string{"Front.desk 2", "local"}, `Front\.desk\ 2.local.`},
		{[]string{`C:\new\100`, "local"}, `C:\\new\\100.local.`},
		{[]string{"Büro (2)", "local"}, `B\195\188ro\ \(2\).local.`},
		{[]string{"it's \"a\"; b@c", "local"}, `it\'s\ \"a\"\;\ b\@c.local.`},
		{[]string{"\x00\x1f\x7f$,", "local"}, `\000\031\127$,.local.`},
	} {
		t.Run(test.want, func(t *testing.T) {
			name, err := dnsname.New(test.labels...)
			if err != nil {
				t.Fatal(err)
			}
			if got := Name(name); got != test.want {
				t.Errorf("Name(%q) = %s; want %s", test.labels, got, test.want)
			}
			if back, err := ParseName(test.want); err != nil || back != name {
				t.Errorf("ParseName(%s) = %q, %v; want %q", test.want, back.Labels(), err, test.labels)
			}
		})
	}
}

func TestParseNameRefuses(t *testing.T) {
	for _, text := range []string{"", "a..b.", "..", ".a", string(make([]byte, 64)) + ".local."} {
		t.Run(fmt.Sprintf("%.20q of %d bytes", text, len(text)), func(t *testing.T) {
			if name, err := ParseName(text); err == nil {
				t.Errorf("ParseName(%q) = %q; want an error", text, name.Labels())
			}
		})
	}
}

// FuzzName wants the library to print what Name gives, and ParseName to understand it: a difference would make
// names in packets that no question matches.
func FuzzName(f *testing.F) {
	f.Add("PBX #2", "_digiumproxy")
	f.Add(`a.b\c "d" (e);@'`, "B\xc3\xbcro\x00\x7f\xff")
	f.Fuzz(func(t *testing.T, first, second string) {
		name, err := dnsname.New(first, second, "local")
		if err != nil {
			return // not a name
		}
		printed, _, err := dns.UnpackDomainName([]byte(name.Wire()), 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := Name(name); got != printed {
			t.Errorf("Name(%q) = %s; the library prints %s", name.Labels(), got, printed)
		}
		if back, err := ParseName(printed); err != nil || back != name {
			t.Errorf("ParseName(%s) = %q, %v; want %q", printed, back.Labels(), err, name.Labels())
		}
	})
}

// FuzzParse wants any text to be read as the library reads it when it makes a packet.
func FuzzParse(f *testing.F) {
	f.Add(`path=C:\\new\\100`)
	f.Add(`\"\195\188\0\9\99x\`)
	f.Add(`\999`)
	f.Add("a.b.")
	f.Fuzz(func(t *testing.T, text string) {
		raw := Unescape(text)
		if len(raw) <= 255 && len(text) <= 1000 {
			if wire := pack(t, &dns.TXT{Txt: []string{text}}); wire != string([]byte{byte(len(raw))})+raw {
				t.Errorf("Unescape(%q) = %q; the library sends %q", text, raw, wire)
			}
		}
		text += ".local."
		name, err := ParseName(text)
		if err != nil {
			return
		}
		wire := make([]byte, 300)
		n, err := dns.PackDomainName(text, wire, 0, nil, false)
		if err == nil && string(wire[:n]) != name.Wire() {
			t.Errorf("ParseName(%q) = %q; the library sends %q", text, name.Wire(), wire[:n])
		}
	})
}

func TestString(t *testing.T) {
	for _, raw := range []string{"", "a=1", `path=C:\new\100`, `say="hi"`, "bin=\x00\x01\xff", "ü=ö"} {
		t.Run(fmt.Sprintf("%q", raw), func(t *testing.T) {
			if wire := pack(t, &dns.TXT{Txt: []string{String(raw)}}); wire != string([]byte{byte(len(raw))})+raw {
				t.Errorf("%q goes out as %q", raw, wire)
			}
			if got := Unescape(String(raw)); got != raw {
				t.Errorf("%q comes back as %q", raw, got)
			}
		})
	}
}

// pack returns the data of a TXT record as it goes out.
func pack(t *testing.T, txt *dns.TXT) string {
	t.Helper()
	const header = 11 // root name, type, class, TTL and length
	txt.Hdr = dns.RR_Header{Name: ".", Rrtype: dns.TypeTXT, Class: dns.ClassINET}
	wire := make([]byte, 2000)
	n, err := dns.PackRR(txt, wire, 0, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	return string(wire[header:n])
}
