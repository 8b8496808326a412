package health

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"announcer/internal/dnsname"
	"announcer/internal/publication"
	"announcer/services"
)

var (
	digium   = dnsname.MustParse("_digiumproxy._udp")
	web      = dnsname.MustParse("_http._tcp")
	firmware = services.Service{Type: digium, Port: 80, TXT: services.TXT{
		"sipUrl=http://192.0.2.10", "firmwareUrl=http://192.0.2.10/", "firmwareVersion=2_8_1", "serviceType=firmware",
		"D40File=eff/2_8_1_D40_firmware.eff", "D65File=eff/2_8_1_D65_firmware.eff",
	}}
	dpma = services.Service{Type: digium, Port: 5060, TXT: services.TXT{"sipUrl=sip:proxy@192.0.2.20:5060;transport=tcp", "serviceType=asterisk"}}
)

func published(check publication.Check, s ...services.Service) publication.Publication {
	return publication.Publication{ID: "x.service", Check: check, Group: services.Group{Name: "x", Services: s}}
}

func TestPlan(t *testing.T) {
	files := "file http://192.0.2.10/eff/2_8_1_D40_firmware.eff | file http://192.0.2.10/eff/2_8_1_D65_firmware.eff"
	at := func(typ string, port uint16, txt ...string) services.Service {
		return services.Service{Type: dnsname.MustParse(typ), Port: port, TXT: txt}
	}
	printer := services.Service{Type: dnsname.MustParse("_ipp._tcp"), Port: 631, Host: dnsname.MustParse("printer.example.com")}
	known := printer
	known.Addresses = []netip.Addr{netip.MustParseAddr("192.0.2.30"), netip.MustParseAddr("2001:db8::30")}
	for _, test := range []struct {
		name string
		p    publication.Publication
		want string // parts behind each other; or the error
	}{
		{"off", published(publication.NoCheck, firmware), ""},
		{"auto: firmware", published(publication.CheckAuto, firmware), files},
		{"auto: a SIP server", published(publication.CheckAuto, dpma), "options sip:proxy@192.0.2.20:5060;transport=tcp"},
		{"auto: TCP on this host", published(publication.CheckAuto, at("_ssh._tcp", 22)), "connect localhost:22"},
		{"auto: TCP on another host", published(publication.CheckAuto, printer), "connect printer.example.com:631"},
		{"auto: TCP at addresses", published(publication.CheckAuto, known), "connect 192.0.2.30:631 | connect [2001:db8::30]:631"},
		{"auto: both", published(publication.CheckAuto, dpma, firmware), "options sip:proxy@192.0.2.20:5060;transport=tcp; " + files},
		{"auto: UDP without a URL", published(publication.CheckAuto, at("_x._udp", 1)),
			`error: "auto" can't be done for _x._udp: there is nothing to ask: it has no sipUrl and no firmwareUrl, and is not of TCP; want "tcp", "http" or "sip"`},
		{"tcp", published(publication.CheckTCP, dpma), "connect localhost:5060"},
		{"tcp without a port", published(publication.CheckTCP, at("_x._tcp", 0)), `error: "tcp" can't be done for _x._tcp: it has no port; want one`},
		{"http: firmware", published(publication.CheckHTTP, firmware), files},
		{"http: a page", published(publication.CheckHTTP, at("_http._tcp", 8080, "path=/a b")), "page http://localhost:8080/a%20b"},
		{"http: HTTPS", published(publication.CheckHTTP, at("_https._tcp", 443)), "page https://localhost:443/"},
		{"http without a port", published(publication.CheckHTTP, at("_http._tcp", 0)), `error: "http" can't be done for _http._tcp: it has no port; want one`},
		{"sip: sipUrl", published(publication.CheckSIP, dpma), "options sip:proxy@192.0.2.20:5060;transport=tcp"},
		{"sip: UDP at the port", published(publication.CheckSIP, at("_sip._udp", 5060)), "options sip:localhost:5060;transport=udp"},
		{"sip: TCP at the port", published(publication.CheckSIP, at("_sip._tcp", 5060)), "options sip:localhost:5060;transport=tcp"},
		{"sip: TLS at the port", published(publication.CheckSIP, at("_sips._tcp", 5061)), "options sip:localhost:5061;transport=tls"},
		{"sip: no URL", published(publication.CheckSIP, firmware),
			`error: "sip" can't be done for _digiumproxy._udp: sipUrl: "http://192.0.2.10" is not a SIP URL; want one such as sip:proxy@192.0.2.20:5060;transport=udp`},
		{"auto: the serviceType decides", published(publication.CheckAuto, at("_digiumproxy._udp", 5060, append(services.TXT{"firmwareUrl=http://192.0.2.10/"}, dpma.TXT...)...)),
			"options sip:proxy@192.0.2.20:5060;transport=tcp"},
		{"auto: a key in small letters", published(publication.CheckAuto, at("_digiumproxy._udp", 80, "firmwareUrl=http://192.0.2.10/", "d40file=x.eff", "logoFile=logo.png")),
			"file http://192.0.2.10/x.eff"},
		{"auto: no file of a model", published(publication.CheckAuto, at("_digiumproxy._udp", 80, "firmwareUrl=http://192.0.2.10/", "logoFile=logo.png")),
			`error: "auto" can't be done for _digiumproxy._udp: it has firmwareUrl and no file that a phone loads; want one such as D65File=2_8_1_D65_firmware.eff`},
	} {
		t.Run(test.name, func(t *testing.T) {
			parts, err := Plan(test.p)
			got := text(parts)
			if err != nil {
				got = "error: " + err.Error()
			}
			if got != test.want {
				t.Errorf("%s\nwant %s", got, test.want)
			}
		})
	}
}

func text(parts []Part) string {
	var words []string
	for _, part := range parts {
		var probes []string
		for _, p := range part {
			probes = append(probes, fmt.Sprint([]string{"connect", "file", "page", "options"}[p.Method], " ", p))
		}
		words = append(words, strings.Join(probes, " | "))
	}
	return strings.Join(words, "; ")
}
