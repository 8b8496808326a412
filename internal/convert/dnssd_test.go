package convert

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"announcer/services"
)

func TestDecodeDNSSD(t *testing.T) {
	const text = `# comment
; comment
 [Service]
  Name = PBX 100%% %x %
Name = \
   # a comment in between
   %H's PBX
Type=_http._tcp
Type=_digiumproxy._udp
Port=80
SubType=_a1
Port=
Port = 5060
Weight=0
TxtText=forgotten
TxtText=
TxtText=path=/a\x41\101\u00e9\U0001F600\s"b c"'d "e"' flag \
	k= "=x" \q \x00 a\\b \"q\'
`
	defs, findings := Decode(DNSSD, "x.dnssd", []byte(text), host)
	checkFindings(t, "a file", findings, nil)
	want := []services.Group{{Name: "%h's PBX", Wildcards: true, Services: []services.Service{with(func(s *services.Service) {
		s.Subtypes = names("_a1._sub._digiumproxy._udp")
		s.TXT = services.TXT{`path=/aAAé😀 b cd "e"`, "flag", "k", "=x", `\q`, `\x00`, `a\b`, `"q'`}
	})}}}
	if diff := cmp.Diff(want, groupsOf(defs), groupOptions); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeDNSSDComplaints(t *testing.T) {
	for _, test := range []struct {
		name string
		text string
		want []string
	}{
		{"empty", "", []string{"error: x.dnssd: Name: the name is empty", "error: x.dnssd: Type: the service has no type"}},
		{"other section", "[Service]\nName=a\nType=_http._tcp\nPort=80\n[Match]\nHost=x\n", []string{"x.dnssd:5: [Match]: warning: systemd knows the section [Service] only"}},
		{"outside of the section", "Name=a\n[Service]\nName=a\nType=_http._tcp\nPort=80\nfoo\n", []string{`x.dnssd:1: warning: "Name=a" is outside of [Service]`, `x.dnssd:6: warning: "foo" is not an assignment`}},
		{"unknown keys", "[Service]\nName=a\nType=_http._tcp\nPort=80\nTxtTest=a=b\nHost=c", []string{
			"x.dnssd:5: TxtTest: warning: systemd has no such key, and it is left out; did you mean TxtText?", "x.dnssd:6: Host: warning: systemd has no such key, and it is left out",
		}},
		{"wrong type and port", "[Service]\nName=a\nType=http\nPort=http\nSubType=a", []string{`error: x.dnssd:3: Type: "http" is not a service type`, `error: x.dnssd:4: Port: "http" is not a port`}},
		{"wrong port and subtype", "[Service]\nName=a\nType=_http._tcp\nPort=70000\nSubType=a", []string{`error: x.dnssd:4: Port: "70000" is not a port`, `error: x.dnssd:5: SubType: "a._sub._http._tcp" is not a subtype`}},
		{"priority and weight", "[Service]\nName=a\nType=_http._tcp\nPriority=1\nWeight=2", []string{
			"x.dnssd: Port: warning: the port is 0", "x.dnssd:4: Priority: warning: announcer publishes 0, not 1", "x.dnssd:5: Weight: warning: announcer publishes 0, not 2",
		}},
		{"unknown specifier", "[Service]\nName=%m\nType=_http._tcp\nPort=80", []string{"error: x.dnssd:2: Name: the specifier %m has no counterpart here"}},
		{"both names of the host", "[Service]\nName=%H %h\nType=_http._tcp\nPort=80", []string{`error: x.dnssd:2: Name: "%H %h" has both %h and %H`}},
		{"escaped percent sign", "[Service]\nName=%H %%h\nType=_http._tcp\nPort=80", []string{`error: x.dnssd:2: Name: "%H %%h" has both %h and %H`}},
		{"two TXT records", "[Service]\nName=a\nType=_http._tcp\nPort=80\nTxtText=a\nTxtData=b=AA==\n", []string{"x.dnssd:6: TxtData: warning: for systemd this line is a separate TXT record"}},
		{"open quote and no Base64", "[Service]\nName=a\nType=_http._tcp\nPort=80\nTxtText=\"a\nTxtData=b=?\n", []string{
			"error: x.dnssd:5: TxtText: a quote is not closed", `error: x.dnssd:6: TxtData: "?" is not Base64`,
		}},
		{"TXT key that is not ASCII", "[Service]\nName=a\nType=_http._tcp\nPort=80\nTxtText=é=1 b=é", []string{`x.dnssd:5: TxtText: warning: systemd leaves "é=1" out`}},
		{"empty TXT string", "[Service]\nName=a\nType=_http._tcp\nPort=80\nTxtText=\"\"", []string{"error: x.dnssd:5: TxtText: the TXT string is empty"}},
		{"TXT string too long", "[Service]\nName=a\nType=_http._tcp\nPort=80\nTxtData=" + strings.Repeat("a", 256), []string{"error: x.dnssd:5: TxtData: the TXT string has 256 bytes"}},
		{"not UTF-8", "[Service]\nName=\xff", []string{"error: x.dnssd: the file is not UTF-8"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			defs, findings := Decode(DNSSD, "x.dnssd", []byte(test.text), host)
			checkFindings(t, test.text, findings, test.want)
			if findings.Err() != nil && defs != nil {
				t.Errorf("definitions in spite of %v", findings)
			}
		})
	}
}
