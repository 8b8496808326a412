//go:build linux

package bench

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"announcer/internal/testkit/netlab"
)

const (
	hostLabel   = "pbx"
	serverIface = "eth0"
	loadIface   = "eth1"
)

// contestants are the responders that take turns, in the order of the table.
var contestants = []string{"floor", "avahi", "zeroconf", "brutella", "announcer"}

// lab is a responder in a namespace of its own, and the load at the other end of its cable.
type lab struct {
	name     string
	server   *netlab.Host
	load     *netlab.Host
	folder   string // of the server: what it has as /etc
	services string // folder of service files, for those who read files
	process  *process
	started  time.Time
	n        int  // services
	page     bool // announcer has its page

	environment []string // of the program, beside that of the test
}

// newLab makes the networks for a responder that announces n services, and its files. Nothing is started.
func newLab(t *testing.T, name string, n int) *lab {
	t.Helper()
	l := &lab{name: name, n: n, server: netlab.NewHost(t), load: netlab.NewHost(t), folder: t.TempDir()}
	netlab.Veth(t, netlab.End{Host: l.server, Name: serverIface, Addrs: []string{"192.0.2.1/24"}},
		netlab.End{Host: l.load, Name: loadIface, Addrs: []string{"192.0.2.2/24"}})
	l.services = filepath.Join(l.folder, "avahi", "services")
	write(t, l.folder, "passwd", "root:x:0:0::/:/bin/sh\navahi:x:0:0::/:/bin/false\n")
	write(t, l.folder, "group", "root:x:0:\navahi:x:0:\n")
	write(t, l.folder, "avahi.conf", avahiConfig)
	for i := range n {
		l.addFile(t, i)
	}
	l.onServer(t, func() error { return unix.Unshare(unix.CLONE_NEWUTS | unix.CLONE_NEWNS) })
	l.onServer(t, func() error { return unix.Sethostname([]byte(hostLabel)) })
	l.onServer(t, func() error { return unix.Mount(l.folder, "/etc", "", unix.MS_BIND, "") })
	l.onServer(t, func() error { return unix.Mount("tmpfs", "/run", "tmpfs", 0, "") })
	return l
}

// avahiConfig lets Avahi answer as fast as it can, and announce what the others do.
const avahiConfig = `[server]
enable-dbus=no
allow-interfaces=` + serverIface + `
ratelimit-interval-usec=0
[publish]
publish-workstation=no
publish-hinfo=no
`

func (l *lab) onServer(t *testing.T, f func() error) {
	t.Helper()
	var err error
	l.server.Do(func() { err = f() })
	if err != nil {
		t.Fatal(err)
	}
}

func (l *lab) file(i int) string {
	return filepath.Join("avahi", "services", fmt.Sprintf("%05d.service", i))
}

// addFile writes the file of service i, in one step.
func (l *lab) addFile(t *testing.T, i int) {
	t.Helper()
	temporary := write(t, l.folder, "next", definition(Name(i), Text()))
	if err := os.Rename(temporary, filepath.Join(l.folder, l.file(i))); err != nil {
		t.Fatal(err)
	}
}

// definition returns a service file.
func definition(name string, texts []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<service-group><name>%s</name><service><type>%s</type><port>%d</port>", name, Type, Port)
	for _, text := range texts {
		fmt.Fprintf(&b, "<txt-record>%s</txt-record>", text)
	}
	b.WriteString("</service></service-group>\n")
	return b.String()
}

// start starts the responder.
func (l *lab) start(t *testing.T) {
	t.Helper()
	number := fmt.Sprint(l.n)
	switch l.name {
	case "announcer":
		args := []string{"run", "--services", l.services, "--interface", serverIface}
		if l.page {
			args = append(args, "--config", write(t, l.folder, "announcer.toml", "[daemon]\nhttp = \"9353\"\n"))
		}
		l.run(t, programs["announcer"], args...)
	case "avahi":
		l.run(t, "avahi-daemon", "--no-drop-root", "--no-chroot", "--no-rlimits", "--no-proc-title",
			"--file="+filepath.Join(l.folder, "avahi.conf"))
	case "floor":
		l.run(t, programs["floor"], serverIface, write(t, l.folder, "answer", string(floorAnswer())))
	default:
		l.run(t, programs[l.name], serverIface, number)
	}
}

// add has one more service announced, and returns the time at which the responder was asked for it.
func (l *lab) add(t *testing.T) time.Time {
	t.Helper()
	asked := time.Now()
	l.n++
	switch l.name {
	case "announcer", "avahi":
		l.addFile(t, l.n-1)
	default:
		io.WriteString(l.process.in, "add\n")
	}
	l.reload()
	return asked
}

// remove has the last service withdrawn, and returns the time at which the responder was asked to.
func (l *lab) remove(t *testing.T) time.Time {
	t.Helper()
	asked := time.Now()
	l.n--
	switch l.name {
	case "announcer", "avahi":
		if err := os.Remove(filepath.Join(l.folder, l.file(l.n))); err != nil {
			t.Fatal(err)
		}
	default:
		io.WriteString(l.process.in, "remove\n")
	}
	l.reload()
	return asked
}

// reload reports changed files that are not watched.
func (l *lab) reload() {
	if l.name == "announcer" {
		l.process.cmd.Process.Signal(syscall.SIGHUP)
	}
}

// end asks the responder to end in order.
func (l *lab) end() time.Time {
	asked := time.Now()
	l.process.in.Close()
	if l.name == "announcer" || l.name == "avahi" {
		l.process.cmd.Process.Signal(syscall.SIGTERM)
	}
	return asked
}

// process is a responder's program.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   bytes.Buffer // good once ended is closed
	ended chan struct{}
}

// run starts a program on the server. It is killed at the end of the test.
func (l *lab) run(t *testing.T, program string, args ...string) {
	t.Helper()
	p := &process{cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Env = slices.Concat(os.Environ(), []string{"LC_ALL=C.UTF-8"}, l.environment)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.in, _ = p.cmd.StdinPipe()
	l.process, l.started = p, time.Now()
	if err := l.server.Start(p.cmd); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%s said:\n%.2000s", l.name, p.out.String())
		}
	})
}

// cpu returns the processor time that the program has had, kernel included.
func (p *process) cpu() time.Duration {
	const processClock = 2 // CPUCLOCK_SCHED: of a whole process, to the nanosecond
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^p.cmd.Process.Pid<<3|processClock), &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// memory returns a line of /proc/PID/status, such as VmRSS, in bytes.
func (p *process) memory(key string) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(text), key+":")
	var kb float64
	fmt.Sscan(rest, &kb)
	return kb * 1024
}

// write makes a file and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Join(dir, "avahi", "services"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
