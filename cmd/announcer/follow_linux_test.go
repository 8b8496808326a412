package main

import (
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"announcer/internal/testkit/netlab"
)

// shellDefinition is a shell function: def NAME PORT [TXT] prints a definition.
const shellDefinition = `def() {
	echo "<service-group><name>$1</name><service><type>_http._tcp</type><port>$2</port>"
	test -z "$3" || echo "<txt-record>$3</txt-record>"
	echo "</service></service-group>"
}
`

// in runs a shell script in a directory.
func in(t *testing.T, dir, script string) {
	t.Helper()
	cmd := exec.Command("sh", "-ec", shellDefinition+script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// cable joins a host for announcer to another one.
func cable(t *testing.T, addrs ...string) (server, other *netlab.Host) {
	t.Helper()
	server, other = netlab.NewHost(t), netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Host: server, Name: "eth0", Addrs: addrs}, netlab.End{Host: other, Name: "eth0", Addrs: []string{"192.0.2.9/24"}})
	return server, other
}

// TestFilesOnTheWire has files change in every way while the daemon runs, and looks at the wire.
func TestFilesOnTheWire(t *testing.T) {
	netlab.Need(t)
	t.Parallel()
	server, other := cable(t, "192.0.2.5/24")
	s := newOnlooker(t, other, "eth0", 4)
	dir := t.TempDir()
	run := startRun(t, server, dir, "--services", "etc", "--services", "lib")
	run.says(t, "it does not exist; it is waited for\" file=etc")
	for _, step := range []struct{ name, script, log, want, gone string }{
		{"a directory that did not exist", "mkdir lib etc; def a 80 > etc/a.service", "", "a=80", ""},
		{"saved", "def a 81 > etc/a.service", "", "a=81", ""},
		{"saved again at once", "def a 82 > etc/a.service", "", "a=82", ""},
		{"a new file", "def b 80 > etc/b.service", "", "a=82 b=80", ""},
		{"replaced", "def b 81 > new; mv new etc/b.service", "", "a=82 b=81", ""},
		{"renamed", "mv etc/b.service etc/c.service", "added=etc/c.service removed=etc/b.service", "a=82 b=81", ""},
		{"broken", "echo '<service-group>' > etc/c.service", "its last good version stays announced", "a=82 b=81", ""},
		{"mended", "def b 82 > etc/c.service", "", "a=82 b=82", ""},
		{"touched, with another mode", "touch etc/*; chmod 600 etc/*; def b 83 > etc/c.service", "", "a=82 b=83", ""},
		{"a symbolic link", "mkdir else; def d 80 > else/d; ln -s ../else/d etc/d.service", "", "a=82 b=83 d=80", ""},
		{"the target of a link", "def d 81 > else/d", "", "a=82 b=83 d=81", ""},
		{"a volume of Kubernetes", "mkdir etc/..1 etc/..2; def k 1 > etc/..1/k; def k 2 > etc/..2/k; ln -s ..1 etc/..data; ln -s ..data/k etc/k.service", "", "a=82 b=83 d=81 k=1", ""},
		{"its swap", "ln -s ..2 etc/..tmp; mv -T etc/..tmp etc/..data", "", "a=82 b=83 d=81 k=2", ""},
		{"removed", "rm etc/d.service", "", "a=82 b=83 k=2", "d"},
		{"hidden by the next directory's precedence", "def x 80 > lib/a.service; def l 80 > lib/l.service", "added=lib/l.service", "a=82 b=83 k=2 l=80", "d"},
		{"masked", "ln -s /dev/null etc/l.service", "", "a=82 b=83 k=2", "d l"},
		{"a directory removed", "rm -r etc", "", "l=80 x=80", "a b d k l"},
		{"and made again", "mkdir etc; def a 83 > etc/a.service", "", "a=83 l=80", "a b d k l x"},
	} {
		in(t, dir, step.script)
		if step.log != "" {
			run.says(t, step.log)
		}
		s.await(t, step.name, s.services, step.want)
		if got := strings.Join(slices.Sorted(maps.Keys(s.goodbyes)), " "); got != step.gone {
			t.Errorf("%s: up to here there were goodbyes of %q, want %q", step.name, got, step.gone)
		}
	}
}

// TestUpdateOnTheWire has a TXT string change, which is announced without a goodbye and without a probe (RFC 6762 §8.4), and
// the configuration change, which can name the directory.
func TestUpdateOnTheWire(t *testing.T) {
	netlab.Need(t)
	t.Parallel()
	server, other := cable(t, "192.0.2.5/24")
	s := newOnlooker(t, other, "eth0", 4)
	dir := t.TempDir()
	in(t, dir, `mkdir one two; def a 80 v=1 > one/a.service; def b 80 v=7 > two/b.service; echo 'daemon.services = "one"' > announcer.toml`)
	startRun(t, server, dir, "--config", "announcer.toml")
	s.await(t, "the start", s.texts, "v=1")
	s.await(t, "the start", s.services, "a=80")
	clear(s.probes)
	in(t, dir, "def a 80 v=2 > one/a.service")
	s.await(t, "another TXT string", s.texts, "v=2")
	in(t, dir, "def a 80 v=3 > one/a.service")
	s.await(t, "and another", s.texts, "v=3")
	if len(s.goodbyes) > 0 || len(s.probes) > 0 {
		t.Errorf("there were goodbyes %v and probes %v, want none", s.goodbyes, s.probes)
	}
	in(t, dir, `echo 'daemon.services = "two"' > announcer.toml`)
	s.await(t, "another directory", s.services, "b=80")
	in(t, dir, "def b 81 > two/b.service")
	s.await(t, "its file", s.services, "b=81")
}

// oneDefinition makes a directory with a definition.
func oneDefinition(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	in(t, dir, "def a 80 > a.service")
	return dir
}

// TestAddressesOnTheWire has the addresses of a link change while the daemon runs.
func TestAddressesOnTheWire(t *testing.T) {
	netlab.Need(t)
	t.Parallel()
	server, other := cable(t, "192.0.2.5/24", "2001:db8::5/64")
	s := newOnlooker(t, other, "eth0", 4)
	run := startRun(t, server, oneDefinition(t), "--services", ".")
	s.await(t, "the start", s.addresses, "192.0.2.5 2001:db8::5")
	server.IP(t, "addr", "add", "198.51.100.7/24", "dev", "eth0")
	s.await(t, "an address added", s.addresses, "192.0.2.5 198.51.100.7 2001:db8::5")
	run.says(t, `link=eth0 change="address 198.51.100.7/24 added"`)
	server.IP(t, "addr", "del", "198.51.100.7/24", "dev", "eth0")
	s.await(t, "an address removed", s.addresses, "192.0.2.5 2001:db8::5")

	for name, value := range map[string]string{"accept_dad": "1", "dad_transmits": "1"} {
		var err error
		server.Do(func() { err = os.WriteFile("/proc/sys/net/ipv6/conf/eth0/"+name, []byte(value), 0o644) })
		if err != nil {
			t.Fatal(err)
		}
	}
	server.IP(t, "addr", "add", "2001:db8::7/64", "dev", "eth0")
	run.says(t, `change="address 2001:db8::7/64 added (tentative)"`)
	run.says(t, `change="address 2001:db8::7/64 known to be unique"`)
	s.await(t, "an address that was tentative", s.addresses, "192.0.2.5 2001:db8::5 2001:db8::7")
	server.IP(t, "addr", "change", "2001:db8::5/64", "dev", "eth0", "preferred_lft", "0", "valid_lft", "1000")
	s.await(t, "a deprecated address", s.addresses, "192.0.2.5 2001:db8::7")
	run.says(t, `change="address 2001:db8::5/64 deprecated"`)
}

// TestIPv6OnTheWire has a link with IPv6 alone, of which the address changes.
func TestIPv6OnTheWire(t *testing.T) {
	netlab.Need(t)
	t.Parallel()
	server, other := cable(t)
	s := newOnlooker(t, other, "eth0", 6)
	startRun(t, server, oneDefinition(t), "--services", ".")
	s.await(t, "the link-local address alone", s.services, "a=80")
	s.await(t, "the link-local address alone", s.addresses, "")
	server.IP(t, "addr", "add", "2001:db8::5/64", "dev", "eth0", "nodad")
	s.await(t, "an address added", s.addresses, "2001:db8::5")
	server.IP(t, "addr", "del", "2001:db8::5/64", "dev", "eth0")
	s.await(t, "the link-local address again", s.addresses, "")
	s.await(t, "the link-local address again", s.services, "a=80")
}

// TestLinksOnTheWire has links come, go and change while the daemon runs.
func TestLinksOnTheWire(t *testing.T) {
	netlab.Need(t)
	t.Parallel()
	server, other := netlab.NewHost(t), netlab.NewHost(t)
	run := startRun(t, server, oneDefinition(t), "--services", ".", "--interface", "eth*", "--interface", "lan*")
	run.says(t, "no interface matches")

	plug := func() *onlooker {
		netlab.Veth(t, netlab.End{Host: server, Name: "eth0", Addrs: []string{"192.0.2.5/24"}}, netlab.End{Host: other, Name: "eth0", Addrs: []string{"192.0.2.9/24"}})
		return newOnlooker(t, other, "eth0", 4)
	}
	seen := func(what string, s *onlooker) {
		t.Helper()
		clear(s.records)
		s.await(t, what, s.services, "a=80")
	}
	s := plug()
	first := indexOf(t, server, "eth0")
	seen("a link that comes later", s)

	server.IP(t, "link", "set", "eth0", "down")
	run.says(t, "link=eth0 change=down")
	server.IP(t, "link", "set", "eth0", "up")
	seen("a link that was down", s)
	other.IP(t, "link", "set", "eth0", "down")
	run.says(t, `link=eth0 change="without a carrier"`)
	other.IP(t, "link", "set", "eth0", "up")
	seen("a link that was unplugged", s)

	server.IP(t, "link", "del", "eth0")
	run.says(t, "link=eth0 change=removed")
	s = plug()
	if again := indexOf(t, server, "eth0"); again == first {
		t.Fatalf("eth0 has the index %d again, want another one", again)
	}
	seen("a link of another index", s)
	s.ask(t)
	seen("a question on it", s)

	server.IP(t, "link", "set", "eth0", "down")
	server.IP(t, "link", "set", "eth0", "name", "lan0")
	server.IP(t, "link", "set", "lan0", "up")
	run.says(t, "link=lan0 change=") // renamed, or up, as quickly as that was
	seen("a link that was renamed", s)

	vlan(t, server, "lan0", other, "eth0")
	run.says(t, "announced service=a type=_http._tcp link=eth0.20")
	s = newOnlooker(t, other, "eth0.20", 4)
	seen("a VLAN", s)
	s.ask(t)
	seen("a question on it", s)
	server.IP(t, "link", "del", "eth0.20")
	run.says(t, "link=eth0.20 change=removed")

	server.IP(t, "link", "set", "lan0", "down")
	server.IP(t, "link", "set", "lan0", "name", "wan0") // which is not for us
	server.IP(t, "link", "set", "wan0", "up")
	run.says(t, "withdrawn service=a type=_http._tcp link=lan0")
}

func indexOf(t *testing.T, host *netlab.Host, name string) (index int) {
	t.Helper()
	host.Do(func() {
		if nic, err := net.InterfaceByName(name); err == nil {
			index = nic.Index
		}
	})
	return index
}

// vlan adds VLAN 20 to a cable, as eth0.20 on both ends; where the kernel knows no VLANs, a cable of that name.
func vlan(t *testing.T, server *netlab.Host, lower string, other *netlab.Host, peer string) {
	t.Helper()
	known := true
	server.Do(func() {
		known = exec.Command("ip", "link", "add", "link", lower, "name", "eth0.20", "type", "vlan", "id", "20").Run() == nil
	})
	if !known {
		t.Log("the kernel knows no VLANs; a second cable takes the place of one")
		netlab.Veth(t, netlab.End{Host: server, Name: "eth0.20", Addrs: []string{"198.51.100.5/24"}}, netlab.End{Host: other, Name: "eth0.20", Addrs: []string{"198.51.100.9/24"}})
		return
	}
	other.IP(t, "link", "add", "link", peer, "name", "eth0.20", "type", "vlan", "id", "20")
	for host, addr := range map[*netlab.Host]string{server: "198.51.100.5/24", other: "198.51.100.9/24"} {
		host.IP(t, "addr", "add", addr, "dev", "eth0.20")
		host.IP(t, "link", "set", "eth0.20", "up")
	}
}

// TestTwoInterfacesOnOneLink has the daemon hear itself, by a bridge that joins two of its interfaces.
func TestTwoInterfacesOnOneLink(t *testing.T) {
	netlab.Need(t)
	t.Parallel()
	server, other := netlab.NewHost(t), netlab.NewHost(t)
	other.IP(t, "link", "add", "bridge0", "type", "bridge")
	other.IP(t, "addr", "add", "192.0.2.9/24", "dev", "bridge0")
	other.IP(t, "link", "set", "bridge0", "up")
	run := startRun(t, server, oneDefinition(t), "--services", ".")
	for i, name := range []string{"eth0", "eth1"} {
		netlab.Veth(t, netlab.End{Host: server, Name: name, Addrs: []string{"192.0.2." + string(rune('5'+i)) + "/24"}}, netlab.End{Host: other, Name: name})
		other.IP(t, "link", "set", name, "master", "bridge0")
	}
	s := newOnlooker(t, other, "bridge0", 4)
	run.says(t, "announced service=a type=_http._tcp link=eth0")
	run.says(t, "announced service=a type=_http._tcp link=eth1")
	s.await(t, "both", s.services, "a=80")
	run.never(t, "msg=conflict")
	run.never(t, "msg=renamed")
}

// TestHostNameOnTheWire has the host get another name while the daemon runs. Everything is announced again within two
// seconds.
func TestHostNameOnTheWire(t *testing.T) {
	netlab.Need(t)
	t.Parallel()
	server, other := cable(t, "192.0.2.5/24")
	server.Rename(t, "pbx-a")
	s, dir := newOnlooker(t, other, "eth0", 4), t.TempDir()
	in(t, dir, "def a 80 > a.service; def 'PBX %h' 81 | sed 's/<name>/<name replace-wildcards=\"yes\">/' > h.service")
	socket := filepath.Join(t.TempDir(), "socket")
	run := startRun(t, server, dir, "--services", ".", "--socket", socket)
	s.await(t, "the first name", s.services, "PBX\\ pbx-a=81 a=80")
	s.await(t, "the first name", s.hosts, "pbx-a")

	clear(s.probes)
	server.Rename(t, "pbx-b")
	for deadline := time.After(2 * time.Second); !s.probes["pbx-b.local."] || !s.probes["PBX\\ pbx-b"] || strings.Contains(s.hosts(), "pbx-a") || !s.goodbyes["PBX\\ pbx-a"] || s.targets() != "pbx-b"; {
		select {
		case m := <-s.heard:
			s.learn(m)
		case <-deadline:
			t.Fatalf("after 2 seconds there are the hosts %q, the targets %q, probes for %v and goodbyes of %v", s.hosts(), s.targets(), s.probes, s.goodbyes)
		}
	}
	s.await(t, "the second name", s.services, "PBX\\ pbx-b=81 a=80")
	s.await(t, "the second name", s.hosts, "pbx-b")
	if ptr, ok := s.records["5.2.0.192.in-addr.arpa.pbx-b.local."]; !ok {
		t.Errorf("the address does not point to the new name: %v, %v", ptr, s.records)
	}
	if _, ok := s.records["5.2.0.192.in-addr.arpa.pbx-a.local."]; ok {
		t.Error("the address points to the old name, too")
	}
	run.says(t, `msg="host name changed" changed=h.service host=pbx-b was=pbx-a`)
	run.never(t, "files changed")
	if status := said(t, server, dir, "status", "--socket", socket); !strings.Contains(status, "engine native, host pbx-b\n") || !strings.Contains(status, `PBX pbx-b`) {
		t.Errorf("status does not say so:\n%s", status)
	}

	server.Rename(t, strings.Repeat("x", 60))
	s.await(t, "a name that is too long for a service", s.hosts, strings.Repeat("x", 60))
	if s.services() != "PBX\\ pbx-b=81 a=80" || s.goodbyes["PBX\\ pbx-b"] {
		t.Errorf("on the wire there is %q", s.services())
	}
	run.says(t, "has 64 bytes, at most 63")
	run.says(t, `it keeps the name \"PBX pbx-b\"`)
	status := said(t, server, dir, "status", "--socket", socket)
	for _, want := range []string{"PROBLEM: ", "has 64 bytes, at most 63", `it keeps the name "PBX pbx-b"`} {
		if !strings.Contains(status, want) {
			t.Errorf("status does not say %q:\n%s", want, status)
		}
	}
	server.Rename(t, "pbx-c")
	s.await(t, "a name that is short again", s.services, "PBX\\ pbx-c=81 a=80")
}

// TestHostNameWhileAnnounced has the host get another name while announcer announce runs.
func TestHostNameWhileAnnounced(t *testing.T) {
	netlab.Need(t)
	t.Parallel()
	server, other := cable(t, "192.0.2.5/24")
	server.Rename(t, "pbx-a")
	s, dir := newOnlooker(t, other, "eth0", 4), t.TempDir()
	in(t, dir, "def 'PBX %h' 81 | sed 's/<name>/<name replace-wildcards=\"yes\">/' > h.service")
	startOn(t, server, dir, "announce", "h.service").says(t, "announced PBX pbx-a")
	s.await(t, "the first name", s.services, "PBX\\ pbx-a=81")
	server.Rename(t, "pbx-b")
	s.await(t, "the second name", s.services, "PBX\\ pbx-b=81")
	s.await(t, "the second name", s.hosts, "pbx-b")
	server.Rename(t, strings.Repeat("x", 60))
	s.await(t, "a name that is too long", s.hosts, strings.Repeat("x", 60))
	s.await(t, "a name that is too long", s.services, "PBX\\ pbx-a=81")
}

// bridge makes a bridge of a host with an interface as its port.
func bridge(t *testing.T, host *netlab.Host, name, addr, port string) {
	t.Helper()
	host.IP(t, "link", "add", name, "type", "bridge", "mcast_snooping", "0")
	host.IP(t, "addr", "add", addr, "dev", name)
	host.IP(t, "addr", "flush", "dev", port)
	host.IP(t, "link", "set", port, "master", name)
	host.IP(t, "link", "set", name, "up")
}

// said runs the program on a host and returns what it prints.
func said(t *testing.T, host *netlab.Host, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(binDir(t), "announcer"), args...)
	var out strings.Builder
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	if err := host.Start(cmd); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // status fails while there are problems
	return out.String()
}

// TestAbsenceOnTheWire has an interface that is named go away in every way and come back: meanwhile status says why, and there is
// neither a problem nor a warning. One that is not used, and one that does not exist, have a row, too.
func TestAbsenceOnTheWire(t *testing.T) {
	netlab.Need(t)
	t.Parallel()
	server, other := cable(t, "192.0.2.5/24")
	plug := func() {
		netlab.Veth(t, netlab.End{Host: server, Name: "eth1", Addrs: []string{"198.51.100.5/24"}}, netlab.End{Host: other, Name: "eth1"})
	}
	plug()
	server.IP(t, "link", "add", "br0", "type", "bridge") // which is down
	server.IP(t, "addr", "add", "203.0.113.1/24", "dev", "br0")
	dir, socket := oneDefinition(t), filepath.Join(t.TempDir(), "socket")
	run := startRun(t, server, dir, "--services", ".", "--interface", "eth0", "--interface", "eth1", "--socket", socket)
	run.says(t, "announced service=a type=_http._tcp link=eth1")
	row := func(what, name, use string) {
		t.Helper()
		text := said(t, server, dir, "status", "--socket", socket)
		if strings.Contains(text, "PROBLEM") {
			t.Errorf("%s: there is a problem:\n%s", what, text)
		}
		if !slices.ContainsFunc(strings.Split(text, "\n"), func(line string) bool {
			return strings.HasPrefix(line, name+" ") && strings.HasSuffix(strings.TrimSpace(line), " "+use)
		}) {
			t.Errorf("%s: want %s %s in\n%s", what, name, use, text)
		}
	}
	row("a bridge that is not named", "br0", "not used: not in the list of interfaces: eth0, eth1")
	for _, step := range []struct {
		host           *netlab.Host
		away, back     []string // the arguments of ip link set; none: it is removed, and another one is made
		change, reason string
	}{
		{server, []string{"eth1", "down"}, []string{"eth1", "up"}, "down", "down; ip link set eth1 up"},
		{other, []string{"eth1", "down"}, []string{"eth1", "up"}, `"without a carrier"`, "without a carrier; check the cable and what is at its other end"},
		{server, []string{"eth1", "multicast", "off"}, []string{"eth1", "multicast", "on"}, `"without multicast"`, "without multicast; ip link set eth1 multicast on"},
		{server, nil, nil, "removed", "it does not exist; check the name, or plug it in"},
	} {
		change := func(set []string, otherwise func()) {
			if set == nil {
				otherwise()
				return
			}
			step.host.IP(t, append([]string{"link", "set"}, set...)...)
		}
		change(step.away, func() { server.IP(t, "link", "del", "eth1") })
		run.says(t, "link=eth1 change="+step.change)
		row(step.reason, "eth1", "not used: "+step.reason)
		seen := run.count("link=eth1 change=\"up, ")
		change(step.back, plug)
		run.saysOften(t, "link=eth1 change=\"up, ", seen+1)
	}
	row("back", "eth1", "used")
	server.IP(t, "addr", "flush", "dev", "eth1") // as a network manager does before it asks for one by DHCP
	run.says(t, `detail="the link has no address"`)
	row("without an address", "eth1", "used")
	server.IP(t, "addr", "add", "198.51.100.7/24", "dev", "eth1")
	run.says(t, `link=eth1 change="address 198.51.100.7/24 added"`)
	if run.count("level=ERROR")+run.count("level=WARN") > 0 {
		t.Error("there are warnings or errors in the log")
	}
	if list := said(t, server, dir, "list", "--interface", "br0", "--interface", "ea", "a.service"); !strings.Contains(list, "br0 is down (ip link set br0 up)") ||
		!strings.Contains(list, `no interface matches "ea"; there are: `) {
		t.Errorf("list says:\n%s", list)
	}
}

// TestBridgeOnTheWire has an interface become the port of a bridge and free again while the daemon runs.
func TestBridgeOnTheWire(t *testing.T) {
	netlab.Need(t)
	t.Parallel()
	server, other := cable(t, "192.0.2.5/24")
	s, dir := newOnlooker(t, other, "eth0", 4), oneDefinition(t)
	socket := filepath.Join(t.TempDir(), "socket")
	run := startRun(t, server, dir, "--services", ".", "--socket", socket)
	s.await(t, "no bridge", s.addresses, "192.0.2.5")

	bridge(t, server, "br0", "192.0.2.6/24", "eth0")
	run.says(t, `link=eth0 change="port of br0"`)
	run.says(t, "announced service=a type=_http._tcp link=br0")
	s.await(t, "enslaved", s.addresses, "192.0.2.6")
	s.await(t, "enslaved", s.services, "a=80")
	if status := said(t, server, dir, "status", "--socket", socket); !strings.Contains(status, "not used: port of br0") {
		t.Errorf("status does not say that eth0 is a port:\n%s", status)
	}
	if list := said(t, server, dir, "list", "a.service"); !strings.Contains(list, "using br0, not lo, eth0 (port of br0)\n") {
		t.Errorf("list does not say that eth0 is a port:\n%s", list)
	}

	server.IP(t, "link", "set", "eth0", "nomaster")
	server.IP(t, "addr", "add", "192.0.2.7/24", "dev", "eth0")
	run.says(t, `link=br0 change="without a carrier"`)
	run.says(t, `link=eth0 change="up, `)
	s.await(t, "freed", s.addresses, "192.0.2.7")
	s.await(t, "freed", s.services, "a=80")
}

// TestPortComesUpOnTheWire has a bridge get another port while the daemon runs: who is behind it hears of everything.
func TestPortComesUpOnTheWire(t *testing.T) {
	netlab.Need(t)
	t.Parallel()
	server, other := cable(t, "192.0.2.5/24")
	s, dir := newOnlooker(t, other, "eth0", 4), oneDefinition(t)
	bridge(t, server, "br0", "192.0.2.6/24", "eth0")
	run := startRun(t, server, dir, "--services", ".")
	run.says(t, "announced service=a type=_http._tcp link=br0")
	s.await(t, "the first port", s.services, "a=80")

	phone := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Host: server, Name: "eth1"}, netlab.End{Host: phone, Name: "eth0", Addrs: []string{"192.0.2.10/24"}})
	behind := newOnlooker(t, phone, "eth0", 4)
	time.Sleep(announcedFor) // so that nothing is announced any more that was announced at the start
	server.IP(t, "link", "set", "eth1", "master", "br0")
	run.says(t, `link=br0 change="eth1 came up behind it"`)
	behind.await(t, "the second port", behind.services, "a=80")
	behind.await(t, "the second port", behind.addresses, "192.0.2.6")
}

// announcedFor is how long a record is announced again and again.
const announcedFor = 8 * time.Second

// TestPortByName has the user name a port of a bridge, by a glob and in full.
func TestPortByName(t *testing.T) {
	netlab.Need(t)
	t.Parallel()
	server, other := cable(t)
	bridge(t, server, "br-lan", "192.0.2.5/24", "eth0")
	s, dir := newOnlooker(t, other, "eth0", 4), oneDefinition(t)
	byGlob := startRun(t, server, dir, "--services", ".", "--interface", "eth*", "--interface", "br-*")
	byGlob.says(t, `"\"eth*\" matches only eth0 (port of br-lan); want br-lan in the list"`)
	byGlob.says(t, "announced service=a type=_http._tcp link=br-lan")
	byName := startRun(t, server, dir, "--services", ".", "--interface", "eth0")
	byName.says(t, "eth0 is a port of br-lan, which receives every question; want br-lan in the list")
	byName.says(t, "link=eth0")
	byGlob.never(t, "link=eth0")
	s.await(t, "the bridge", s.addresses, "192.0.2.5")
	if list := said(t, server, dir, "list", "a.service"); !strings.Contains(list, "using br-lan, not lo, eth0 (port of br-lan)\n") {
		t.Errorf("by default, list says:\n%s", list)
	}
}
