package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"announcer/internal/mdns/wire"
	"announcer/internal/testkit/hangfs"
)

// What is expected of a daemon while files of it hang.
const (
	watchdog   = 6 * time.Second  // the service manager wants a sign of life within it
	reloadMost = 10 * time.Second // a reload waits 5 s for all places
	statusMost = 5 * time.Second
	endMost    = 2 * time.Second
)

func serviceNamed(name string) string { return strings.Replace(phoneService, "PBX", name, 1) }

// hangCase is a daemon that announces a service X by a file on a file system that hangs, which is $FS, and others from
// the directory "services".
type hangCase struct {
	name    string
	file    string // of the file system
	text    string // its contents
	link    string // a symbolic link to it; "": none
	args    string // of the daemon
	config  string // the configuration, by which commands find the daemon; "": none
	reload  string // a pattern of what a reload says
	problem string // a pattern of the problem in the status
	metrics []string
}

var hangCases = []hangCase{
	{
		name: "directory", file: "x.service", text: serviceNamed("X"), args: "--services $FS --services services",
		reload:  `$FS has not answered for [\dms]+; what it defined before stays in use`,
		problem: `$FS: it has not answered since [-\d]+ [:\d]+; what it defined before stays in use`,
		metrics: []string{`announcer_source_answers{source="$FS"} 0`, `announcer_source_answers{source="services"} 1`},
	},
	{
		name: "file of a directory", file: "x", text: serviceNamed("X"), link: "services/x.service", args: "--services services",
		reload:  `1 refused\nrefused  services/x\.service\n`,
		problem: `services/x\.service: its file system has not answered since [:\d]+ .*; refused since .* its last good version of `,
		metrics: []string{`announcer_source_answers{source="services"} 1`},
	},
	{
		name: "configuration file", file: "announcer.toml", args: "--config $FS/announcer.toml --services services", config: "$FS/announcer.toml",
		text:    "[[group]]\nname = \"X\"\n[[group.service]]\ntype = \"_digiumproxy._udp\"\nport = 5060\n",
		reload:  `$FS/announcer\.toml has not answered for [\dms]+; what it defined before stays in use`,
		problem: `$FS/announcer\.toml: it has not answered since [-\d]+ [:\d]+; what it defined before stays in use`,
		metrics: []string{`announcer_source_answers{source="$FS/announcer.toml"} 0`, `announcer_source_answers{source="services"} 1`},
	},
}

// TestHang has files of a running daemon hang: it names them, and everything else goes on.
func TestHang(t *testing.T) {
	var all []*hanging
	for _, c := range hangCases {
		h := newHanging(t, c)
		h.start(t)
		h.manager.awaits(t, "READY=1\nSTATUS=")
		for _, name := range []string{"X", "PBX"} {
			h.hears(t, name)
		}
		h.fs.Hang()
		all = append(all, h)
	}
	for _, h := range all {
		t.Run(h.name, h.test)
	}
}

// TestStartWhileHanging has a directory hang when the daemon starts: it is ready without it, and announces what is in it
// later.
func TestStartWhileHanging(t *testing.T) {
	h := newHanging(t, hangCases[0])
	h.fs.Hang()
	h.start(t)
	h.manager.awaits(t, "READY=1\nSTATUS=")
	h.hears(t, "PBX")
	h.asks(t, statusMost, regexp.QuoteMeta(h.fs.Dir)+`: it has not answered since [-\d]+ [:\d]+\n`, "status")
	h.fs.GoOn()
	h.hears(t, "X")
	h.send(t, syscall.SIGTERM)
	h.withdraws(t, "PBX", "X")
}

// TestStartWithoutConfiguration has the configuration file hang when the daemon starts: it says so, and begins when the file can be
// read. A command says the same and ends.
func TestStartWithoutConfiguration(t *testing.T) {
	h := newHanging(t, hangCases[2])
	h.fs.Hang()
	h.start(t)
	h.says(t, filepath.Join(h.fs.Dir, h.file)+": it has not answered for 5s; the daemon begins when it can be read")
	list := exec.Command(h.cmd.Path, "list", "--config", filepath.Join(h.fs.Dir, h.file))
	if out, err := list.CombinedOutput(); list.ProcessState.ExitCode() != exitInvalid || !strings.Contains(string(out), ": it has not answered since ") {
		t.Errorf("list: %v\n%s", err, out)
	}
	h.fs.GoOn()
	h.manager.awaits(t, "READY=1\nSTATUS=")
	h.hears(t, "X")
	h.send(t, syscall.SIGTERM)
	h.withdraws(t, "PBX", "X")
}

// TestMainThreadIsFree wants no goroutine to run on the main thread. The kernel gives a signal for the process to that
// thread, and to no other one while a call of it for a file hangs, so that SIGTERM would have no effect.
func TestMainThreadIsFree(t *testing.T) {
	const threads = 100
	ids, done := make(chan int), make(chan struct{})
	for range threads {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ids <- syscall.Gettid()
			<-done
		}()
	}
	for range threads {
		if <-ids == os.Getpid() {
			t.Error("a goroutine runs on the main thread")
		}
	}
	close(done)
}

// hanging is a daemon of which files hang.
type hanging struct {
	hangCase
	*ending
	fs      *hangfs.FS
	manager *manager
}

func newHanging(t *testing.T, c hangCase) *hanging {
	t.Helper()
	h := &hanging{hangCase: c, fs: hangfs.Mount(t)}
	onFS := func(pattern, dir string) string { return strings.ReplaceAll(pattern, "$FS", dir) }
	h.args, h.config = onFS(h.args, h.fs.Dir), onFS(h.config, h.fs.Dir)
	h.reload, h.problem = onFS(h.reload, regexp.QuoteMeta(h.fs.Dir)), onFS(h.problem, regexp.QuoteMeta(h.fs.Dir))
	h.metrics = slices.Clone(h.metrics)
	for i := range h.metrics {
		h.metrics[i] = onFS(h.metrics[i], h.fs.Dir)
	}
	if err := os.WriteFile(filepath.Join(h.fs.Holds, h.file), []byte(h.text), 0o644); err != nil {
		t.Fatal(err)
	}
	// With --poll no call is under way when the file system begins to hang: one that its server has taken cannot be killed.
	h.ending = newEnding(t, nil, append([]string{"run", "-i", "lo", "--poll", "10s"}, strings.Fields(h.args)...)...)
	h.manager = newManager(t, filepath.Join(h.cmd.Dir, "notify"))
	h.cmd.Env = append(h.cmd.Env, h.manager.env()...)
	if h.link != "" {
		if err := os.Symlink(filepath.Join(h.fs.Dir, h.file), filepath.Join(h.cmd.Dir, h.link)); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// test wants a daemon of which files have begun to hang to do what it should.
func (h *hanging) test(t *testing.T) {
	h.asks(t, statusMost, "2 services on lo", "status")
	h.send(t, syscall.SIGHUP)
	h.manager.awaits(t, "RELOADING=1\n")
	h.manager.awaits(t, "READY=1\nSTATUS=")
	h.write(t, "services/b.service", serviceNamed("B"))
	h.hears(t, "B")
	h.asks(t, reloadMost, h.reload, "reload")
	h.says(t, "has not answered since") // after 30 s
	h.asks(t, statusMost, "PROBLEM: "+h.problem, "status")
	h.measures(t)
	h.manager.alive(t)
	h.send(t, syscall.SIGTERM)
	h.withdraws(t, "PBX", "B", "X")
}

// asks runs a command that asks the daemon, and wants an answer with a pattern in time.
func (h *hanging) asks(t *testing.T, most time.Duration, pattern string, command ...string) {
	t.Helper()
	cmd := exec.Command(h.cmd.Path, append(command, "--config", h.config)...)
	cmd.Dir, cmd.Env = h.cmd.Dir, h.cmd.Env
	start := time.Now()
	out, _ := cmd.CombinedOutput() // the code says that there are problems
	if took := time.Since(start); took > most {
		t.Errorf("%s takes %v", command, took)
	}
	if !regexp.MustCompile(pattern).Match(out) {
		t.Errorf("%s: no %q in:\n%s", command, pattern, out)
	}
}

// measures wants the metrics to report that the place that hangs does not answer, and that the other one does.
func (h *hanging) measures(t *testing.T) {
	t.Helper()
	client := http.Client{Timeout: statusMost, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(h.cmd.Dir, "announcer.sock"))
	}}}
	answer, err := client.Get("http://announcer/metrics")
	if err != nil {
		t.Error(err)
		return
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	for _, want := range h.metrics {
		if !strings.Contains(string(text), want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// hears waits until a service is announced.
func (h *hanging) hears(t *testing.T, name string) {
	t.Helper()
	h.ears.SetReadDeadline(time.Now().Add(2 * wireTime))
	for {
		announced, _, err := h.names()
		if err != nil {
			t.Fatalf("%s is not announced: %v\n%s", name, err, strings.Join(h.out.lines(), "\n"))
		}
		if strings.Contains(announced, " "+name+"._digiumproxy.") {
			return
		}
	}
}

// withdraws wants the daemon to end in time, with goodbyes for services.
func (h *hanging) withdraws(t *testing.T, names ...string) {
	t.Helper()
	start := time.Now()
	h.cmd.Wait() // the state says what is to be known
	if took := time.Since(start); took > endMost {
		t.Errorf("the end takes %v", took)
	}
	if end := endOf(h.cmd.ProcessState); end != exitsWith(0) {
		t.Errorf("it ends with %v\n%s", end, strings.Join(h.out.lines(), "\n"))
	}
	h.ears.SetReadDeadline(time.Now().Add(wireTime)) // to read it, on a machine that is busy: all was sent before the end
	var withdrawn string
	missing := func(name string) bool { return !strings.Contains(withdrawn, " "+name+"._digiumproxy.") }
	for slices.ContainsFunc(names, missing) {
		_, more, err := h.names()
		if err != nil {
			t.Fatalf("want goodbyes for %q; there are:\n%s", names, withdrawn)
		}
		withdrawn += more
	}
}

// names reads a packet, and returns the records that it announces and withdraws.
func (h *hanging) names() (announced, withdrawn string, err error) {
	buf := make([]byte, 9000)
	n, _, err := h.ears.ReadFrom(buf)
	if err != nil {
		return "", "", err
	}
	message, err := wire.Decode(buf[:n])
	for _, r := range message.Answers {
		if r.TTL == 0 {
			withdrawn += r.String() + "\n"
		} else {
			announced += r.String() + "\n"
		}
	}
	return announced, withdrawn, err
}

// manager is a service manager with a watchdog.
type manager struct {
	path   string
	states chan state
	sign   time.Time     // the last sign of life
	pause  time.Duration // the longest time without one
}

// state is something that a daemon notified.
type state struct {
	text string
	at   time.Time
}

// newManager listens on a socket until the test ends.
func newManager(t *testing.T, path string) *manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	m := &manager{path: path, states: make(chan state, 1000)}
	go func() {
		defer close(m.states)
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			m.states <- state{string(buf[:n]), time.Now()}
		}
	}()
	return m
}

// env returns the environment of a daemon that notifies it.
func (m *manager) env() []string {
	return []string{"NOTIFY_SOCKET=" + m.path, fmt.Sprintf("WATCHDOG_USEC=%d", watchdog.Microseconds())}
}

// hears takes a state that was notified.
func (m *manager) hears(s state) {
	isFirst := strings.HasPrefix(s.text, "READY=1") && m.sign.IsZero()
	if !isFirst && s.text != "WATCHDOG=1" {
		return
	}
	if !isFirst {
		m.pause = max(m.pause, s.at.Sub(m.sign))
	}
	m.sign = s.at
}

// awaits waits until a state is notified that begins so.
func (m *manager) awaits(t *testing.T, want string) {
	t.Helper()
	for deadline := time.After(wireTime); ; {
		select {
		case s := <-m.states:
			if m.hears(s); strings.HasPrefix(s.text, want) {
				return
			}
		case <-deadline:
			t.Fatalf("%q is not notified", want)
		}
	}
}

// alive wants signs of life to have come as often as the watchdog wants them until now.
func (m *manager) alive(t *testing.T) {
	t.Helper()
	for len(m.states) > 0 {
		m.hears(<-m.states)
	}
	if pause := max(m.pause, time.Since(m.sign)); pause > watchdog {
		t.Errorf("there was no sign of life for %v", pause)
	}
}
