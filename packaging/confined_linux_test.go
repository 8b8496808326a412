package packaging

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
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

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"announcer/internal/testkit/netlab"
)

// patience is how long the program may take for what it does in a moment.
const patience = 30 * time.Second

// confinement is what the unit says of a program that can be done without systemd; there is more, such as devices
// and the file system of others' processes. A file system that is not for writing comes with the root.
type confinement struct {
	Root     string
	Runtime  string   // $RUNTIME_DIRECTORY, which the daemon may write
	State    string   // $STATE_DIRECTORY, likewise
	Calls    []string // allowed system calls
	Families []uint64 // allowed address families of sockets
}

// confinementEnv is the environment variable that configures [confine].
const confinementEnv = "CONFINEMENT"

// confine is a program that runs another one as the unit wants it: with the rights of an unprivileged user, and no way to get
// more by any means, and few system calls.
func confine() {
	runtime.LockOSThread()
	err := errors.Join(confineThread(), syscall.Exec(os.Args[1], os.Args[1:], os.Environ()))
	fmt.Fprintln(os.Stderr, "confine:", err)
	os.Exit(1)
}

func confineThread() error {
	var how confinement
	if err := json.Unmarshal([]byte(os.Getenv(confinementEnv)), &how); err != nil {
		return err
	}
	if err := errors.Join(unix.Chroot(how.Root), unix.Chdir("/")); err != nil {
		return err
	}
	for capability := uintptr(0); unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0) == nil; capability++ {
	}
	none := [2]unix.CapUserData{}
	if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
		return err
	}
	return errors.Join(seccomp.LoadFilter(how.denied()), seccomp.LoadFilter(how.allowed()))
}

// allowed lets system calls pass that are allowed.
func (c confinement) allowed() seccomp.Filter {
	return seccomp.Filter{NoNewPrivs: true, Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionErrno,
		Syscalls:      []seccomp.SyscallGroup{{Action: seccomp.ActionAllow, Names: c.Calls}},
	}}
}

// denied stops system calls with arguments that are not allowed: sockets of other families, and memory that can be
// written and executed.
func (c confinement) denied() seccomp.Filter {
	has := func(argument uint32, bits uint64) seccomp.Condition {
		return seccomp.Condition{Argument: argument, Operation: seccomp.BitsSet, Value: bits}
	}
	var other seccomp.ArgumentConditions
	for _, family := range c.Families {
		other = append(other, seccomp.Condition{Argument: 0, Operation: seccomp.NotEqual, Value: family})
	}
	return seccomp.Filter{NoNewPrivs: true, Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionAllow,
		Syscalls: []seccomp.SyscallGroup{{Action: seccomp.ActionErrno, NamesWithCondtions: []seccomp.NameWithConditions{
			{Name: "socket", Conditions: other},
			{Name: "mmap", Conditions: seccomp.ArgumentConditions{has(2, unix.PROT_WRITE), has(2, unix.PROT_EXEC)}},
			{Name: "mprotect", Conditions: seccomp.ArgumentConditions{has(2, unix.PROT_EXEC)}},
		}}},
	}}
}

// unit is the text of the unit.
type unit string

func (d debian) unit(t *testing.T) unit {
	t.Helper()
	text, err := os.ReadFile(d.path("usr/lib/systemd/system/announcer.service"))
	if err != nil {
		t.Fatal(err)
	}
	return unit(text)
}

// values returns what the unit has for a key, line by line.
func (u unit) values(key string) (values []string) {
	for _, m := range regexp.MustCompile(`(?m)^`+key+`=(.*)$`).FindAllStringSubmatch(string(u), -1) {
		values = append(values, m[1])
	}
	return values
}

// words returns the words of the one value that the unit has for a key.
func (u unit) words(t *testing.T, key string) []string {
	t.Helper()
	values := u.values(key)
	if len(values) != 1 {
		t.Fatalf("the unit has %s= %d times; want it once", key, len(values))
	}
	return strings.Fields(values[0])
}

// confinement reads how the unit confines the daemon.
func (u unit) confinement(t *testing.T, d debian) confinement {
	t.Helper()
	if !slices.Equal(u.values("MemoryDenyWriteExecute"), []string{"yes"}) {
		t.Error("the unit lets memory be written and executed")
	}
	how := confinement{
		Runtime: "/run/" + u.words(t, "RuntimeDirectory")[0], State: "/var/lib/" + u.words(t, "StateDirectory")[0],
		Calls: systemCalls(t, u.values("SystemCallFilter")),
	}
	how.Root = d.protected(t, how.Runtime, how.State)
	numbers := map[string]uint64{"AF_UNIX": unix.AF_UNIX, "AF_INET": unix.AF_INET, "AF_INET6": unix.AF_INET6, "AF_NETLINK": unix.AF_NETLINK}
	for _, family := range u.words(t, "RestrictAddressFamilies") {
		number, ok := numbers[family]
		if !ok {
			t.Fatalf("what number has %s?", family)
		}
		how.Families = append(how.Families, number)
	}
	return how
}

// systemCalls returns the system calls of this machine that the values of SystemCallFilter= leave.
func systemCalls(t *testing.T, filters []string) []string {
	t.Helper()
	sets := map[string][]string{}
	set := ""
	for line := range strings.Lines(run(t, ".", "systemd-analyze", "syscall-filter", "--no-pager")) {
		switch word := strings.TrimSpace(line); {
		case word == "", strings.HasPrefix(word, "#"):
		case strings.HasPrefix(line, "@"):
			set = word
		default:
			sets[set] = append(sets[set], word)
		}
	}
	var expand func(name string) []string
	expand = func(name string) (calls []string) {
		if !strings.HasPrefix(name, "@") {
			return []string{name}
		}
		for _, member := range sets[name] {
			calls = append(calls, expand(member)...)
		}
		return calls
	}
	machine, err := arch.GetInfo("")
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for _, filter := range filters {
		names, without := strings.CutPrefix(filter, "~")
		for _, name := range strings.Fields(names) {
			for _, call := range expand(name) {
				left[call] = !without
			}
		}
	}
	var calls []string
	for call, ok := range left {
		if _, known := machine.SyscallNames[call]; ok && known {
			calls = append(calls, call)
		}
	}
	return calls
}

// confined makes a command that runs in the root of a Debian as the unit has it run.
func (d debian) confined(how confinement, command ...string) *exec.Cmd {
	text, err := json.Marshal(how)
	if err != nil {
		panic(err)
	}
	cmd := exec.Command("/proc/self/exe", command...)
	cmd.Args[0] = "confine"
	cmd.Env = []string{confinementEnv + "=" + string(text), "RUNTIME_DIRECTORY=" + how.Runtime, "STATE_DIRECTORY=" + how.State, "NOTIFY_SOCKET=" + how.Runtime + "/notify"}
	const user = 61184 // the first one that DynamicUser= takes
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: user, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: user, HostID: 0, Size: 1}},
		AmbientCaps: []uintptr{unix.CAP_SYS_CHROOT, unix.CAP_SETPCAP}, // for confine
		Pdeathsig:   syscall.SIGKILL,
	}
	return cmd
}

// protected mounts the root of a Debian once more, where nothing but some directories can be written, which it makes.
func (d debian) protected(t *testing.T, writable ...string) string {
	t.Helper()
	root := t.TempDir()
	bind(t, d.root, root)
	for _, dir := range writable {
		if err := os.MkdirAll(d.path(dir), 0o750); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(d.path(dir)) }) // as systemd does, or a purge
		bind(t, d.path(dir), filepath.Join(root, dir))
	}
	if err := unix.Unmount(filepath.Join(root, "proc"), unix.MNT_DETACH); err != nil {
		t.Fatal("the unit lets little be seen of /proc, and here that is nothing: ", err)
	}
	if err := unix.Mount("", root, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		t.Fatal("a root that can't be written: ", err)
	}
	return root
}

// testConfined runs the daemon as the unit has it run, with the configuration that it comes with, and where netlink is
// refused, too.
func testConfined(t *testing.T, d debian) {
	u := d.unit(t)
	how := u.confinement(t, d)
	t.Run("prison", func(t *testing.T) { testPrison(t, d, how) })

	neighbour := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "eth0", Addrs: []string{"192.0.2.5/24"}}, netlab.End{Host: neighbour, Name: "eth0", Addrs: []string{"192.0.2.6/24"}})
	heard := listen(t, neighbour)
	notify := d.path(how.Runtime + "/notify")
	daemon := func() *exec.Cmd { return d.confined(how, u.words(t, "ExecStart")...) }

	first := start(t, notify, daemon())
	first.await(t, "nothing is defined that could be announced")
	wantPowerless(t, first.cmd.Process.Pid)
	example, err := os.ReadFile(d.path("usr/share/doc/announcer/examples/services/dpma.service"))
	if err != nil {
		t.Fatal(err)
	}
	d.write(t, "etc/announcer/services/dpma.service", string(example))
	output(t, d.confined(how, u.words(t, "ExecReload")...))
	if got := next(t, heard); got != announcement {
		t.Errorf("after the reload, the neighbour hears a %s; want an %s", got, announcement)
	}

	first.end(t, unix.SignalNum(u.words(t, "RestartKillSignal")[0]))
	second := start(t, notify, daemon())
	second.await(t, "msg=announced")
	for len(heard) > 0 {
		if got := next(t, heard); got != announcement {
			t.Errorf("of the restart, the neighbour hears a %s", got)
		}
	}
	renamed := time.Now()
	(*netlab.Host)(nil).Rename(t, "pbx-renamed")
	second.await(t, `msg="host name changed" host=pbx-renamed`)
	if took := time.Since(renamed); took > 2*time.Second {
		t.Errorf("another name of the host is followed after %v; want 2 seconds", took)
	}
	second.end(t, syscall.SIGTERM)
	for next(t, heard) != goodbye {
	}

	how.Families = slices.DeleteFunc(how.Families, func(family uint64) bool { return family == unix.AF_NETLINK })
	third := start(t, notify, daemon())
	third.await(t, "the system does not report changes of the interfaces; they are polled")
	third.await(t, "msg=announced")
	third.end(t, syscall.SIGTERM)
	for next(t, heard) != goodbye {
	}
	d.remove(t, "etc/announcer/services/dpma.service")
	t.Run("Landlock", func(t *testing.T) { testLandlock(t, d, u, how) })
	t.Run("definitions from a server", func(t *testing.T) { testConfinedURL(t, d, how, notify, daemon) })
}

// testConfinedURL has the daemon take its definitions from a web server, keep them in its state directory, and start without the
// server.
func testConfinedURL(t *testing.T, d debian, how confinement, notify string, daemon func() *exec.Cmd) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/toml")
		fmt.Fprint(w, "[[group]]\npreset = \"dpma\"\nserver = \"192.0.2.20\"\n")
	}))
	defer server.Close()
	const file = "etc/announcer/announcer.toml"
	before, err := os.ReadFile(d.path(file))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.write(t, file, string(before)) })
	d.write(t, file, fmt.Sprintf("[daemon]\nservices = [%q]\n", server.URL+"/berlin.toml"))
	online := start(t, notify, daemon())
	online.await(t, "msg=announced")
	online.end(t, syscall.SIGTERM)
	if files, err := filepath.Glob(d.path(how.State + "/definitions-*")); err != nil || len(files) != 1 {
		t.Errorf("the state directory has %q, %v; want one file with definitions", files, err)
	}
	server.Close()
	offline := start(t, notify, daemon())
	offline.await(t, "msg=announced")
	offline.end(t, syscall.SIGTERM)
}

// process is a daemon that runs as the unit has it run.
type process struct {
	cmd *exec.Cmd
	log *bufio.Scanner
}

// start starts the daemon and waits until it notifies the service manager, at the socket notify, that it is ready.
func start(t *testing.T, notify string, cmd *exec.Cmd) process {
	t.Helper()
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(notify)
	defer manager.Close()
	log, stderr, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	log.SetReadDeadline(time.Now().Add(2 * patience))
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		log.Close()
	})
	stderr.Close()
	said := make([]byte, 1000)
	manager.SetReadDeadline(time.Now().Add(patience))
	if n, err := manager.Read(said); err != nil || !bytes.HasPrefix(said[:n], []byte("READY=1")) {
		t.Fatalf("the daemon says %q (%v) to the service manager; want READY=1", said[:n], err)
	}
	return process{cmd, bufio.NewScanner(log)}
}

// end ends the daemon by a signal.
func (p process) end(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	p.await(t, "ended")
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("after %v: %v", signal, err)
	}
}

// await reads the log up to a line that has the text.
func (p process) await(t *testing.T, text string) {
	t.Helper()
	var read []string
	for p.log.Scan() {
		read = append(read, p.log.Text())
		if strings.Contains(p.log.Text(), text) {
			return
		}
	}
	t.Fatalf("the log ends (%v) without %q:\n%s", p.log.Err(), text, strings.Join(read, "\n"))
}

// What the neighbour hears of services.
const (
	announcement = "announcement"
	goodbye      = "goodbye"
)

// listen reports each announcement and goodbye of a service that a host hears on its eth0.
func listen(t *testing.T, host *netlab.Host) <-chan string {
	t.Helper()
	var conn *net.UDPConn
	var err error
	host.Do(func() {
		var link *net.Interface
		if link, err = net.InterfaceByName("eth0"); err == nil {
			conn, err = net.ListenMulticastUDP("udp4", link, net.UDPAddrFromAddrPort(netip.MustParseAddrPort("224.0.0.251:5353")))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	heard := make(chan string, 100)
	go func() {
		for {
			packet := make([]byte, 9000)
			n, err := conn.Read(packet)
			if err != nil {
				return
			}
			var message dns.Msg
			if err := message.Unpack(packet[:n]); err != nil {
				heard <- err.Error()
				return
			}
			for _, record := range message.Answer {
				if srv, ok := record.(*dns.SRV); ok && srv.Hdr.Ttl == 0 {
					heard <- goodbye
				} else if ok {
					heard <- announcement
				}
			}
		}
	}()
	return heard
}

// next waits for what is heard next.
func next(t *testing.T, heard <-chan string) string {
	t.Helper()
	select {
	case what := <-heard:
		return what
	case <-time.After(patience):
		t.Fatalf("nothing is heard of services within %v", patience)
		return ""
	}
}

// wantPowerless wants a process that has no capability, can't get one, and is under a filter of system calls.
func wantPowerless(t *testing.T, pid int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CapInh:\t0000000000000000", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
		"CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"} {
		if !strings.Contains(string(status), want+"\n") {
			t.Errorf("the daemon's status has no %q:\n%s", want, status)
		}
	}
}

// testPrison tries what must fail where the daemon runs, so that we know that it does.
func testPrison(t *testing.T, d debian, how confinement) {
	machine, err := arch.GetInfo("")
	if err != nil {
		t.Fatal(err)
	}
	call := func(name string) int { return machine.SyscallNames[name] }
	tests := []struct{ what, attempt, want string }{
		{"write a file", `open(my $f, ">", "/etc/new")`, "Read-only file system"},
		{"write at run time", `open(my $f, ">", "` + how.Runtime + `/new")`, "1"},
		{"write state", `open(my $f, ">", "` + how.State + `/new")`, "1"},
		{"write definitions", `open(my $f, ">", "/run/announcer/new")`, "Read-only file system"},
		{"packet socket", fmt.Sprintf(`syscall(%d, 17, 3, 0) >= 0`, call("socket")), "Operation not permitted"},
		{"netlink socket", fmt.Sprintf(`syscall(%d, 16, 3, 0) >= 0`, call("socket")), "1"},
		{"memory to write and execute", fmt.Sprintf(`syscall(%d, 0, 4096, 7, 0x22, -1, 0) != -1`, call("mmap")), "Operation not permitted"},
		{"memory to write", fmt.Sprintf(`syscall(%d, 0, 4096, 3, 0x22, -1, 0) != -1`, call("mmap")), "1"},
		{"mount", fmt.Sprintf(`syscall(%d, 0, 0, 0, 0, 0) == 0`, call("umount2")), "Operation not permitted"},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			cmd := d.confined(how, "/usr/bin/perl", "-e", "print(("+test.attempt+") ? 1 : $!)")
			if got := output(t, cmd); got != test.want {
				t.Errorf("%s gives %q; want %q", test.attempt, got, test.want)
			}
		})
	}
}
