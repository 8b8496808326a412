package status

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/internal/health"
	"announcer/internal/layout"
	"announcer/internal/mdns"
	"announcer/internal/phones"
	"announcer/internal/publication"
	"announcer/internal/remote"
	"announcer/internal/source"
	"announcer/services"
)

var (
	now    = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	digium = dnsname.MustParse("_digiumproxy._udp")
	rival  = netip.MustParseAddr("192.0.2.9")
)

// full returns a status in which everything is to be reported.
func full() Status {
	group := func(name string, port uint16) services.Group {
		return services.Group{Name: name, Services: []services.Service{{Type: digium, Port: port}}}
	}
	groups := []publication.Publication{
		{ID: "a.service", Group: group("A", 5060)}, {ID: "b.service", Group: group("B", 5061)}, {ID: "c.service", Group: group("C", 5062)},
		{ID: "d.service", Group: group("D", 5063)},
	}
	s := Status{
		Version: Version, Time: now, Hints: []string{"something may be odd"},
		Daemon: Daemon{Version: "1.2.3", Build: Build{Version: "v1.2.3", Revision: "c0ffee", Go: "go1.26"}, PID: 812, Started: now.Add(-76 * time.Hour), Engine: "native", Host: "pbx"},
		Services: Services(groups, []mdns.ServiceStatus{
			{ID: "a.service", Type: digium, Wanted: "A", Name: "A #2", Link: "eth0", State: mdns.Announced, Since: now.Add(-time.Hour), Why: `192.0.2.9 has the name "A"`, Rival: rival, MAC: "00:50:58:00:00:01"},
			{ID: "a.service", Type: digium, Wanted: "A", Name: "A #2", Link: "vlan20", State: mdns.Probing, Since: now.Add(-time.Second)},
			{ID: "b.service", Type: digium, Wanted: "B", Name: "B", Link: "eth0", State: mdns.Refused, Since: now.Add(-time.Minute), Why: "192.0.2.9 has it"},
			{ID: "gone.service", Type: digium, Link: "eth0", State: mdns.Announced},
		}, []health.PublicationState{
			{ID: "a.service", Check: "sip", State: health.Degraded, LastError: "half of it is gone"}, {ID: "d.service", Check: "tcp", State: health.Down, LastError: "refused"},
		}),
		Files: Files{Read: 4, Refused: 1, Refusals: []source.Refusal{{File: "bad.service", Since: now.Add(-time.Hour), Good: now.Add(-48 * time.Hour)}}, Findings: diag.Findings{{File: "bad.service", Line: 2, Column: 3, Element: "<port>", Severity: diag.Error, Text: "it is bad"}}},
		Sources: []source.PlaceStatus{{Name: "/etc/announcer/services", Files: 4}, {Name: "/srv/nfs", Silent: now.Add(-time.Minute)},
			{Name: "https://x/a.toml", Files: 1, Refused: 1, Server: &remote.State{Connected: true, Since: now.Add(-time.Hour), Success: now.Add(-30 * time.Second), Revision: `"a1"`}},
			{Name: "https://x/b.toml", Files: 1, Server: &remote.State{Since: now.Add(-time.Minute), Success: now.Add(-26 * time.Hour), Error: "it does not answer"}},
			{Name: "https://x/b.toml?…", Server: &remote.State{Since: now}}, {Name: "https://x/b.toml?…", Server: &remote.State{Since: now}},
		},
		Reload: Reload{Time: now.Add(-time.Minute), OK: true, Good: now.Add(-time.Minute), Changes: source.Changes{
			Added: []string{"c.service"}, Changed: []string{}, Removed: []string{}, Refused: []string{"bad.service"},
		}},
		Conflicts:  []Conflict{{Time: now.Add(-time.Hour), Kind: mdns.ServiceConflict, File: "a.service", Name: "A", Type: digium, Link: "eth0", Rival: rival, MAC: "00:50:58:00:00:01", Text: `192.0.2.9 has the name; trying "A #2"`}},
		Foreign:    []mdns.Foreign{{Link: "eth0", Type: digium, Name: "Bad\x1b[2J", From: rival, Since: now.Add(-25 * time.Hour), Heard: now}},
		Links:      []Link{{Name: "eth0", Used: true, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.5")}, Faults: []publication.Fault{}, Traffic: mdns.LinkTraffic{Link: "eth0", Heard: now, Received: 7, Answers: 3, SendErrors: 1}}, {Name: "lo", Why: "it is the loopback", Addresses: []netip.Addr{}, Faults: []publication.Fault{}}},
		Neighbours: []string{"avahi-daemon (pid 7)"},
		Traffic:    mdns.Traffic{Queries: 5, Responses: 2, Malformed: 1, Conflicts: 1},
		History:    []Minute{{Time: now.Truncate(time.Minute), Questions: 5, Answers: 3}},
	}
	for i := range askersShown + 2 {
		s.Asked.Hosts = append(s.Asked.Hosts, phones.Asker{
			Host: netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + i)}), Link: "eth0", Type: digium, MAC: "00:0f:d3:00:00:01", Vendor: "Digium",
			First: now.Add(-time.Hour), Last: now.Add(-time.Second), Count: 3, Answered: 2, Own: i == 0,
		})
	}
	s.Asked.Counts = []phones.AskedCount{{Link: "eth0", Type: digium, Count: 66}}
	s.Diagnose()
	return s
}

func TestText(t *testing.T) {
	var text bytes.Buffer
	if err := full().WriteText(&text, 0); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/status.want")
	if err != nil {
		t.Fatal(err)
	}
	if text.String() != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", text.String(), want)
	}
}

// The tables fit the terminal.
func TestTextFits(t *testing.T) {
	var text bytes.Buffer
	s := full()
	s.Problems, s.Hints, s.Conflicts = nil, nil, nil // are sentences, which the terminal breaks
	if err := s.WriteText(&text, 80); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text.String()) {
		if layout.Width(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("%q is wider than 80 columns", line)
		}
	}
}

func TestLine(t *testing.T) {
	for want, change := range map[string]func(*Status){
		"1 service on eth0; 3 not announced; 1 file refused":                         func(*Status) {},
		"1 service on eth0; 3 not announced; 2 files refused":                        func(s *Status) { s.Files.Refused = 2 },
		"1 service on eth0; 3 not announced; 1 file refused; the last reload failed": func(s *Status) { s.Reload.OK = false },
		"0 services; 1 being announced; 3 not announced; 1 file refused":             func(s *Status) { s.Services[0].Links = s.Services[0].Links[1:] },
		"0 services": func(s *Status) { s.Services, s.Files.Refused = nil, 0 },
	} {
		t.Run(want, func(t *testing.T) {
			s := full()
			change(&s)
			if got := s.Line(); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// TestLineOfManyLinks has 1,500 links, on which services are announced and by one IP version no host is reached.
func TestLineOfManyLinks(t *testing.T) {
	s := Status{Time: now, Reload: Reload{OK: true}, Services: []Service{{Name: "A", Type: digium}, {Name: "B", Type: digium}}}
	for i := range 1500 {
		name := fmt.Sprintf("vlan%d", i)
		s.Links = append(s.Links, Link{Name: name, Used: true, Faults: []publication.Fault{{Link: name, Version: publication.V6, Why: "it is filtered"}}})
		for j := range s.Services {
			s.Services[j].Links = append(s.Services[j].Links, OnLink{Link: name, State: mdns.Announced, Since: now})
		}
	}
	const links = "vlan0, vlan1, vlan2, vlan3, vlan4, vlan5, vlan6, vlan7, vlan8, vlan9 and 1490 more"
	if got, want := s.Line(), "2 services on "+links+"; no host is reached by IPv6 on "+links; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	s.Diagnose()
	if want := "no phone can be reached by IPv6 on " + links + ": it is filtered"; !slices.Equal(s.Problems, []string{want}) {
		t.Errorf("got %q, want %q", s.Problems, want)
	}
}

// TestMain checks that times are those of no zone.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

// Each file with an error, or with what takes phones off their server, is one problem; other warnings are none.
func TestProblemsOfFiles(t *testing.T) {
	found := func(file string, severity diag.Severity, text string) diag.Finding {
		return diag.Finding{File: file, Severity: severity, Text: text}
	}
	many := diag.Findings{}
	for range 2 * fileProblemsMost {
		many = append(many, found(fmt.Sprintf("%02d.service", len(many)), diag.Error, "bad"))
	}
	for _, test := range []struct {
		name  string
		files Files
		want  []string
	}{
		{"a warning", Files{Findings: diag.Findings{found("a", diag.Warning, "odd")}}, nil},
		{"a warning of weight", Files{Findings: diag.Findings{found("a", diag.Danger, "two")}}, []string{"a: warning: two"}},
		{"announced all the same", Files{Findings: diag.Findings{found("a", diag.Unfit, "asteriks")}}, []string{"a: asteriks"}},
		{"the worst of several", Files{Findings: diag.Findings{found("a", diag.Warning, "odd"), found("a", diag.Danger, "two"), found("a", diag.Unfit, "asteriks")}},
			[]string{"a: asteriks (and 1 more)"}},
		{"never good", Files{Findings: diag.Findings{found("a", diag.Error, "bad")}, Refusals: []source.Refusal{{File: "a", Since: now}}},
			[]string{"a: bad; refused since 2026-03-04 05:06:07; not announced"}},
		{"the configuration", Files{Findings: diag.Findings{found("c", diag.Error, "bad")}, Refusals: []source.Refusal{{File: "c", Since: now, Good: now.Add(-time.Hour), Config: true}}},
			[]string{"c: bad; refused since 2026-03-04 05:06:07; its last good version of 2026-03-04 04:06:07 is in use"}},
		{"many", Files{Findings: many}, []string{"00.service: bad", "and 20 more files with problems"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := Status{Reload: Reload{OK: true}, Files: test.files}
			s.Diagnose()
			got := slices.Clone(s.Problems)
			if len(got) > fileProblemsMost {
				got = []string{got[0], got[len(got)-1]}
			}
			if !slices.Equal(got, test.want) || s.Healthy != (len(test.want) == 0) {
				t.Errorf("%q, healthy %t; want %q", got, s.Healthy, test.want)
			}
		})
	}
}

// All is well is said only if nothing is wrong and nothing is being announced.
func TestAllIsWell(t *testing.T) {
	link := func(state mdns.State, since time.Duration) []OnLink {
		return []OnLink{{Link: "eth0", State: state, Since: now.Add(-since)}}
	}
	for _, test := range []struct {
		name    string
		service Service
		well    bool
		healthy bool
	}{
		{"announced", Service{Links: link(mdns.Announced, time.Hour)}, true, true},
		{"standing by", Service{Links: link(mdns.StandingBy, time.Hour)}, true, true},
		{"on its way", Service{Links: link(mdns.Probing, time.Second)}, false, true},
		{"on its way for long", Service{Links: link(mdns.Probing, time.Minute)}, false, false},
		{"not asked yet", Service{Check: &Check{State: health.Pending}}, false, true},
		{"off", Service{Links: link(mdns.Refused, time.Second)}, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := Status{Time: now, Reload: Reload{OK: true}, Services: []Service{test.service}}
			s.Diagnose()
			var text strings.Builder
			if err := s.WriteText(&text, 0); err != nil {
				t.Fatal(err)
			}
			if well := strings.Contains(text.String(), "all is well"); well != test.well || s.Healthy != test.healthy {
				t.Errorf("healthy %t:\n%s", s.Healthy, text.String())
			}
		})
	}
}

// TestAbsence has a service be for interfaces that are not used.
func TestAbsence(t *testing.T) {
	links := []Link{{Name: "eth0", Why: "port of br0"}, {Name: "eth1", Why: "port of br0"}, {Name: "br0", Used: true}}
	for _, test := range []struct {
		interfaces []string
		want       string
	}{
		{[]string{"eth0"}, "eth0 is not used: port of br0"},
		{[]string{"eth*"}, "eth0 is not used: port of br0, eth1 is not used: port of br0"},
		{[]string{"wlan0", "eth1"}, "eth1 is not used: port of br0"},
		{[]string{"wlan0"}, "none of its interfaces exists"},
	} {
		t.Run(strings.Join(test.interfaces, " "), func(t *testing.T) {
			s := Status{Reload: Reload{OK: true}, Links: links, Services: Services([]publication.Publication{{
				ID: "a.service", Interfaces: test.interfaces, Group: services.Group{Name: "A", Services: []services.Service{{Type: digium, Port: 5060}}},
			}}, nil, nil)}
			s.Diagnose()
			if want := `"A" (_digiumproxy._udp) is not announced on any link: ` + test.want; !slices.Equal(s.Problems, []string{want}) {
				t.Errorf("got %q, want %q", s.Problems, want)
			}
		})
	}
}

// TestServiceWithoutAddress has a link come up that has no address for a service yet: that is a problem after a minute.
func TestServiceWithoutAddress(t *testing.T) {
	for _, test := range []struct {
		name    string
		why     string
		since   time.Duration
		settled bool
		problem bool
	}{
		{"just now", mdns.NoAddress, time.Second, false, false},
		{"no IPv4 just now", mdns.NoIPv4Address, time.Second, false, false},
		{"no IPv6 just now", mdns.NoIPv6Address, time.Second, false, false},
		{"for a minute", mdns.NoAddress, AbsenceMost, true, true},
		{"for another reason", "another host has it", time.Second, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := Status{Time: now, Reload: Reload{OK: true}, Services: []Service{{Name: "A", Type: digium, Links: []OnLink{
				{Link: "eth0", State: mdns.Announced, Since: now}, {Link: "eth1", State: mdns.Refused, Why: test.why, Since: now.Add(-test.since)},
			}}}}
			s.Diagnose()
			if s.Healthy == test.problem || s.Settled() != test.settled {
				t.Errorf("problems %q, settled %t", s.Problems, s.Settled())
			}
		})
	}
}

// Another server for phones is a problem on a link where phones find one of ours beside it, a hint elsewhere.
func TestForeignServers(t *testing.T) {
	foreign := func(link, name string, own bool) mdns.Foreign {
		return mdns.Foreign{Link: link, Type: digium, Name: name, From: rival, Own: own}
	}
	ours := func(state mdns.State) []Service {
		return []Service{{Name: "A", Type: digium, Links: []OnLink{{Link: "eth0", State: state, Since: now}}}}
	}
	const text = ` is also a server for phones on eth0; phones that find two servers ask a person`
	for _, test := range []struct {
		name           string
		services       []Service
		foreign        []mdns.Foreign
		problems, hint []string
	}{
		{"beside ours", ours(mdns.Announced), []mdns.Foreign{foreign("eth0", "B", false)}, []string{`"B" of 192.0.2.9` + text}, nil},
		{"on another link", ours(mdns.Announced), []mdns.Foreign{foreign("vlan20", "B", false)}, nil, []string{`"B" of 192.0.2.9 is also a server for phones on vlan20; phones that find two servers ask a person`}},
		{"while ours stands by", ours(mdns.StandingBy), []mdns.Foreign{foreign("eth0", "B", false)}, nil, []string{`"B" of 192.0.2.9` + text}},
		{"the same name", ours(mdns.Announced), []mdns.Foreign{foreign("eth0", "a", false)}, nil, []string{`"a" of 192.0.2.9` + text}},
		{"another program", ours(mdns.Announced), []mdns.Foreign{foreign("eth0", "B", true)}, []string{`"B" of another program of this host` + text}, nil},
		{"another program, the same", ours(mdns.Announced), []mdns.Foreign{foreign("eth0", "A", true)}, nil, []string{`another program of this host announces "A" (_digiumproxy._udp) on eth0 as well`}},
		{"of another type", ours(mdns.Announced), []mdns.Foreign{{Link: "eth0", Type: dnsname.MustParse("_http._tcp"), Name: "B", From: rival}}, nil, nil},
		{"many", ours(mdns.Announced), slices.Repeat([]mdns.Foreign{foreign("eth0", "B", false)}, foreignMost+2),
			append(slices.Repeat([]string{`"B" of 192.0.2.9` + text}, foreignMost), "and 2 more servers for phones"), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := Status{Time: now, Reload: Reload{OK: true}, Services: test.services, Foreign: test.foreign}
			s.Diagnose()
			if hints := s.ForeignHints(); !slices.Equal(s.Problems, test.problems) || !slices.Equal(hints, test.hint) {
				t.Errorf("problems %q, hints %q; want %q, %q", s.Problems, hints, test.problems, test.hint)
			}
		})
	}
}

// Of a link that is at fault and one on which another host has the name, the second one is the problem of the service.
func TestDiagnoseNamesTheRival(t *testing.T) {
	fault := OnLink{Link: "eth0", State: mdns.Refused, Why: "no packet can be sent"}
	taken := OnLink{Link: "eth1", State: mdns.Refused, Why: "192.0.2.9 has it", Rival: netip.MustParseAddr("192.0.2.9")}
	other := OnLink{Link: "eth2", State: mdns.Announced}
	for _, test := range []struct {
		name  string
		links []OnLink
		want  string
	}{
		{"the fault alone", []OnLink{fault, other}, "on eth0: no packet can be sent"},
		{"the host alone", []OnLink{other, taken}, "on eth1: 192.0.2.9 has it"},
		{"the fault first", []OnLink{fault, other, taken}, "on eth1: 192.0.2.9 has it"},
		{"the host first", []OnLink{taken, fault}, "on eth1: 192.0.2.9 has it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := Status{Time: now, Reload: Reload{OK: true}, Services: []Service{{Name: "A", Type: dnsname.MustParse("_sip._udp"), Links: test.links}}}
			s.Diagnose()
			if want := `"A" (_sip._udp) is not announced ` + test.want; !slices.Equal(s.Problems, []string{want}) {
				t.Errorf("%q, want %q", s.Problems, want)
			}
		})
	}
}

// What keeps a service off the network is a problem; that it waits for its turn is none.
func TestDiagnose(t *testing.T) {
	s := full()
	want := []string{
		"bad.service:2:3: <port>: it is bad; refused since 2026-03-04 04:06:07; its last good version of 2026-03-02 05:06:07 is in use", `"A #2" (_digiumproxy._udp) is announced, but part of its server does not answer: half of it is gone`,
		`"B" (_digiumproxy._udp) is not announced on eth0: 192.0.2.9 has it`,
		`"C" (_digiumproxy._udp) is not announced on any link: none of its interfaces exists`,
		`"D" (_digiumproxy._udp) is not announced because its server does not answer: refused`,
		`"Bad\x1b[2J" of 192.0.2.9 is also a server for phones on eth0; phones that find two servers ask a person`,
	}
	if !slices.Equal(s.Problems, want) || s.Healthy {
		t.Errorf("%q, want %q", s.Problems, want)
	}
	s.Files, s.Services, s.Foreign = Files{}, s.Services[:1], nil
	s.Services[0].Check.State = health.Pending
	s.Services[0].Links[1].State = mdns.StandingBy
	if s.Diagnose(); !s.Healthy {
		t.Errorf("%q", s.Problems)
	}
	if s.Diagnose("it burns"); s.Healthy {
		t.Error("healthy, though it burns")
	}
}

func TestReloadText(t *testing.T) {
	r := Reload{Error: "it is bad: announcer.toml:3: bad\nannouncer.toml:4: worse", Changes: source.Changes{Added: []string{"b", "a\x07"}, Refused: []string{"announcer.toml"}}}
	want := "it is bad: announcer.toml:3: bad\nannouncer.toml:4: worse\n2 added, 0 changed, 0 removed, 1 refused\nadded    b\nadded    a\\007\nrefused  announcer.toml"
	if got := r.Text(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestEventText(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.Local)
	asked := AskedEvent{Asked: mdns.Asked{Time: at, Link: "eth0", From: rival, Type: digium}, MAC: "00:0f:d3:00:00:01", Vendor: "Digium"}
	for _, test := range []struct {
		name  string
		want  string
		event Event
	}{
		{"asked", "05:06:07  asked      192.0.2.9 (00:0f:d3:00:00:01 Digium) for _digiumproxy._udp on eth0: not answered", Event{Asked: &asked}},
		{"conflict with a control character", `05:06:07  conflict   "A" (_digiumproxy._udp) on eth0: \027[2J`, Event{Event: &WireEvent{Time: at, Kind: mdns.ServiceConflict, Name: "A", Type: digium, Link: "eth0", Text: "\x1b[2J"}}},
		{"woke", "05:06:07  woke       the host slept", Event{Event: &WireEvent{Time: at, Kind: mdns.HostWoke, Text: "the host slept"}}},
		{"failed", "05:06:07  failed     on eth0: no route", Event{Event: &WireEvent{Time: at, Kind: mdns.EngineFailed, Link: "eth0", Text: "no route"}}},
		{"missed", "3 events were dropped because they came too fast", Event{Missed: 3}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.event.Text(); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// TestSourceProblems wants a server that has failed for long reported, and not one whose definitions were never known: that is
// an error in the findings.
func TestSourceProblems(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, test := range []struct {
		name  string
		state *remote.State
		want  string
	}{
		{"no server", nil, ""},
		{"connected", &remote.State{Connected: true, Since: now.Add(-time.Hour), Success: now}, ""},
		{"failing for a moment", &remote.State{Since: now.Add(-failingMost + time.Second), Success: now.Add(-time.Hour), Error: "it is down"}, ""},
		{"failing for long", &remote.State{Since: now.Add(-failingMost), Success: now.Add(-time.Hour), Error: "it answers 404 Not Found; want the document"},
			"https://x/a.toml has given no definitions since " + date(now.Add(-failingMost)) + ": it answers 404 Not Found; want the document; what it defined on " +
				date(now.Add(-time.Hour)) + " stays in use"},
		{"never connected", &remote.State{Since: now.Add(-time.Hour), Error: "it is down"}, ""},
		{"not asked yet", &remote.State{Since: now.Add(-time.Hour), Success: now.Add(-time.Hour)}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := strings.Join(SourceProblems([]source.PlaceStatus{{Name: "https://x/a.toml", Server: test.state}}, now), "\n")
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	get := func() (Status, error) { return full(), nil }
	problems, err := testutil.GatherAndLint(registry(get))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	answer := httptest.NewRecorder()
	Metrics(get).ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	lines := strings.Split(answer.Body.String(), "\n")
	for _, want := range []string{
		`announcer_build_info{engine="native",goversion="go1.26",revision="c0ffee",version="v1.2.3"} 1`,
		`announcer_healthy 0`,
		`announcer_problems 6`,
		`announcer_findings{severity="error"} 1`,
		`announcer_findings{severity="warning"} 0`,
		`announcer_refused_since_timestamp_seconds{file="bad.service"} 1.772597167e+09`,
		`announcer_last_good_timestamp_seconds{file="bad.service"} 1.772427967e+09`,
		`announcer_source_answers{source="/etc/announcer/services"} 1`, `announcer_source_answers{source="/srv/nfs"} 0`,
		`announcer_source_connected{source="https://x/a.toml"} 1`, `announcer_source_connected{source="https://x/b.toml"} 0`,
		`announcer_source_connected_since_timestamp_seconds{source="https://x/b.toml"} 1.772600707e+09`,
		`announcer_source_last_success_timestamp_seconds{source="https://x/a.toml"} 1.772600737e+09`,
		`announcer_source_revision_info{revision="\"a1\"",source="https://x/a.toml"} 1`,
		`announcer_source_files_refused{source="https://x/a.toml"} 1`, `announcer_source_files_refused{source="/etc/announcer/services"} 0`,
		`announcer_services{state="announced"} 1`,
		`announcer_services{state="refused"} 1`,
		`announcer_services{state="standby"} 0`,
		`announcer_files_refused 1`,
		`announcer_check_up{file="a.service"} 1`,
		`announcer_check_up{file="d.service"} 0`,
		`announcer_config_last_reload_successful 1`,
		`announcer_config_last_reload_success_timestamp_seconds 1.772600707e+09`,
		`announcer_queries_total{link="eth0",type="_digiumproxy._udp"} 66`,
		`announcer_link_packets_received_total{link="eth0"} 7`,
		`announcer_responses_total{kind="answer",link="eth0"} 3`,
		`announcer_send_errors_total{link="eth0"} 1`,
		`announcer_packets_dropped_total{reason="malformed"} 1`,
		`announcer_packets_received_total{kind="query"} 5`,
		`announcer_conflicts_total 1`,
		`announcer_foreign_services{link="eth0",type="_digiumproxy._udp"} 1`,
		`announcer_asking_hosts{vendor="Digium"} 22`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no %s", want)
		}
	}
	failing := httptest.NewRecorder()
	Metrics(func() (Status, error) { return Status{}, os.ErrDeadlineExceeded }).ServeHTTP(failing, httptest.NewRequest("GET", "/metrics", nil))
	if failing.Code != 500 {
		t.Errorf("without a state the answer is %d", failing.Code)
	}
}

// An IP version by which no host is reached is a problem, whatever else is well, and is in the line and the metrics.
func TestFaults(t *testing.T) {
	s := Status{Reload: Reload{OK: true}, Links: []Link{{Name: "eth0", Used: true, Faults: []publication.Fault{
		{Link: "eth0", Version: publication.V4, Why: "port 5353 for IPv4 is held by dnsmasq (pid 9)"},
	}}}}
	s.Diagnose()
	const problem = "no phone can be reached by IPv4 on eth0: port 5353 for IPv4 is held by dnsmasq (pid 9)"
	if s.Healthy || len(s.Problems) != 1 || s.Problems[0] != problem {
		t.Errorf("healthy %t, problems %q", s.Healthy, s.Problems)
	}
	if got := s.Line(); got != "0 services; no host is reached by IPv4 on eth0" {
		t.Errorf("the line is %q", got)
	}
	var text strings.Builder
	if err := s.WriteText(&text, 0); err != nil || !strings.Contains(text.String(), "PROBLEM: "+problem) || !strings.Contains(text.String(), "used, not by IPv4") {
		t.Errorf("error %v:\n%s", err, &text)
	}
	answer := httptest.NewRecorder()
	Metrics(func() (Status, error) { return s, nil }).ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	const metric = `announcer_link_unreachable{ip_version="4",link="eth0",reason="port 5353 for IPv4 is held by dnsmasq (pid 9)"} 1`
	if !strings.Contains(answer.Body.String(), metric) {
		t.Errorf("no %s", metric)
	}
}

// documented returns the first column of the tables below a heading of docs/status.md.
func documented(t *testing.T, heading string) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/status.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("docs/status.md has no %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var all []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(section, -1) {
		all = append(all, m[1])
	}
	return all
}

// The documentation has every metric, in order, and no other.
func TestDocumentation(t *testing.T) {
	var names []string
	for _, m := range metrics {
		names = append(names, regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(m.desc.String())[1])
	}
	if got := documented(t, "Metrics"); !slices.Equal(got, names) {
		t.Errorf("metrics: documented are\n%q, there are\n%q", got, names)
	}
}

// No list is null, so that a program need not know two ways to say nothing.
func TestJSONHasNoNull(t *testing.T) {
	data, err := json.Marshal(full())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte("null")) {
		t.Errorf("%s", data)
	}
}
