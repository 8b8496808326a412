package config

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"announcer/internal/dnsname"
	"announcer/internal/publication"
	"announcer/services"
)

func TestEncodeTOML(t *testing.T) {
	publications := []publication.Publication{
		{ID: `x: group "A \"b\" \\\x01\n\x7fé"`, Group: services.Group{Name: "A \"b\" \\\x01\n\x7fé", Services: []services.Service{{Type: dnsname.MustParse("_http._tcp"), Port: 80}}}},
		{
			ID: `x: group "PBX on %h"`, Interfaces: []string{"eth0", "vlan*"}, OnConflict: publication.Standby, Check: publication.CheckTCP,
			Group: services.Group{Name: "PBX on %h", Wildcards: true, Services: []services.Service{
				{
					Type: dnsname.MustParse(`_a\.b\\c._udp`), Protocol: services.IPv4, Subtypes: []dnsname.Name{dnsname.MustParse("_x1._sub._a1._udp"), dnsname.MustParse("_x2._sub._a1._udp")},
					Domain: dnsname.MustParse("example.com"), Host: dnsname.MustParse("sw.example.com"), Port: 65535,
					Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.20"), netip.MustParseAddr("2001:db8::20")},
					TXT:       services.TXT{"k=v", "=", "flag", "bin=\x00\xff", "\xff", "=\xff", "\xff=\xff", "tab\tand\x00nul", "k="},
				},
				{Type: dnsname.MustParse("_http._tcp"), Port: 8080, TXT: services.TXT{"a"}},
			}},
		},
	}
	const want = `[[group]]
name = "A \"b\" \\\u0001\n\u007Fé"

[[group.service]]
type = "_http._tcp"
port = 80

[[group]]
name = "PBX on %h"
replace_wildcards = true
interfaces = ["eth0", "vlan*"]
on_conflict = "standby"
check = "tcp"

[[group.service]]
type = "_a\\.b\\\\c._udp"
protocol = "ipv4"
subtypes = ["_x1._sub._a1._udp", "_x2._sub._a1._udp"]
domain = "example.com"
host = "sw.example.com"
addresses = ["192.0.2.20", "2001:db8::20"]
port = 65535
txt = [
  "k=v",
  "=",
  "flag",
  { key = "bin", base64 = "AP8=" },
  { base64 = "/w==" },
  { base64 = "Pf8=" },
  { base64 = "/z3/" },
  "tab\tand\u0000nul",
  "k=",
]

[[group.service]]
type = "_http._tcp"
port = 8080
txt = [
  "a",
]
`
	var raw []RawGroup
	for _, p := range publications {
		raw = append(raw, NewRawGroup(p))
	}
	got := string(EncodeTOML(raw))
	compare(t, want, got)
	cfg, findings := checked("x", []byte(got), "testhost") // which warn of the control characters
	if err := findings.Err(); err != nil {
		t.Fatal(err)
	}
	compare(t, publications, cfg.Groups)
}

func TestTXTInJSON(t *testing.T) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode([]RawTXT{NewRawTXT("a=<b>&c"), NewRawTXT("k=\x00\xff"), NewRawTXT("\xff")}); err != nil {
		t.Fatal(err)
	}
	compare(t, `["a=<b>&c",{"key":"k","base64":"AP8="},{"base64":"/w=="}]`+"\n", b.String())
}
