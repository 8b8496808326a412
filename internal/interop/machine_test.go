//go:build linux

package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"announcer/internal/netlab"
)

// bus is the address of a machine's D-Bus.
const bus = "unix:path=/run/bus"

// hostname is the server's: the one that the corpus was measured with.
const hostname = "announcer-test"

// machine is a host that Debian's Avahi can run on.
type machine struct {
	*netlab.Host
	dir string // files of this machine
}

// neighbour is a machine that is joined to one that announces, and looks at it with Avahi.
type neighbour struct {
	machine
	link link
}

// link is a network of two machines, the first of which announces.
type link struct {
	name   string // of the interface of the machine that announces
	v4, v6 string // the addresses without the last number: 1 announces, 2 is the neighbour
}

var (
	v0     = link{"v0", "192.0.2.", "2001:db8:2::"}
	vlan10 = link{"vlan10", "198.51.100.", "2001:db8:10::"}
	vlan20 = link{"vlan20", "203.0.113.", "2001:db8:20::"}
)

// newServer gives a machine that announces on an interface v0, and its neighbour there.
func newServer(t *testing.T) (server machine, other neighbour) {
	t.Helper()
	server = newMachine(t, hostname)
	return server, newNeighbour(t, server, v0)
}

// newNeighbour joins a new machine to one that announces. It skips the test where the programs for it are missing.
func newNeighbour(t *testing.T, server machine, l link) neighbour {
	t.Helper()
	for _, program := range []string{"avahi-daemon", "avahi-browse", "dbus-daemon", "tshark"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s here, which the test talks to; make test-deps fetches it", program)
		}
	}
	n := neighbour{newMachine(t, "phone"), l}
	netlab.Veth(t, netlab.End{Host: server.Host, Name: l.name, Addrs: []string{l.v4 + "1/24", l.v6 + "1/64"}},
		netlab.End{Host: n.Host, Name: "eth0", Addrs: []string{l.v4 + "2/24", l.v6 + "2/64"}})
	n.startBus(t)
	n.startAvahi(t, "[server]\ndeny-interfaces=lo\n[publish]\ndisable-publishing=yes\n")
	return n
}

// newMachine makes a host with a name, and with folders /etc and /run of its own, which hold what Avahi wants there.
func newMachine(t *testing.T, name string) machine {
	t.Helper()
	m := machine{netlab.NewHost(t), t.TempDir()}
	write(t, m.dir, "passwd", "root:x:0:0::/:/bin/sh\navahi:x:0:0::/:/bin/false\n")
	write(t, m.dir, "group", "root:x:0:\navahi:x:0:\n")
	if err := os.MkdirAll(filepath.Join(m.dir, "avahi/services"), 0o755); err != nil {
		t.Fatal(err)
	}
	m.do(t, func() error { return unix.Unshare(unix.CLONE_NEWUTS | unix.CLONE_NEWNS) })
	m.do(t, func() error { return unix.Sethostname([]byte(name)) })
	m.do(t, func() error { return unix.Mount(m.dir, "/etc", "", unix.MS_BIND, "") })
	m.do(t, func() error { return unix.Mount("tmpfs", "/run", "tmpfs", 0, "") })
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

// startAvahi starts avahi-daemon and waits until it is at work.
func (m machine) startAvahi(t *testing.T, config string) *process {
	t.Helper()
	file := write(t, m.dir, "avahi.conf", config)
	avahi := m.start(t, "avahi-daemon", "--no-drop-root", "--no-chroot", "--no-rlimits", "--no-proc-title", "--file="+file)
	avahi.await(t, "Server startup complete", 1)
	return avahi
}

// write makes a file and gives its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
