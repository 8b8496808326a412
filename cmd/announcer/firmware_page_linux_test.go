package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"announcer/internal/status"
	"announcer/internal/testkit/netlab"
)

// hostile is what a phone could call itself.
const hostile = "Digium D40 <script>alert(1)</script> \u202e"

// loading is a phone that loads a file with a small buffer, and stops in the middle until it may go on.
type loading struct {
	half chan struct{}
	err  chan error
}

func startLoading(url, from, agent string, goOn <-chan struct{}) loading {
	l := loading{make(chan struct{}), make(chan error, 1)}
	go func() { l.err <- l.load(url, from, agent, goOn) }()
	return l
}

func (l loading) load(url, from, agent string, goOn <-chan struct{}) error {
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0)), Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 32<<10)
		})
		return errors.Join(err, failed)
	}}
	client := http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", agent)
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.CopyN(io.Discard, answer.Body, answer.ContentLength/2); err != nil {
		return err
	}
	close(l.half)
	<-goOn
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// TestServePage has six phones load firmware, one with a hostile User-Agent, and follows the page until all are done.
func TestServePage(t *testing.T) {
	netlab.Need(t)
	t.Setenv("PATH", binDir(t)+":"+os.Getenv("PATH"))
	s, server := serveFirmware(t, announcedOnLoopback, "-i", "lo", "--listen", "127.0.0.1:0", "--until-done", "6", "--http", "0")
	page := s.url(t)
	events, err := http.Get(page + "events")
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	goOn := make(chan struct{})
	var phones []loading
	for i := range 6 {
		agent := fmt.Sprintf("Digium D40 1_4_0_0 000fd300000%d", i)
		if i == 5 {
			agent = hostile + strings.Repeat("x", 4096)
		}
		phones = append(phones, startLoading("http://"+server+"/2_8_1_D40_firmware.eff", fmt.Sprintf("127.0.0.%d", 11+i), agent, goOn))
	}
	for _, p := range phones {
		select {
		case <-p.half:
		case err := <-p.err:
			t.Fatal(err)
		}
	}
	stream := bufio.NewScanner(events.Body)
	f := firmwareWhen(t, stream, page, func(f *status.Firmware) bool { return f.Loading == 6 && f.Rate > 0 })
	for _, tr := range f.Transfers {
		if isHostile := tr.From == netip.MustParseAddr("127.0.0.16"); tr.Percent() < 45 || tr.Percent() > 60 || tr.State != status.Loading || (tr.Vendor == "Digium" && tr.Firmware == "1_4_0_0" && tr.MAC != "") == isHostile {
			t.Errorf("half of the file is loaded: %+v", tr)
		}
	}
	text := get(t, "127.0.0.1", page)
	for _, want := range []string{"Phones with all of firmware 2_8_1: 0 of 6.", "Loading now: 6", "Digium D40 &lt;script&gt;alert(1)&lt;/script&gt; \\u202exxx", ">D40<", ">1_4_0_0<", ">announced<"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if n := strings.Count(text, "<progress"); n != 7 || strings.Contains(text, "<script>alert") {
		t.Errorf("%d bars, or a script of a phone", n)
	}
	wantRefused(t, page)
	close(goOn)
	f = firmwareWhen(t, stream, page, func(f *status.Firmware) bool { return f.Done == 6 })
	if f.Loading != 0 || f.Left != 0 || slices.ContainsFunc(f.Transfers, func(tr status.Transfer) bool { return tr.State != status.Loaded || tr.Percent() != 100 }) {
		t.Errorf("in the end: %+v", f)
	}
	if text := get(t, "127.0.0.1", page); !strings.Contains(text, "Phones with all of firmware 2_8_1: 6 of 6.") || strings.Count(text, "<bdi>100 %</bdi>") != 6 {
		t.Errorf("in the end the page is\n%s", text)
	}
	s.wantEnd(t)
}

// url returns the URL of the page.
func (s serving) url(t *testing.T) string {
	t.Helper()
	for _, l := range s.out.lines() {
		if m := regexp.MustCompile(`^page (http://127\.0\.0\.1:\d+/)$`).FindStringSubmatch(l); m != nil {
			return m[1]
		}
	}
	t.Fatalf("no URL in:\n%s", strings.Join(s.out.lines(), "\n"))
	return ""
}

// firmwareWhen looks at each transfer's event, until the state is as wanted.
func firmwareWhen(t *testing.T, events *bufio.Scanner, page string, is func(*status.Firmware) bool) *status.Firmware {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); events.Scan() && time.Now().Before(deadline); {
		if events.Text() != "event: transfer" {
			continue
		}
		var s struct{ Firmware *status.Firmware }
		if err := json.Unmarshal([]byte(get(t, "127.0.0.1", page+"status.json")), &s); err != nil {
			t.Fatal(err)
		}
		if is(s.Firmware) {
			return s.Firmware
		}
	}
	t.Fatal("the events end or take too long: ", events.Err())
	return nil
}

// wantRefused asks as another site would, and for a change.
func wantRefused(t *testing.T, page string) {
	t.Helper()
	for _, test := range []struct {
		method, host string
		code         int
	}{{"GET", "evil.example", http.StatusMisdirectedRequest}, {"POST", "", http.StatusMethodNotAllowed}, {"DELETE", "localhost", http.StatusMethodNotAllowed}} {
		t.Run(test.method+" "+test.host, func(t *testing.T) {
			request, err := http.NewRequest(test.method, page, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = test.host
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if policy := answer.Header.Get("Content-Security-Policy"); answer.StatusCode != test.code || test.code == 405 && !strings.Contains(policy, "default-src 'none'") {
				t.Errorf("%s, policy %q", answer.Status, policy)
			}
		})
	}
}
