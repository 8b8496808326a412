package main

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// holdPort has port 5353 for itself, as a program does that knows of no others.
func holdPort(t *testing.T, network, addr string) net.PacketConn {
	t.Helper()
	c, err := net.ListenPacket(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ended runs the program until it ends by itself.
func (l *lan) ended(args ...string) (text string, code int) {
	l.t.Helper()
	cmd, out := l.start(nil, args...)
	cmd.Wait()
	return strings.Join(out.lines(), "\n"), cmd.ProcessState.ExitCode()
}

// Where another program holds the port, run stays and says so everywhere, once in the log; when the port is free, it
// announces.
func TestRunWhileThePortIsHeld(t *testing.T) {
	for _, test := range []struct{ name, network, addr, lost string }{
		{"IPv4 on 127.0.0.1", "udp4", "127.0.0.1:5353", "IPv4"},
		{"both", "udp", ":5353", "IPv4 IPv6"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLAN(t)
			l.write("announcer.toml", "[daemon]\nservices = [\"services\"]\ninterfaces = [\"eth0\"]\nhttp = \"9353\"\n")
			l.write("services/a.service", strings.Replace(phoneService, "_digiumproxy._udp", "_sip._udp", 1))
			holder := holdPort(t, test.network, test.addr)
			_, out := l.start(nil, "run", "--config", "announcer.toml")
			lost := strings.Fields(test.lost)
			for _, v := range lost {
				l.await(out, "no phone can be reached by "+v+" on eth0: port 5353 for "+v+" is held by ")
			}
			status := func() (text string, code int) { return l.ended("status") }
			time.Sleep(3 * time.Second) // in which the port is tried again a few times
			text, code := status()
			if code != exitFailed || !strings.Contains(text, "PROBLEM: no phone can be reached by "+lost[0]+" on eth0: port 5353 for ") || !strings.Contains(text, "(pid ") {
				t.Errorf("status ends with %d:\n%s", code, text)
			}
			if strings.Contains(text, "is shared with") {
				t.Errorf("who holds the port shares it:\n%s", text)
			}
			if announced := strings.Contains(text, "1 service on eth0"); announced != (len(lost) == 1) {
				t.Errorf("by %s nobody is reached:\n%s", test.lost, text)
			}
			health, err := http.Get("http://127.0.0.1:9353/healthz")
			if err != nil {
				t.Fatal(err)
			}
			health.Body.Close()
			if health.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("healthz answers %d", health.StatusCode)
			}
			lines := strings.Join(out.lines(), "\n")
			if n := strings.Count(lines, "level=ERROR"); n < len(lost) || strings.Count(lines, "msg=unreachable") != len(lost) || strings.Contains(lines, "the network fails") {
				t.Errorf("the log has:\n%s", lines)
			}
			holder.Close()
			l.await(out, "msg=reachable")
			l.await(out, "msg=announced")
			for end := time.Now().Add(10 * time.Second); code != 0; text, code = status() {
				if time.Now().After(end) {
					t.Fatalf("status ends with %d:\n%s", code, text)
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
}

// A one-shot fails where a link with IPv4 addresses can't be served by IPv4, before it says that anything is announced.
func TestAnnounceWhileThePortIsHeld(t *testing.T) {
	l := newLAN(t)
	for _, test := range []struct {
		network, addr string
		fails         bool
	}{{"udp4", "127.0.0.1:5353", true}, {"udp", ":5353", true}, {"udp6", ":5353", false}} {
		t.Run(test.network+" "+test.addr, func(t *testing.T) {
			holder := holdPort(t, test.network, test.addr)
			answer, code := l.ended("announce", "--preset", "dpma", "--server", "192.0.2.5", "-i", "eth0", "--for", "1s")
			says := strings.Contains(answer, "no phone can be reached by IPv4 on eth0: port 5353 for IPv4 is held by ")
			if failed := code == exitFailed; failed != test.fails || says != test.fails {
				t.Errorf("%s %s is held: it ends with %d:\n%s", test.network, test.addr, code, answer)
			}
			if test.fails && strings.Contains(answer, "announced ") {
				t.Errorf("%s is held, and it says:\n%s", test.addr, answer)
			}
			holder.Close()
		})
	}
}
