package daemon

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/remote"
	"announcer/internal/source"
	"announcer/internal/status"
	"announcer/internal/testkit/mdnstest"
	"announcer/internal/testkit/printed"
)

const definition = "<service-group><name>x</name><service><type>_http._tcp</type><port>80</port></service></service-group>"

// bench is a daemon whose surroundings are in a test's hands.
type bench struct {
	dir       string
	linksMu   sync.Mutex // the daemon may look by itself
	links     []publication.Link
	linksErr  error
	changed   chan struct{}
	files     chan struct{}
	reload    chan struct{}
	publisher *mdnstest.Publisher
	log       printed.Text
	sharers   []string
	look      func() []string // for other programs; finds sharers unless replaced
	avahi     string
	sockets   []string
	config    string // "": only this directory is named
	daemon    *Daemon
	stop      context.CancelCauseFunc
	ended     chan error
}

// setLinks changes what the daemon finds when it reads the links.
func (b *bench) setLinks(err error, links ...publication.Link) {
	b.linksMu.Lock()
	defer b.linksMu.Unlock()
	b.links, b.linksErr = links, err
}

func start(t *testing.T, files map[string]string, change ...func(*bench)) *bench {
	t.Helper()
	b := &bench{
		dir: t.TempDir(), links: []publication.Link{testLink(1, "eth0")}, publisher: mdnstest.New(),
		changed: make(chan struct{}), files: make(chan struct{}), reload: make(chan struct{}), ended: make(chan error, 1),
	}
	b.look = func() []string { return b.sharers }
	for _, c := range change {
		c(b)
	}
	for name, content := range files {
		b.write(t, name, content)
	}
	config := b.write(t, "announcer.toml", cmp.Or(b.config, "[daemon]\nservices = [\".\"]\n"))
	ctx, stop := context.WithCancelCause(t.Context())
	b.stop = stop
	definitions := follow(ctx, source.Request{ConfigFile: config}, b.files)
	first := <-definitions.Updates()
	b.daemon = &Daemon{
		Definitions: definitions, Snapshot: first.Snapshot, Publisher: b.publisher, Hangups: b.reload,
		Links: newTestLinks(ctx, b.changed, func() ([]publication.Link, error) {
			b.linksMu.Lock()
			defer b.linksMu.Unlock()
			return b.links, b.linksErr
		}),
		Log: slog.New(slog.NewTextHandler(&b.log, &slog.HandlerOptions{ReplaceAttr: withoutTime})),
		MACs: func() func(string, netip.Addr) string {
			return func(string, netip.Addr) string { return "00:0f:d3:01:02:03" }
		},
		Sharers: b.look, Avahi: b.avahi, Sockets: b.sockets,
	}
	go func() { b.ended <- b.daemon.Run(ctx) }()
	synctest.Wait()
	return b
}

// follow runs a source of files that are read when nudged, not by events: those of the system are no part of a bubble.
func follow(ctx context.Context, request source.Request, nudges <-chan struct{}) *source.Source {
	var mu sync.Mutex
	var places []*place
	src := source.New(request)
	src.Open = func(path string, _ time.Duration, _ remote.Settings) source.Provider {
		p := &place{path: path, isFile: path == request.ConfigFile, nudged: make(chan struct{}, 1)}
		mu.Lock()
		defer mu.Unlock()
		places = append(places, p)
		return p
	}
	go src.Run(ctx)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case _, open := <-nudges:
				if !open {
					return
				}
			}
			mu.Lock()
			for _, p := range places {
				select {
				case p.nudged <- struct{}{}:
				default:
				}
			}
			mu.Unlock()
		}
	}()
	return src
}

// place is the provider of a directory, or of a file, that looks when it is nudged.
type place struct {
	path   string
	isFile bool
	nudged chan struct{}
}

func (p *place) String() string { return p.path }

func (p *place) Run(ctx context.Context, yield func([]source.Item)) error {
	yield(p.items())
	pulse := time.NewTicker(source.Pulse)
	defer pulse.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-pulse.C:
			yield(nil)
		case <-p.nudged:
			yield(p.items())
		}
	}
}

func (p *place) items() []source.Item {
	paths, err := []string{p.path}, error(nil)
	if !p.isFile {
		paths, err = source.Expand(p.path, source.IsDefinition)
	}
	if err != nil {
		return []source.Item{{Origin: p.path, Err: err}}
	}
	items := []source.Item{}
	for _, path := range paths {
		data, err := source.ReadFile(path)
		items = append(items, source.Item{Name: filepath.Base(path), Origin: path, Data: data, Err: err})
	}
	return items
}

// testLinks hands over what a function says when it is nudged, and when it is refreshed.
type testLinks struct {
	refreshed chan struct{}
	readings  chan netwatch.Reading
}

func newTestLinks(ctx context.Context, nudges <-chan struct{}, read func() ([]publication.Link, error)) *testLinks {
	l := &testLinks{make(chan struct{}, 1), make(chan netwatch.Reading)}
	go func() {
		for {
			links, err := read()
			select {
			case l.readings <- netwatch.Reading{Links: links, Err: err}:
			case <-ctx.Done():
				return
			}
			select {
			case <-nudges:
			case <-l.refreshed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return l
}

func (l *testLinks) Readings() <-chan netwatch.Reading { return l.readings }

func (l *testLinks) Refresh() {
	select {
	case l.refreshed <- struct{}{}:
	default:
	}
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

func testLink(index int, name string) publication.Link {
	return publication.Link{Index: index, Name: name, MTU: 1500, Addrs: []publication.LinkAddr{{Prefix: netip.MustParsePrefix("192.0.2.5/24")}}}
}

func (b *bench) write(t *testing.T, name, content string) (path string) {
	t.Helper()
	path = filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// status returns the state of the daemon.
func (b *bench) status(t *testing.T) status.Status {
	t.Helper()
	s, err := b.daemon.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return s
}

// reloaded has the daemon read everything again.
func (b *bench) reloaded(t *testing.T) status.Reload {
	t.Helper()
	r, err := b.daemon.Reload(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait() // the events of it are logged
	return r
}

// end stops the daemon and returns what Run returned.
func (b *bench) end() error {
	b.stop(nil)
	synctest.Wait()
	return <-b.ended
}

// last returns the names and links of what was applied last.
func (b *bench) last() string {
	applied := b.publisher.Applied()
	if len(applied) == 0 {
		return "nothing"
	}
	var words []string
	for _, p := range applied[len(applied)-1].Groups {
		words = append(words, p.Group.Name)
	}
	words = append(words, "on")
	for _, l := range applied[len(applied)-1].Links {
		words = append(words, l.Name)
	}
	return strings.Join(words, " ")
}

func (b *bench) expectLog(t *testing.T, want string) {
	t.Helper()
	if !strings.Contains(b.log.String(), want) {
		t.Errorf("the log lacks %q:\n%s", want, b.log.String())
	}
}

func TestDaemonAnnouncesAndSaysGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"x.service": definition, "bad.service": "<service-group>"})
		if got := b.last(); got != "x on eth0" {
			t.Errorf("applied %q", got)
		}
		if err := b.end(); err != nil || !b.publisher.Closed() {
			t.Errorf("error %v, closed %t", err, b.publisher.Closed())
		}
		b.expectLog(t, `level=INFO msg=announced service=x type=_http._tcp link=eth0 file=`+b.dir+"/x.service")
		b.expectLog(t, "level=ERROR")
		b.expectLog(t, "/bad.service:1:")
		b.expectLog(t, "msg=ended")
	})
}

// A host that does not say which links it has is asked until it does.
func TestLinksUnreadAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"a.service": phone("x", asterisk, sipURL)}, func(b *bench) { b.linksErr = errors.New("netlink is gone") })
		if s := b.status(t); len(s.Problems) == 0 || !strings.HasSuffix(s.Problems[0], "netlink is gone") {
			t.Errorf("the problems are %q; want that the links are not known", s.Problems)
		}
		b.setLinks(nil, testLink(1, "eth0"))
		time.Sleep(2 * heartbeat)
		synctest.Wait()
		if s := b.status(t); len(s.Problems) != 0 || len(s.Links) != 1 {
			t.Errorf("the problems are %q, the links %v; want none, and one", s.Problems, s.Links)
		}
		if err := b.end(); err != nil {
			t.Error(err)
		}
	})
}

func TestDaemonFollowsLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"x.service": definition})
		b.setLinks(nil, testLink(1, "eth0"), testLink(2, "vlan20"))
		b.changed <- struct{}{}
		synctest.Wait()
		if got := b.last(); got != "x on eth0 vlan20" {
			t.Errorf("applied %q", got)
		}
		b.setLinks(errors.New("netlink is gone"))
		b.changed <- struct{}{}
		time.Sleep(time.Hour)
		synctest.Wait()
		b.expectLog(t, `msg="link changed" link=vlan20 change="up, with 192.0.2.5/24"`)
		if n := strings.Count(b.log.String(), "netlink is gone"); n != 1 {
			t.Errorf("%d lines of the log say so within an hour, want 1", n)
		}
		b.setLinks(nil, testLink(1, "eth0"))
		time.Sleep(heartbeat)
		synctest.Wait()
		if got := b.last(); got != "x on eth0" {
			t.Errorf("applied %q", got)
		}
		close(b.changed)
		if err := b.end(); err != nil {
			t.Error(err)
		}
	})
}

func TestDaemonReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"x.service": definition})
		b.write(t, "y.service", strings.Replace(definition, "<name>x", "<name>y", 1))
		b.write(t, "x.service", "<service-group>")
		b.reload <- struct{}{}
		synctest.Wait()
		if got := b.last(); got != "x y on eth0" {
			t.Errorf("applied %q", got)
		}
		if err := b.end(); err != nil {
			t.Error(err)
		}
		b.expectLog(t, "its last good version stays announced")
		b.expectLog(t, "msg=reloaded added="+b.dir+"/y.service refused="+b.dir+"/x.service")
	})
}

// TestDaemonFollowsFiles checks that each change is reported once, and that the engine receives only those that concern
// it.
func TestDaemonFollowsFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"x.service": definition})
		applied := 1
		after := func(what string, apply int, log string) {
			t.Helper()
			b.log.Reset()
			for range 2 { // the second time it is no news
				b.files <- struct{}{}
				synctest.Wait()
			}
			applied += apply
			if got := len(b.publisher.Applied()); got != applied {
				t.Errorf("%s: applied %d times, want %d", what, got, applied)
			}
			var lines []string
			for line := range strings.Lines(strings.ReplaceAll(b.log.String(), b.dir+"/", "")) {
				if !strings.Contains(line, "msg=announced") {
					lines = append(lines, line)
				}
			}
			if got := strings.Join(lines, ""); got != log {
				t.Errorf("%s: the log is\n%swant\n%s", what, got, log)
			}
		}
		after("nothing", 0, "")
		b.write(t, "x.service", definition)
		after("saved as it was", 0, "")
		b.write(t, "y.service", strings.Replace(definition, "<name>x", "<name>y", 1))
		b.write(t, "x.service", strings.Replace(definition, "80", "81", 1))
		after("one more, one changed", 1, "level=INFO msg=\"files changed\" added=y.service changed=x.service\n")
		b.write(t, "x.service", "<service-group>\n<name></service-group>")
		after("one broken", 0, "level=ERROR msg=\"</service-group> can't close <name> of line 2; want </name> before it\" file=x.service:2:7 element=<name>\n"+
			"level=WARN msg=\"its last good version stays announced\" file=x.service\n"+
			"level=INFO msg=\"files changed\" refused=x.service\n")
		b.write(t, "x.service", strings.Replace(definition, "80", "81", 1))
		after("mended", 0, "level=INFO msg=\"files changed\" refused=none\n")
		if err := os.Remove(filepath.Join(b.dir, "y.service")); err != nil {
			t.Fatal(err)
		}
		after("one less", 1, "level=INFO msg=\"files changed\" removed=y.service\n")

		b.publisher.ApplyError = errors.New("no")
		b.write(t, "x.service", definition)
		after("refused by the engine", 0, "level=ERROR msg=\"the change of the files is not applied yet\" error=no\n")
		b.publisher.ApplyError = nil
		b.status(t) // the loop hears of nothing that was not sent to it
		time.Sleep(heartbeat)
		synctest.Wait()
		applied++
		b.expectLog(t, "level=INFO msg=\"files changed\" changed="+b.dir+"/x.service\n")
		after("and taken later", 0, "")
		close(b.files)
		if err := b.end(); err != nil {
			t.Error(err)
		}
	})
}

func TestDaemonCannotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failing := mdnstest.New()
		failing.ApplyError = errors.New("port 5353 is taken")
		d := &Daemon{
			Publisher: failing, Log: slog.New(slog.DiscardHandler),
			Links: newTestLinks(t.Context(), nil, func() ([]publication.Link, error) { return nil, nil }),
		}
		if err := d.Run(t.Context()); err == nil || err.Error() != "port 5353 is taken" || !failing.Closed() {
			t.Errorf("error %v, closed %t", err, failing.Closed())
		}
	})
}
