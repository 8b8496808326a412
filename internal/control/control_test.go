package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"announcer/internal/source"
	"announcer/internal/status"
)

// daemon is one that says what a test wants.
type daemon struct {
	state  status.Status
	reload status.Reload
	err    error
	events chan []status.Event
}

func (d *daemon) Status(context.Context) (status.Status, error) { return d.state, d.err }
func (d *daemon) Reload(context.Context) (status.Reload, error) { return d.reload, d.err }
func (d *daemon) Watch() (<-chan []status.Event, func(), error) { return d.events, func() {}, d.err }

func socket(t *testing.T) string { return filepath.Join(t.TempDir(), socketName) }

// serve answers for a daemon, and returns a client.
func serve(t *testing.T, d Daemon) *Client {
	t.Helper()
	path := socket(t)
	l, err := Listen(OS{}, []string{path})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, Handler(d), slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	c, err := Dial([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		what  string
		named string
		env   map[string]string
		want  []string
	}{
		{"named", "/tmp/x", map[string]string{"RUNTIME_DIRECTORY": "/run/a"}, []string{"/tmp/x"}},
		{"nothing is said", "", nil, []string{"/run/announcer/control/announcer.sock", "/run/announcer/announcer.sock"}},
		{"the directory of the unit", "", map[string]string{"RUNTIME_DIRECTORY": "/run/announcer/control"}, []string{"/run/announcer/control/announcer.sock", "/run/announcer/announcer.sock"}},
		{"the directory above", "", map[string]string{"RUNTIME_DIRECTORY": "/run/announcer"}, []string{"/run/announcer/announcer.sock", "/run/announcer/control/announcer.sock"}},
		{"two directories and a session", "", map[string]string{"RUNTIME_DIRECTORY": "/run/a:/run/b", "XDG_RUNTIME_DIR": "/run/user/7"},
			[]string{"/run/a/announcer.sock", "/run/announcer/control/announcer.sock", "/run/announcer/announcer.sock", "/run/user/7/announcer.sock"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			if got := Places(c.named, func(key string) string { return c.env[key] }); !slices.Equal(got, c.want) {
				t.Errorf("%v: %q, want %q", c, got, c.want)
			}
		})
	}
}

// kill leaves a listener as a process does that is killed: what the kernel has is gone, the files stay.
func kill(l net.Listener) {
	own := l.(*listener)
	close(own.done)
	own.Listener.Close()
	own.lock.(*lock).file.Close()
}

func TestListen(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing", socketName)
	path := socket(t)
	l, err := Listen(OS{}, []string{missing, path})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	if _, err := Listen(OS{}, []string{path}); err == nil || err.Error() != fmt.Sprintf(
		"another announcer (pid %d) already listens on %s; want it stopped, or --socket PATH for a second one", os.Getpid(), path) {
		t.Errorf("while one lives: %v", err)
	}
	kill(l)
	if _, err := Dial([]string{path}); err == nil {
		t.Error("a dead daemon is reached")
	}
	l, err = Listen(OS{}, []string{path})
	if err != nil {
		t.Fatalf("after one that is dead: %v", err)
	}
	l.Close()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket stays: %v", err)
	}
	if _, err := Listen(OS{}, []string{missing}); err == nil || err.Error() != "no control socket at "+missing+": the directory does not exist; want it created, or --socket PATH" {
		t.Errorf("without a directory: %v", err)
	}
	if err := os.WriteFile(path, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(OS{}, []string{path}); err == nil || !strings.Contains(err.Error(), "another file is in its place") {
		t.Errorf("in the place of a file: %v", err)
	}
	if data, err := os.ReadFile(path); string(data) != "precious" {
		t.Errorf("the file is gone: %q, %v", data, err)
	}
}

// If no daemon runs, or it is not for this user, the error says what to do.
func TestDial(t *testing.T) {
	path := socket(t)
	_, err := Dial([]string{path, path + "2"})
	none, ok := errors.AsType[*NoDaemonError](err)
	if !ok || none.Text != fmt.Sprintf("no daemon listens on %s or %s2; want one started (systemctl start announcer, or announcer run), or --socket PATH", path, path) {
		t.Errorf("%v", err)
	}
	if text := denied(path).Text; text != path+" is not accessible to this user; want sudo, or the user in the group of its directory (see ls -ld "+filepath.Dir(path)+")" {
		t.Error(text)
	}
}

func TestClient(t *testing.T) {
	d := &daemon{
		state:  status.Status{Version: 1, Healthy: true, Time: time.Now(), Reload: status.Reload{OK: true}},
		reload: status.Reload{OK: true, Changes: source.Changes{Added: []string{"x.service"}, Refused: []string{"y.service"}}},
		events: make(chan []status.Event, 1),
	}
	c := serve(t, d)
	for _, test := range []struct {
		name   string
		ask    func(context.Context, io.Writer, bool) (bool, error)
		inJSON bool
		well   bool
		want   string
	}{
		{"status", c.Status, false, true, "0 services; all is well"},
		{"status", c.Status, true, true, `"healthy": true`},
		{"reload", c.Reload, false, false, "1 added, 0 changed, 0 removed, 1 refused\nadded    x.service\nrefused  y.service\n"},
		{"reload", c.Reload, true, false, `"refused": [`},
	} {
		t.Run(fmt.Sprintf("%s json=%t", test.name, test.inJSON), func(t *testing.T) {
			var out bytes.Buffer
			if well, err := test.ask(t.Context(), &out, test.inJSON); err != nil || well != test.well || !strings.Contains(out.String(), test.want) {
				t.Errorf("%s: well %t, error %v, %s", test.name, well, err, out.String())
			}
		})
	}
	d.events <- []status.Event{{Missed: 3}, {Missed: 4}}
	ctx, cancel := context.WithCancel(t.Context())
	lines := &firstLines{n: 2, done: cancel}
	begun := false
	if err := c.Watch(ctx, lines, false, func() { begun = lines.text == "" }); err != nil || !begun {
		t.Errorf("it began: %t, error %v", begun, err)
	}
	if lines.text != "3 events were dropped because they came too fast\n4 events were dropped because they came too fast\n" {
		t.Errorf("%q", lines.text)
	}
	d.events = make(chan []status.Event, 1)
	d.events <- []status.Event{{Missed: 5}}
	close(d.events)
	var out bytes.Buffer
	if err := c.Watch(t.Context(), &out, true, func() {}); err == nil || err.Error() != "the daemon has ended" || out.String() != "{\"version\":1,\"missed\":5}\n" {
		t.Errorf("error %v, %q", err, out.String())
	}
	d.err = context.DeadlineExceeded
	if _, err := c.Status(t.Context(), io.Discard, false); err == nil || err.Error() != "the daemon does not answer: context deadline exceeded" {
		t.Error(err)
	}
}

// A client of a daemon that is stopped gets an error at once.
func TestStoppedDaemon(t *testing.T) {
	path := socket(t)
	l, err := Listen(OS{}, []string{path}) // and no connection is accepted
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := Dial([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	c.patience = 10 * time.Millisecond
	want := "the daemon at " + path + " does not answer: it hangs or is stopped: no data within 10ms"
	if _, err := c.Status(t.Context(), io.Discard, false); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if err := c.Watch(t.Context(), io.Discard, false, func() {}); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// firstLines calls done once it has n lines.
type firstLines struct {
	text string
	n    int
	done func()
}

func (w *firstLines) Write(p []byte) (int, error) {
	w.text += string(p)
	if strings.Count(w.text, "\n") >= w.n {
		w.done()
	}
	return len(p), nil
}

// TestClientsAreLimited holds as many connections to the control socket as the server takes: the next one is answered when
// one of them ends.
func TestClientsAreLimited(t *testing.T) {
	path := socket(t)
	inner, err := Listen(OS{}, []string{path})
	if err != nil {
		t.Fatal(err)
	}
	serveNothing(t, inner)
	ask := func() (net.Conn, chan error) {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		answered := make(chan error, 1)
		go func() {
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				answered <- err
				return
			}
			_, err := c.Read(make([]byte, 1))
			answered <- err
		}()
		return c, answered
	}
	var first net.Conn
	for i := range clientsMost {
		c, answered := ask()
		if err := <-answered; err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		if i == 0 {
			first = c
		}
	}
	_, answered := ask()
	select {
	case err := <-answered:
		t.Fatalf("one client more than %d is answered: %v", clientsMost, err)
	case <-time.After(3 * quietTime):
	}
	first.Close()
	if err := <-answered; err != nil {
		t.Errorf("after another one has ended: %v", err)
	}
}

// serveNothing answers every request on a listener with 200 until the test ends.
func serveNothing(t *testing.T, l net.Listener) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(ctx, l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), slog.New(slog.DiscardHandler))
	}()
	t.Cleanup(func() { cancel(); <-ended })
}

// TestHeldConnections holds more connections by TCP than the server takes: another client is answered all the same.
func TestHeldConnections(t *testing.T) {
	for name, hold := range map[string]string{
		"nothing is asked":    "",
		"half a request":      "GET /healthz HTTP/1.1\r\nHost: x\r\n",
		"the answer was read": "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
		"half a body":         "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf",
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			serveNothing(t, l)
			for range 2 * clientsMost {
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if _, err := io.WriteString(c, hold); err != nil {
					t.Fatal(err)
				}
			}
			client := http.Client{Timeout: 3 * time.Second} // less than a request may take to arrive
			answer, err := client.Get("http://" + l.Addr().String() + "/healthz")
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				t.Error(answer.Status)
			}
		})
	}
}
