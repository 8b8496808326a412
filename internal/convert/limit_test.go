package convert

import (
	"strings"
	"testing"
)

// Every format says how many findings it does not show.
func TestFindingsBeyondTheLimit(t *testing.T) {
	texts := map[Format]string{
		Avahi: "<service-group><name>a</name><service><type>_http._tcp</type><port>1</port></service>" + strings.Repeat("<x/>", 123) + "</service-group>",
		TOML:  strings.Repeat("[[group]]\nname = 1\n[[group.service]]\nport = 1\ntype = '_http._tcp'\n", 123),
		JSON:  `{"version": 1, "groups": [` + strings.Repeat(`{"x": 1, "name": "a", "services": [{"type": "_http._tcp", "port": 1}]},`, 122) + `{"x": 1, "name": "a", "services": [{"type": "_http._tcp", "port": 1}]}]}`,
		DNSSD: "[Service]\nName=a\nType=_http._tcp\n" + strings.Repeat("Port=x\n", 123),
		Zone:  strings.Repeat("a._http._tcp.local. 1 IN SRV 0 0 1 b.example.com.\n", 124),
	}
	for _, name := range Formats() {
		t.Run(name, func(t *testing.T) {
			text, ok := texts[Format(name)]
			if !ok {
				t.Fatal("there is no text with 123 errors of this format; want one")
			}
			_, findings := Decode(Format(name), "x", []byte(text), "pbx")
			if len(findings) != 101 || findings[100].Text != "and 23 more errors; the first 100 are shown" || findings.Count() != 123 {
				t.Errorf("%d findings of %d, the last is %v", len(findings), findings.Count(), findings[max(0, len(findings)-1):])
			}
		})
	}
}
