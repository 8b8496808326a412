package convert

import (
	"strconv"
	"strings"
	"testing"

	"announcer/internal/phones"
)

// TestDPMA reads what DPMA announces, and wants each problem with its place.
func TestDPMA(t *testing.T) {
	const announces = `: service_discovery_enabled: warning: DPMA itself announces "Asterisk": `
	for _, test := range []struct {
		name, text string
		want       string   // name, port and TXT strings of the group; "" if there is none
		findings   []string // begin of each, behind the name of the file
	}{
		{"all keys", "[general]\nservice_discovery_enabled=yes\nservice_name=Front desk\nmdns_address=192.0.2.20\nmdns_port=5061\nmdns_transport=tls\n",
			"Front desk 5061 sipUrl=sip:proxy@192.0.2.20:5061;transport=tls serviceType=asterisk",
			[]string{`2:1: service_discovery_enabled: warning: DPMA itself announces "Front desk": sipUrl=sip:proxy@192.0.2.20:5061;transport=tls serviceType=asterisk; want service_discovery_enabled = no if `}},
		{"few keys", "\n[general]\n  mdns_address = pbx.example.net\n",
			"Asterisk 5060 sipUrl=sip:proxy@pbx.example.net:5060;transport=udp serviceType=asterisk", []string{"2:1" + announces}},
		{"IPv6", "[general]\nmdns_address=2001:db8::20\n",
			"Asterisk 5060 sipUrl=sip:proxy@[2001:db8::20]:5060;transport=udp serviceType=asterisk", []string{"1:1" + announces}},
		{"off", "[general]\nservice_discovery_enabled = No\nmdns_address=192.0.2.20\n", "", nil},
		{"arrows, comments and templates", "; a = b\n;-- [general]\nmdns_port = x --;\n[general](!,base) ; here\nmdns_address => 192.0.2.20;the PBX\nservice_name => A\\;B\n;mdns_port=7\n[phone](general)\nmdns_port=7\ntype=phone\n",
			"A;B 5060 sipUrl=sip:proxy@192.0.2.20:5060;transport=udp serviceType=asterisk", []string{`4:1: service_discovery_enabled: warning: DPMA itself announces "A;B": `}},
		{"other keys", "[general]\nglobalpin=123\nmdns_address=192.0.2.20\nservice_discovery_enabled=off\n", "", nil},

		{"no address", "[general]\nservice_name=A\n", "A 5060 serviceType=asterisk",
			[]string{"1:1: mdns_address: warning: it is not set", `1:1: service_discovery_enabled: warning: DPMA itself announces "A": serviceType=asterisk`}},
		{"no section", "service_name=A\n", "", []string{" there is no section [general]"}},
		{"empty", "", "", []string{" there is no section [general]"}},
		{"neither yes nor no", "[general]\nservice_discovery_enabled=maybe\n", "", []string{`2:1: service_discovery_enabled: "maybe" is neither yes nor no; want one of the two`}},
		{"no port", "[general]\nmdns_address=192.0.2.20\n  mdns_port=sip\n", "", []string{`3:3: mdns_port: "sip" is not a port; want a number from 1 to 65535`}},
		{"no transport", "[general]\nmdns_address=192.0.2.20\nmdns_transport=sctp\n", "", []string{`3:1: mdns_transport: "sctp" is not a transport; want udp, tcp or tls`}},
		{"a port at the address", "[general]\nmdns_address=192.0.2.20:5060\n", "", []string{`2:1: mdns_address: "192.0.2.20:5060" has a port; want it as mdns_port`}},
		{"no host", "[general]\nmdns_address=a b\n", "", []string{`2:1: mdns_address: "a b" is not a host`}},
		{"the phone itself", "[general]\nmdns_address=127.0.0.1\n", "Asterisk 5060 sipUrl=sip:proxy@127.0.0.1:5060;transport=udp serviceType=asterisk",
			[]string{"1:1" + announces, "2:1: mdns_address: 127.0.0.1 means the phone itself to the phone"}},
		{"a name that is too long", "[general]\nmdns_address=192.0.2.20\nservice_name=" + strings.Repeat("x", 64) + "\n", "",
			[]string{`1:1: service_discovery_enabled: warning: DPMA itself announces "x`, "3:1: service_name: "}},
		{"twice", "[general]\nmdns_address=192.0.2.20\nmdns_port=5060\nmdns_port=5062\nservice_discovery_enabled=n\n", "", []string{"4:1: mdns_port: warning: it is also set in line 3; want it once"}},
		{"a mistyped key", "[general]\nservice_discovery_enabled=0\nmdns_adress=192.0.2.20\n", "", []string{"3:1: mdns_adress: warning: DPMA is not known to have this key; did you mean mdns_address?"}},
		{"another file", "[general]\n#include \"more.conf\"\nservice_discovery_enabled=0\n", "", []string{`2:1: warning: "#include \"more.conf\"" is not followed`}},
		{"no assignment", "[general]\nmdns_port 5060\n", "", []string{`2:1: "mdns_port 5060" is not an assignment; want KEY = VALUE`}},
		{"no bracket", "[general\n", "", []string{`1:1: "[general" is not a section; want a closing bracket`}},
		{"not UTF-8", "[general]\nservice_name=\xff\n", "", []string{" the file is not UTF-8"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			const file = "res_digium_phone.conf"
			written := Read(DPMA, file, []byte(test.text), host)
			findings := written.Check(host, phones.Lint)
			got := ""
			for _, p := range written.Publications() {
				s := p.Group.Services[0]
				got = strings.Join(append([]string{p.Group.Name, strconv.Itoa(int(s.Port))}, s.TXT...), " ")
			}
			if got != test.want {
				t.Errorf("it announces %q; want %q", got, test.want)
			}
			for i, f := range findings {
				if i >= len(test.findings) || !strings.HasPrefix(f.String(), file+":"+test.findings[i]) {
					t.Errorf("finding %d is %q; want %q", i, f, test.findings)
				}
			}
			if len(findings) != len(test.findings) {
				t.Errorf("%d findings; want %d: %v", len(findings), len(test.findings), findings)
			}
		})
	}
}
