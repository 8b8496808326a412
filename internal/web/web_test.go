package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/internal/escape"
	"announcer/internal/health"
	"announcer/internal/mdns"
	"announcer/internal/phones"
	"announcer/internal/publication"
	"announcer/internal/remote"
	"announcer/internal/source"
	"announcer/internal/status"
	"announcer/internal/testkit/pipes"
)

// daemon is one that reports what a test wants.
type daemon struct {
	state  status.Status
	err    error
	events chan []status.Event
}

func (d *daemon) Status(context.Context) (status.Status, error) { return d.state, d.err }
func (d *daemon) Watch() (<-chan []status.Event, func(), error) { return d.events, func() {}, d.err }

func ask(h http.Handler, method, address string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(method, address, nil))
	return answer
}

func TestHandler(t *testing.T) {
	well := &daemon{state: status.Status{Healthy: true, Reload: status.Reload{OK: true}}}
	for _, test := range []struct {
		name, method, path string
		daemon             *daemon
		code               int
		want               string // a part of the answer
	}{
		{"the page", "GET", "/", well, 200, "All is well: 0 services."},
		{"its head", "HEAD", "/", well, 200, ""},
		{"the head of the events", "HEAD", "/events", well, 200, ""},
		{"status", "GET", "/status.json", well, 200, `"healthy": true`},
		{"metrics", "GET", "/metrics", well, 200, "announcer_healthy 1"},
		{"health", "GET", "/healthz", well, 200, "ok: 0 services\n"},
		{"style sheet", "GET", "/style.css", well, 200, "color-scheme"},
		{"script", "GET", "/follow.js", well, 200, "EventSource"},
		{"icon", "GET", "/icon.svg", well, 200, "<svg"},
		{"another address", "GET", "/admin", well, 404, ""},
		{"the files of the page", "GET", "/page.html", well, 404, ""},
		{"a definition with an error", "GET", "/healthz", &daemon{state: status.Status{Problems: []string{"a.service: it is bad"}, Reload: status.Reload{OK: true}}}, 200, "ok: 0 services\n"},
		{"a port that is held", "GET", "/healthz", &daemon{state: status.Status{Links: []status.Link{{Name: "eth0", Faults: []publication.Fault{
			{Link: "eth0", Version: publication.V4, Why: "port 5353 for IPv4 is held by dnsmasq (pid 9)"}}}}}},
			503, "no phone can be reached by IPv4 on eth0: port 5353 for IPv4 is held by dnsmasq (pid 9)\n"},
		{"the health of a daemon that has ended", "GET", "/healthz", &daemon{err: errors.New("it has ended")}, 503, "the daemon does not answer: it has ended\n"},
		{"the page of a daemon that has ended", "GET", "/", &daemon{err: errors.New("it has ended")}, 503, "the daemon does not answer: it has ended\n"},
		{"events of a daemon that has ended", "GET", "/events", &daemon{err: errors.New("it has ended")}, 503, "it has ended\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := ask(Handler(test.daemon), test.method, test.path)
			if answer.Code != test.code || !strings.Contains(answer.Body.String(), test.want) {
				t.Errorf("%d %q, want %d and %q", answer.Code, answer.Body, test.code, test.want)
			}
			for name, want := range map[string]string{"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
				if got := answer.Header().Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

// Nothing can be changed, whatever is asked for.
func TestMethods(t *testing.T) {
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "RELOAD", "get"} {
		for _, path := range []string{"/", "/status.json", "/events", "/metrics", "/healthz", "/style.css", "/reload"} {
			t.Run(method+" "+path, func(t *testing.T) {
				answer := ask(Handler(&daemon{}), method, path)
				if allowed := answer.Header().Get("Allow"); answer.Code != 405 || allowed != "GET, HEAD" {
					t.Errorf("%d, allowed is %q", answer.Code, allowed)
				}
			})
		}
	}
}

// stuck is a daemon that never answers.
type stuck struct{ daemon }

func (*stuck) Status(ctx context.Context) (status.Status, error) {
	<-ctx.Done()
	return status.Status{}, ctx.Err()
}

// Who asks a daemon that hangs gets a sentence, and a browser asks again by itself.
func TestStuck(t *testing.T) {
	for _, path := range []string{"/", "/status.json", "/healthz"} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				answer := ask(Handler(new(stuck)), "GET", path)
				const want = "the daemon does not answer: it hangs: no state within 5s; its log may say why\n"
				if got := answer.Body.String(); answer.Code != 503 || got != want || answer.Header().Get("Retry-After") != "10" {
					t.Errorf("%d %q, %v", answer.Code, got, answer.Header())
				}
				if took := time.Since(began); took != answerTime {
					t.Errorf("it takes %v", took)
				}
				if again := answer.Header().Get("Refresh"); (again == "10") != (path == "/") {
					t.Errorf("Refresh is %q", again)
				}
			})
		})
	}
}

// For programs alone, there is no page.
func TestChecks(t *testing.T) {
	for path, want := range map[string]int{"/metrics": 200, "/healthz": 200, "/": 404, "/status.json": 404, "/events": 404, "/reload": 404} {
		t.Run(path, func(t *testing.T) {
			if answer := ask(Checks(&daemon{state: status.Status{Healthy: true}}), "GET", path); answer.Code != want {
				t.Errorf("%d, want %d", answer.Code, want)
			}
		})
	}
}

// A client that never finishes its request is cut off, whatever it asks for.
func TestRequestsEnd(t *testing.T) {
	for _, path := range []string{"/", "/status.json", "/style.css", "/metrics", "/healthz", "/none"} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := pipes.Listen()
				server := &http.Server{Handler: Handler(&daemon{})}
				ended := make(chan error, 1)
				go func() { ended <- server.Serve(l) }()
				client, _ := l.Dial("192.0.2.9") // the listener is open
				began := time.Now()
				go fmt.Fprintf(client, "GET %s HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf", path)
				if _, err := io.Copy(io.Discard, client); err != nil || time.Since(began) > answerTime+writeTime {
					t.Errorf("the connection ends after %v, %v", time.Since(began), err)
				}
				server.Close()
				<-ended
			})
		})
	}
}

func TestStatusIsTheValue(t *testing.T) {
	d := &daemon{state: full()}
	var want strings.Builder
	if err := escape.WriteJSON(&want, d.state); err != nil {
		t.Fatal(err)
	}
	answer := ask(Handler(d), "GET", "/status.json")
	if diff := cmp.Diff(want.String(), answer.Body.String()); diff != "" || answer.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%v, -the state +/status.json:\n%s", answer.Header(), diff)
	}
}

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// evil is what a hostile host could call itself.
const evil = "<script>alert(1)</script>\u202e\x1b[31m" + `"'&`

// full is a state with something in every part.
func full() status.Status {
	phone := dnsname.MustParse("_digiumproxy._udp")
	return status.Status{
		Version: status.Version, Time: began.Add(3 * time.Hour), Problems: []string{"a problem with " + evil}, Hints: []string{"a hint"},
		Daemon: status.Daemon{Version: "1.2.3", PID: 42, Started: began, Engine: "native", Host: "pbx"},
		Services: []status.Service{
			{File: "dpma.service", Wanted: "PBX", Name: "PBX", Type: phone, Port: 5060, Links: []status.OnLink{
				{Link: "eth0", State: mdns.Announced, Since: began},
				{Link: "eth1", State: mdns.Refused, Since: began, Why: "another host has it", Rival: netip.MustParseAddr("192.0.2.9"), MAC: "00:0f:d3:00:00:09"},
			}},
			{File: "firmware.toml", Name: "Firmware", Type: phone, Port: 80, Check: &status.Check{State: health.Down, Since: began.Add(time.Hour + time.Minute), Error: "connection refused"}},
			{File: "lost.toml", Name: "Lost", Type: phone, Port: 80},
			{File: "kept.service", Name: "Kept", Type: phone, Port: 80, Check: &status.Check{State: health.Up}},
		},
		Files: status.Files{Read: 3, Refusals: []source.Refusal{{File: "bad.service", Since: began}, {File: "kept.service", Since: began, Good: began}}, Findings: diag.Findings{
			{File: "bad.service", Line: 3, Element: "<port>", Severity: diag.Error, Text: "it is no number", Code: "x/port"},
			{File: evil, Severity: diag.Warning, Text: "odd"},
		}},
		Sources: []source.PlaceStatus{{Name: "/etc/announcer/services", Files: 3}, {Name: "/mnt/nfs", Silent: began},
			{Name: "https://x/a.toml", Files: 1, Refused: 1, Server: &remote.State{Connected: true, Since: began, Success: began.Add(2 * time.Hour), Revision: `"<a>"`}},
			{Name: "https://x/b.toml", Server: &remote.State{Since: began, Error: "it answers <404>"}},
		},
		Reload:  status.Reload{OK: true, Time: began.Add(2*time.Hour + time.Minute), Changes: source.Changes{Added: []string{"dpma.service"}}},
		Crowded: 70,
		Conflicts: []status.Conflict{{Time: began, Kind: mdns.ServiceConflict, Name: "PBX", Type: phone, Link: "eth1",
			Rival: netip.MustParseAddr("192.0.2.9"), Text: "other data"}},
		Foreign: []mdns.Foreign{{Link: "eth0", Type: phone, Name: evil, From: netip.MustParseAddr("192.0.2.66"), Since: began}, {Link: "eth0", Type: phone, Name: "Avahi", Own: true, Since: began}},
		Asked: status.Asked{Forgotten: 4000, Hosts: []phones.Asker{
			{Host: netip.MustParseAddr("192.0.2.9"), Link: "eth0", Type: phone, First: began, Last: began.Add(2 * time.Hour), Count: 30},
			{Host: netip.MustParseAddr("192.0.2.10"), Link: "eth0", Type: phone, MAC: "00:0f:d3:00:00:10", Vendor: "Digium", Model: "D40", Firmware: "1_4_0_0", First: began, Last: began.Add(time.Hour), Count: 3, Answered: 3},
			{Host: netip.MustParseAddr("fe80::1"), Link: "eth0", Type: phone, First: began, Last: began, Count: 1, Own: true},
		}},
		Links: []status.Link{
			{Name: "eth0", Used: true, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}, Traffic: mdns.LinkTraffic{Link: "eth0", Received: 7, Heard: began.Add(2*time.Hour + time.Minute)}},
			{Name: "docker0", Why: "it is virtual"},
			{Name: "eth2", Why: "down", Remedy: "ip link set eth2 up"},
			{Name: "eth1", Used: true, Faults: []publication.Fault{{Link: "eth1", Version: publication.V4, Why: "port 5353 is held"}, {Link: "eth1", Version: publication.V6, Why: "it is filtered"}}},
		},
		History: []status.Minute{{Time: began, Questions: 4, Answers: 2}, {Time: began.Add(time.Minute), Questions: 8}},
	}
}

// Each part of the state is on the page, and what comes from the network is text.
func TestPage(t *testing.T) {
	page := ask(Handler(&daemon{state: full()}), "GET", "/").Body.String()
	for _, want := range []string{
		"<title>One problem: announcer on pbx</title>", "a problem with &lt;script&gt;", "<li>a hint</li>",
		">refused<", "another host has it (192.0.2.9 00:0f:d3:00:00:09)", ">down<", "connection refused", ">nowhere<",
		"00:0f:d3:00:00:10", ">this host<", "bad.service:3", "&lt;port&gt;: it is no number", "/mnt/nfs", "does not answer since", "no: it is virtual", "no: down; ip link set eth2 up", "port 5353 is held",
		"192.0.2.1, 2001:db8::1", "not by IPv4: port 5353 is held; not by IPv6: it is filtered", "up 3 h", "4000 more hosts asked", "70 more services were heard",
		"Definitions were read 59 min ago: 1 added, 0 changed, 0 removed, 0 refused.", "none of its interfaces exists",
		`<polyline class="questions" points="580,72.0 590,24.0 "/>`, `aria-label="questions: 12, answers: 2 in the last hour; at most 8 a minute"`, ">10 a minute</text>", ">now</text>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "<script>alert") || strings.ContainsAny(page, "\x1b\u202e") {
		t.Error("a name of the network is more than text")
	}
	if lost := ask(Handler(&daemon{state: full()}), "GET", "/?q=%E2%80%AEno").Body.String(); !strings.Contains(lost, `Nothing matches “<bdi>\u202eno</bdi>”`) {
		t.Error("what is searched for is more than text")
	}
	if n := strings.Count(page, ">nowhere<"); n != 2 {
		t.Errorf("%d services are on no link though nothing holds them back, want 2", n)
	}
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("there are %d scripts, want one", n)
	}
	if t.Failed() {
		t.Log(page)
	}
}

// What is to be done stands in the first line and in the title.
func TestMood(t *testing.T) {
	probing := []status.Service{{Name: "PBX", Links: []status.OnLink{{Link: "eth0", State: mdns.Probing}}}}
	for _, test := range []struct {
		name  string
		state status.Status
		want  string
	}{
		{"all is well", status.Status{Healthy: true, Reload: status.Reload{OK: true}}, "All is well"},
		{"a service is being announced", status.Status{Healthy: true, Services: probing}, "No problem so far"},
		{"a problem", status.Status{Problems: []string{"one"}, Services: probing}, "One problem"},
		{"problems", status.Status{Problems: []string{"one", "two"}}, "2 problems"},
	} {
		t.Run(test.name, func(t *testing.T) {
			page := ask(Handler(&daemon{state: test.state}), "GET", "/").Body.String()
			if !strings.Contains(page, "<title>"+test.want+": announcer on") || !strings.Contains(page, `<p class="line">`+test.want+": ") {
				t.Error(page)
			}
		})
	}
}

// Of thousands of problems the page has the first ones and the number of the others.
func TestManyProblems(t *testing.T) {
	s := status.Status{Problems: slices.Repeat([]string{"it is bad"}, 10_000), Hints: slices.Repeat([]string{"a hint"}, sentencesMost)}
	page := ask(Handler(&daemon{state: s}), "GET", "/").Body.String()
	if n := strings.Count(page, "<li>it is bad</li>"); n != sentencesMost || !strings.Contains(page, "<li>and 9950 more: see the tables below, or status.json</li>") {
		t.Errorf("%d problems are shown", n)
	}
	if strings.Count(page, "<li>a hint</li>") != sentencesMost || strings.Count(page, " more: see") != 1 || !strings.Contains(page, ">10000 problems: ") {
		t.Error("hints are left out, or the number of problems is another one")
	}
}

// texts returns the texts of the rows of a table.
func texts(s status.Status, id string) (all []string) {
	for _, t := range tables(s, request{url.Values{}}) {
		if t.ID != id {
			continue
		}
		for _, row := range t.Rows {
			var cells []string
			for _, c := range row {
				cells = append(cells, c.Text)
			}
			all = append(all, strings.Join(cells, " | "))
		}
	}
	return all
}

func TestRows(t *testing.T) {
	good := began.Local().Format(time.DateTime)
	for id, want := range map[string][]string{
		"services": {
			"PBX | _digiumproxy._udp | 5060 | eth1 | refused | 3 h | another host has it (192.0.2.9 00:0f:d3:00:00:09) | dpma.service",
			"Firmware | _digiumproxy._udp | 80 | – | down | 119 min | connection refused | firmware.toml",
			"Lost | _digiumproxy._udp | 80 | – | nowhere |  | none of its interfaces exists | lost.toml",
			"Kept | _digiumproxy._udp | 80 | – | nowhere |  | none of its interfaces exists | kept.service",
			"PBX | _digiumproxy._udp | 5060 | eth0 | announced | 3 h |  | dpma.service",
		},
		"files": {
			"bad.service | refused | 3 h | nothing | 0 | 1 | 0",
			"kept.service | refused | 3 h | the version of " + good + " | 1 | 0 | 0",
			escape.Text(evil) + " | accepted |  | this version | 0 | 0 | 1",
			"dpma.service | accepted |  | this version | 1 | 0 | 0",
			"firmware.toml | accepted |  | this version | 1 | 0 | 0",
			"lost.toml | accepted |  | this version | 1 | 0 | 0",
		},
		"links": {
			"eth0 | yes | 192.0.2.1, 2001:db8::1 | 59 min | 7 | 0 | 0 | 0",
			"docker0 | no: it is virtual |  |  | 0 | 0 | 0 | 0",
			"eth2 | no: down; ip link set eth2 up |  |  | 0 | 0 | 0 | 0",
			"eth1 | not by IPv4: port 5353 is held; not by IPv6: it is filtered |  |  | 0 | 0 | 0 | 0",
		},
		"sources": {
			"/etc/announcer/services | 3 | 0 | answers |  |  | ", "/mnt/nfs | 0 | 0 | does not answer since " + good + " |  |  | ",
			`https://x/a.toml | 1 | 1 | connected | 3 h | 60 min | "<a>"`,
			"https://x/b.toml | 0 | 0 | failing: it answers <404> | 3 h |  | ",
		},
	} {
		t.Run(id, func(t *testing.T) {
			if diff := cmp.Diff(want, texts(full(), id)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// The drawing has a scale of round numbers, and shows the first minute, too.
func TestChart(t *testing.T) {
	minutes := func(questions ...uint64) (all []status.Minute) {
		for _, n := range questions {
			all = append(all, status.Minute{Questions: n, Answers: n / 2})
		}
		return all
	}
	for _, test := range []struct {
		name    string
		history []status.Minute
		levels  string
		line    string
	}{
		{"no minute", nil, "2 a minute, 1, 0", ""},
		{"the first minute", minutes(1), "2 a minute, 1, 0", "580,60.0 590,60.0 "},
		{"two", minutes(0, 2), "2 a minute, 1, 0", "580,120.0 590,0.0 "},
		{"a few", minutes(3, 0), "4 a minute, 2, 0", "580,30.0 590,120.0 "},
		{"more", minutes(5, 10), "10 a minute, 5, 0", "580,60.0 590,0.0 "},
		{"a storm", minutes(0, 1001), "2000 a minute, 1000, 0", "580,120.0 590,59.9 "},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := draw(test.history)
			var levels []string
			for _, l := range c.Levels {
				levels = append(levels, l.Text)
			}
			if got := strings.Join(levels, ", "); got != test.levels || c.Questions != test.line {
				t.Errorf("%s and %q, want %s and %q", got, c.Questions, test.levels, test.line)
			}
		})
	}
	whole := draw(minutes(make([]uint64, chartMinutes)...))
	if !strings.HasPrefix(whole.Questions, "0,120.0 10,120.0 ") || !strings.HasSuffix(whole.Questions, " 590,120.0 ") || len(whole.Times) != 5 {
		t.Errorf("a whole hour: %+v", whole)
	}
}

// column returns the cells of a column of a table.
func (t table) column(i int) (texts []string) {
	for _, row := range t.Rows {
		texts = append(texts, row[i].Text)
	}
	return texts
}

func TestTable(t *testing.T) {
	const hosts = 1
	for _, test := range []struct {
		name, query string
		want        []string // addresses
		back, forth string
	}{
		{"the last one first", "", []string{"192.0.2.9", "192.0.2.10", "fe80::1"}, "", ""},
		{"by address", "sort-phones=1", []string{"192.0.2.9", "192.0.2.10", "fe80::1"}, "", ""},
		{"by address, backwards", "sort-phones=-1", []string{"fe80::1", "192.0.2.10", "192.0.2.9"}, "", ""},
		{"by number", "sort-phones=10", []string{"fe80::1", "192.0.2.10", "192.0.2.9"}, "", ""},
		{"by a column that is not there", "sort-phones=99", []string{"192.0.2.9", "192.0.2.10", "fe80::1"}, "", ""},
		{"by nonsense", "sort-phones=x&page-phones=-3", []string{"192.0.2.9", "192.0.2.10", "fe80::1"}, "", ""},
		{"a search", "q=+DIGIUM%20", []string{"192.0.2.9", "192.0.2.10", "fe80::1"}, "", ""},
		{"a search for one", "q=00:0F:d3", []string{"192.0.2.10"}, "", ""},
		{"a search for nothing", "q=nonesuch", nil, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/?"+test.query, nil)
			if got := look(full(), request{r.URL.Query()}).Tables[hosts].column(0); !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestPagesOfATable(t *testing.T) {
	s := status.Status{}
	for i := range 250 {
		s.Services = append(s.Services, status.Service{Name: fmt.Sprintf("%03d", i)})
	}
	for _, test := range []struct {
		query       string
		first, last string
		back, forth string
	}{
		{"", "000", "099", "", "?page-services=2#services"},
		{"page-services=2&q=", "100", "199", "?page-services=1&q=#services", "?page-services=3&q=#services"},
		{"page-services=3&sort-services=-1", "049", "000", "?page-services=2&sort-services=-1#services", ""},
		{"page-services=99", "200", "249", "?page-services=2#services", ""},
		{"q=24", "024", "249", "", ""},
	} {
		t.Run(test.query, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/?"+test.query, nil)
			got := look(s, request{r.URL.Query()}).Tables[0]
			if strings.Contains(got.Columns[0].Link, "page-") {
				t.Errorf("who sorts does not begin at the first page: %s", got.Columns[0].Link)
			}
			if ends := fmt.Sprint(got.First != "", got.Last != ""); ends != fmt.Sprint(got.Back != "", got.Forth != "") {
				t.Errorf("the first page %q, the last %q", got.First, got.Last)
			}
			if names := got.column(0); names[0] != test.first || names[len(names)-1] != test.last || got.Back != test.back || got.Forth != test.forth {
				t.Errorf("%s to %s, %q and %q; want %+v", names[0], names[len(names)-1], got.Back, got.Forth, test)
			}
		})
	}
}

func TestAgo(t *testing.T) {
	for _, test := range []struct {
		d    time.Duration
		want string
	}{{-time.Second, "0 s"}, {0, "0 s"}, {119 * time.Second, "119 s"}, {2 * time.Minute, "2 min"}, {119 * time.Minute, "119 min"}, {47 * time.Hour, "47 h"}, {50 * time.Hour, "2 d"}} {
		t.Run(test.want, func(t *testing.T) {
			if got := ago(test.d); got != test.want {
				t.Errorf("%v is %q, want %q", test.d, got, test.want)
			}
		})
	}
}

// slow is a daemon that takes 0.1 s for its state, and counts how often it is asked.
type slow struct {
	daemon
	times []time.Time
}

func (s *slow) Status(context.Context) (status.Status, error) {
	s.times = append(s.times, time.Now())
	time.Sleep(100 * time.Millisecond)
	return status.Status{Time: s.times[len(s.times)-1]}, nil
}

// Any number of clients ask the daemon for a tenth of the time at most, and no answer is older than its question.
func TestSharedState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := new(slow)
		s := share(d)
		var clients sync.WaitGroup
		for i := range 200 {
			clients.Go(func() {
				time.Sleep(time.Duration(i) * 20 * time.Millisecond)
				asked := time.Now()
				st, err := s.Status(t.Context())
				if took := time.Since(asked); err != nil || st.Time.Before(asked) || took > 1200*time.Millisecond {
					t.Errorf("client %d asks at %v, gets the state of %v after %v, %v", i, asked, st.Time, took, err)
				}
			})
		}
		clients.Wait()
		if n := len(d.times); n < 4 || n > 6 {
			t.Errorf("it is asked %d times in four seconds", n)
		}
		for i, at := range d.times[1:] {
			if pause := at.Sub(d.times[i]); pause < time.Second {
				t.Errorf("it is asked again after %v", pause)
			}
		}
	})
}

// A client that waits for the daemon in vain, or for its place, gets an answer in time.
func TestSlotsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := make(slots, 1)
		if !all.enter(t.Context()) {
			t.Fatal("there is no slot")
		}
		began := time.Now()
		if all.enter(t.Context()) || time.Since(began) != answerTime {
			t.Errorf("a slot more than there are, after %v", time.Since(began))
		}
		all.leave()
		if !all.enter(t.Context()) {
			t.Error("there is no slot again")
		}
	})
}

func TestEvents(t *testing.T) {
	d := &daemon{events: make(chan []status.Event, 3)}
	server := httptest.NewServer(Handler(d))
	defer server.Close()
	answer, err := http.Get(server.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if got := answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("the type is %q", got)
	}
	d.events <- []status.Event{{Asked: &status.AskedEvent{MAC: "00:0f:d3:00:00:01"}}, {Event: &status.WireEvent{Name: "a\nb"}}}
	d.events <- slices.Repeat([]status.Event{{Missed: 7}}, 500)
	close(d.events)
	kinds := map[string]int{}
	var last string
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		switch kind, data, _ := strings.Cut(lines.Text(), ": "); kind {
		case "event":
			kinds[data]++
		case "data":
			last = data
			if !json.Valid([]byte(data)) {
				t.Errorf("%q is not JSON", data)
			}
		}
	}
	if kinds["asked"] != 1 || kinds["event"] != 1 || kinds["missed"] != 500 || last != `{"version":1,"missed":7}` {
		t.Errorf("the events are %v, the last one %s", kinds, last)
	}
}

// More clients than there is room for are refused, and have room when one ends.
func TestEventsMost(t *testing.T) {
	d := &daemon{events: make(chan []status.Event)}
	server := httptest.NewServer(Handler(d))
	defer server.Close()
	defer server.CloseClientConnections()
	var first context.CancelFunc
	for range streamsMost {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		first = cancel
		r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil || answer.StatusCode != 200 {
			t.Fatal(answer, err)
		}
		defer answer.Body.Close()
	}
	follow := func() int {
		answer := httptest.NewRecorder()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		server.Config.Handler.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, "GET", "/events", nil))
		return answer.Code
	}
	if code := follow(); code != http.StatusServiceUnavailable {
		t.Errorf("one too many gets %d", code)
	}
	first()
	for deadline := time.Now().Add(10 * time.Second); follow() != 200; {
		if time.Now().After(deadline) {
			t.Fatal("there is no room when a client has ended")
		}
	}
}
