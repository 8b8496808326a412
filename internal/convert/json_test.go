package convert

import (
	"testing"

	"announcer/services"
)

func TestJSONShape(t *testing.T) {
	defs := []Definition{{Name: "a", Origin: "a.toml", Interfaces: []string{"eth0"}, Group: services.Group{Name: "PBX & <fax> on %h", Wildcards: true, Services: []services.Service{
		with(func(s *services.Service) {
			s.Protocol, s.Subtypes, s.TXT = services.IPv4, names("_a1._sub._digiumproxy._udp"), services.TXT{"a=<b>", "k=\x00\xff", "\xff"}
		}),
	}}}}
	const want = `{
  "version": 1,
  "groups": [
    {
      "name": "PBX & <fax> on %h",
      "replace_wildcards": true,
      "interfaces": [
        "eth0"
      ],
      "services": [
        {
          "type": "_digiumproxy._udp",
          "protocol": "ipv4",
          "subtypes": [
            "_a1._sub._digiumproxy._udp"
          ],
          "port": 5060,
          "txt": [
            "a=<b>",
            {
              "key": "k",
              "base64": "AP8="
            },
            {
              "base64": "/w=="
            }
          ]
        }
      ]
    }
  ]
}
`
	data, findings := EncodeTogether(JSON, defs, host)
	if string(data) != want || len(findings) > 0 {
		t.Errorf("%v\n%s", findings, data)
	}
	if data, _ := EncodeTogether(JSON, nil, host); string(data) != "{\n  \"version\": 1,\n  \"groups\": []\n}\n" {
		t.Errorf("no definitions are\n%s", data)
	}
}

func TestDecodeJSONComplaints(t *testing.T) {
	for _, test := range []struct {
		name string
		text string
		want []string
	}{
		{"no groups", `{"version": 1, "groups": []}`, nil},
		{"cut off", `{`, []string{"error: x.json:1:2: this is not JSON: it ends too early"}},
		{"no version", `{"groups": []}`, []string{"error: x.json:1:1: version: the version of the format is 0; want 1"}},
		{"later version", `{"version": 2, "groups": []}`, []string{"error: x.json:1:2: version: the version of the format is 2; want 1"}},
		{"wrong kinds", `{"version": "1", "groups": {}}`, []string{"error: x.json:1:2: version: this is a string; want a whole number", "error: x.json:1:18: groups: this is a table; want a list in brackets"}},
		{"no service", "{\"version\": 1, \"groups\": [{}]}", []string{"error: x.json:1:27: groups: the group has no service; want at least one"}},
		{"wrong values", "{\"version\": 1, \"groups\": [\n{\"preset\": \"dpma\",\n\"name\": \"a\", \"services\": [{\n\"type\": \"_http._tcp\", \"port\": -1},\n{\"type\": \"http\", \"port\": 1, \"txt\": [\"a\", {\"base64\": \"?\"}]}]}]}", []string{
			`error: x.json:2:2: "preset": unknown key in "groups"; want one of name, replace_wildcards, interfaces, on_conflict, check, services`,
			"error: x.json:4:23: port: -1 is not a port",
			`error: x.json:5:2: type: "http" is not a service type`,
			`error: x.json:5:43: base64: "?" is not Base64`,
		}},
		{"mistyped policy", "{\"version\": 1, \"groups\": [{\"name\": \"a\", \"on_conflict\": \"fial\", \"services\": [{\"type\": \"_http._tcp\", \"port\": 80}]}]}", []string{`error: x.json:1:41: on_conflict: "fial" is not known; did you mean "fail"?`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			defs, findings := Decode(JSON, "x.json", []byte(test.text), host)
			checkFindings(t, test.text, findings, test.want)
			if findings.Err() != nil && defs != nil {
				t.Errorf("definitions in spite of %v", findings)
			}
		})
	}
}
