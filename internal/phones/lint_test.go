package phones

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/services"
)

// group makes a group with one service for each TXT record, written as strings with "|" between them.
func group(records ...string) services.Group {
	g := services.Group{Name: "Phones"}
	for _, record := range records {
		g.Services = append(g.Services, services.Service{Type: ServiceType, Port: 5060, TXT: strings.Split(record, "|")})
	}
	return g
}

const (
	dpma     = "sipUrl=sip:proxy@192.0.2.20:5060;transport=udp|serviceType=asterisk"
	firmware = "sipUrl=http://192.0.2.10|firmwareUrl=http://192.0.2.10/|firmwareVersion=2_8_1|serviceType=firmware|D40File=eff/2_8_1_D40_firmware.eff"
)

// TestLint has a case for each rule: a record, and the codes that it gives with the index of the string, "E" for an
// error and "W" for a warning. What is missing is of the service itself, index 0.
func TestLint(t *testing.T) {
	tests := []struct{ name, record, want string }{
		{"DPMA as documented", dpma, ""},
		{"without a port and transport", "sipUrl=sip:proxy@pbx.example.net|serviceType=switchvox", ""},
		{"with tls", "sipUrl=sip:proxy@192.0.2.20;transport=tls|serviceType=switchvox", ""},
		{"with IPv6", "sipUrl=sip:proxy@[2001:db8::20]:5061;transport=tcp|serviceType=asterisk", ""},
		{"firmware as in the example", firmware, ""},
		{"a build number in hexadecimal", "sipUrl=http://192.0.2.10|firmwareUrl=http://192.0.2.10:8080/fw/|firmwareVersion=2_0_2_0_7895f|serviceType=firmware|P330File=2_0_2_0_7895f_P330_firmware.eff", ""},
		{"a file without version in its name", strings.Replace(firmware, "2_8_1_D40_firmware.eff", "d40.bin", 1), ""},
		{"keys of others", dpma + "|note=x", ""},

		{"no sipUrl", "serviceType=asterisk", "E phones/sip-url"},
		{"the http form for a PBX", "sipUrl=http://192.0.2.20|serviceType=asterisk", "E phones/sip-url 0"},
		{"another user", "sipUrl=sip:pbx@192.0.2.20|serviceType=switchvox", "E phones/sip-url 0"},
		{"no user", "sipUrl=sip:192.0.2.20|serviceType=switchvox", "E phones/sip-url 0"},
		{"another transport", "sipUrl=sip:proxy@192.0.2.20;transport=sctp|serviceType=asterisk", "E phones/sip-url 0"},
		{"an empty transport", "sipUrl=sip:proxy@192.0.2.20;|serviceType=asterisk", "E phones/sip-url 0"},
		{"two parameters", "sipUrl=sip:proxy@192.0.2.20;transport=udp;lr|serviceType=asterisk", "E phones/sip-url 0"},
		{"firmware without sipUrl", strings.Replace(firmware, "sipUrl=http://192.0.2.10|", "", 1), "W phones/sip-url"},
		{"firmware with that of a PBX", strings.Replace(firmware, "sipUrl=http://192.0.2.10|", "sipUrl=sip:proxy@192.0.2.10|", 1), "W phones/sip-url 0"},

		{"no serviceType", "sipUrl=sip:proxy@192.0.2.20", "E phones/service-type"},
		{"another serviceType", "sipUrl=sip:proxy@192.0.2.20|serviceType=freepbx", "E phones/service-type 1"},
		{"serviceType in capitals", "sipUrl=sip:proxy@192.0.2.20|serviceType=Asterisk", "E phones/service-type 1"},
		{"nothing at all", "", "E phones/service-type"},

		{"key in small letters", "sipurl=sip:proxy@192.0.2.20|serviceType=asterisk", "W phones/key-case 0"},
		{"model in small letters", strings.Replace(firmware, "D40File", "d40file", 1), "W phones/key-case 4"},
		{"key mistyped", dpma + "|sipUri=x", "W phones/unknown-key 2"},
		{"key twice", dpma + "|serviceType=firmware", "W phones/key-twice 2"},
		{"space before the equals sign", "sipUrl =sip:proxy@192.0.2.20|serviceType=asterisk", "W phones/white-space 0"},
		{"space behind it", "sipUrl= sip:proxy@192.0.2.20|serviceType=asterisk", "W phones/white-space 0"},

		{"port 0 in the URL", "sipUrl=sip:proxy@192.0.2.20:0|serviceType=asterisk", "E phones/host 0"},
		{"no host", "sipUrl=sip:proxy@|serviceType=asterisk", "E phones/host 0"},
		{"two hosts", "sipUrl=sip:proxy@a@b|serviceType=asterisk", "E phones/host 0"},
		{"the loopback", "sipUrl=sip:proxy@127.0.0.1:5060|serviceType=asterisk", "E phones/host 0"},
		{"the loopback by name", "sipUrl=sip:proxy@localhost|serviceType=asterisk", "E phones/host 0"},
		{"no address of a host", "sipUrl=sip:proxy@0.0.0.0|serviceType=asterisk", "E phones/host 0"},
		{"a name in .local", "sipUrl=sip:proxy@pbx.local:5060|serviceType=asterisk", "W phones/local-name 0"},
		{"a name in .local. for firmware", strings.ReplaceAll(firmware, "192.0.2.10", "fw.LOCAL."), "W phones/local-name 0, W phones/local-name 1"},

		{"no firmwareUrl", strings.Replace(firmware, "|firmwareUrl=http://192.0.2.10/", "", 1), "W phones/firmware-url"},
		{"firmwareUrl of another kind", strings.Replace(firmware, "firmwareUrl=http:", "firmwareUrl=tftp:", 1), "W phones/firmware-url 1"},
		{"firmwareUrl without slash", strings.Replace(firmware, "10/", "10", 1), "W phones/url-slash 1"},
		{"no firmwareVersion", strings.Replace(firmware, "|firmwareVersion=2_8_1", "", 1), "W phones/firmware-version"},
		{"dots in the version", strings.Replace(firmware, "firmwareVersion=2_8_1", "firmwareVersion=2.8.1", 1), "W phones/firmware-version 2, W phones/file-version 4"},
		{"no version at all", strings.Replace(firmware, "firmwareVersion=2_8_1", "firmwareVersion=new", 1), "W phones/firmware-version 2, W phones/file-version 4"},
		{"no file", strings.Replace(firmware, "|D40File=eff/2_8_1_D40_firmware.eff", "", 1), "W phones/no-file"},
		{"an absolute path", strings.Replace(firmware, "eff/2", "/eff/2", 1), "W phones/file-path 4"},
		{"an absolute URL", strings.Replace(firmware, "eff/2", "http://192.0.2.10/eff/2", 1), "W phones/file-path 4"},
		{"an empty path", firmware + "|D50File=", "W phones/file-path 5"},
		{"a path upwards", strings.Replace(firmware, "eff/2", "../eff/2", 1), "W phones/file-path 4"},
		{"a path with a blank", strings.Replace(firmware, "eff/2", "e ff/2", 1), "W phones/file-path 4"},
		{"another version", strings.Replace(firmware, "eff/2_8_1", "eff/2_8_0", 1), "W phones/file-version 4"},
		{"another model", strings.Replace(firmware, "_D40_", "_D70_", 1), "W phones/file-model 4"},
		{"the D80", firmware + "|D80File=eff/2_8_1_D80_firmware.eff", "E phones/d80 5"},
		{"an unknown model", firmware + "|D41File=eff/2_8_1_D41_firmware.eff", "W phones/model 5"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, p := range Lint(group(test.record)) {
				got = append(got, strings.ToUpper(p.Severity.String()[:1])+" "+p.Code+place(p))
				if p.Text == "" || strings.ContainsAny(p.Text, "\n") {
					t.Errorf("the text of %s is %q", p.Code, p.Text)
				}
			}
			if strings.Join(got, ", ") != test.want {
				t.Errorf("got  %q\nwant %q\n%+v", got, test.want, Lint(group(test.record)))
			}
		})
	}
}

func place(p services.Problem) string {
	if p.Field == services.TXTField {
		return " " + string(rune('0'+p.Index))
	}
	return ""
}

// TestLintSaysWhatIsNotVerified wants every rule that rests on the public example alone to be a warning that says so.
func TestLintSaysWhatIsNotVerified(t *testing.T) {
	for _, p := range Lint(group("serviceType=firmware|firmwareUrl=http://192.0.2.10|D40File=/x|d45file=2_8_1_D40_firmware.eff")) {
		if p.Severity != diag.Warning || !strings.Contains(p.Text, "not verified") {
			t.Errorf("%s: %s: %s", p.Severity, p.Code, p.Text)
		}
	}
}

// TestDeployingHasTheRules wants every rule in docs/deploying.md, and no other.
func TestDeployingHasTheRules(t *testing.T) {
	rules := func(file, pattern string) (all []string) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
			all = append(all, string(m[1]))
		}
		return all
	}
	want := slices.Concat(rules("lint.go", `= "(phones/[a-z0-9-]+)"`), rules("probe.go", `= "(phones/[a-z0-9-]+)"`))
	got := rules("../../docs/deploying.md", "`(phones/[a-z0-9-]+)`")
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(slices.Compact(got), want) {
		t.Errorf("docs/deploying.md has the rules\n%q\nand there are\n%q", got, want)
	}
}

// FuzzLint wants an answer to whatever a TXT record holds, with indexes that are there.
func FuzzLint(f *testing.F) {
	f.Add(dpma)
	f.Add(firmware)
	f.Add("=|sipUrl|D40File=|serviceType=firmware|firmwareUrl=://[")
	f.Fuzz(func(t *testing.T, record string) {
		g := group(record)
		for _, p := range Lint(g) {
			if p.Service != 0 || p.Index < 0 || p.Index >= len(g.Services[0].TXT) || p.Code == "" {
				t.Errorf("%q: %+v", record, p)
			}
		}
	})
}

func TestLintLooksAtPhonesAlone(t *testing.T) {
	g := services.Group{Name: "Web", Services: []services.Service{{Type: dnsname.MustParse("_http._tcp"), Port: 80}}}
	if problems := Lint(g); len(problems) > 0 {
		t.Errorf("%+v", problems)
	}
	both := append(g.Services, group(dpma, "serviceType=x").Services...)
	problems := Lint(services.Group{Name: "All", Services: both})
	if len(problems) != 1 || problems[0].Service != 2 {
		t.Errorf("%+v; want one problem, in service 2", problems)
	}
}

// TestManyServers has so many servers on a link that not each is named.
func TestManyServers(t *testing.T) {
	var groups []publication.Publication
	for i := range 1000 {
		g := group(dpma)
		g.Name = fmt.Sprint("PBX ", i)
		groups = append(groups, publication.Publication{ID: fmt.Sprint(i), Group: g})
	}
	links := []publication.Link{{Index: 1, Name: "eth0"}}
	findings := TwoServers(mdns.Settle(publication.Desired{Host: "pbx", Links: links, Groups: groups}, nil))
	if want := "this one and 988 more are announced beside other servers for phones"; len(findings) != twoServersMost+1 || findings[twoServersMost].Text != want {
		t.Errorf("%d findings, the last one is %v", len(findings), findings[len(findings)-1])
	}
}

func TestTwoServers(t *testing.T) {
	published := func(id, name string, interfaces []string, txt ...string) publication.Publication {
		g := group(txt...)
		g.Name = name
		return publication.Publication{ID: id, Group: g, Interfaces: interfaces}
	}
	eth0, eth1 := []string{"eth0"}, []string{"eth1"}
	tests := []struct {
		name   string
		groups []publication.Publication
		want   []string // the files with a finding
	}{
		{"one", []publication.Publication{published("a", "A", nil, dpma)}, nil},
		{"two", []publication.Publication{published("a", "A", nil, dpma), published("b", "B", nil, firmware)}, []string{"b"}},
		{"three", []publication.Publication{published("a", "A", nil, dpma), published("b", "B", nil, firmware), published("c", "C", eth1, dpma)}, []string{"b", "c"}},
		{"apart", []publication.Publication{published("a", "A", eth0, dpma), published("b", "B", eth1, firmware)}, nil},
		{"in one group", []publication.Publication{published("a", "A", nil, dpma, firmware)}, []string{"a"}},
		{"the same twice", []publication.Publication{published("a", "A", nil, dpma), published("b", "A", nil, dpma)}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			links := []publication.Link{{Index: 1, Name: "eth0"}, {Index: 2, Name: "eth1"}}
			var got []string
			for _, f := range TwoServers(mdns.Settle(publication.Desired{Host: "pbx", Links: links, Groups: test.groups}, nil)) {
				got = append(got, f.File)
				if f.Severity != diag.Danger || f.Code != CodeTwoServers {
					t.Errorf("%v", f)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("findings for %q, want %q", got, test.want)
			}
		})
	}
}
