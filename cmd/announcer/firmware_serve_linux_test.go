package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"announcer/internal/publication"
	"announcer/internal/testkit/netlab"
)

// serving is announcer firmware serve, on the loopback unless the arguments say something else.
type serving struct {
	cmd *exec.Cmd
	out *output
}

// serveFirmware starts it and waits until it has printed a line that matches; the first group of that is given.
func serveFirmware(t *testing.T, line string, args ...string) (s serving, match string) {
	t.Helper()
	dir := t.TempDir()
	firmwareFolder(t, dir)
	s = serving{exec.Command("announcer", append([]string{"firmware", "serve", "firmware"}, args...)...), &output{writes: make(chan struct{}, 1)}}
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, s.out, s.out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() }) // it has ended, unless the test failed
	pattern := regexp.MustCompile(line)
	for deadline := time.After(20 * time.Second); ; {
		for _, l := range s.out.lines() {
			if m := pattern.FindStringSubmatch(l); m != nil {
				return s, m[1]
			}
		}
		select {
		case <-s.out.writes:
		case <-deadline:
			t.Fatalf("no line %q in:\n%s", line, strings.Join(s.out.lines(), "\n"))
		}
	}
}

// wantEnd waits for the end, which is to be without an error.
func (s serving) wantEnd(t *testing.T) {
	t.Helper()
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, strings.Join(s.out.lines(), "\n"))
	}
}

// get loads a URL from an address of this host.
func get(t *testing.T, from, url string) string {
	t.Helper()
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0))}
	client := http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, answer.Status, err)
	}
	return string(body)
}

const announcedOnLoopback = `^announced Phone firmware 2_8_1 at (127\.0\.0\.1:\d+) \(_digiumproxy\._udp\) on lo$`

func TestServeUntilDone(t *testing.T) {
	netlab.Need(t)
	t.Setenv("PATH", binDir(t)+":"+os.Getenv("PATH"))
	s, server := serveFirmware(t, announcedOnLoopback, "-i", "lo", "--listen", "127.0.0.1:0", "--until-done", "2", "--xml")
	url := "http://" + server + "/"
	if config := get(t, "127.0.0.1", url+"000fd3000001.cfg"); !strings.Contains(config, `version="2_8_1" url="`+url+`2_8_1_D40_firmware.eff"`) {
		t.Errorf("the configuration is\n%s", config)
	}
	// One phone that loads two files is one phone.
	get(t, "127.0.0.1", url+"2_8_1_D40_firmware.eff")
	get(t, "127.0.0.1", url+"2_8_1_D65_firmware.eff")
	if config := get(t, "127.0.0.1", url+"000fd3000001.cfg"); config == "" {
		t.Error("it does not answer after one phone is done")
	}
	get(t, "127.0.0.2", url+"2_8_1_D40_firmware.eff")
	s.wantEnd(t)
	for _, want := range []string{
		`^127\.0\.0\.1 - - has 2_8_1_D65_firmware\.eff, .*; 1 of 2 phones done$`,
		`^127\.0\.0\.2 - - has 2_8_1_D40_firmware\.eff, .*; 2 of 2 phones done$`,
		`level=INFO msg=serving file=2_8_1_D40_firmware\.eff .*sha256=[0-9a-f]{64}$`,
		`level=INFO msg=sent phone=127\.0\.0\.2 .*whole=true`,
	} {
		if !slices.ContainsFunc(s.out.lines(), regexp.MustCompile(want).MatchString) {
			t.Errorf("no line %q in:\n%s", want, strings.Join(s.out.lines(), "\n"))
		}
	}
}

// TestServeEnds ends it by a signal and by the time that is given.
func TestServeEnds(t *testing.T) {
	netlab.Need(t)
	t.Setenv("PATH", binDir(t)+":"+os.Getenv("PATH"))
	s, _ := serveFirmware(t, announcedOnLoopback, "-i", "lo", "--listen", "127.0.0.1:0")
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	s.wantEnd(t)
	s, _ = serveFirmware(t, announcedOnLoopback, "-i", "lo", "--listen", "127.0.0.1:0", "--for", "2s")
	s.wantEnd(t)
}

// TestServeOnTwoLinks has a phone on each of two links, which both load from the address that is on theirs.
func TestServeOnTwoLinks(t *testing.T) {
	netlab.Need(t)
	ctx, cancel := context.WithTimeout(t.Context(), deploymentTime)
	defer cancel()
	t.Setenv("PATH", binDir(t)+":"+os.Getenv("PATH"))
	var all []*phone
	for i, prefix := range []string{"192.0.2.", "198.51.100."} {
		p := newPhone(netlab.NewHost(t), "D40")
		netlab.Veth(t, netlab.End{Name: fmt.Sprintf("lan%d", i), Addrs: []string{prefix + "1/24"}}, netlab.End{Host: p.host, Name: "eth0", Addrs: []string{prefix + "2/24"}})
		p.start(ctx, t)
		all = append(all, p)
	}
	s, _ := serveFirmware(t, `^announced (.*) at 198\.51\.100\.1:8080 `, "--interface", "lan*", "--until-done", "2")
	s.wantEnd(t)
	cancel()
	for i, want := range []string{"loads 2_8_1_D40_firmware.eff from 192.0.2.1:8080, ", "loads 2_8_1_D40_firmware.eff from 198.51.100.1:8080, "} {
		<-all[i].done
		if did := all[i].did(); len(did) != 1 || !strings.HasPrefix(did[0], want) {
			t.Errorf("phone %d did %q, error %v; want %q", i+1, did, all[i].err, want)
		}
	}
}

func TestAddressOn(t *testing.T) {
	link := publication.Link{Index: 1, Name: "eth0"}
	for _, prefix := range []string{"fe80::1/64", "2001:db8::1/64", "192.0.2.9/24", "192.0.2.5/24"} {
		link.Addrs = append(link.Addrs, publication.LinkAddr{Prefix: netip.MustParsePrefix(prefix)})
	}
	bare := publication.Link{Index: 2, Name: "eth1", Addrs: []publication.LinkAddr{{Prefix: netip.MustParsePrefix("fe80::2/64")}}}
	for _, test := range []struct {
		link   publication.Link
		listen string
		url    string
	}{
		{link, "::", "http://192.0.2.5:8080/"},
		{link, "0.0.0.0", "http://192.0.2.5:8080/"},
		{link, "192.0.2.9", "http://192.0.2.9:8080/"},
		{link, "2001:db8::1", "http://[2001:db8::1]:8080/"},
		{link, "198.51.100.1", ""},
		{bare, "::", ""},
	} {
		t.Run(test.link.Name+" listening on "+test.listen, func(t *testing.T) {
			url := ""
			if addr, ok := addressOn(test.link, netip.MustParseAddr(test.listen)); ok {
				url = httpURL(addr, 8080)
			}
			if url != test.url {
				t.Errorf("%s, listening on %s: %q, want %q", test.link.Name, test.listen, url, test.url)
			}
		})
	}
	if got := httpURL(netip.MustParseAddr("192.0.2.5"), 80); got != "http://192.0.2.5/" {
		t.Errorf("the port of HTTP: %s", got)
	}
}
