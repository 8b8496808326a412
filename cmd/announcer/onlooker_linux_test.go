package main

import (
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"announcer/internal/testkit/netlab"
)

// wireTime is how long what should happen at once may take on a busy machine.
const wireTime = 20 * time.Second

// running is announcer run at work.
type running struct {
	out *output
}

// startRun starts announcer run on a host, to end with the test.
func startRun(t *testing.T, host *netlab.Host, dir string, args ...string) running {
	t.Helper()
	return startOn(t, host, dir, append([]string{"run"}, args...)...)
}

// startOn starts announcer on a host, to end with the test.
func startOn(t *testing.T, host *netlab.Host, dir string, args ...string) running {
	t.Helper()
	cmd := exec.Command(filepath.Join(binDir(t), "announcer"), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "RUNTIME_DIRECTORY="+t.TempDir()) // of its own: there are several daemons at a time
	r := running{&output{writes: make(chan struct{}, 1)}}
	cmd.Stdout, cmd.Stderr = r.out, r.out
	if err := host.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("announcer %s: %v after SIGTERM", args[0], err)
		}
		if t.Failed() {
			t.Log("announcer " + args[0] + " said:\n" + strings.Join(r.out.lines(), "\n"))
		}
	})
	return r
}

// says waits until the log has a line with the text.
func (r running) says(t *testing.T, text string) {
	t.Helper()
	r.saysOften(t, text, 1)
}

// count returns the number of lines of the log that have the text.
func (r running) count(text string) (n int) {
	for _, line := range r.out.lines() {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// saysOften waits until the log has so many lines with the text.
func (r running) saysOften(t *testing.T, text string, times int) {
	t.Helper()
	for deadline := time.After(wireTime); ; {
		if r.count(text) >= times {
			return
		}
		select {
		case <-r.out.writes:
		case <-deadline:
			t.Fatalf("announcer run does not say %q", text)
		}
	}
}

// never reports a line of the log with the text.
func (r running) never(t *testing.T, text string) {
	t.Helper()
	for _, line := range r.out.lines() {
		if strings.Contains(line, text) {
			t.Errorf("announcer run says %s", line)
		}
	}
}

// onlooker is a listener on the other end of a cable. It knows of services what was multicast there.
type onlooker struct {
	conn     *net.UDPConn
	group    *net.UDPAddr
	heard    chan *dns.Msg
	records  map[string]dns.RR
	goodbyes map[string]bool // the instances of which the pointer was withdrawn
	probes   map[string]bool // the names that were probed for
}

// newOnlooker joins the multicast group of an IP version on an interface of a host.
func newOnlooker(t *testing.T, host *netlab.Host, name string, version int) *onlooker {
	t.Helper()
	s := &onlooker{heard: make(chan *dns.Msg, 10000), records: map[string]dns.RR{}, goodbyes: map[string]bool{}, probes: map[string]bool{}}
	var err error
	host.Do(func() { err = s.listen(name, version) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.conn.Close() })
	go s.hear()
	return s
}

func (s *onlooker) listen(name string, version int) error {
	nic, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	s.group = &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}
	if version == 6 {
		s.group = &net.UDPAddr{IP: net.ParseIP("ff02::fb"), Port: 5353, Zone: strconv.Itoa(nic.Index)} // package net keeps the names of another namespace
	}
	s.conn, err = net.ListenMulticastUDP(fmt.Sprint("udp", version), nic, s.group)
	switch {
	case err != nil:
		return err
	case version == 6:
		return ipv6.NewPacketConn(s.conn).SetMulticastInterface(nic)
	}
	return ipv4.NewPacketConn(s.conn).SetMulticastInterface(nic)
}

// hear reads packets until the socket is closed.
func (s *onlooker) hear() {
	defer close(s.heard)
	buf := make([]byte, 9000)
	for {
		n, err := s.conn.Read(buf)
		if err != nil {
			return
		}
		m := new(dns.Msg)
		if err := m.Unpack(buf[:n]); err == nil {
			s.heard <- m
		}
	}
}

// webServices is the type of the services that the onlooker knows of.
const webServices = "_http._tcp.local."

// learn takes in a packet, as RFC 6762 §10 has it.
func (s *onlooker) learn(m *dns.Msg) {
	for _, rr := range m.Ns {
		s.probes[instance(rr.Header().Name)] = true
	}
	if !m.Response {
		return
	}
	const flush = 1 << 15
	all := append(m.Answer, m.Extra...)
	for _, rr := range all {
		if rr.Header().Class&flush != 0 {
			maps.DeleteFunc(s.records, func(_ string, old dns.RR) bool {
				return old.Header().Rrtype == rr.Header().Rrtype && old.Header().Name == rr.Header().Name
			})
		}
	}
	for _, rr := range all {
		key := rr.Header().Name + strings.TrimPrefix(rr.String(), rr.Header().String())
		if rr.Header().Ttl > 0 {
			s.records[key] = rr
			continue
		}
		delete(s.records, key)
		if ptr, ok := rr.(*dns.PTR); ok && ptr.Hdr.Name == webServices {
			s.goodbyes[instance(ptr.Ptr)] = true
		}
	}
}

func instance(name string) string { return strings.TrimSuffix(name, "."+webServices) }

// services returns the services, as "NAME=PORT" in order.
func (s *onlooker) services() string {
	var found []string
	for _, rr := range s.records {
		ptr, ok := rr.(*dns.PTR)
		if !ok || ptr.Hdr.Name != webServices {
			continue
		}
		for _, rr := range s.records {
			if srv, ok := rr.(*dns.SRV); ok && srv.Hdr.Name == ptr.Ptr {
				found = append(found, fmt.Sprintf("%s=%d", instance(ptr.Ptr), srv.Port))
			}
		}
	}
	slices.Sort(found)
	return strings.Join(found, " ")
}

// hosts returns the names that have an IPv4 address, without the domain, in order.
func (s *onlooker) hosts() string {
	return s.labels(func(rr dns.RR) string {
		if a, ok := rr.(*dns.A); ok {
			return a.Hdr.Name
		}
		return ""
	})
}

// targets returns the hosts that services are on, without the domain, in order.
func (s *onlooker) targets() string {
	return s.labels(func(rr dns.RR) string {
		if srv, ok := rr.(*dns.SRV); ok {
			return srv.Target
		}
		return ""
	})
}

// labels returns the hosts that are found in the records, each once.
func (s *onlooker) labels(find func(dns.RR) string) string {
	var found []string
	for _, rr := range s.records {
		if name, ok := strings.CutSuffix(find(rr), ".local."); ok {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return strings.Join(slices.Compact(found), " ")
}

// addresses returns those that are held, in order, except link-local ones.
func (s *onlooker) addresses() string {
	var found []string
	for _, rr := range s.records {
		switch rr := rr.(type) {
		case *dns.A:
			found = append(found, rr.A.String())
		case *dns.AAAA:
			if !rr.AAAA.IsLinkLocalUnicast() {
				found = append(found, rr.AAAA.String())
			}
		}
	}
	slices.Sort(found)
	return strings.Join(found, " ")
}

// texts returns the strings of all TXT records, in order.
func (s *onlooker) texts() string {
	var found []string
	for _, rr := range s.records {
		if txt, ok := rr.(*dns.TXT); ok {
			found = append(found, txt.Txt...)
		}
	}
	slices.Sort(found)
	return strings.Join(found, " ")
}

// await listens until what is asked for is as it should be, and reports how long it took. It asks now and then, for what
// was said before it listened.
func (s *onlooker) await(t *testing.T, what string, as func() string, want string) {
	t.Helper()
	start := time.Now()
	again := time.NewTicker(2 * time.Second)
	defer again.Stop()
	for deadline := time.After(wireTime); as() != want; {
		select {
		case m := <-s.heard:
			s.learn(m)
		case <-again.C:
			s.ask(t)
		case <-deadline:
			t.Fatalf("%s: on the wire there is %q after %v, want %q", what, as(), wireTime, want)
		}
	}
	t.Logf("%s: seen on the wire after %v", what, time.Since(start).Round(time.Millisecond))
}

func (s *onlooker) ask(t *testing.T) {
	t.Helper()
	question := new(dns.Msg)
	question.SetQuestion(webServices, dns.TypePTR)
	question.Id = 0
	packet, err := question.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.conn.WriteTo(packet, s.group); err != nil {
		t.Log("the onlooker can't ask: ", err)
	}
}
