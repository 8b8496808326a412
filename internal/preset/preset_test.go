package preset

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"announcer/internal/phones"
	"announcer/services"
)

var fills = map[string]Fill{
	"dpma":      {Server: "192.0.2.20", Name: "Büro \"1\" & <2> %h", Wildcards: true},
	"switchvox": {Server: "[2001:db8::20]:5070", Transport: "tls"},
	"firmware":  {URL: "http://192.0.2.10", Version: "2_8_1", Files: []ModelFile{{Model: "D40", Path: "a&b.eff"}}},
}

func TestGroup(t *testing.T) {
	names := map[string]string{
		"dpma":      "Büro \"1\" & <2> pbx",
		"switchvox": "Switchvox at [2001:db8::20]:5070",
		"firmware":  "Phone firmware 2_8_1 at 192.0.2.10",
	}
	for _, preset := range Presets() {
		t.Run(preset, func(t *testing.T) {
			group, err := Group(preset, fills[preset], "pbx")
			if err != nil || len(group.Services) != 1 {
				t.Fatalf("%v, error %v; want one service", group, err)
			}
			if got := group.Instance("pbx"); got != names[preset] {
				t.Errorf("the name is %q; want %q", got, names[preset])
			}
			if problems := group.Check("pbx"); len(problems) > 0 {
				t.Errorf("%+v", problems)
			}
		})
	}
	group, _ := Group("firmware", fills["firmware"], "pbx")
	if want := []string{"sipUrl=http://192.0.2.10", "firmwareUrl=http://192.0.2.10/", "firmwareVersion=2_8_1", "serviceType=firmware", "D40File=a&b.eff"}; !slices.Equal(group.Services[0].TXT, want) {
		t.Errorf("the TXT of firmware is %q; want %q", group.Services[0].TXT, want)
	}
}

func TestGroupErrors(t *testing.T) {
	_, err := Group("dpma", Fill{}, "pbx")
	if fill, ok := errors.AsType[*FillError](err); !ok || fill.Problems[0].Value != "server" {
		t.Errorf("no server: %v", err)
	}
	_, err = Group("dpma", Fill{Server: "192.0.2.20", Name: strings.Repeat("x", 60) + "%h", Wildcards: true}, "long-name")
	if err == nil || !strings.HasPrefix(err.Error(), "preset dpma: <name>: the name ") {
		t.Errorf("a name that is too long: %v", err)
	}
}

func TestPresetsPassLint(t *testing.T) {
	fills := map[string]Fill{
		"dpma":      {Server: "192.0.2.20"},
		"switchvox": {Server: "svx.example.net", Transport: "tls"},
		"firmware":  {URL: "http://192.0.2.10:8080/fw", Version: "2_8_1", Files: []ModelFile{{Model: "D40", Path: "2_8_1_D40_firmware.eff"}}},
	}
	for _, name := range Presets() {
		t.Run(name, func(t *testing.T) {
			g, err := Group(name, fills[name], "pbx")
			if err != nil {
				t.Fatal(err)
			}
			if problems := phones.Lint(g); len(problems) > 0 {
				t.Errorf("%+v", problems)
			}
		})
	}
}

// What is made for a release of firmware has all that phones want.
func TestReleasePassesLint(t *testing.T) {
	r := phones.Release{Version: "2_8_1", Images: []phones.Image{{Path: "2/2_8_1_D40_firmware.eff", Model: "D40"}, {Path: "2/2_8_1_D80_firmware.eff", Model: "D80"}}}
	g, err := Group("firmware", OfRelease(r, "http://192.0.2.10/", ""), "pbx")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"sipUrl=http://192.0.2.10", "firmwareUrl=http://192.0.2.10/", "firmwareVersion=2_8_1", "serviceType=firmware", "D40File=2/2_8_1_D40_firmware.eff"}; !slices.Equal(g.Services[0].TXT, want) {
		t.Errorf("the TXT is %q, want %q", g.Services[0].TXT, want)
	}
	if problems := phones.Lint(g); len(problems) > 0 {
		t.Errorf("what is generated has problems: %+v", problems)
	}
}

// A preset refuses exactly the files, versions and transports that are odd in a definition written by hand.
func TestPresetsAgreeWithLint(t *testing.T) {
	firmware := func(version, model, path string) Fill {
		return Fill{URL: "http://192.0.2.10/", Version: version, Files: []ModelFile{{Model: model, Path: path}}}
	}
	type agreement struct {
		value  string
		preset string
		fill   Fill
		txt    services.TXT
	}
	var tests []agreement
	add := func(version, model, path string) {
		tests = append(tests, agreement{version + " " + model + " " + path, "firmware", firmware(version, model, path), services.TXT{
			"sipUrl=http://192.0.2.10", "firmwareUrl=http://192.0.2.10/", "firmwareVersion=" + version, "serviceType=firmware", model + "File=" + path,
		}})
	}
	for _, path := range []string{
		"a.eff", "eff/a.eff", "a&b.eff", "%41.eff", "büro.eff", "a..eff",
		"", "/a.eff", "//a.eff", "http://192.0.2.10/a.eff", "../a.eff", "..", ".", "./a.eff", "a/../b.eff", "a//b.eff", "a/", "a b.eff", "a\u00a0b.eff", "a\\b.eff", "a?b", "a#b", "%zz",
	} {
		add("2_8_1", "D40", path)
	}
	for _, version := range []string{"2", "2_8_1", "2_0_2_0_7a95f", "2.8.1", "latest", "2_", "_2"} {
		add(version, "D40", "a.eff")
	}
	for _, model := range []string{"D40", "P310", "D80"} {
		add("2_8_1", model, "a.eff")
	}
	for _, transport := range []string{"udp", "tcp", "tls", "sctp", "UDP"} {
		tests = append(tests, agreement{transport, "dpma", Fill{Server: "192.0.2.20", Transport: transport}, services.TXT{
			"sipUrl=sip:proxy@192.0.2.20;transport=" + transport, "serviceType=asterisk",
		}})
	}
	for _, test := range tests {
		t.Run(test.value, func(t *testing.T) {
			_, err := File(test.preset, test.fill)
			if odd := phones.Read(test.txt).Oddities; (err != nil) != (len(odd) > 0) {
				t.Errorf("the preset reports %v; in a definition: %+v", err, odd)
			}
		})
	}
}
