package web

import (
	"flag"
	"fmt"
	"math"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/internal/health"
	"announcer/internal/mdns"
	"announcer/internal/phones"
	"announcer/internal/source"
	"announcer/internal/status"
	"announcer/internal/testkit/browser"
)

var screenshots = flag.String("screenshots", "", "write the screenshots to this `directory`")

// screenshotMost is the size in bytes of the largest screenshot, so that documents can show it.
const screenshotMost = 200_000

var phoneType = dnsname.MustParse("_digiumproxy._udp")

// site is the state of a server with forty phones on two links.
func site() status.Status {
	now := began.Add(9 * 24 * time.Hour)
	s := status.Status{
		Version: status.Version, Time: now, Healthy: true, Reload: status.Reload{OK: true, Time: now.Add(-3 * time.Hour), Changes: source.Changes{Changed: []string{"dpma.service"}}},
		Daemon: status.Daemon{Version: "1.0.0", PID: 734, Started: began, Engine: "native", Host: "pbx1"},
		Links: []status.Link{
			{Name: "eth0", Used: true, Addresses: []netip.Addr{netip.MustParseAddr("10.1.2.5"), netip.MustParseAddr("2001:db8:12::5")},
				Traffic: mdns.LinkTraffic{Heard: now.Add(-9 * time.Second), Received: 48_211, Answers: 3_902, Unicasts: 611}},
			{Name: "vlan20", Used: true, Addresses: []netip.Addr{netip.MustParseAddr("10.1.20.5")},
				Traffic: mdns.LinkTraffic{Heard: now.Add(-40 * time.Second), Received: 9_870, Answers: 1_207, Unicasts: 95}},
			{Name: "docker0", Why: "it is named like a container's"},
		},
		Sources: []source.PlaceStatus{{Name: "/etc/announcer/announcer.toml"}, {Name: "/etc/announcer/services", Files: 2}},
	}
	for i, name := range []string{"Front office PBX", "Firmware 2_8_1"} {
		service := status.Service{File: "/etc/announcer/services/" + []string{"dpma.service", "firmware.toml"}[i], Name: name, Type: phoneType, Port: []uint16{5060, 80}[i],
			Check: &status.Check{Kind: []string{"sip", "http"}[i], State: health.Up, Since: began.Add(time.Second)}}
		for _, link := range s.Links[:2] {
			service.Links = append(service.Links, status.OnLink{Link: link.Name, State: mdns.Announced, Since: began.Add(2 * time.Second)})
		}
		s.Services = append(s.Services, service)
	}
	for i := range 40 {
		link, address := "eth0", netip.AddrFrom4([4]byte{10, 1, 2, byte(31 + i)})
		if i%4 == 3 {
			link, address = "vlan20", netip.AddrFrom4([4]byte{10, 1, 20, byte(31 + i)})
		}
		count := uint64(3 + i*7%11)
		s.Asked.Hosts = append(s.Asked.Hosts, phones.Asker{Host: address, Link: link, Type: phoneType, MAC: fmt.Sprintf("00:0f:d3:4a:%02x:%02x", 16+i%5, i*37%256), Vendor: "Digium", Model: []string{"D40", "D65", "D50"}[i%3], Firmware: "2_8_1",
			First: now.Add(-time.Duration(8*24-i) * time.Hour), Last: now.Add(-time.Duration(i*i*9+12) * time.Second), Count: count, Answered: count})
	}
	for i := range 60 {
		questions := uint64(6 + 5*math.Sin(float64(i)/5) + float64(i*i*31%7))
		if i > 33 && i < 39 {
			questions += uint64(30 - 9*(i-36)*(i-36)/2)
		}
		s.History = append(s.History, status.Minute{Time: now.Add(time.Duration(i-60) * time.Minute), Questions: questions, Answers: questions * 3 / 5})
	}
	return s
}

// siteInTrouble is the same server with most of what can go wrong.
func siteInTrouble() status.Status {
	s := site()
	const file, line = "/etc/announcer/services/dpma.service", 7
	rival := netip.MustParseAddr("10.1.2.66")
	down := s.Time.Add(-4 * time.Minute)
	s.Healthy, s.Problems = false, []string{
		file + ":7:11: <port>: \"506O\" is no number; want 1 to 65535; refused since 12:41; its last good version of 2026-03-01 is in use",
		"Firmware 2_8_1 (_digiumproxy._udp) is withdrawn: http://10.1.2.5/2_8_1_D65_firmware.eff: connection refused",
		"10.1.2.66 (00:0f:d3:99:00:01) announces _digiumproxy._udp on eth0, too: phones that find two servers ask a person",
	}
	s.Files = status.Files{Read: 2, Refused: 1, Refusals: []source.Refusal{{File: file, Since: down, Good: began}},
		Findings: diag.Findings{{File: file, Line: line, Column: 11, Element: "<port>", Severity: diag.Error, Text: `"506O" is no number; want 1 to 65535`, Code: "service/port"}}}
	s.Services[1].Check, s.Services[1].Links = &status.Check{Kind: "http", State: health.Down, Since: down, Error: "connection refused"}, nil
	s.Foreign = []mdns.Foreign{{Link: "eth0", Type: phoneType, Name: "Old PBX", From: rival, MAC: "00:0f:d3:99:00:01", Since: s.Time.Add(-26 * time.Minute)}}
	s.Conflicts = []status.Conflict{{Time: s.Time.Add(-26 * time.Minute), Kind: mdns.ServiceConflict, Name: "Front office PBX", Type: phoneType, Link: "eth0", Rival: rival, MAC: "00:0f:d3:99:00:01",
		Text: "it has another port; both are announced"}}
	return s
}

// siteUpdating is the same server while it serves firmware.
func siteUpdating() status.Status {
	s, firmware := site(), *updating().Firmware
	firmware.Transfers = firmware.Transfers[:3]
	s.Firmware = &firmware
	return s
}

// crowd is a server with as much as the page can have.
func crowd() status.Status {
	s := large(10_000, phones.AskersMost)
	s.Daemon, s.Links, s.Sources = site().Daemon, site().Links, site().Sources
	return s
}

// Each state is drawn, and small enough for a document.
func TestScreenshots(t *testing.T) {
	dir := *screenshots
	if dir == "" {
		dir = t.TempDir()
	}
	p := browser.Open(t, nil)
	for _, shot := range []struct {
		name           string
		state          status.Status
		width, height  int64
		scheme, medium string
	}{
		{"well", site(), 1280, 900, "light", "screen"},
		{"problems", siteInTrouble(), 1280, 900, "light", "screen"},
		{"dark", siteInTrouble(), 1280, 900, "dark", "screen"},
		{"phone", siteInTrouble(), 360, 780, "light", "screen"},
		{"update", siteUpdating(), 1280, 900, "light", "screen"},
		{"many", crowd(), 1280, 900, "light", "screen"},
		{"printed", siteInTrouble(), 794, 1123, "light", "print"},
	} {
		t.Run(shot.name, func(t *testing.T) {
			server := httptest.NewServer(Handler(&daemon{state: shot.state}))
			p.Show(t, shot.width, shot.height, shot.scheme, shot.medium)
			p.Go(t, server.URL)
			png := p.Screenshot(t)
			p.Go(t, "about:blank") // so that it follows no server that ends
			server.Close()
			if len(png) < 10_000 || len(png) > screenshotMost {
				t.Errorf("the screenshot has %d bytes", len(png))
			}
			if err := os.WriteFile(filepath.Join(dir, shot.name+".png"), png, 0o644); err != nil {
				t.Error(err)
			}
		})
	}
}
