//go:build linux

package netlab

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"announcer/internal/testkit/skip"

	"golang.org/x/sys/unix"
)

// Host is a network namespace with a loopback interface and a host name of its own: a machine as far as the network
// goes. A nil Host is the namespace that the tests run in.
type Host struct {
	calls chan func()
	path  string // of the file that stands for the namespace
}

// NewHost makes a machine that lasts until the test ends.
func NewHost(t testing.TB) *Host {
	t.Helper()
	Need(t)
	h := &Host{calls: make(chan func())}
	started := make(chan error)
	go h.serve(started)
	if err := <-started; err != nil {
		t.Fatal("a second network namespace: ", err)
	}
	t.Cleanup(func() { close(h.calls) })
	return h
}

// serve owns a thread in the namespace of the host. The thread is never unlocked, so that it ends with the
// goroutine and no other one finds itself in that namespace.
func (h *Host) serve(started chan<- error) {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWUTS); err != nil {
		started <- err
		return
	}
	h.path = fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), unix.Gettid())
	started <- loopbackUp()
	for f := range h.calls {
		f()
	}
}

// Do runs f on the host and waits for it. Sockets that f opens, and processes that it starts, belong to the host
// for good; goroutines that it starts don't run there. f must not end the test: no t.Fatal, no t.Skip.
func (h *Host) Do(f func()) {
	if h == nil {
		f()
		return
	}
	done := make(chan struct{})
	h.calls <- func() {
		defer close(done)
		f()
	}
	<-done
}

// Start starts a command on the host.
func (h *Host) Start(cmd *exec.Cmd) (err error) {
	h.Do(func() { err = cmd.Start() })
	return err
}

// Enter makes a command run in the network of the host, if something else than the test starts it.
func (h *Host) Enter(cmd *exec.Cmd) {
	if h == nil {
		return
	}
	enter := exec.Command("nsenter", append([]string{"--net=" + h.path, cmd.Path}, cmd.Args[1:]...)...)
	cmd.Path, cmd.Args, cmd.Err = enter.Path, enter.Args, enter.Err
}

// Rename changes the name of the host.
func (h *Host) Rename(t testing.TB, name string) {
	t.Helper()
	var err error
	h.Do(func() { err = unix.Sethostname([]byte(name)) })
	if err != nil {
		t.Fatalf("name the host %s: %v", name, err)
	}
}

// IP runs the command ip of iproute2 on the host, as in h.IP(t, "link", "set", "eth0", "down"). It skips the test
// if there is no such command.
func (h *Host) IP(t testing.TB, args ...string) {
	t.Helper()
	h.ip(t, exec.Command("ip", args...))
}

// IPs runs several commands of iproute2 at once, each a line without the ip in front.
func (h *Host) IPs(t testing.TB, lines ...string) {
	t.Helper()
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n"))
	h.ip(t, cmd)
}

// ip runs a command ip. It skips the test if there is none.
func (h *Host) ip(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if cmd.Err != nil {
		skip.Now(t, "no command ip (Debian package iproute2): ", cmd.Err)
	}
	var out []byte
	var err error
	h.Do(func() { out, err = cmd.CombinedOutput() })
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// End is one end of a cable: an interface, and its host.
type End struct {
	Host  *Host
	Name  string   // of the interface
	Addrs []string // with the length of the prefix: "192.0.2.1/24"
	// OnlyIPv4 lets the interface have no IPv6, not even a link-local address.
	OnlyIPv4 bool
}

// Veth joins two hosts by a cable that lasts until the test ends. Both ends are up and their addresses valid, a
// link-local IPv6 address of each that has IPv6 included, when it returns.
func Veth(t testing.TB, a, b End) { t.Helper(); Veths(t, [2]End{a, b}) }

// Veths makes many cables in little more time than one.
func Veths(t testing.TB, cables ...[2]End) {
	t.Helper()
	Need(t)
	for _, ends := range cables {
		a, b := ends[0], ends[1]
		a.Host.IP(t, "link", "add", a.Name, "type", "veth", "peer", "name", b.Name, "netns", b.Host.namespace())
		t.Cleanup(func() {
			a.Host.Do(func() { exec.Command("ip", "link", "del", a.Name).Run() }) // which fails where the test has done it
		})
		a.up(t)
		b.up(t)
	}
	for _, ends := range cables {
		ends[0].await(t)
		ends[1].await(t)
	}
}

func (h *Host) namespace() string {
	if h == nil {
		return fmt.Sprintf("/proc/%d/ns/net", os.Getpid())
	}
	return h.path
}

// up assigns an end its addresses, without the second that the kernel takes to find out whether another host has
// an IPv6 address (RFC 4862 §5.4), or without IPv6.
func (e End) up(t testing.TB) {
	t.Helper()
	setting, value := "accept_dad", "0"
	if e.OnlyIPv4 {
		setting, value = "disable_ipv6", "1"
	}
	var err error
	e.Host.Do(func() { err = os.WriteFile("/proc/sys/net/ipv6/conf/"+e.Name+"/"+setting, []byte(value), 0o644) })
	if err != nil {
		t.Fatalf("set %s of %s: %v", setting, e.Name, err)
	}
	var lines []string
	for _, addr := range e.Addrs {
		lines = append(lines, "addr add "+addr+" dev "+e.Name)
	}
	e.Host.IPs(t, append(lines, "link set "+e.Name+" up")...)
}

// await waits until an end has a carrier and its link-local address, which come up to a second after it is up.
func (e End) await(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for !e.running() {
		if time.Now().After(deadline) {
			t.Fatalf("%s is not running after 5 seconds", e.Name)
		}
		time.Sleep(time.Millisecond)
	}
}

func (e End) running() (running bool) {
	e.Host.Do(func() {
		link, err := net.InterfaceByName(e.Name)
		running = err == nil && link.Flags&net.FlagRunning != 0 && (e.OnlyIPv4 || e.hasLinkLocal())
	})
	return running
}

// hasLinkLocal reports whether an end has a link-local IPv6 address, and no address that is tentative still. Each line of
// the file is "ADDRESS INDEX PREFIX-LENGTH SCOPE FLAGS NAME".
func (e End) hasLinkLocal() (has bool) {
	addrs, err := os.ReadFile("/proc/thread-self/net/if_inet6")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(addrs)) {
		fields := strings.Fields(line)
		if len(fields) != 6 || fields[5] != e.Name {
			continue
		}
		if flags, err := strconv.ParseUint(fields[4], 16, 32); err != nil || flags&unix.IFA_F_TENTATIVE != 0 {
			return false
		}
		has = has || strings.HasPrefix(fields[0], "fe80")
	}
	return has
}
