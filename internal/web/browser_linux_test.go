package web

import (
	"fmt"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/phones"
	"announcer/internal/status"
	"announcer/internal/testkit/browser"
	"announcer/internal/testkit/netlab"
)

func TestMain(m *testing.M) { netlab.Main(m) }

// open opens the page of a daemon in a browser, at an address below it.
func open(t *testing.T, d Daemon, address string) *browser.Page {
	t.Helper()
	server := httptest.NewServer(Handler(d))
	t.Cleanup(server.Close)
	p := browser.Open(t, nil)
	p.Go(t, server.URL+address)
	return p
}

// hostile is a state in which all that other hosts and files can name has a text that attacks a page.
func hostile(name string) status.Status {
	s := full()
	s.Problems, s.Hints, s.Daemon.Host = []string{name}, []string{name}, name
	for i := range s.Services {
		s.Services[i].Name, s.Services[i].File = name, name
	}
	for i := range s.Asked.Hosts {
		s.Asked.Hosts[i].Vendor, s.Asked.Hosts[i].MAC = name, name
	}
	for i := range s.Files.Findings {
		f := &s.Files.Findings[i]
		f.File, f.Element, f.Text = name, name, name
	}
	for i := range s.Foreign {
		s.Foreign[i].Name, s.Foreign[i].MAC = name, name
	}
	for i := range s.Conflicts {
		s.Conflicts[i].Name, s.Conflicts[i].Text = name, name
	}
	for i := range s.Sources {
		s.Sources[i].Name = name
	}
	return s
}

// What a host or a file calls itself is text: it runs nothing, does not turn the text beside it round, and makes no page wider than
// its window.
func TestBrowserShowsNamesAsText(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"a script", `<script>document.title = "taken"</script>`, `<script>document.title = "taken"</script>`},
		{"an image", `"><img src=x onerror="document.title = 'taken'">`, `"><img src=x onerror="document.title = 'taken'">`},
		{"a template", `{{.Problems}}${document.title}`, `{{.Problems}}${document.title}`},
		{"right to left", "\u202egnp.exe", `\u202egnp.exe`},
		{"control characters", "a\x1b[31mb\x00\nc", `a\027[31mb\000\010c`},
		{"4 kB in one word", strings.Repeat("x", 4096), strings.Repeat("x", 4096)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := open(t, &daemon{state: hostile(test.text)}, "/")
			shown := browser.Value[string](t, p, "document.body.textContent")
			if n := strings.Count(shown, test.want); n < 15 {
				t.Errorf("%.100q is there %d times, want it in all parts", test.want, n)
			}
			if strings.ContainsAny(shown, "\u202e\x1b\x00") {
				t.Error("a character that is no text is on the page")
			}
			if title := browser.Value[string](t, p, "document.title"); !strings.Contains(title, "announcer on ") {
				t.Errorf("the title is %q", title)
			}
			if scripts := browser.Value[int](t, p, `document.querySelectorAll("script, img, iframe, object").length`); scripts != 1 {
				t.Errorf("there are %d scripts and pictures, want one script", scripts)
			}
			for _, width := range []int64{360, 1920} {
				p.Show(t, width, 800, "light", "screen")
				if got := browser.Value[int64](t, p, "document.documentElement.scrollWidth"); got > width {
					t.Errorf("the page is %d pixels wide in a window of %d", got, width)
				}
			}
		})
	}
}

// Without its script, the page has the same tables, and links that sort, search and turn them.
func TestBrowserWithoutScript(t *testing.T) {
	t.Parallel()
	d := &daemon{state: many(300, 0)}
	server := httptest.NewServer(Handler(d))
	t.Cleanup(server.Close)
	p := browser.Open(t, nil)
	p.Script(t, false)
	p.Go(t, server.URL)
	first := func() string {
		t.Helper()
		return browser.Value[string](t, p, `document.querySelector("#phones tbody td").textContent`)
	}
	if got := browser.Value[int](t, p, `document.querySelectorAll("#phones tbody tr").length`); got != rowsOnce {
		t.Errorf("%d rows, want %d", got, rowsOnce)
	}
	if got := browser.Value[string](t, p, `document.querySelector("meta[http-equiv=refresh]").content`); got != "30" {
		t.Errorf("the page reloads itself after %q seconds, want 30", got)
	}
	for _, step := range []struct {
		name   string
		action chromedp.Action[chromedp.Void]
		want   string
	}{
		{"sort by address", chromedp.Click(chromedp.CSS("#phones th:first-child a")), "10.0.0.0"},
		{"the next page", chromedp.Click(chromedp.CSS("#phones [rel=next]")), "10.0.0.100"},
		{"the other way round", chromedp.Click(chromedp.CSS("#phones th:first-child a")), "10.0.1.43"},
		{"search", chromedp.SendKeys(chromedp.CSS("#q"), "10.0.0.77\r"), "10.0.0.77"},
	} {
		p.Load(t, step.action)
		if got := first(); got != step.want {
			t.Errorf("%s: the first phone is %s, want %s", step.name, got, step.want)
		}
	}
}

// many is the state of a daemon with many phones and services.
func many(hosts, services int) status.Status {
	s := status.Status{Version: status.Version, Healthy: true, Time: began.Add(time.Hour), Reload: status.Reload{OK: true, Time: began},
		Daemon: status.Daemon{Version: "1.2.3", PID: 42, Started: began, Engine: "native", Host: "pbx"},
		Links:  full().Links[:1]}
	phone := dnsname.MustParse("_digiumproxy._udp")
	for i := range hosts {
		s.Asked.Hosts = append(s.Asked.Hosts, phones.Asker{Host: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), Link: "eth0", Type: phone,
			MAC: fmt.Sprintf("00:0f:d3:00:%02x:%02x", i>>8, i&255), Vendor: "Digium", First: began, Last: began.Add(time.Duration(i) * time.Second), Count: uint64(i * 7 % 100), Answered: 1})
	}
	for i := range services {
		s.Services = append(s.Services, status.Service{File: fmt.Sprintf("site-%d.service", i%200), Name: fmt.Sprintf("PBX %d", i), Type: phone, Port: 5060,
			Links: []status.OnLink{{Link: "eth0", State: mdns.Announced, Since: began.Add(time.Duration(i) * time.Millisecond)}}})
	}
	return s
}

const (
	stepTime = 100 * time.Millisecond // how long a person may wait for a table to follow
	attempts = 30                     // of which one shows how long a step takes where nothing else keeps the machine busy
)

// fastest performs a step in the page until it takes no longer than it may, and returns how long the fastest one took. The clock is
// the one of the browser. The time in which the server made the answer is left out: under the race detector that is many
// times as long as it is for users.
func fastest(t *testing.T, p *browser.Page, step string) time.Duration {
	t.Helper()
	least := time.Hour
	for range attempts {
		ms := browser.Value[float64](t, p, `(async () => {
			performance.clearResourceTimings();
			const began = performance.now();
			`+step+`
			const took = performance.now() - began;
			return performance.getEntriesByType("resource").reduce((rest, r) => rest - (r.responseStart - r.requestStart), took);
		})()`)
		if least = min(least, time.Duration(ms*float64(time.Millisecond))); least <= stepTime {
			break
		}
	}
	return least
}

const drawn = `await new Promise(done => requestAnimationFrame(() => setTimeout(done)));`

// As many phones and services as the daemon keeps scroll and sort at once.
func TestBrowserManyPhones(t *testing.T) {
	p := open(t, &daemon{state: many(4096, 10_000)}, "/")
	p.Show(t, 1280, 800, "light", "screen")
	changed := func(click, table string) string {
		return `const table = document.querySelector("` + table + `");
			const seen = new Promise(done => new MutationObserver(done).observe(table, {childList: true}));
			document.querySelector("` + click + `").click();
			await seen;` + drawn
	}
	for _, test := range []struct{ name, step string }{
		{"scroll", `scrollBy(0, 700);` + drawn},
		{"sort phones", changed("#phones th:nth-child(8) a", "#phones")},
		{"sort services", changed("#services th:nth-child(1) a", "#services")},
		{"turn phones", changed("#phones [rel=next]", "#phones")},
		{"turn services", changed("#services [rel=next]", "#services")},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := fastest(t, p, test.step); got > stepTime {
				t.Errorf("the fastest of %d steps takes %v, want %v", attempts, got, stepTime)
			}
		})
	}
}

// Nothing keeps people with a screen reader, a keyboard, weak eyes or a small window from using the page.
func TestBrowserAccessible(t *testing.T) {
	for name, state := range map[string]status.Status{"with something in every part": full(), "with pages": many(rowsOnce+1, 1), "empty": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, &daemon{state: state}, "/")
			for _, scheme := range []string{"light", "dark"} {
				for _, width := range []int64{360, 1920} {
					p.Show(t, width, 800, scheme, "screen")
					for _, found := range p.Violations(t) {
						t.Errorf("%s, %d pixels wide: %s", scheme, width, found)
					}
				}
			}
		})
	}
}
