package preset

import (
	"encoding/xml"
	"errors"
	"slices"
	"strings"
	"testing"
)

// stockFile is what a stock definition says, read by the standard library.
type stockFile struct {
	Name struct {
		Wildcards string `xml:"replace-wildcards,attr"`
		Text      string `xml:",chardata"`
	} `xml:"name"`
	Service []struct {
		Type string   `xml:"type"`
		Port uint16   `xml:"port"`
		TXT  []string `xml:"txt-record"`
	} `xml:"service"`
}

var firmware = Fill{
	URL: "http://192.0.2.10", Version: "2_8_1",
	Files: []ModelFile{{"D65", "eff/2_8_1/2_8_1_D65_firmware.eff"}, {"D40", "eff/2_8_1/2_8_1_D40_firmware.eff"}},
}

// firmwareWith returns a changed copy of [firmware].
func firmwareWith(change func(*Fill)) Fill {
	f := firmware
	change(&f)
	return f
}

func TestFile(t *testing.T) {
	for _, test := range []struct {
		preset string
		fill   Fill
		name   string
		port   uint16
		txt    []string
	}{
		{"dpma", Fill{Server: "192.0.2.20"}, "DPMA at 192.0.2.20", 5060, []string{"sipUrl=sip:proxy@192.0.2.20:5060;transport=udp", "serviceType=asterisk"}},
		{"dpma", Fill{Server: "192.0.2.20:5070", Transport: "udp", Name: "Büro & <1>"}, "Büro & <1>", 5070, []string{"sipUrl=sip:proxy@192.0.2.20:5070;transport=udp", "serviceType=asterisk"}},
		{"dpma", Fill{Server: "pbx.example.net", Transport: "tcp"}, "DPMA at pbx.example.net", 5060, []string{"sipUrl=sip:proxy@pbx.example.net:5060;transport=tcp", "serviceType=asterisk"}},
		{"dpma", Fill{Server: "pbx.example.net", Transport: "tls"}, "DPMA at pbx.example.net", 5061, []string{"sipUrl=sip:proxy@pbx.example.net:5061;transport=tls", "serviceType=asterisk"}},
		{"dpma", Fill{Server: "2001:db8::20"}, "DPMA at 2001:db8::20", 5060, []string{"sipUrl=sip:proxy@[2001:db8::20]:5060;transport=udp", "serviceType=asterisk"}},
		{"dpma", Fill{Server: "[2001:db8::20]"}, "DPMA at [2001:db8::20]", 5060, []string{"sipUrl=sip:proxy@[2001:db8::20]:5060;transport=udp", "serviceType=asterisk"}},
		{"switchvox", Fill{Server: "[2001:db8::20]:5070"}, "Switchvox at [2001:db8::20]:5070", 5070, []string{"sipUrl=sip:proxy@[2001:db8::20]:5070;transport=udp", "serviceType=switchvox"}},
		{"firmware", firmware, "Phone firmware 2_8_1 at 192.0.2.10", 80, []string{
			"sipUrl=http://192.0.2.10", "firmwareUrl=http://192.0.2.10/", "firmwareVersion=2_8_1", "serviceType=firmware",
			"D65File=eff/2_8_1/2_8_1_D65_firmware.eff", "D40File=eff/2_8_1/2_8_1_D40_firmware.eff",
		}},
		{"firmware", Fill{URL: "https://fw.example.net/phones", Version: "2_0_2_0_7a95f", Files: []ModelFile{{"P330", "a.eff"}}}, "Phone firmware 2_0_2_0_7a95f at fw.example.net", 443, []string{
			"sipUrl=https://fw.example.net", "firmwareUrl=https://fw.example.net/phones/", "firmwareVersion=2_0_2_0_7a95f", "serviceType=firmware", "P330File=a.eff",
		}},
		{"firmware", firmwareWith(func(f *Fill) { f.URL = "http://[2001:db8::10]:8080/"; f.Files = f.Files[:1] }), "Phone firmware 2_8_1 at [2001:db8::10]:8080", 8080, []string{
			"sipUrl=http://[2001:db8::10]:8080", "firmwareUrl=http://[2001:db8::10]:8080/", "firmwareVersion=2_8_1", "serviceType=firmware", "D65File=eff/2_8_1/2_8_1_D65_firmware.eff",
		}},
	} {
		t.Run(test.preset+" "+test.fill.Transport+" "+test.name, func(t *testing.T) {
			data, err := File(test.preset, test.fill)
			if err != nil {
				t.Errorf("%s of %+v: %v", test.preset, test.fill, err)
				return
			}
			var file stockFile
			if err := xml.Unmarshal(data, &file); err != nil {
				t.Errorf("%s: %v\n%s", test.preset, err, data)
				return
			}
			if file.Name.Text != test.name || file.Name.Wildcards != "" || len(file.Service) != 1 {
				t.Errorf("%s: want one service of the name %q:\n%s", test.preset, test.name, data)
				return
			}
			if s := file.Service[0]; s.Type != "_digiumproxy._udp" || s.Port != test.port || !slices.Equal(s.TXT, test.txt) {
				t.Errorf("%s: want port %d, TXT %q:\n%s", test.preset, test.port, test.txt, data)
			}
		})
	}
}

func TestFileWildcards(t *testing.T) {
	data, err := File("dpma", Fill{Server: "192.0.2.20", Name: "PBX on %h", Wildcards: true})
	var file stockFile
	if err != nil || xml.Unmarshal(data, &file) != nil || file.Name.Wildcards != "yes" || file.Name.Text != "PBX on %h" {
		t.Errorf("want a name with wildcards: %v\n%s", err, data)
	}
}

func TestFileProblems(t *testing.T) {
	server := func(s string) Fill { return Fill{Server: s} }
	url := func(u string) Fill { return firmwareWith(func(f *Fill) { f.URL = u }) }
	version := func(v string) Fill { return firmwareWith(func(f *Fill) { f.Version = v }) }
	files := func(files ...ModelFile) Fill { return firmwareWith(func(f *Fill) { f.Files = files }) }
	path := func(p string) Fill { return files(ModelFile{"D40", p}) }
	for _, test := range []struct {
		name   string
		preset string
		fill   Fill
		want   []string // "value: words of the text"
	}{
		{"no preset", "", Fill{}, []string{`preset: "" is not a preset; want one of dpma, switchvox, firmware`}},
		{"unknown preset", "switchbox", Fill{}, []string{"preset: did you mean switchvox?"}},
		{"no server", "dpma", Fill{}, []string{"server: it is missing"}},
		{"name not UTF-8 and unknown transport", "dpma", Fill{Name: "\xff", Transport: "sctp"}, []string{"name: is not UTF-8", `transport: "sctp" is not a transport; want udp, tcp or tls`, "server: it is missing"}},
		{"name with white space around it", "dpma", Fill{Server: "192.0.2.20", Name: " PBX"}, []string{"name: has white space around it"}},
		{"name with a control character", "dpma", Fill{Server: "192.0.2.20", Name: "P\x01X"}, []string{"name: control character"}},
		{"firmware values for dpma", "dpma", Fill{Server: "192.0.2.20", URL: "http://192.0.2.10/", Version: "2_8_1", Files: firmware.Files}, []string{"url: does not use it", "version: does not use it", "files: does not use it"}},
		{"server is no address", "switchvox", server("192.0.2.300"), []string{`server: "192.0.2.300" is neither a host name nor an address`}},
		{"server is unspecified", "switchvox", server("0.0.0.0"), []string{"server: is not the address of a server"}},
		{"server is multicast", "switchvox", server("ff02::fb"), []string{"server: is not the address of a server"}},
		{"server with a zone", "switchvox", server("fe80::1%eth0"), []string{"server: has a zone"}},
		{"server with a zone and a port", "switchvox", server("[fe80::1%eth0]:5060"), []string{"server: has a zone"}},
		{"server without closing bracket", "switchvox", server("[2001:db8::20:5060"), []string{"server: is not [ADDRESS]:PORT"}},
		{"server without colon behind the bracket", "switchvox", server("[2001:db8::20]5060"), []string{"server: is not [ADDRESS]:PORT"}},
		{"server is a name in brackets", "switchvox", server("[pbx]:5060"), []string{"server: is not [ADDRESS]:PORT"}},
		{"server without port after the colon", "switchvox", server("192.0.2.20:"), []string{"server: has no port after the colon"}},
		{"server with port 0", "switchvox", server("192.0.2.20:0"), []string{`server: "0" is not a port`}},
		{"server with port 65536", "switchvox", server("192.0.2.20:65536"), []string{`server: "65536" is not a port`}},
		{"server with a named port", "switchvox", server("pbx:sip"), []string{`server: "sip" is not a port`}},
		{"server is a port alone", "switchvox", server(":5060"), []string{`server: "" is not a host`}},
		{"server is a SIP URL", "switchvox", server("sip:proxy@192.0.2.20:5060"), []string{"server: is more than a host; want its name or address alone"}},
		{"server is an HTTP URL", "switchvox", server("http://192.0.2.20/"), []string{"server: is more than a host"}},
		{"server with a space", "switchvox", server("front desk"), []string{"server: is not a host"}},
		{"server with a hyphen in front", "switchvox", server("-pbx"), []string{"server: is not a host"}},
		{"no firmware values", "firmware", Fill{}, []string{"url: it is missing", "version: it is missing", "files: they are missing"}},
		{"server values for firmware", "firmware", firmwareWith(func(f *Fill) { f.Server, f.Transport = "192.0.2.20", "udp" }), []string{"server: does not use it", "transport: does not use it"}},
		{"url without a scheme", "firmware", url("192.0.2.10"), []string{"url: is not an HTTP URL; want one such as http://192.0.2.10/"}},
		{"url of TFTP", "firmware", url("tftp://192.0.2.10/"), []string{"url: is not an HTTP URL"}},
		{"url without a host", "firmware", url("http:///x"), []string{"url: is not an HTTP URL"}},
		{"url with a user", "firmware", url("http://user:secret@192.0.2.10/"), []string{`url: "http://user:xxxxx@192.0.2.10/" has a user`}},
		{"url with a query", "firmware", url("http://192.0.2.10/?a=b"), []string{"url: is not a directory"}},
		{"url with a fragment", "firmware", url("http://192.0.2.10/#a"), []string{"url: is not a directory"}},
		{"url with port 70000", "firmware", url("http://192.0.2.10:70000/"), []string{`url: "70000" is not a port`}},
		{"url of no address", "firmware", url("http://192.0.2.300/"), []string{"url: is neither a host name nor an address"}},
		{"version with dots", "firmware", version("2.8.1"), []string{"version: want 2_8_1"}},
		{"version is a word", "firmware", version("latest"), []string{"version: is not a firmware version"}},
		{"models that are none or twice", "firmware", files(ModelFile{"d40", "a"}, ModelFile{"D40", "a"}, ModelFile{"D80", "a"}, ModelFile{"D40", "b"}), []string{
			`files: "d40" is not a model; want one such as D40, in capitals`, "files: the D80 is the one model", "files: D40 is set twice",
		}},
		{"empty path", "firmware", path(""), []string{"files: the file has no path"}},
		{"absolute path", "firmware", path("/a.eff"), []string{"files: is absolute"}},
		{"path is a URL", "firmware", path("http://192.0.2.10/a.eff"), []string{"files: is absolute"}},
		{"path with a space", "firmware", path("a b.eff"), []string{"files: is not a relative path below firmwareUrl"}},
		{"path above the directory", "firmware", path("../a.eff"), []string{"files: is not a relative path below firmwareUrl"}},
		{"path with a line end", "firmware", path("a.eff\n"), []string{"files: is not a relative path below firmwareUrl"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			data, err := File(test.preset, test.fill)
			fillErr, ok := errors.AsType[*FillError](err)
			if !ok || len(fillErr.Problems) != len(test.want) {
				t.Errorf("%s of %+v: error %v, want %q; data %q", test.preset, test.fill, err, test.want, data)
				return
			}
			for i, p := range fillErr.Problems {
				if value, words, _ := strings.Cut(test.want[i], ": "); p.Value != value || !strings.Contains(p.Text, words) {
					t.Errorf("%s of %+v: %s: %s; want %s", test.preset, test.fill, p.Value, p.Text, test.want[i])
				}
			}
		})
	}
	_, err := File("firmware", Fill{URL: "http://192.0.2.10/", Version: "2.8.1"})
	want := "preset firmware: version: \"2.8.1\" has dots, and phones compare it with a spelling that has underscores; want 2_8_1\n" +
		"preset firmware: files: they are missing; want the file of each model, such as D40 at eff/2_8_1/2_8_1_D40_firmware.eff"
	if err == nil || err.Error() != want {
		t.Errorf("the error reads\n%v\nwant\n%s", err, want)
	}
}

func FuzzFile(f *testing.F) {
	f.Add("dpma", "PBX", "192.0.2.20", "udp", "", "", "", "")
	f.Add("firmware", "", "", "", "http://192.0.2.10/", "2_8_1", "D40", "a.eff")
	f.Fuzz(func(t *testing.T, preset, name, server, transport, url, version, model, path string) {
		fill := Fill{Name: name, Server: server, Transport: transport, URL: url, Version: version}
		if model != "" {
			fill.Files = []ModelFile{{model, path}}
		}
		data, err := File(preset, fill)
		if err != nil {
			return
		}
		var file stockFile
		if err := xml.Unmarshal(data, &file); err != nil || len(file.Service) != 1 || len(file.Service[0].TXT) < 2 {
			t.Errorf("%v\n%s", err, data)
		}
	})
}
