package avahixml

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/services"
)

func TestEncode(t *testing.T) {
	name := dnsname.MustParse
	data, findings := Encode(services.Group{Name: "A&B <%h>", Wildcards: true, Services: []services.Service{
		{
			Type: name("_digiumproxy._udp"), Protocol: services.IPv6, Port: 5060,
			Subtypes: []dnsname.Name{name("_desk._sub._digiumproxy._udp"), name("_lobby._sub._digiumproxy._udp")},
			Domain:   name("example.net"), Host: name(`pbx\.1.example.net`),
			TXT: services.TXT{"sipUrl=sip:proxy@pbx;transport=udp", "flag", "=a", "=", "id=\x00\xff", "line=\r\n\t", "end=]]>", "half=\xc3"},
		},
		{Type: name("_http._tcp")},
	}})
	if len(findings) > 0 {
		t.Error(findings)
	}
	compareWithFile(t, "testdata/encode.want", string(data))
}

func TestEncodeFindings(t *testing.T) {
	name := dnsname.MustParse
	raw := func(labels ...string) dnsname.Name {
		n, err := dnsname.New(labels...)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	good := services.Service{Type: name("_http._tcp"), Port: 80}
	with := func(change func(*services.Service)) services.Group {
		s := good
		change(&s)
		return services.Group{Name: "n", Services: []services.Service{s}}
	}
	for _, test := range []struct {
		what  string
		group services.Group
		want  string
	}{
		{"nothing", services.Group{Name: "n", Services: []services.Service{good}}, ""},
		{"name", services.Group{Name: "a\x01", Services: []services.Service{good}}, `<name>: an Avahi file can't express the name "a\x01"; want text without control characters`},
		{"host", with(func(s *services.Service) { s.Host = raw("\xff", "local") }), `<host-name>: an Avahi file can't express this name: "\\255.local" is not a host name: "\xff" is not UTF-8; want text in UTF-8`},
		{"TXT", with(func(s *services.Service) { s.TXT = services.TXT{"\x00", "\x00=1", "=\x00", "k=\x00"} }), `<txt-record>: an Avahi file can't express the TXT string "\x00"; want bytes that are not text only after "key="
<txt-record>: an Avahi file can't express the TXT string "\x00=1"; want bytes that are not text only after "key="
<txt-record>: an Avahi file can't express the TXT string "=\x00"; want bytes that are not text only after "key="`},
		{"addresses", with(func(s *services.Service) {
			s.Host, s.Addresses = name("sip.local"), []netip.Addr{netip.MustParseAddr("192.0.2.20")}
		}), `<service>: warning: an Avahi file can't express the addresses of sip.local; want them in /etc/avahi/hosts`},
	} {
		t.Run(test.what, func(t *testing.T) {
			if _, findings := Encode(test.group); findings.Error() != test.want {
				t.Errorf("got %s\nwant %s", findings.Error(), test.want)
			}
		})
	}
}

// roundTrip writes a group that was decoded, and reads it back.
func roundTrip(t *testing.T, group services.Group) {
	t.Helper()
	data, findings := Encode(group)
	if len(findings) > 0 {
		return
	}
	again, findings := decode("again.service", data, "pbx")
	if findings.Err() != nil {
		t.Fatalf("%v in\n%s", findings, data)
	}
	sameName := cmp.Comparer(func(a, b dnsname.Name) bool { return a == b })
	if diff := cmp.Diff(group, again, sameName); diff != "" {
		t.Errorf("written (-) and read back (+):\n%s\n%s", diff, data)
	}
}

func TestRoundTrip(t *testing.T) {
	files, _ := filepath.Glob("testdata/*/*.service")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		group, findings := decode(filepath.Base(file), data, "pbx")
		if findings.Err() == nil {
			if _, findings := Encode(group); len(findings) > 0 {
				t.Errorf("%s: %v", file, findings)
			}
			roundTrip(t, group)
		}
	}
}

func FuzzDecode(f *testing.F) {
	addGolden(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		group, findings := decode("F.service", data, "pbx")
		if len(findings) > 2*(diag.MaxFindings+1) {
			t.Errorf("%d findings", len(findings))
		}
		lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + 1
		for _, finding := range findings {
			if finding.Line > lines {
				t.Errorf("%s: the file has %d lines", finding, lines)
			}
			if finding.Text == "" || len(finding.Text) > 2*1000 {
				t.Errorf("a text of %d bytes: %s", len(finding.Text), finding)
			}
		}
		if findings.Err() != nil {
			return
		}
		for _, p := range group.Check("pbx") {
			if p.Severity == diag.Error {
				t.Errorf("no error was found, and there is one: %s", p.Text)
			}
		}
	})
}

func FuzzDecodeEncodeDecode(f *testing.F) {
	addGolden(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		group, findings := decode("F.service", data, "pbx")
		if findings.Err() != nil {
			return
		}
		if _, findings := Encode(group); len(findings) > 0 {
			t.Errorf("what a file said can't be said: %v", findings)
		}
		roundTrip(t, group)
	})
}

func addGolden(f *testing.F) {
	files, _ := filepath.Glob("testdata/*/*.service")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

func BenchmarkDecode(b *testing.B) {
	data, err := os.ReadFile("testdata/ok/everything.service")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, findings := decode("F.service", data, "pbx"); len(findings) > 0 {
			b.Fatal(findings)
		}
	}
}
