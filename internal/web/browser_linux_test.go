package web

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

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
	d := &daemon{state: large(0, 300)}
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
		{"sort by address", chromedp.Click(chromedp.CSS("#phones th:first-child a")), "10.0.0.1"},
		{"the next page", chromedp.Click(chromedp.CSS("#phones [rel=next]")), "10.0.0.101"},
		{"the other way round", chromedp.Click(chromedp.CSS("#phones th:first-child a")), "10.0.1.44"},
		{"search", chromedp.SendKeys(chromedp.CSS("#q"), "10.0.0.77\r"), "10.0.0.77"},
	} {
		p.Load(t, step.action)
		if got := first(); got != step.want {
			t.Errorf("%s: the first phone is %s, want %s", step.name, got, step.want)
		}
	}
}

// While the daemon does not answer, the page says so and since when it is out of date; then it follows again by itself.
func TestBrowserFollowsAgain(t *testing.T) {
	for _, test := range []struct{ name, answer, why string }{
		{"it is gone", `throw new TypeError("failed")`, "the daemon cannot be reached"},
		{"it hangs", `return new Response("the daemon does not answer: it hangs\n", {status: 503})`, "the daemon does not answer: it hangs"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := &daemon{state: full(), events: make(chan []status.Event, 1)}
			p := open(t, d, "/")
			browser.Value[bool](t, p, `window.whole = fetch, fetch = async () => { `+test.answer+` }, true`)
			d.events <- []status.Event{{Missed: 1}}
			p.Await(t, `document.querySelector("#lost")?.textContent.startsWith("Not up to date: `+test.why+`. This is the state of 2026-03-01 15:00:00.")`)
			browser.Value[bool](t, p, `fetch = whole, true`)
			d.events <- []status.Event{{Missed: 1}}
			p.Await(t, `!document.querySelector("#lost")`)
		})
	}
}

const (
	stepTime = 100 * time.Millisecond // how long a person may wait for a table to follow
	attempts = 30                     // of which one shows what a step takes when nothing else shares the processor
)

// fastest performs a step in the page until it takes no longer than it may, and returns how long the page worked for the fastest
// one.
func fastest(t *testing.T, p *browser.Page, step string) time.Duration {
	t.Helper()
	least := time.Hour
	for range attempts {
		before := p.Worked(t)
		browser.Value[bool](t, p, "(async () => {"+step+"return true;})()")
		if least = min(least, p.Worked(t)-before); least <= stepTime {
			break
		}
	}
	return least
}

const drawn = `await new Promise(done => requestAnimationFrame(() => setTimeout(done)));`

// As many phones and services as the daemon keeps scroll and sort at once.
func TestBrowserManyPhones(t *testing.T) {
	p := open(t, &daemon{state: large(10_000, phones.AskersMost)}, "/")
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
			got := fastest(t, p, test.step)
			t.Log(got)
			if got > stepTime {
				t.Errorf("the fastest of %d steps takes %v, want %v", attempts, got, stepTime)
			}
		})
	}
}

// Nothing keeps people with a screen reader, a keyboard, weak eyes or a small window from using the page.
func TestBrowserAccessible(t *testing.T) {
	for name, state := range map[string]status.Status{"with something in every part": full(), "with pages": large(1, rowsOnce+1), "empty": {}, "of a mass update": updating()} {
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
