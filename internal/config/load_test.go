package config

import (
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/internal/health"
	"announcer/internal/publication"
	"announcer/internal/remote"
	"announcer/services"
)

const examples = "../../examples/"

// load returns the configuration of a text that has no mistake.
func load(t *testing.T, file, text string) Config {
	t.Helper()
	cfg, findings := checked(file, []byte(text), "testhost")
	if len(findings) > 0 {
		t.Fatalf("%s: %v", file, findings)
	}
	return cfg
}

func example(t *testing.T, file string) Config {
	t.Helper()
	data, err := os.ReadFile(examples + file)
	if err != nil {
		t.Fatal(err)
	}
	return load(t, file, string(data))
}

func compare(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(dnsname.Name{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestEmpty(t *testing.T) {
	compare(t, Default(), load(t, "announcer.toml", ""))
	want := Config{Services: []string{"/etc/announcer/services", "/run/announcer/services", "/usr/lib/announcer/services"}, Engine: "native", LogLevel: "info", LogFormat: "text",
		Check: health.Settings{Interval: 10 * time.Second, Timeout: 3 * time.Second, Down: 3, Up: 2}, Remote: remote.Settings{Cache: "/var/lib/announcer"}}
	compare(t, want, Default())
}

func TestReference(t *testing.T) {
	cfg := example(t, "announcer.toml")
	daemon := cfg
	daemon.Groups, daemon.Rules = nil, nil
	daemon.Interfaces, daemon.InterfacesDeny = nil, nil // written as []
	compare(t, Default(), daemon)

	fail, auto := publication.Fail, publication.CheckAuto
	compare(t, []Rule{{
		Match: []string{"firmware-*.service", "staging.service"}, Type: dnsname.MustParse("_digiumproxy._udp"),
		Interfaces: []string{"vlan20"}, OnConflict: &fail, Check: &auto,
		Line: 186, Column: 1,
	}}, cfg.Rules)
	if len(cfg.Groups) != 3 {
		t.Fatalf("%d groups; want 3", len(cfg.Groups))
	}
	compare(t, publication.Publication{
		ID:         `announcer.toml: group "Workshop printer at %h"`,
		Interfaces: []string{"eth0", "vlan*"},
		OnConflict: publication.Standby,
		Group: services.Group{Name: "Workshop printer at %h", Wildcards: true, Services: []services.Service{{
			Type: dnsname.MustParse("_ipp._tcp"), Subtypes: []dnsname.Name{dnsname.MustParse("_universal._sub._ipp._tcp")},
			Domain: dnsname.Local, Host: dnsname.MustParse("printer.local"), Port: 631,
			Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.30"), netip.MustParseAddr("2001:db8::30")},
			TXT:       services.TXT{"rp=printers/workshop", "id=\x00\x01\x02\xff", "\xfe\xff"},
		}}},
	}, cfg.Groups[0])
	compare(t, services.TXT{
		"sipUrl=http://192.0.2.10", "firmwareUrl=http://192.0.2.10/", "firmwareVersion=2_8_1", "serviceType=firmware",
		"D40File=eff/2_8_1/2_8_1_D40_firmware.eff", "D65File=eff/2_8_1/2_8_1_D65_firmware.eff",
	}, cfg.Groups[2].Group.Services[0].TXT)
}

func TestReferenceHasEveryKey(t *testing.T) {
	data, err := os.ReadFile(examples + "announcer.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []any{rawDaemon{}, rawRemote{}, RawGroup{}, RawService{}, RawTXT{}, rawRule{}} {
		t.Run(reflect.TypeOf(raw).Name(), func(t *testing.T) {
			for i := range reflect.TypeOf(raw).NumField() {
				key := reflect.TypeOf(raw).Field(i).Tag.Get("toml")
				if key != "-" && !strings.Contains(string(data), key+" = ") && !strings.Contains(string(data), "."+key+"]]") {
					t.Errorf("the key %s is not there", key)
				}
			}
		})
	}
}

func TestMinimal(t *testing.T) {
	cfg := example(t, "announcer-minimal.toml")
	compare(t, []publication.Publication{{
		ID: `announcer-minimal.toml: group "DPMA at 192.0.2.20"`,
		Group: services.Group{Name: "DPMA at 192.0.2.20", Services: []services.Service{{
			Type: dnsname.MustParse("_digiumproxy._udp"), Port: 5060,
			TXT: services.TXT{"sipUrl=sip:proxy@192.0.2.20:5060;transport=udp", "serviceType=asterisk"},
		}}},
	}}, cfg.Groups)
}

func TestDirectories(t *testing.T) {
	cfg := load(t, "/srv/announcer/announcer.toml", `daemon.services = [".", "sites", "../x", "/abs", "https://192.0.2.10/sites/berlin.toml?v=1"]`)
	compare(t, []string{"/srv/announcer", "/srv/announcer/sites", "/srv/x", "/abs", "https://192.0.2.10/sites/berlin.toml?v=1"}, cfg.Services)
	compare(t, []string{"sites"}, load(t, "announcer.toml", `daemon.services = "sites"`).Services)
	if cfg := load(t, "announcer.toml", `daemon.services = []`); len(cfg.Services) > 0 {
		t.Errorf("the directories are %q; want none", cfg.Services)
	}
}

func TestDaemon(t *testing.T) {
	compare(t, Config{
		Services: DefaultServices(), Interfaces: []string{"eth*"}, InterfacesDeny: []string{"eth1", "eth2"}, Host: "Büro",
		Engine: "zeroconf", OnConflict: publication.Fail, Poll: 1500 * time.Millisecond, LogLevel: "debug", LogFormat: "json",
		Check:  health.Settings{Interval: time.Minute, Timeout: 500 * time.Millisecond, Down: 1, Up: 100},
		Remote: remote.Settings{CA: "/etc/ca.pem", Cert: "tls/cert.pem", Key: "tls/key.pem", User: "berlin", PasswordFile: "/etc/password", Cache: "/srv/cache"},
	}, load(t, "x", `
[remote]
ca = "/etc/ca.pem"
cert = "tls/cert.pem"
key = "tls/key.pem"
user = "berlin"
password_file = "/etc/password"
cache = "/srv/cache"

[daemon]
interfaces = "eth*"
interfaces_deny = ["eth1", "eth2"]
poll = "1.5s"
engine = "zeroconf"
host = "Büro"
on_conflict = "fail"
log_level = "debug"
log_format = "json"
check_interval = "1m"
check_timeout = "500ms"
check_down = 1
check_up = 100
`))
}

func TestGroups(t *testing.T) {
	cfg := load(t, "x", `
daemon.on_conflict = "fail"
daemon.host = "`+strings.Repeat("x", 50)+`"

[[group]]
name = "A"
service = [{ type = "_http._tcp", protocol = "ipv6", port = 80, txt = "one" }]

[[group]]
name = "A"
on_conflict = "rename"
service = [{ type = "_http._tcp", port = 81, txt = [{ key = "k", base64 = "" }] }]

[[group]]
name = "PBX on %h"
replace_wildcards = true
check = "sip"
preset = "switchvox"
server = "[2001:db8::20]:5061"
transport = "tls"
`)
	compare(t, []publication.Publication{
		{ID: `x: group "A"`, OnConflict: publication.Fail, Group: services.Group{Name: "A", Services: []services.Service{
			{Type: dnsname.MustParse("_http._tcp"), Protocol: services.IPv6, Port: 80, TXT: services.TXT{"one"}},
		}}},
		{ID: `x: group "A" (2)`, OnConflict: publication.Rename, Group: services.Group{Name: "A", Services: []services.Service{
			{Type: dnsname.MustParse("_http._tcp"), Port: 81, TXT: services.TXT{"k="}},
		}}},
		{ID: `x: group "PBX on %h"`, OnConflict: publication.Fail, Check: publication.CheckSIP, Group: services.Group{Name: "PBX on %h", Wildcards: true, Services: []services.Service{{
			Type: dnsname.MustParse("_digiumproxy._udp"), Port: 5061,
			TXT: services.TXT{"sipUrl=sip:proxy@[2001:db8::20]:5061;transport=tls", "serviceType=switchvox"},
		}}}},
	}, cfg.Groups)
}

func TestHostOfTheFileCounts(t *testing.T) {
	text := "[daemon]\nhost = \"" + strings.Repeat("x", 40) + "\"\n[[group]]\nname = \"" + strings.Repeat("y", 30) + "%h\"\nreplace_wildcards = true\npreset = \"dpma\"\nserver = \"192.0.2.20\""
	if _, findings := checked("x", []byte(text), "h"); findings.Err() == nil {
		t.Error("a name of 70 bytes on that host has no error")
	}
}

func TestWarning(t *testing.T) {
	_, findings := checked("x", []byte("[[group]]\nname = 'A'\n[[group.service]]\ntype = '_http._tcp'"), "h")
	if len(findings) != 1 || findings.Err() != nil || findings[0].Line != 3 || findings[0].Element != "port" {
		t.Errorf("want one warning, of the port in line 3: %v", findings)
	}
}

func TestOverlay(t *testing.T) {
	cfg := load(t, "x", `
daemon.on_conflict = "fail"

[[rule]]
match = "special.service"
on_conflict = "rename"

[[rule]]
match = ["special*", "fw-?.service"]
interfaces = "vlan20"
on_conflict = "standby"
check = "http"

[[rule]]
type = "_DigiumProxy._UDP"
match = "*"
interfaces = "vlan10"
check = "off"

[[rule]]
match = "free.service"
interfaces = []
`)
	phones := services.Group{Services: []services.Service{{Type: dnsname.MustParse("_http._tcp")}, {Type: dnsname.MustParse("_digiumproxy._udp")}}}
	web := services.Group{Services: phones.Services[:1]}
	for _, test := range []struct {
		name       string
		id         string
		group      services.Group
		interfaces []string
		policy     publication.Policy
		check      publication.Check
	}{
		{"no rule", "/etc/announcer/services/other.service", web, nil, publication.Fail, publication.NoCheck},
		{"rule by type", "/etc/announcer/services/other.service", phones, []string{"vlan10"}, publication.Fail, publication.NoCheck},
		{"rule by name", "special.service", web, []string{"vlan20"}, publication.Rename, publication.CheckHTTP},
		{"rules by glob and by type", "special-2.service", phones, []string{"vlan20"}, publication.Standby, publication.CheckHTTP},
		{"rule with a question mark", "fw-1.service", web, []string{"vlan20"}, publication.Standby, publication.CheckHTTP},
		{"question mark is one character", "fw-12.service", web, nil, publication.Fail, publication.NoCheck},
		{"no interfaces by name", "free.service", web, []string{}, publication.Fail, publication.NoCheck},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := cfg.Overlay(publication.Publication{ID: test.id, Group: test.group})
			compare(t, publication.Publication{ID: test.id, Group: test.group, Interfaces: test.interfaces, OnConflict: test.policy, Check: test.check}, got)
		})
	}
}

func TestEngines(t *testing.T) {
	if engines := publication.Engines(); len(engines) == 0 || engines[0] != Default().Engine {
		t.Errorf("the engines are %q; want the default first", engines)
	}
}

func FuzzLoad(f *testing.F) {
	for _, file := range []string{"announcer.toml", "announcer-minimal.toml", "more/two-sites/announcer.toml"} {
		data, err := os.ReadFile(examples + file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		cfg, findings := checked("x", data, "host")
		if findings.Err() != nil {
			return
		}
		for _, p := range cfg.Groups {
			for _, problem := range p.Group.Check("host") {
				if cfg.Host == "" && problem.Severity != 0 {
					t.Errorf("a group with an error passes: %s", problem.Text)
				}
			}
		}
	})
}

// The page and the metrics are on the loopback unless another address is named.
func TestHTTPAddress(t *testing.T) {
	for _, test := range []struct {
		name, text, want string
		public           bool
	}{
		{"none", "", "", false},
		{"port", "9353", "127.0.0.1:9353", false},
		{"port behind a colon", ":9353", "127.0.0.1:9353", false},
		{"IPv6", "[::1]:9353", "[::1]:9353", false},
		{"name", "localhost:9353", "localhost:9353", false},
		{"another loopback address", "127.8.8.8:9353", "127.8.8.8:9353", false},
		{"a loopback address in IPv6", "[::ffff:127.0.0.1]:9353", "[::ffff:127.0.0.1]:9353", false},
		{"every address", "0.0.0.0:9353", "0.0.0.0:9353", true},
		{"every address in IPv6", "[::]:9353", "[::]:9353", true},
		{"an address", "192.0.2.1:9353", "192.0.2.1:9353", true},
		{"an address of a link", "[fe80::1%eth0]:9353", "[fe80::1%eth0]:9353", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg, findings := checked("x.toml", []byte("[daemon]\nhttp = \""+test.text+"\"\n"), "pbx")
			var want diag.Findings
			if test.public {
				want = diag.Findings{{File: "x.toml", Line: 2, Column: 1, Element: "http", Severity: diag.Warning, Code: "config/public", Text: fmt.Sprintf(
					`%q is public: every host that reaches it can read the page; want "9353", on the loopback, unless a firewall admits only those who may`, test.text)}}
			}
			if cfg.HTTP != test.want || !slices.Equal(findings, want) {
				t.Errorf("%q, want %q; %v, want %v", cfg.HTTP, test.want, findings, want)
			}
		})
	}
}

// checked reads a configuration and checks it for a host.
func checked(file string, data []byte, host string) (Config, diag.Findings) {
	cfg, written := Load(file, data)
	return cfg, written.Check(host)
}
