//go:build linux

package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"announcer/internal/testkit/netlab"
)

func TestMain(m *testing.M) { netlab.Main(m) }

// serve serves a page.
func serve(t *testing.T, html string) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!DOCTYPE html><title>page</title>"+html)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// recorder is a test that notes its errors.
type recorder struct {
	*testing.T
	errors strings.Builder
}

func (r *recorder) Error(args ...any) { fmt.Fprintln(&r.errors, args...) }

func TestWhatAPageMustNotDo(t *testing.T) {
	for _, test := range []struct {
		name, html, want string
	}{
		{"nothing", `<p>well</p><script>let well = 1</script>`, ""},
		{"another host", `<img src="http://192.0.2.99/x.png">`, "the page requested http://192.0.2.99/x.png"},
		{"another port", `<link rel="stylesheet" href="http://127.0.0.1:1/x.css">`, "the page requested http://127.0.0.1:1/x.css"},
		{"a message", `<script>console.log("ready", 7)</script>`, `the page wrote to the console: "ready" 7`},
		{"an exception", `<script>nonesuch()</script>`, "the page threw an exception: "},
		{"a file that is missing", `<script src="missing.js"></script>`, "the page caused a message: Failed to load resource: "},
		{"a dialog", `<script>alert("hello")</script>`, "the page opened a dialog: hello"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := Open(t, nil)
			p.Go(t, serve(t, test.html))
			r := &recorder{T: t}
			p.report(r)
			if got := r.errors.String(); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestViolations(t *testing.T) {
	for _, test := range []struct{ name, html, want string }{
		{"nothing", `<html lang="en"><main><h1>Page</h1><p>Text</p></main>`, ""},
		{"no language", `<main><h1>Page</h1></main>`, "html-has-lang: html: "},
		{"little contrast", `<html lang="en"><main><h1 style="color: #ccc">Page</h1></main>`, "color-contrast: h1: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := Open(t, nil)
			p.Go(t, serve(t, test.html))
			if got := strings.Join(p.Violations(t), "\n"); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
