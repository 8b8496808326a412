package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/testkit/netlab"
)

const phoneService = "<service-group><name>PBX</name><service><type>_digiumproxy._udp</type><port>5060</port></service></service-group>"

// lan is a host with an eth0, and another one at the other end of the cable.
type lan struct {
	t     *testing.T
	phone *netlab.Host
	bin   string
	dir   string // with a directory "services"
	ears  net.PacketConn
}

func newLAN(t *testing.T) *lan {
	netlab.Need(t)
	l := &lan{t: t, phone: netlab.NewHost(t), bin: filepath.Join(binDir(t), "announcer"), dir: t.TempDir()}
	netlab.Veth(t, netlab.End{Name: "eth0", Addrs: []string{"192.0.2.5/24"}}, netlab.End{Host: l.phone, Name: "eth0", Addrs: []string{"192.0.2.6/24"}})
	l.write("services/a.service", phoneService)
	var err error
	l.phone.Do(func() {
		var eth0 *net.Interface
		if eth0, err = net.InterfaceByName("eth0"); err == nil {
			l.ears, err = net.ListenMulticastUDP("udp4", eth0, net.UDPAddrFromAddrPort(mdns.Group4))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.ears.Close() })
	return l
}

func (l *lan) write(name, content string) {
	l.t.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		l.t.Fatal(err)
	}
}

// start starts the program, and returns what it writes.
func (l *lan) start(env []string, args ...string) (*exec.Cmd, *output) {
	l.t.Helper()
	out := &output{writes: make(chan struct{}, 1)}
	cmd := exec.Command(l.bin, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = l.dir, out, out
	cmd.Env = append(os.Environ(), append([]string{"RUNTIME_DIRECTORY=" + l.dir}, env...)...)
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	return cmd, out
}

// await waits for a line with some text.
func (l *lan) await(out *output, text string) {
	l.t.Helper()
	deadline := time.After(wireTime)
	for !strings.Contains(strings.Join(out.lines(), "\n"), text) {
		select {
		case <-out.writes:
		case <-deadline:
			l.t.Fatalf("no %q in:\n%s", text, strings.Join(out.lines(), "\n"))
		}
	}
}

// goodbyes counts the records that were withdrawn, until it is silent for a while.
func (l *lan) goodbyes() int {
	n, buf := 0, make([]byte, 9000)
	for {
		l.ears.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		size, _, err := l.ears.ReadFrom(buf)
		if err != nil {
			return n
		}
		message, err := wire.Decode(buf[:size])
		if err != nil {
			l.t.Errorf("what the daemon sent can't be read: %v", err)
		}
		for _, r := range message.Answers {
			if r.TTL == 0 {
				n++
			}
		}
	}
}

// ask asks for phone servers from the other host, as a phone does.
func (l *lan) ask() {
	l.t.Helper()
	question := wire.Message{Questions: []wire.Query{{Name: dnsname.MustParse("_digiumproxy._udp.local"), Type: mdns.TypePTR, Class: wire.ClassIN}}}
	packet, ok := question.Encode(1000)
	if !ok {
		l.t.Fatal("the question is too long")
	}
	if _, err := l.ears.WriteTo(packet, net.UDPAddrFromAddrPort(mdns.Group4)); err != nil {
		l.t.Fatal(err)
	}
}

// A stop sends goodbyes, a restart sends none, and both end well. The service manager is notified of all.
func TestSignals(t *testing.T) {
	for _, c := range []struct {
		signal  os.Signal
		goodbye bool
	}{{syscall.SIGTERM, true}, {syscall.SIGINT, true}, {syscall.SIGUSR1, false}} {
		t.Run(c.signal.String(), func(t *testing.T) {
			l := newLAN(t)
			manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(l.dir, "notify"), Net: "unixgram"})
			if err != nil {
				t.Fatal(err)
			}
			defer manager.Close()
			manager.SetReadDeadline(time.Now().Add(wireTime))
			cmd, out := l.start([]string{"NOTIFY_SOCKET=" + manager.LocalAddr().String()}, "run", "--services", "services", "-i", "eth0")
			notified(t, manager, "READY=1\nSTATUS=")
			l.await(out, "msg=announced")
			l.goodbyes() // all quiet
			if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			notified(t, manager, "RELOADING=1\nMONOTONIC_USEC=")
			notified(t, manager, "READY=1\nSTATUS=1 service on eth0")
			if err := cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			notified(t, manager, "STOPPING=1")
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v\n%s", err, strings.Join(out.lines(), "\n"))
			}
			if n := l.goodbyes(); n > 0 != c.goodbye {
				t.Errorf("%d goodbyes", n)
			}
			if _, err := os.Stat(filepath.Join(l.dir, "announcer.sock")); err == nil {
				t.Error("the control socket is left behind")
			}
		})
	}
}

// A daemon that ends before it has announced what the one before it left announced withdraws that; so does one for which
// it is no longer defined.
func TestWithdrawsWhatTheLastOneAnnounced(t *testing.T) {
	for _, last := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGKILL} {
		for _, defined := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, still defined %v", signalName(last), defined), func(t *testing.T) {
				l := newLAN(t)
				daemon, out := l.start(nil, "run", "--services", "services", "-i", "eth0")
				l.await(out, "msg=announced")
				l.until("note", func() bool {
					text, err := os.ReadFile(filepath.Join(l.dir, "announcer.said"))
					return err == nil && strings.Contains(string(text), `"link":"eth0"`)
				})
				l.goodbyes() // all quiet
				if err := daemon.Process.Signal(last); err != nil {
					t.Fatal(err)
				}
				daemon.Wait()
				if !defined {
					l.write("services/a.service", strings.Replace(phoneService, "PBX", "Other", 1))
				}
				next, _ := l.start(nil, "run", "--services", "services", "-i", "eth0")
				l.until("daemon", func() bool { return l.status() != "" })
				if defined {
					if err := next.Process.Signal(syscall.SIGTERM); err != nil {
						t.Fatal(err)
					}
				}
				l.until("goodbye", func() bool { return l.goodbyes() > 0 })
			})
		}
	}
}

// status returns the status of the daemon, "" if there is none.
func (l *lan) status() string {
	text, _ := exec.Command(l.bin, "status", "--socket", filepath.Join(l.dir, "announcer.sock"), "--json").Output() // fails for a problem, too
	return string(text)
}

// until waits until something is so.
func (l *lan) until(what string, so func() bool) {
	l.t.Helper()
	for end := time.Now().Add(wireTime); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			l.t.Fatalf("no %s", what)
		}
	}
}

// notified wants the service manager to receive a state, possibly after other states.
func notified(t *testing.T, manager *net.UnixConn, want string) {
	t.Helper()
	buf := make([]byte, 4096)
	for {
		n, err := manager.Read(buf)
		if err != nil {
			t.Fatalf("%q is not received: %v", want, err)
		}
		if strings.HasPrefix(string(buf[:n]), want) {
			return
		}
	}
}

// announce --until-seen ends when a phone has asked, and names it.
func TestUntilSeen(t *testing.T) {
	l := newLAN(t)
	cmd, out := l.start(nil, "announce", "--preset", "dpma", "--server", "192.0.2.5", "--until-seen", "1", "--for", "60s", "-i", "eth0")
	l.await(out, "announced DPMA at 192.0.2.5 (_digiumproxy._udp) on eth0")
	l.ask()
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, strings.Join(out.lines(), "\n"))
	}
	l.await(out, "192.0.2.6")
	l.await(out, "asks for _digiumproxy._udp on eth0; 1 of 1 host answered")
	if l.goodbyes() == 0 {
		t.Error("no goodbye")
	}
	cmd, out = l.start(nil, "announce", "--preset", "dpma", "--server", "192.0.2.5", "--until-seen", "1", "--for", "10ms", "-i", "eth0")
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != exitFailed {
		t.Errorf("nobody asked, and it ends with %v", err)
	}
	l.await(out, "announcer: 0 of 1 hosts have asked within 10ms")
}

// With a command, announce --until-seen goes on after it until a phone has asked.
func TestUntilSeenWithACommand(t *testing.T) {
	l := newLAN(t)
	cmd, out := l.start(nil, "announce", "--preset", "dpma", "--server", "192.0.2.5", "--until-seen", "1", "--for", "60s", "-i", "eth0", "--", "echo", "deployed")
	l.await(out, "deployed")
	l.ask()
	l.await(out, "1 of 1 host answered")
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, strings.Join(out.lines(), "\n"))
	}
}

func TestUntilSeenRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"--until-seen 0":                   "--until-seen: 0 hosts is out of range; want 1 or more",
		"--until-seen 1 --engine zeroconf": `--until-seen: the engine "zeroconf" does not report who asks; want --engine native`,
	} {
		t.Run(args, func(t *testing.T) {
			l := newLAN(t)
			all := append([]string{"announce", "--preset", "dpma", "--server", "192.0.2.5", "-i", "eth0"}, strings.Fields(args)...)
			cmd, out := l.start(nil, all...)
			if err := cmd.Wait(); err == nil {
				t.Error("no error")
			}
			l.await(out, want)
		})
	}
}

// The page, the metrics and the health check are served on the loopback where only a port is given, and nothing else is.
func TestHTTPAddress(t *testing.T) {
	l := newLAN(t)
	l.write("announcer.toml", "[daemon]\nservices = [\"services\"]\ninterfaces = [\"eth0\"]\nhttp = \"9353\"\nhttp_hosts = [\"pbx.example.com\"]\n")
	daemon, out := l.start(nil, "run", "--config", "announcer.toml")
	l.await(out, "msg=announced")
	l.ask()
	l.await(out, `msg="asked for the first time" from=192.0.2.6 type=_digiumproxy._udp link=eth0`)
	get := func(path string) (code int, body string) {
		answer, err := http.Get("http://127.0.0.1:9353" + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
	if code, body := get("/healthz"); code != 200 || body != "ok: 1 service on eth0\n" {
		t.Errorf("%d %q", code, body)
	}
	if code, body := get("/metrics"); code != 200 || !strings.Contains(body, `announcer_queries_total{link="eth0",type="_digiumproxy._udp"} 1`) {
		t.Errorf("%d\n%s", code, body)
	}
	if code, body := get("/"); code != 200 || !strings.Contains(body, "One problem: 1 service on eth0.") || !strings.Contains(body, "<bdi>192.0.2.6</bdi>") {
		t.Errorf("the page: %d\n%s", code, body)
	}
	timeless := func(text string) string { return regexp.MustCompile(`(?m)^  "time": .*\n`).ReplaceAllString(text, "") }
	l.until("the same as status --json, except for the time", func() bool { // unless a packet comes between the two
		_, served := get("/status.json")
		return served != "" && timeless(served) == timeless(l.status())
	})
	if code, _ := get("/status"); code != 404 {
		t.Errorf("the text of the status is there: %d", code)
	}
	for host, want := range map[string]int{"pbx.example.com": 200, "localhost:9353": 200, "evil.example": 421} {
		t.Run(host, func(t *testing.T) {
			request, err := http.NewRequest("GET", "http://127.0.0.1:9353/metrics", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = host
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			if answer.Body.Close(); answer.StatusCode != want {
				t.Errorf("%s, want %d", answer.Status, want)
			}
		})
	}
	if conn, err := net.Dial("tcp", "192.0.2.5:9353"); err == nil {
		conn.Close()
		t.Error("the page is on the network")
	}
	l.follows(t, daemon.Process.Pid)
	// A crowd that says nothing is closed out in the end, and takes no more than its places.
	for range 200 {
		conn, err := net.Dial("tcp", "127.0.0.1:9353")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if code, _ := get("/healthz"); code != 200 {
		t.Errorf("after a crowd: %d", code)
	}
}

// follows has as many clients follow the events as may, and wants each of them to get a question, one more to be refused, all
// descriptors to be closed when they have gone, and then others to follow.
func (l *lan) follows(t *testing.T, pid int) {
	t.Helper()
	descriptors := func() int {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			t.Error(err)
		}
		return len(entries)
	}
	follow := func(client *http.Client) *http.Response {
		answer, err := client.Get("http://127.0.0.1:9353/events")
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	http.DefaultClient.CloseIdleConnections()
	before := descriptors()
	for range 2 {
		client := &http.Client{Transport: new(http.Transport), Timeout: wireTime}
		var streams []*http.Response
		l.until("free streams", func() bool {
			answer := follow(client)
			if answer.StatusCode == http.StatusOK {
				streams = append(streams, answer)
			} else {
				answer.Body.Close()
			}
			return len(streams) == 16
		})
		if answer := follow(client); answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("one client too many: %s", answer.Status)
		} else {
			answer.Body.Close()
		}
		l.ask()
		for _, stream := range streams {
			lines := bufio.NewScanner(stream.Body)
			for lines.Scan() && lines.Text() != "event: asked" {
			}
			if !lines.Scan() || !strings.HasPrefix(lines.Text(), `data: {"version":1,"asked":{`) || !strings.Contains(lines.Text(), `"from":"192.0.2.6"`) {
				t.Errorf("after a question: %q, %v", lines.Text(), lines.Err())
			}
			stream.Body.Close()
		}
		client.CloseIdleConnections()
	}
	l.until("closed descriptors", func() bool { return descriptors() <= before })
}

// A daemon that shares the port with another one says with whom.
func TestNeighboursOnThisHost(t *testing.T) {
	l := newLAN(t)
	_, out := l.start(nil, "run", "--services", "services", "-i", "eth0")
	l.await(out, "msg=announced")
	other, out := l.start(nil, "run", "--services", "services", "-i", "eth0", "--socket", filepath.Join(l.dir, "other.sock"))
	l.await(out, `msg="port 5353 is shared with announcer (pid `)
	l.await(out, `detail="another program of this host announces this very service"`)
	if err := other.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := other.Wait(); err != nil {
		t.Error(err)
	}
}

// A program of this host that starts later and announces our name with other data takes it for a moment only.
func TestNeighbourWithOurName(t *testing.T) {
	l := newLAN(t)
	_, out := l.start(nil, "run", "--services", "services", "-i", "eth0")
	l.await(out, "msg=announced")
	l.start(nil, "announce", "--interface", "eth0", "--name", "PBX", "--type", "_digiumproxy._udp", "--port", "5061", "--txt", "serviceType=asterisk")
	l.await(out, `msg="port 5353 is shared with announcer (pid `)
	announced := func() bool {
		services, _, _ := strings.Cut(l.status(), `"files": {`) // what follows has the other name, too, if there was a conflict
		return strings.Contains(services, `"name": "PBX"`) && strings.Contains(services, `"state": "announced"`)
	}
	l.until("name had back", announced)
}

// What is announced is noted for the next start, in the state directory or beside the socket, and survives a crash.
func TestNote(t *testing.T) {
	for _, c := range []struct{ name, env, file string }{
		{"state directory", "STATE_DIRECTORY=state:other", "state/announcer.said"},
		{"beside the socket", "STATE_DIRECTORY=", "announcer.said"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLAN(t)
			l.write("state/x", "")
			daemon, out := l.start([]string{c.env}, "run", "--services", "services", "--interface", "eth0")
			l.await(out, "msg=announced")
			noted := func() bool {
				text, err := os.ReadFile(filepath.Join(l.dir, c.file))
				return err == nil && strings.Contains(string(text), `"announced":["`)
			}
			l.until("note", noted)
			if err := daemon.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			daemon.Wait()
			if !noted() {
				t.Error("the note did not survive the crash")
			}
		})
	}
}
