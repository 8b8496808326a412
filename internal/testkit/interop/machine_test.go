//go:build linux

package interop

import (
	"os"
	"path/filepath"
	"testing"

	"announcer/internal/testkit/skip"

	"golang.org/x/sys/unix"

	"announcer/internal/testkit/netlab"
)

// bus is the address of a machine's D-Bus.
const bus = "unix:path=/run/bus"

// hostname is the server's: the one that the corpus was measured with.
const hostname = "announcer-test"

// machine is a host that Debian's Avahi and systemd-resolved can run on.
type machine struct {
	*netlab.Host
	dir string // files of this machine
}

// neighbour is a machine that is joined to one that announces.
type neighbour struct {
	machine
	link link
}

// link is a network of two machines, the first of which announces.
type link struct {
	name   string // of the interface of the machine that announces; the neighbour's is eth0
	v4, v6 string // the addresses without the last number: 1 announces, 2 is the neighbour; "" if there are none
}

var (
	v0       = link{"v0", "192.0.2.", "2001:db8:2::"}
	onlyIPv4 = link{"v0", "192.0.2.", ""}
	onlyIPv6 = link{"v0", "", "2001:db8:2::"}
	vlan10   = link{"vlan10", "198.51.100.", "2001:db8:10::"}
	vlan20   = link{"vlan20", "203.0.113.", "2001:db8:20::"}
)

// String returns the IP versions of a link.
func (l link) String() string {
	switch {
	case l.v4 == "":
		return "IPv6"
	case l.v6 == "":
		return "IPv4"
	}
	return "IPv4 and IPv6"
}

// addresses returns those of one end, 1 or 2.
func (l link) addresses(end string) []string {
	var addrs []string
	for _, net := range []string{l.v4, l.v6} {
		if net != "" {
			addrs = append(addrs, net+end)
		}
	}
	return addrs
}

// versions returns its IP versions as options of commands: -4, -6.
func (l link) versions() []string {
	var versions []string
	if l.v4 != "" {
		versions = append(versions, "-4")
	}
	if l.v6 != "" {
		versions = append(versions, "-6")
	}
	return versions
}

// end makes an end of the link.
func (l link) end(m machine, name, number string) netlab.End {
	e := netlab.End{Host: m.Host, Name: name, OnlyIPv4: l.v6 == ""}
	for _, addr := range l.addresses(number) {
		length := "/64"
		if addr == l.v4+number {
			length = "/24"
		}
		e.Addrs = append(e.Addrs, addr+length)
	}
	return e
}

// newServer returns a machine that announces on an interface v0, and its neighbour there, which looks at it with Avahi.
func newServer(t *testing.T) (server machine, other neighbour) {
	t.Helper()
	server = newMachine(t, hostname)
	return server, newAvahiNeighbour(t, server, v0)
}

// newAvahiNeighbour joins a new machine to one that announces, and starts Avahi there.
func newAvahiNeighbour(t *testing.T, server machine, l link) neighbour {
	t.Helper()
	n := newNeighbour(t, server, l)
	n.startBus(t)
	n.startAvahi(t, quietAvahi)
	return n
}

// programs are those that the tests talk to; .ci/test-deps fetches them.
var programs = []string{
	"avahi-browse", "avahi-daemon", "avahi-resolve", "dbus-daemon", "dig", "ip", "resolvectl", "systemd-resolved", "tshark",
}

// newNeighbour joins a new machine to one that announces. It skips the test where the programs for it are missing.
func newNeighbour(t *testing.T, server machine, l link) neighbour {
	t.Helper()
	for _, program := range programs {
		skip.Without(t, program)
	}
	n := neighbour{newMachine(t, "phone"), l}
	netlab.Veth(t, l.end(server, l.name, "1"), l.end(n.machine, "eth0", "2"))
	if l.v4 != "" { // Linux sends no multicast from a socket of no interface if there is no route for it
		n.IP(t, "route", "add", "default", "via", l.v4+"1")
	}
	return n
}

// newMachine makes a host with a name, and with folders /etc and /run of its own, which hold what Avahi and systemd-resolved
// want there.
func newMachine(t *testing.T, name string) machine {
	t.Helper()
	m := machine{netlab.NewHost(t), t.TempDir()}
	write(t, m.dir, "passwd", "root:x:0:0::/:/bin/sh\navahi:x:0:0::/:/bin/false\nsystemd-resolve:x:0:0::/:/bin/false\n")
	write(t, m.dir, "group", "root:x:0:\navahi:x:0:\nsystemd-resolve:x:0:\n")
	for _, folder := range []string{"avahi/services", "systemd"} {
		if err := os.MkdirAll(filepath.Join(m.dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m.do(t, func() error { return unix.Unshare(unix.CLONE_NEWUTS | unix.CLONE_NEWNS) })
	m.do(t, func() error { return unix.Sethostname([]byte(name)) })
	m.do(t, func() error { return unix.Mount(m.dir, "/etc", "", unix.MS_BIND, "") })
	m.do(t, func() error { return unix.Mount("tmpfs", "/run", "tmpfs", 0, "") })
	m.do(t, func() error { return os.Mkdir("/run/systemd", 0o755) })
	return m
}

// do does on the machine what may fail.
func (m machine) do(t *testing.T, f func() error) {
	t.Helper()
	var err error
	m.Do(func() { err = f() })
	if err != nil {
		t.Fatal(err)
	}
}

// startBus starts a D-Bus for Avahi and its commands.
func (m machine) startBus(t *testing.T) {
	t.Helper()
	config := write(t, m.dir, "bus.conf", `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>`+bus+`</listen>
  <policy context="default">
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
`)
	m.start(t, "dbus-daemon", "--nofork", "--nopidfile", "--print-address", "--config-file="+config).await(t, bus, 1)
}

// quietAvahi lets Avahi look and say nothing.
const quietAvahi = "[server]\ndeny-interfaces=lo\n[publish]\ndisable-publishing=yes\n"

// startAvahi starts avahi-daemon and waits until it is at work.
func (m machine) startAvahi(t *testing.T, config string) *process {
	t.Helper()
	file := write(t, m.dir, "avahi.conf", config)
	avahi := m.start(t, "avahi-daemon", "--no-drop-root", "--no-chroot", "--no-rlimits", "--no-proc-title", "--file="+file)
	avahi.await(t, "Server startup complete", 1)
	return avahi
}

// write makes a file and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
