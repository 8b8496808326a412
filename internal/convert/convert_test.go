package convert

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/internal/publication"
	"announcer/services"
)

const host = "testhost"

func names(texts ...string) []dnsname.Name {
	var list []dnsname.Name
	for _, text := range texts {
		list = append(list, dnsname.MustParse(text))
	}
	return list
}

// phone is a service without anything special; with changes a copy of it.
var phone = services.Service{Type: dnsname.MustParse("_digiumproxy._udp"), Port: 5060, TXT: services.TXT{"serviceType=asterisk"}}

func with(change func(*services.Service)) services.Service {
	s := phone
	change(&s)
	return s
}

func group(name string, s ...services.Service) services.Group {
	return services.Group{Name: name, Services: s}
}

// nasty are groups that are hard to write down.
var nasty = map[string]services.Group{
	"plain":      group("Front office PBX", phone),
	"characters": group(`PBX 2.0 \ "left" & <right> ; # ' $ @ ( ) % %h %H [x] = é 😀`, phone),
	"controls":   group("a\tb", phone),
	"blanks":     group(" a ", phone),
	"backslash":  group(`a\`, phone),
	"longest":    group(strings.Repeat("é", 31)+"x", phone),
	"wildcards":  {Name: "PBX 100% on %h, %H", Wildcards: true, Services: []services.Service{phone}},
	"txt": group("A", with(func(s *services.Service) {
		s.TXT = services.TXT{
			"k=v", "k=w", "k", "=", "=x", "a=b=c", " ", " a = b ", `C:\new\100`, `"quoted"`, "it's", ";c", "#d", "$e", "%f", "tab\tlf\ncr\r", "é=ü",
			strings.Repeat("x", 255),
		}
	})),
	"empty values": group("A", with(func(s *services.Service) { s.TXT = services.TXT{"k=", "l=1"} })),
	"binary TXT": group("A", with(func(s *services.Service) {
		s.TXT = services.TXT{"k=\x00\x01\xfe\xff", "flag", "text=é", "=\xff\x00", "k=\xff", strings.Repeat("\xff", 255), "\x00", "\xff=a"}
	})),
	"no TXT": group("A", with(func(s *services.Service) { s.TXT = nil })),
	"port 0": group("A", with(func(s *services.Service) { s.Port = 0 })),
	"subtypes": group("A", with(func(s *services.Service) {
		s.Subtypes = names("_a1._sub._digiumproxy._udp", "_b2._sub._digiumproxy._udp")
	})),
	"foreign":    group("A", with(func(s *services.Service) { s.Subtypes = names("_a1._sub._other._tcp") })),
	"odd type":   group("A", with(func(s *services.Service) { s.Type = dnsname.MustParse(`_a\.b \\c"é._udp`) })),
	"other host": group("A", with(func(s *services.Service) { s.Host = dnsname.MustParse("sw.example.com") })),
	"addresses": group("A", with(func(s *services.Service) {
		s.Host, s.Addresses = dnsname.MustParse("sw.local"), []netip.Addr{netip.MustParseAddr("192.0.2.20"), netip.MustParseAddr("2001:db8::20")}
	})),
	"domain":     group("A", with(func(s *services.Service) { s.Domain = dnsname.MustParse("example.com") })),
	"protocols":  group("A", with(func(s *services.Service) { s.Protocol = services.IPv4 }), with(func(s *services.Service) { s.Protocol, s.Port = services.IPv6, 1 })),
	"several":    group("A", phone, services.Service{Type: dnsname.MustParse("_http._tcp"), Port: 80}, services.Service{Type: dnsname.MustParse("_http._udp"), Port: 81}),
	"colliding":  group("A", phone, with(func(s *services.Service) { s.Port = 1 })),
	"upper case": group("A", with(func(s *services.Service) { s.Type = dnsname.MustParse("_HTTP._TCP") })),
}

// roundTrip is what becomes of a nasty group that is written in a format and read back.
type roundTrip struct {
	findings []string         // words of each; "error: " is in front of an error, after which there is no file
	groups   []services.Group // nil: the group as it was
}

// roundTrips holds those that don't come back whole. A format that is not there can say everything.
var roundTrips = map[Format]map[string]roundTrip{
	Avahi: {
		"addresses": {[]string{"can't express the addresses of sw.local"}, []services.Group{group("A", with(func(s *services.Service) { s.Host = dnsname.MustParse("sw.local") }))}},
		"binary TXT": {findings: []string{
			`error: can't express the TXT string "=\xff\x00"`, "error: can't express the TXT string", `error: can't express the TXT string "\x00"`, `error: can't express the TXT string "\xff=a"`,
		}},
	},
	DNSSD: {
		"characters": {findings: []string{"takes dots and \\ in a name"}},
		"controls":   {findings: []string{`error: can't read the name "a\tb"`}},
		"blanks":     {findings: []string{`error: can't read the name " a "`}},
		"backslash":  {findings: []string{`error: can't read the name "a\\"`, "takes dots and"}},
		"txt": {[]string{`"="; it is left out`, `"é=ü", whose key is not ASCII`}, []services.Group{group("A", with(func(s *services.Service) {
			s.TXT = slices.DeleteFunc(slices.Clone(nasty["txt"].Services[0].TXT), func(t string) bool { return t == "=" || t == "é=ü" })
		}))}},
		"empty values": {[]string{`"k=" becomes "k"`}, []services.Group{group("A", with(func(s *services.Service) { s.TXT = services.TXT{"k", "l=1"} }))}},
		"binary TXT": {[]string{"whose key is not ASCII", `"\x00", whose key is not ASCII`, `"\xff=a", whose key is not ASCII`}, []services.Group{group("A", with(func(s *services.Service) {
			s.TXT = nasty["binary TXT"].Services[0].TXT[:5]
		}))}},
		"subtypes":   {[]string{"reads SubType= from release 256 on; an earlier one, such as 252 of Debian 12, announces the service without the subtype _a1", "takes one subtype, _a1; _b2._sub._digiumproxy._udp is left out"}, []services.Group{group("A", with(func(s *services.Service) { s.Subtypes = names("_a1._sub._digiumproxy._udp") }))}},
		"foreign":    {[]string{"subtype _a1._sub._other._tcp, which is of another type"}, []services.Group{group("A", phone)}},
		"odd type":   {findings: []string{"error: takes types of letters"}},
		"other host": {findings: []string{"error: on sw.example.com"}},
		"addresses":  {findings: []string{"error: on sw.local"}},
		"domain":     {findings: []string{"error: this is for example.com"}},
		"protocols": {[]string{"can't express protocol ipv4", `service 1 of o has the name "A"; it is announced as "A #2"`, "can't express protocol ipv6"}, []services.Group{
			group("A", phone), group("A #2", with(func(s *services.Service) { s.Port = 1 })),
		}},
		"several": {nil, []services.Group{
			group("A", phone), group("A", services.Service{Type: dnsname.MustParse("_http._tcp"), Port: 80}), group("A", services.Service{Type: dnsname.MustParse("_http._udp"), Port: 81}),
		}},
		"colliding": {[]string{`service 1 of o has the name "A"; it is announced as "A #2"`}, []services.Group{
			group("A", phone), group("A #2", with(func(s *services.Service) { s.Port = 1 })),
		}},
	},
	Zone: {
		"wildcards": {[]string{`can't express %h; the name is written for the host testhost, "PBX 100% on testhost, %H"`}, []services.Group{group("PBX 100% on testhost, %H", phone)}},
		"protocols": {[]string{"can't express protocol ipv4", `service 1 of o has the name "A"; it is written as "A #2"`, "can't express protocol ipv6"}, []services.Group{
			group("A", phone), group("A #2", with(func(s *services.Service) { s.Port = 1 })),
		}},
		"colliding": {[]string{`service 1 of o has the name "A"; it is written as "A #2"`}, []services.Group{
			group("A", phone), group("A #2", with(func(s *services.Service) { s.Port = 1 })),
		}},
	},
}

func TestRoundTrip(t *testing.T) {
	for _, word := range Formats() {
		f, ok := ParseFormat(word)
		if !ok {
			t.Fatalf("%q is not a format", word)
		}
		for what, g := range nasty {
			t.Run(what+" as "+word, func(t *testing.T) {
				files, findings := Encode(f, []Definition{{Name: "n", Origin: "o", Group: g}}, host)
				want := roundTrips[f][what]
				checkFindings(t, fmt.Sprintf("%s as %s", what, f), findings, want.findings)
				if want.groups == nil && findings.Err() == nil {
					want.groups = []services.Group{g}
				}
				var got []services.Group
				for _, file := range files {
					defs, found := Decode(f, file.Name, file.Data, host)
					if found.Err() != nil {
						t.Errorf("it is not read back: %v\n%s", found, file.Data)
					}
					for _, d := range defs {
						got = append(got, d.Group)
					}
				}
				if diff := cmp.Diff(want.groups, got, groupOptions); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

var groupOptions = cmp.Options{cmp.AllowUnexported(dnsname.Name{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })}

// checkFindings compares findings with the words that each must hold.
func checkFindings(t *testing.T, what string, got diag.Findings, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d findings, want %d:\n%v", what, len(got), len(want), got)
		return
	}
	for i, f := range got {
		words, isError := strings.CutPrefix(want[i], "error: ")
		if f.File == "" || !strings.Contains(f.String(), words) || isError != (f.Severity == diag.Error) {
			t.Errorf("%s: %q, %s; want %q", what, f, f.Severity, want[i])
		}
	}
}

func TestFormatOf(t *testing.T) {
	for file, want := range map[string]Format{"a.service": Avahi, "/x/b.toml": TOML, "c.json": JSON, "d.dnssd": DNSSD, "e.zone": Zone, "service": "", "a.service~": ""} {
		t.Run(file, func(t *testing.T) {
			if f, ok := FormatOf(file); f != want || ok != (want != "") {
				t.Errorf("%q, %t", f, ok)
			}
		})
	}
	if f, ok := ParseFormat("xml"); ok {
		t.Errorf("xml is read as %s", f)
	}
}

func TestNames(t *testing.T) {
	text := configOf(`"Büro PBX on %h"`, `"A"`, `"a"`, `"a 2"`, `"+"`)
	defs, findings := Decode(TOML, "/x/announcer.toml", []byte(text), host)
	checkFindings(t, "many groups", findings, nil)
	var got []string
	for _, d := range defs {
		got = append(got, d.Name+" from "+d.Origin)
	}
	want := []string{
		`b-ro-pbx-on from /x/announcer.toml: group "Büro PBX on %h"`, `a from /x/announcer.toml: group "A"`, `a-2 from /x/announcer.toml: group "a"`,
		`a-2-2 from /x/announcer.toml: group "a 2"`, `group from /x/announcer.toml: group "+"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	for _, test := range []struct{ name, file, want string }{{"name of the file", "/x/front.desk.toml", "front.desk"}, {"standard input", "-", "a-b"}} {
		t.Run(test.name, func(t *testing.T) {
			defs, _ := Decode(TOML, test.file, []byte(configOf(`"A b"`)), host)
			if len(defs) != 1 || defs[0].Name != test.want || defs[0].Origin != test.file && test.want != "a-b" {
				t.Errorf("%+v; want the name %s", defs, test.want)
			}
		})
	}
}

// configOf returns a configuration with groups of these names, in quotes.
func configOf(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString("[[group]]\nname = " + name + "\nservice = [{ type = '_http._tcp', port = 80 }]\n")
	}
	return b.String()
}

func TestEncodeNamesFiles(t *testing.T) {
	defs := []Definition{
		{Name: "a", Origin: "x/a.service", Group: nasty["plain"]},
		{Name: "b", Origin: "x/b.service", Group: nasty["domain"]},
		{Name: "c", Origin: "x/c.service", Group: nasty["several"]},
		{Name: "a", Origin: "y/a.service", Group: nasty["plain"]},
	}
	for f, want := range map[Format][]string{
		TOML:  {"a.toml", "b.toml", "c.toml"},
		DNSSD: {"a.dnssd", "c-digiumproxy.dnssd", "c-http.dnssd", "c-http-2.dnssd"},
	} {
		t.Run(string(f), func(t *testing.T) {
			files, findings := Encode(f, defs, host)
			var got []string
			for _, file := range files {
				got = append(got, file.Name)
			}
			if !slices.Equal(got, want) {
				t.Errorf("the files are %q; want %q", got, want)
			}
			last := findings[len(findings)-1]
			if want := fmt.Sprintf("y/a.service: this makes a.%s, and so does x/a.service; want files of different names", f); last.String() != want || last.Severity != diag.Error {
				t.Errorf("%v; want %s", last, want)
			}
		})
	}
}

func TestEncodeTogether(t *testing.T) {
	defs := []Definition{{Name: "a", Origin: "a.service", Group: nasty["plain"]}, {Name: "b", Origin: "b.service", Group: group("B", phone)}}
	for _, f := range []Format{TOML, JSON, Zone} {
		t.Run(string(f), func(t *testing.T) {
			data, findings := EncodeTogether(f, defs, host)
			checkFindings(t, string(f), findings, nil)
			back, findings := Decode(f, "x", data, host)
			if len(back) != 2 || findings.Err() != nil {
				t.Errorf("%v, %v; want both back from\n%s", back, findings, data)
			}
		})
	}
	for _, f := range []Format{Avahi, DNSSD} {
		t.Run(string(f), func(t *testing.T) {
			want := fmt.Sprintf("in the format %s this makes 2 files; want a directory to put them in", f)
			if data, findings := EncodeTogether(f, defs, host); data != nil || findings.Error() != want {
				t.Errorf("%q, %v; want %s", data, findings, want)
			}
			if data, findings := EncodeTogether(f, defs[:1], host); len(data) == 0 || len(findings) > 0 {
				t.Errorf("of one: %q, %v", data, findings)
			}
		})
	}
	defs[1].Group = nasty["domain"]
	if data, findings := EncodeTogether(DNSSD, defs[1:], host); data != nil || findings.Err() == nil {
		t.Errorf("a definition with an error gives %q, %v", data, findings)
	}
}

func TestPolicies(t *testing.T) {
	defs := []Definition{{Name: "a", Origin: "a.toml", Group: nasty["plain"], Interfaces: []string{"eth0"}, OnConflict: publication.Standby, Check: publication.CheckTCP}}
	for _, f := range []Format{Avahi, DNSSD, Zone} {
		t.Run(string(f), func(t *testing.T) {
			_, findings := Encode(f, defs, host)
			checkFindings(t, string(f), findings, []string{"a.toml: interfaces: warning: ", "a.toml: on_conflict: warning: ", "a.toml: check: warning: "})
		})
	}
	for _, f := range []Format{TOML, JSON} {
		t.Run(string(f), func(t *testing.T) {
			files, findings := Encode(f, defs, host)
			checkFindings(t, string(f), findings, nil)
			back, _ := Decode(f, files[0].Name, files[0].Data, host)
			if len(back) != 1 || !slices.Equal(back[0].Interfaces, defs[0].Interfaces) || back[0].OnConflict != publication.Standby || back[0].Check != publication.CheckTCP {
				t.Errorf("%+v is read back", back)
			}
		})
	}
}

func TestRulesStayBehind(t *testing.T) {
	_, findings := Decode(TOML, "a.toml", []byte("[[rule]]\nmatch = '*'\non_conflict = 'fail'"), host)
	checkFindings(t, "a rule", findings, []string{"a.toml: rule: warning: rules are about Avahi files"})
}

// FuzzDecode reads anything in every format. What is read without an error can be written and read back the same,
// except for what the findings of writing report.
func FuzzDecode(f *testing.F) {
	for _, g := range nasty {
		for i, c := range codecs {
			if files, findings := Encode(c.format, []Definition{{Name: "n", Group: g}}, host); findings.Err() == nil {
				f.Add(byte(i), files[0].Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, n byte, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		format := codecs[int(n)%len(codecs)].format
		defs, findings := Decode(format, "x", data, host)
		if findings.Err() != nil {
			if defs != nil {
				t.Errorf("definitions in spite of %v", findings)
			}
			return
		}
		for _, d := range defs {
			files, findings := Encode(format, []Definition{d}, host)
			if len(findings) > 0 {
				continue
			}
			var back []Definition
			for _, file := range files {
				defs, findings := Decode(format, file.Name, file.Data, host)
				if findings.Err() != nil {
					t.Fatalf("%v\nin\n%s\nmade of\n%s", findings, file.Data, data)
				}
				back = append(back, defs...)
			}
			if len(files) > 1 {
				continue
			}
			if diff := cmp.Diff([]services.Group{d.Group}, groupsOf(back), groupOptions); diff != "" {
				t.Errorf("%s\n%s", diff, files[0].Data)
			}
		}
	})
}

func groupsOf(defs []Definition) []services.Group {
	var groups []services.Group
	for _, d := range defs {
		groups = append(groups, d.Group)
	}
	return groups
}
