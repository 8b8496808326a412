package convert

import (
	"announcer/internal/diag"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"announcer/internal/dnsname"
	"announcer/services"
)

func TestDecodeZone(t *testing.T) {
	const text = `; a zone as name servers have it
$ORIGIN example.com.
$TTL 3600
@	IN	SOA	ns hostmaster 1 2 3 4 5
	IN	NS	ns
b._dns-sd._udp	PTR	@
_services._dns-sd._udp	PTR	_http._tcp
_http._tcp	PTR	Front\032desk\.1._http._tcp
_a1._sub._http._tcp PTR	Front\032desk\.1._http._tcp
_a2._sub._other._udp PTR	Front\032desk\.1._http._tcp
Front\ desk\.1._HTTP._tcp	( SRV 0 0 80
	www )
Front\032desk\.1._http._tcp	TXT	"path=/a b" x "quote\"back\\slash\255"
Front\032desk\.1._ipp._tcp	60 IN SRV 1 2 631 TestHost.local.
www	A	192.0.2.1
www	AAAA	2001:db8::1
www	A	192.0.2.2
mail	A	192.0.2.3
_sip._udp	SRV	0 0 5060 www
lone._http._tcp PTR gone._http._tcp
`
	defs, findings := Decode(Zone, "x.zone", []byte(text), host)
	checkFindings(t, "a zone", findings, []string{
		"x.zone:6: PTR: warning: b._dns-sd._udp.example.com is not part of a service here; it is left out",
		"x.zone:14: SRV: warning: announcer publishes priority 0 and weight 0, not 1 and 2",
		"x.zone:18: A: warning: mail.example.com is not part",
		"x.zone:19: SRV: warning: _sip._udp.example.com is not part",
		"x.zone:20: PTR: warning: lone._http._tcp.example.com is not part",
	})
	domain := dnsname.MustParse("example.com")
	want := []services.Group{group("Front desk.1",
		services.Service{
			Type: dnsname.MustParse("_HTTP._tcp"), Domain: domain, Port: 80, Host: dnsname.MustParse("www.example.com"),
			Subtypes:  names("_a1._sub._http._tcp", "_a2._sub._other._udp"),
			TXT:       services.TXT{"path=/a b", "x", "quote\"back\\slash\xff"},
			Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.2")},
		},
		services.Service{Type: dnsname.MustParse("_ipp._tcp"), Domain: domain, Port: 631},
	)}
	if diff := cmp.Diff(want, groupsOf(defs), groupOptions); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeZoneComplaints(t *testing.T) {
	const a = "a._http._tcp.local. 0 IN "
	for _, test := range []struct {
		name string
		text string
		want []string
	}{
		{"empty", "", nil},
		{"no record", "\n\na b c\n", []string{"error: x.zone:3: this is not a zone file: "}},
		{"relative name", "a SRV 0 0 80 www\n", []string{"error: x.zone:1: this is not a zone file: "}},
		{"include", "$INCLUDE /etc/passwd\n", []string{"error: x.zone:1: this is not a zone file: $INCLUDE directive not allowed"}},
		{"root", a + "SRV 0 0 80 .\n", []string{`error: x.zone:1: SRV: "." is the root`}},
		{"two SRV records", a + "SRV 0 0 80 www\\046a.local.\n" + a + "SRV 0 0 81 testhost.local.\n", []string{
			"x.zone:1: warning: no address is published for www\\.a.local", "error: x.zone:2: SRV: a._http._tcp.local has an SRV record in line 1 already; want one",
		}},
		{"two TXT records", a + "SRV 0 0 80 testhost.local.\n" + a + "TXT a\n" + a + "TXT b\n", []string{"error: x.zone:3: TXT: a._http._tcp.local has a TXT record in line 2 already; want one"}},
		{"empty TXT string", a + "SRV 0 0 80 testhost.local.\n" + a + "TXT a \"\"\n", []string{"error: x.zone:1: the TXT string is empty"}},
		{"other class", a + "SRV 0 0 80 testhost.local.\n" + strings.Replace(a, "IN", "CH", 1) + "TXT a\n", []string{"x.zone:2: TXT: warning: a._http._tcp.local is not part"}},
		{"SRV of another class", strings.Replace(a, "IN", "CH", 1) + "SRV 0 0 80 testhost.local.\n", []string{"x.zone:1: SRV: warning: a._http._tcp.local is not part"}},
		{"instance not UTF-8", "\\255" + a + "SRV 0 0 80 testhost.local.\n", []string{"error: is not UTF-8"}},
		{"domain not UTF-8", "a._http._tcp.\\255.local. SRV 0 0 80 testhost.local.\n", []string{`error: x.zone:1: SRV: "\\255.local" is not a domain`}},
		{"too many addresses", a + "SRV 0 0 80 many.local.\n$GENERATE 0-100 many.local. A 192.0.2.$\n", []string{"error: x.zone:2: many.local has more than 100 addresses", "x.zone:2: A: warning: many.local is not part"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, findings := Decode(Zone, "x.zone", []byte(test.text), host)
			checkFindings(t, test.text, findings, test.want)
		})
	}
}

func TestZoneIsBounded(t *testing.T) {
	start := time.Now()
	text := strings.Repeat("$GENERATE 0-65535 a$.local. SRV 0 0 1 b.local.\n", 20)
	_, findings := Decode(Zone, "x.zone", []byte(text), host)
	if len(findings) != diag.MaxFindings+2 || findings.Err() == nil || !strings.Contains(findings.Err().Error(), "more than 50000 records") {
		t.Errorf("%d findings, %v", len(findings), findings.Err())
	}
	if taken := time.Since(start); taken > 20*time.Second {
		t.Errorf("it took %v", taken)
	}
}
