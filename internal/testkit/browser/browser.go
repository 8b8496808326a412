//go:build linux

// Package browser opens web pages in Debian's Chromium, for tests of what a person sees. Each page has a browser of its own, with
// a new profile. At the end of its test, a page fails the test if it requested something of another host than the
// one that was opened, wrote to the console, or opened a dialog.
package browser

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"announcer/internal/testkit/netlab"
)

const (
	program  = "chromium-headless-shell"
	patience = 30 * time.Second // within which a page must do what it does in a moment
)

// Page is a page in a browser.
type Page struct {
	ctx context.Context

	mu     sync.Mutex
	hosts  []string // that were opened
	faults []string
}

// Open opens an empty page on a host; nil is the namespace that the tests run in. It lasts until the test ends. Without a
// browser the test is skipped.
func Open(t testing.TB, host *netlab.Host) *Page {
	t.Helper()
	netlab.Need(t)
	path, err := exec.LookPath(program)
	if err != nil {
		path, err = exec.LookPath(filepath.Join(root(t), ".test-deps/bin", program))
	}
	if err != nil {
		t.Skip("make test-deps fetches it: ", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox,
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) {
			host.Enter(cmd)
			cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		}))
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	p := &Page{}
	p.ctx, _ = chromedp.NewContext(allocator, chromedp.WithListener(p.hear))
	if err := chromedp.Do(p.ctx, call(performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks})); err != nil {
		t.Fatal("start the browser: ", err)
	}
	t.Cleanup(func() { p.close(t) })
	return p
}

// root returns the folder of the project, in which the test is somewhere.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatal("no go.mod above the test")
	return ""
}

// close ends the browser and reports what the page must not have done.
func (p *Page) close(t testing.TB) {
	t.Helper()
	p.report(t)
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Cancel(ctx); err != nil {
		t.Error("end the browser: ", err)
	}
}

// report reports what the page must not have done since it was opened or since the last report.
func (p *Page) report(t testing.TB) {
	t.Helper()
	Value[bool](t, p, "true") // all that came before its answer is heard then
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, fault := range p.faults {
		t.Error("the page " + fault)
	}
	p.faults = nil
}

// hear notes what the page must not do.
func (p *Page) hear(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requested(e.Request.URL)
	case *runtime.EventConsoleAPICalled:
		var words []string
		for _, arg := range e.Args {
			words = append(words, string(arg.Value)+arg.Description)
		}
		p.note("wrote to the console: %s", strings.Join(words, " "))
	case *runtime.EventExceptionThrown:
		p.note("threw an exception: %v", e.ExceptionDetails)
	case *log.EventEntryAdded:
		p.note("caused a message: %s %s", e.Entry.Text, e.Entry.URL)
	case *page.EventJavascriptDialogOpening:
		p.note("opened a dialog: %s", e.Message)
		go chromedp.Call(p.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{}) // fails only if the page is gone
	}
}

func (p *Page) requested(address string) {
	u, err := url.Parse(address)
	p.mu.Lock()
	known := err == nil && slices.Contains(p.hosts, u.Host)
	p.mu.Unlock()
	if !known {
		p.note("requested %s", address)
	}
}

func (p *Page) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, fmt.Sprintf(format, args...))
}

// Do performs actions on the page.
func (p *Page) Do(t testing.TB, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	run(t, p, chromedp.Steps(actions...))
}

// Go opens an address and waits until it is loaded.
func (p *Page) Go(t testing.TB, address string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.hosts = append(p.hosts, u.Host)
	p.mu.Unlock()
	p.Do(t, chromedp.Navigate(address))
}

// Click clicks on the element that a CSS selector selects.
func (p *Page) Click(t testing.TB, selector string) {
	t.Helper()
	p.Do(t, chromedp.Click(chromedp.CSS(selector)))
}

// Load performs an action that opens another address, and waits until it is loaded.
func (p *Page) Load(t testing.TB, action chromedp.Action[chromedp.Void]) {
	t.Helper()
	run(t, p, chromedp.WaitEvent(page.LoadEventFired, nil, action))
}

// Await waits until an expression of JavaScript is true, without a new page.
func (p *Page) Await(t testing.TB, expression string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingTimeout(0))); err != nil {
		t.Fatalf("%s: %v; the page has:\n%s", expression, err, Value[string](t, p, "document.body.innerText"))
	}
}

// Value returns the value of an expression of JavaScript. It waits for a promise.
func Value[T any](t testing.TB, p *Page, expression string) T {
	t.Helper()
	return run(t, p, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Worked returns the time of a processor that the page has taken so far for its scripts, its layout and its drawing, by the clock
// of the browser. A busy machine makes it little longer.
func (p *Page) Worked(t testing.TB) time.Duration {
	t.Helper()
	result := run(t, p, func(ctx context.Context, target *chromedp.Target) (performance.GetMetricsResult, error) {
		return cdp.Call(ctx, target, performance.GetMetrics, cdp.Empty{})
	})
	for _, m := range result.Metrics {
		if m.Name == "TaskDuration" {
			return time.Duration(m.Value * float64(time.Second))
		}
	}
	t.Fatal("the browser does not measure its work")
	return 0
}

func run[T any](t testing.TB, p *Page, action chromedp.Action[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// Script switches scripts on or off for the pages that are opened next.
func (p *Page) Script(t testing.TB, on bool) {
	t.Helper()
	p.Do(t, call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on}))
}

// Show sets how the page is shown: its width and height in pixels, the colour scheme "light" or "dark", and the medium "screen" or
// "print".
func (p *Page) Show(t testing.TB, width, height int64, scheme, medium string) {
	t.Helper()
	p.Do(t, chromedp.EmulateViewport(width, height), call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media: medium, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	}))
}

// call is an action that is one command of the protocol.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, command, params)
		return err
	})
}

// Screenshot returns a PNG of what the window shows.
func (p *Page) Screenshot(t testing.TB) []byte {
	t.Helper()
	return run(t, p, chromedp.CaptureScreenshot())
}
