package web

import (
	"net/http/httptest"
	"slices"
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

// When a table is sorted, searched or turned, it is scrolled as far as before, and has the focus.
func TestBrowserKeepsThePlace(t *testing.T) {
	t.Parallel()
	p := open(t, &daemon{state: large(0, 300)}, "/")
	p.Show(t, 360, 800, "light", "screen")
	browser.Value[bool](t, p, `document.querySelector("#phones .wide").scrollTo({left: 150}), true`)
	for _, test := range []struct{ name, click, focused, seen string }{
		{"sort", "#phones th:nth-child(8) a", "#phones th:nth-child(8) a", `#phones th:nth-child(8)[aria-sort=ascending]`},
		{"turn", "#phones [rel=next]", "#phones [rel=next]", `#phones [rel=prev]`},
		{"the last page", "#phones [rel=last]", "#phones [rel=first]", `#phones .pages:not(:has([rel=next]))`},
	} {
		t.Run(test.name, func(t *testing.T) {
			browser.Value[bool](t, p, `(link => { link.focus({preventScroll: true}); link.click(); return true })(document.querySelector("`+test.click+`"))`)
			p.Await(t, `document.querySelector("`+test.seen+`") !== null`)
			if !browser.Value[bool](t, p, `document.activeElement === document.querySelector("`+test.focused+`")`) {
				t.Errorf("the focus is at %s", browser.Value[string](t, p, `document.activeElement.outerHTML.slice(0, 100)`))
			}
		})
	}
	p.Do(t, chromedp.SendKeys(chromedp.CSS("#q"), "10.0.0.77\r"))
	p.Await(t, `!document.querySelector("#phones .pages")`)
	if got := browser.Value[int](t, p, `document.querySelector("#phones .wide").scrollLeft`); got != 150 {
		t.Errorf("the table is scrolled by %d pixels, want 150", got)
	}
}

// What is the same as before is left alone: nothing is drawn again, and no screen reader reads it out again.
func TestBrowserLeavesWhatIsTheSame(t *testing.T) {
	t.Parallel()
	p := open(t, &daemon{state: large(3, 300)}, "/")
	const settled = `look().then(() => {
		window.changes = [];
		new MutationObserver(list => changes.push(...list.map(change => change.type + " of " + change.target.outerHTML?.slice(0, 80))))
			.observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true});
	}).then(look).then(() => changes.join("\\n"))`
	for _, test := range []struct{ name, address string }{
		{"at first", "./"},
		{"a table is sorted", "?sort-phones=2"},
		{"a table is turned", "?page-phones=2"},
		{"a search", "?q=10.0.0.77"},
	} {
		t.Run(test.name, func(t *testing.T) {
			browser.Value[bool](t, p, `go("`+test.address+`"), true`)
			if changes := browser.Value[string](t, p, settled); changes != "" {
				t.Errorf("what is the same changes:\n%s", changes)
			}
		})
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

// fastest performs steps in the page, one after the other and several times, and returns how long the page worked for the fastest of
// each.
func fastest(t *testing.T, p *browser.Page, steps ...string) []time.Duration {
	t.Helper()
	least := slices.Repeat([]time.Duration{time.Hour}, len(steps))
	for range 10 {
		for i, step := range steps {
			before := p.Worked(t)
			browser.Value[bool](t, p, "(async () => {"+step+drawn+"return true;})()")
			least[i] = min(least[i], p.Worked(t)-before)
		}
	}
	return least
}

const drawn = `await new Promise(done => requestAnimationFrame(() => setTimeout(done)));`

// As many phones and services as the daemon keeps scroll and sort at once: no step takes longer than the browser needs to draw the
// rows that are shown.
func TestBrowserManyPhones(t *testing.T) {
	p := open(t, &daemon{state: large(10_000, phones.AskersMost)}, "/")
	p.Show(t, 1280, 800, "light", "screen")
	const redraw = `for (const rows of document.querySelectorAll("tbody")) rows.replaceWith(rows.cloneNode(true));`
	changed := func(click, table string) string {
		return `const table = document.querySelector("` + table + `");
			const seen = new Promise(done => new MutationObserver(done).observe(table, {childList: true, subtree: true}));
			document.querySelector("` + click + `").click();
			await seen;`
	}
	for _, test := range []struct{ name, step string }{
		{"scroll", `scrollBy(0, 700);`},
		{"sort phones", changed("#phones th:nth-child(8) a", "#phones")},
		{"sort services", changed("#services th:nth-child(1) a", "#services")},
		{"turn phones", changed("#phones [rel=next]", "#phones")},
		{"turn services", changed("#services [rel=next]", "#services")},
	} {
		t.Run(test.name, func(t *testing.T) {
			least := fastest(t, p, redraw, test.step)
			t.Logf("%v, and %v to draw the rows", least[1], least[0])
			if least[1] > least[0] {
				t.Errorf("it takes %v, and %v to draw the rows", least[1], least[0])
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
