package fleet

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/phones"
	"announcer/internal/remote"
	"announcer/internal/source"
	"announcer/internal/status"
)

// TestNewPresence wants each part of a presence to be taken from the status.
func TestNewPresence(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	asker := func(address, mac string, ago time.Duration, typ dnsname.Name, own bool) phones.Asker {
		return phones.Asker{Host: netip.MustParseAddr(address), MAC: mac, Last: now.Add(-ago), Type: typ, Own: own}
	}
	phone, printer := phones.ServiceType, dnsname.MustParse("_ipp._tcp")
	const place = "etcd://etcd.example.net/announcer/sites/berlin/"
	s := status.Status{
		Time: now, Problems: []string{"no link"}, Daemon: status.Daemon{Version: "1.2", Started: now},
		Services: []status.Service{
			{Name: "PBX", Type: phone, Links: []status.OnLink{{Link: "eth0", State: mdns.Announced}, {Link: "eth1", State: mdns.StandingBy}}},
			{Name: "Firmware", Type: phone, Links: []status.OnLink{{Link: "eth0", State: mdns.Probing}}},
		},
		Sources: []source.PlaceStatus{{Name: "/etc/announcer/services"}, {Name: "etcd://etcd.example.net/announcer/common/", Server: &remote.State{Revision: "9"}}, {Name: place, Server: &remote.State{Revision: "7"}}},
		Files: status.Files{
			Refusals: []source.Refusal{{File: place + "a.service", Since: now}},
			Findings: diag.Findings{{File: place + "a.service", Severity: diag.Warning, Text: "hm"}, {File: place + "a.service", Line: 3, Severity: diag.Error, Text: "no"}},
		},
		Asked: status.Asked{Hosts: []phones.Asker{
			asker("192.0.2.1", "00:0f:d3:00:00:01", time.Hour, phone, false), asker("2001:db8::1", "00:0f:d3:00:00:01", time.Minute, phone, false),
			asker("192.0.2.2", "", time.Hour, phone, false), asker("192.0.2.3", "", 25*time.Hour, phone, false),
			asker("192.0.2.4", "", time.Hour, printer, false), asker("192.0.2.5", "", time.Hour, phone, true),
		}},
		Foreign: []mdns.Foreign{
			{Name: "Other", Type: phone, Link: "eth0", From: netip.MustParseAddr("192.0.2.9"), MAC: "00:00:5e:00:53:01"},
			{Name: "Printer", Type: printer, Link: "eth0", From: netip.MustParseAddr("192.0.2.10")},
		},
	}
	want := Presence{
		Version: status.Version, Site: "berlin", Host: "pbx", Daemon: Daemon{"1.2", now}, Revision: 7, Common: 9, Settled: false,
		Services: Services{Defined: 2, Announced: 1, Names: []string{"PBX"}}, Phones: 2,
		Refused: []Refused{{File: place + "a.service", Since: now, Why: place + "a.service:3: no"}},
		Others:  []Other{{"Other", "eth0", "192.0.2.9", "00:00:5e:00:53:01"}}, Problems: []string{"no link"},
	}
	if got := NewPresence("berlin", "pbx", place, s); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}
