package main

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
	"announcer/internal/testkit/netlab"
)

// panicEnv has the program panic, in a goroutine of its own, when it gets SIGUSR2.
const panicEnv = "ANNOUNCER_TEST_PANIC"

// panicOnSignal is what panicEnv asks for.
func panicOnSignal() {
	if os.Getenv(panicEnv) == "" {
		return
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2)
	go func() {
		<-signals
		panic("a bug")
	}()
}

// end is how a process has ended: by a signal, or by itself with a code.
type end struct {
	code   int
	signal syscall.Signal
}

func (e end) String() string {
	if e.signal != 0 {
		return unix.SignalName(e.signal)
	}
	return fmt.Sprint("exit code ", e.code)
}

func endOf(state *os.ProcessState) end {
	if status := state.Sys().(syscall.WaitStatus); status.Signaled() {
		return end{signal: status.Signal()}
	}
	return end{code: state.ExitCode()}
}

func exitsWith(code int) end { return end{code: code} }

// Signals of which the default action ends no process, or that cannot be sent for a test.
var endless = []syscall.Signal{
	syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGURG, syscall.SIGWINCH, // ignored by default
	syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU, // they stop
}

// TestEndsOfRun is the table of all ends of the daemon: how it ends, whether it withdraws its services, and whether the
// unit starts it again. Only a wrong configuration and wrong usage keep it down.
func TestEndsOfRun(t *testing.T) {
	netlab.Need(t)
	unit := readUnit(t)
	type want struct {
		end     end
		goodbye bool
		lives   bool // it does not end
	}
	ends := map[syscall.Signal]want{
		syscall.SIGTERM: {end: exitsWith(0), goodbye: true},
		syscall.SIGINT:  {end: exitsWith(0), goodbye: true},
		syscall.SIGUSR1: {end: exitsWith(0)},
		syscall.SIGKILL: {end: end{signal: syscall.SIGKILL}}, // of the kernel, too, when memory runs out
		syscall.SIGHUP:  {lives: true},                       // reload
	}
	for _, s := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGSEGV, syscall.SIGSYS, syscall.SIGSTKFLT} {
		ends[s] = want{end: exitsWith(2), goodbye: true} // with a dump of all goroutines
	}
	var signals []syscall.Signal
	for s := syscall.Signal(1); s <= 64; s++ {
		if isReal := s < 32 || s == 35 || s == 64; isReal && !slices.Contains(endless, s) { // of the real-time signals the first that Go knows and the last
			signals = append(signals, s)
		}
	}
	daemons := make(map[syscall.Signal]*ending)
	for _, s := range signals {
		daemons[s] = startEnding(t, nil, "run", "--services", "services", "-i", "lo")
	}
	for _, s := range signals {
		t.Run(signalName(s), func(t *testing.T) {
			p, want := daemons[s], ends[s]
			if _, ok := ends[s]; !ok {
				want.lives = true
			}
			p.announced(t)
			p.send(t, s)
			if want.lives {
				p.send(t, syscall.SIGTERM)
				want.end, want.goodbye = exitsWith(0), true
			}
			p.wants(t, want.end, want.goodbye)
			if want.end.code == 2 && !strings.Contains(strings.Join(p.out.lines(), "\n"), "\ngoroutine ") {
				t.Error("it prints no goroutines")
			}
			if !unit.startsAgain(want.end) {
				t.Errorf("the unit does not start it again after %v", want.end)
			}
		})
	}
}

// signalName returns the name of a signal, also of one in real time.
func signalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return fmt.Sprint("signal ", int(s))
}

// TestOtherEndsOfRun is the rest of the table: ends that no signal brings about alone.
func TestOtherEndsOfRun(t *testing.T) {
	netlab.Need(t)
	unit := readUnit(t)
	tests := []struct {
		name    string
		env     []string
		args    []string // instead of good ones
		before  func(t *testing.T, p *ending) (after func())
		says    string                        // "": it announces
		cause   func(t *testing.T, p *ending) // once it has said that; nil: it ends by itself
		end     end
		goodbye bool
		down    bool // for good
	}{
		{name: "a panic", env: []string{panicEnv + "=1"}, cause: func(t *testing.T, p *ending) { p.send(t, syscall.SIGUSR2) }, end: exitsWith(2)},
		// Of a process that is stopped the watchdog's SIGABRT is pending; systemd sends SIGCONT after it.
		{name: "the watchdog", cause: func(t *testing.T, p *ending) {
			p.send(t, syscall.SIGSTOP)
			p.send(t, syscall.SIGABRT)
			p.send(t, syscall.SIGCONT)
		}, end: exitsWith(2), goodbye: true},
		{name: "twice SIGTERM", cause: func(t *testing.T, p *ending) {
			p.send(t, syscall.SIGTERM)
			p.send(t, syscall.SIGTERM)
		}, end: exitsWith(0), goodbye: true},
		{name: "wrong configuration", args: []string{"run", "--config", "wrong.toml"}, end: exitsWith(exitRunInvalid), down: true},
		{name: "wrong usage", args: []string{"run", "--sevices", "services"}, end: exitsWith(exitRunUsage), down: true},
		{name: "wrong value", args: []string{"run", "--services", "services", "--log-level", "loud"}, end: exitsWith(exitRunUsage), down: true},
		{name: "wrong argument", args: []string{"run", "services"}, end: exitsWith(exitRunUsage), down: true},
		// It waits until the port is free, and says who has it.
		{name: "port held", before: holdPorts, says: "port 5353", cause: func(t *testing.T, p *ending) { p.send(t, syscall.SIGTERM) }, end: exitsWith(0)},
		{name: "another daemon", before: anotherDaemon, end: exitsWith(exitFailed)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args := test.args
			if args == nil {
				args = []string{"run", "--services", "services", "-i", "lo"}
			}
			p := newEnding(t, test.env, args...)
			if test.before != nil {
				defer test.before(t, p)()
			}
			p.start(t)
			if test.cause != nil {
				p.says(t, cmp.Or(test.says, "announced"))
				test.cause(t, p)
			}
			p.wants(t, test.end, test.goodbye)
			if again := unit.startsAgain(test.end); again == test.down {
				t.Errorf("after %v the unit starts it again: %t", test.end, again)
			}
		})
	}
}

// holdPorts has port 5353 held by a program that does not share it.
func holdPorts(t *testing.T, p *ending) (after func()) {
	p.ears.Close() // they would share the port
	var held []net.PacketConn
	p.host.Do(func() {
		for _, network := range []string{"udp4", "udp6"} {
			if c, err := net.ListenPacket(network, ":5353"); err == nil {
				held = append(held, c)
			}
		}
	})
	if len(held) != 2 {
		t.Fatal("the port can't be held")
	}
	return func() {
		for _, c := range held {
			c.Close()
		}
	}
}

// anotherDaemon has one that runs already.
func anotherDaemon(t *testing.T, p *ending) (after func()) {
	first := newEnding(t, nil, "run", "--services", "services", "-i", "lo")
	first.cmd.Dir, first.cmd.Env = p.cmd.Dir, p.cmd.Env
	first.start(t)
	first.announced(t)
	return func() {
		first.send(t, syscall.SIGTERM)
		first.wants(t, exitsWith(0), true)
	}
}

// TestEndsOfOneShots has commands that announce for a while end in every way that can be helped, with a goodbye.
func TestEndsOfOneShots(t *testing.T) {
	netlab.Need(t)
	announce := []string{"announce", "services/a.service", "-i", "lo"}
	serve := []string{"firmware", "serve", "firmware", "-i", "lo", "--listen", "127.0.0.1:0"}
	type test struct {
		command []string
		signal  syscall.Signal
		end     end
	}
	var tests []test
	for _, command := range [][]string{announce, serve} {
		for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT} {
			tests = append(tests, test{command, s, exitsWith(0)})
		}
		for _, s := range []syscall.Signal{syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGSTKFLT} {
			tests = append(tests, test{command, s, exitsWith(2)})
		}
		tests = append(tests, test{command, syscall.SIGKILL, end{signal: syscall.SIGKILL}})
	}
	var all []*ending
	for _, test := range tests {
		all = append(all, startEnding(t, nil, test.command...))
	}
	for i, test := range tests {
		t.Run(test.command[0]+" "+signalName(test.signal), func(t *testing.T) {
			all[i].announced(t)
			all[i].send(t, test.signal)
			all[i].wants(t, test.end, test.signal != syscall.SIGKILL)
		})
	}
}

// TestNohup has a closed terminal end nothing that ignores the signal.
func TestNohup(t *testing.T) {
	netlab.Need(t)
	p := newEnding(t, nil, "announce", "services/a.service", "-i", "lo")
	p.through("sh", "-c", `trap "" HUP; exec "$@"`, "sh")
	p.start(t)
	p.announced(t)
	p.send(t, syscall.SIGHUP)
	p.quiet(t)
	p.send(t, syscall.SIGTERM)
	p.wants(t, exitsWith(0), true)
}

// A command that announce runs inherits that.
func TestNohupOfChild(t *testing.T) {
	netlab.Need(t)
	p := newEnding(t, nil, "announce", "services/a.service", "-i", "lo", "--", "sh", "-c", `echo $$ > child; exec sleep 600`)
	p.through("sh", "-c", `trap "" HUP; exec "$@"`, "sh")
	p.start(t)
	p.announced(t)
	child := p.child(t)
	p.send(t, syscall.SIGHUP)
	if err := syscall.Kill(child, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.quiet(t)
	p.send(t, syscall.SIGTERM)
	p.wants(t, exitsWith(128+int(syscall.SIGTERM)), true)
}

// TestClosedOutput takes the readers of standard output and error away, before and after the first line. Nothing ends
// by that, and a signal still ends it with a goodbye.
func TestClosedOutput(t *testing.T) {
	netlab.Need(t)
	commands := map[string][]string{
		"run":      {"run", "--services", "services", "-i", "lo", "--log-level", "debug"},
		"announce": {"announce", "services/a.service", "-i", "lo", "--log-level", "debug"},
		"serve":    {"firmware", "serve", "firmware", "-i", "lo", "--listen", "127.0.0.1:0"},
	}
	for name, args := range commands {
		for _, lines := range []int{0, 1} {
			t.Run(fmt.Sprintf("%s, after %d lines", name, lines), func(t *testing.T) {
				p := newEnding(t, nil, args...)
				reader, writer, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				p.cmd.Stdout, p.cmd.Stderr = writer, writer
				if lines == 0 {
					reader.Close()
				}
				p.start(t)
				writer.Close()
				if lines > 0 {
					if _, err := reader.Read(make([]byte, 1)); err != nil {
						t.Fatal(err)
					}
					reader.Close()
				}
				p.heard(t)
				p.send(t, syscall.SIGHUP) // run reloads, and has something to say
				if name == "run" {
					p.quiet(t)
					p.send(t, syscall.SIGTERM)
				}
				p.wants(t, exitsWith(0), true)
			})
		}
	}
}

// TestEndsOfChild has announce run a command that takes no signal: the first one is for the command, the second one ends
// announce with a goodbye, be it sent at once or later.
func TestEndsOfChild(t *testing.T) {
	netlab.Need(t)
	stubborn := []string{"announce", "services/a.service", "-i", "lo", "--", "sh", "-c", `trap "" INT TERM HUP QUIT; echo $$ > child; while :; do sleep 0.1; done`}
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		t.Run(signalName(s), func(t *testing.T) {
			p := startEnding(t, nil, stubborn...)
			p.announced(t)
			child := p.child(t)
			p.send(t, s)
			p.quiet(t)
			p.send(t, syscall.SIGTERM)
			p.wants(t, exitsWith(exitOwnFailure), true)
			p.says(t, "has not ended and goes on")
			if err := syscall.Kill(child, syscall.SIGKILL); err != nil {
				t.Errorf("the command has not been left alone: %v", err)
			}
		})
	}
	t.Run("a closed terminal", func(t *testing.T) {
		p := startEnding(t, nil, "announce", "services/a.service", "-i", "lo", "--", "sh", "-c", `echo $$ > child; exec sleep 600`)
		p.announced(t)
		p.child(t)
		p.send(t, syscall.SIGHUP)
		p.wants(t, exitsWith(128+int(syscall.SIGHUP)), true)
	})
}

// stubbornName is what the test binary is called by to be a command that does not heed the end of its context.
const stubbornName = "stubborn"

func stubborn() {
	app := &cli.App{Metadata: map[string]any{}, Action: untilSignal(func(*cli.Context) error {
		fmt.Println("announced")
		time.Sleep(time.Hour)
		return nil
	}, interrupts, nil)}
	os.Exit(report(app.Run(os.Args), os.Stderr))
}

// A second signal ends a command that hangs.
func TestSecondSignal(t *testing.T) {
	netlab.Need(t)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signalName(s), func(t *testing.T) {
			p := newEnding(t, nil)
			p.cmd.Args = []string{stubbornName}
			p.start(t)
			p.announced(t)
			p.send(t, s)
			p.quiet(t)
			p.send(t, s)
			p.wants(t, end{signal: s}, false)
		})
	}
}

// ending is a command that announces on the loopback of a host of its own.
type ending struct {
	host *netlab.Host
	cmd  *exec.Cmd
	out  *output
	ears *net.UDPConn
}

// newEnding makes a command in a directory of its own. It is killed when the test ends.
func newEnding(t *testing.T, env []string, args ...string) *ending {
	t.Helper()
	p := &ending{host: netlab.NewHost(t), out: &output{writes: make(chan struct{}, 1)}}
	var err error
	p.host.Do(func() {
		var lo *net.Interface
		if lo, err = net.InterfaceByName("lo"); err == nil {
			p.ears, err = net.ListenMulticastUDP("udp4", lo, net.UDPAddrFromAddrPort(mdns.Group4))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.ears.Close() })
	p.cmd = exec.Command(filepath.Join(binDir(t), "announcer"), args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = t.TempDir(), p.out, p.out
	p.cmd.Env = append(os.Environ(), append([]string{"RUNTIME_DIRECTORY=" + p.cmd.Dir, "GOTRACEBACK=all"}, env...)...)
	p.cmd.WaitDelay = time.Second // for a command of its own that goes on and holds its output open
	firmwareFolder(t, p.cmd.Dir)
	p.write(t, "services/a.service", phoneService)
	p.write(t, "wrong.toml", "[daemon]\nhosts = \"pbx\"\n")
	return p
}

func (p *ending) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(p.cmd.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// startEnding makes a command and starts it.
func startEnding(t *testing.T, env []string, args ...string) *ending {
	t.Helper()
	p := newEnding(t, env, args...)
	p.start(t)
	return p
}

func (p *ending) start(t *testing.T) {
	t.Helper()
	if err := p.host.Start(p.cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			p.cmd.Process.Kill()
			p.cmd.Wait()
		}
	})
}

// through has another program start the command.
func (p *ending) through(program ...string) {
	path, err := exec.LookPath(program[0])
	if err != nil {
		panic(err)
	}
	p.cmd.Args = append(program, append([]string{p.cmd.Path}, p.cmd.Args[1:]...)...)
	p.cmd.Path = path
}

func (p *ending) send(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("%v: %v\n%s", s, err, strings.Join(p.out.lines(), "\n"))
	}
}

// says waits for a text in the output.
func (p *ending) says(t *testing.T, text string) {
	t.Helper()
	for deadline := time.After(2 * wireTime); !strings.Contains(strings.Join(p.out.lines(), "\n"), text); {
		select {
		case <-p.out.writes:
		case <-deadline:
			t.Fatalf("no %q in:\n%s", text, strings.Join(p.out.lines(), "\n"))
		}
	}
}

// announced waits until the command says that its service is announced.
func (p *ending) announced(t *testing.T) {
	t.Helper()
	p.says(t, "announced")
}

// child returns the process that the command runs.
func (p *ending) child(t *testing.T) int {
	t.Helper()
	for deadline := time.Now().Add(wireTime); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		text, _ := os.ReadFile(filepath.Join(p.cmd.Dir, "child"))
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			return pid
		}
	}
	t.Fatal("the command does not run")
	return 0
}

// heard waits until the service is announced on the network.
func (p *ending) heard(t *testing.T) {
	t.Helper()
	p.ears.SetReadDeadline(time.Now().Add(2 * wireTime))
	for announced, _, err := p.next(); announced == 0; announced, _, err = p.next() {
		if err != nil {
			t.Fatal("nothing is announced: ", err)
		}
	}
}

// quiet wants no goodbye, and that the command runs on, for a time in which it would have ended.
func (p *ending) quiet(t *testing.T) {
	t.Helper()
	p.ears.SetReadDeadline(time.Now().Add(time.Second))
	for {
		_, withdrawn, err := p.next()
		if err != nil {
			break
		}
		if withdrawn > 0 {
			t.Error("it says goodbye")
		}
	}
	if err := p.cmd.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("it has ended: %v", err)
	}
}

// next reads a packet and counts the records that it announces and withdraws.
func (p *ending) next() (announced, withdrawn int, err error) {
	buf := make([]byte, 9000)
	n, _, err := p.ears.ReadFrom(buf)
	if err != nil {
		return 0, 0, err
	}
	message, err := wire.Decode(buf[:n])
	for _, r := range message.Answers {
		if r.TTL == 0 {
			withdrawn++
		} else {
			announced++
		}
	}
	return announced, withdrawn, err
}

// wants waits for the end of the command, which is to be that one, with a goodbye or without.
func (p *ending) wants(t *testing.T, want end, goodbye bool) {
	t.Helper()
	stuck := time.AfterFunc(2*wireTime, func() { p.cmd.Process.Kill() })
	defer stuck.Stop()
	p.cmd.Wait() // the state says what is to be known
	if got := endOf(p.cmd.ProcessState); got != want {
		t.Errorf("it ends with %v, want %v\n%s", got, want, strings.Join(p.out.lines(), "\n"))
	}
	patience := 100 * time.Millisecond // what was sent on the loopback is there already
	if goodbye {
		patience = wireTime // to read it, on a machine that is busy
	}
	p.ears.SetReadDeadline(time.Now().Add(patience))
	said := false
	for !said {
		_, withdrawn, err := p.next()
		if err != nil {
			break
		}
		said = withdrawn > 0
	}
	if said != goodbye {
		t.Errorf("goodbye: %t, want %t\n%s", said, goodbye, strings.Join(p.out.lines(), "\n"))
	}
}

// unitFile is the unit, as far as it says when the daemon is started again.
type unitFile struct{ text string }

func readUnit(t *testing.T) unitFile {
	t.Helper()
	text, err := os.ReadFile("../../packaging/announcer.service")
	if err != nil {
		t.Fatal(err)
	}
	return unitFile{string(text)}
}

// value returns the words that the unit has for a key.
func (u unitFile) value(key string) []string {
	m := regexp.MustCompile(`(?m)^` + key + `=(.*)$`).FindStringSubmatch(u.text)
	if m == nil {
		return nil
	}
	return strings.Fields(m[1])
}

// startsAgain reports whether systemd starts the daemon again after an end that it has not asked for (systemd.service(5)).
func (u unitFile) startsAgain(e end) bool {
	if has(u.value("RestartPreventExitStatus"), e) {
		return false
	}
	clean := e == exitsWith(0) || has(u.value("SuccessExitStatus"), e) ||
		slices.Contains([]syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE}, e.signal)
	switch strings.Join(u.value("Restart"), " ") {
	case "always":
		return true
	case "on-success":
		return clean
	case "on-failure":
		return !clean
	case "on-abnormal", "on-abort":
		return e.signal != 0 && !clean
	}
	return false
}

// has reports whether an end is in a list of exit codes and signals.
func has(list []string, e end) bool {
	if e.signal != 0 {
		return slices.Contains(list, unix.SignalName(e.signal))
	}
	return slices.Contains(list, strconv.Itoa(e.code))
}

// The daemon is started again as often as it ends, however soon it does so, with a pause between.
func TestUnitNeverGivesUp(t *testing.T) {
	unit := readUnit(t)
	if interval := unit.value("StartLimitIntervalSec"); !slices.Equal(interval, []string{"0"}) {
		t.Errorf("StartLimitIntervalSec=%v limits how often the daemon is started", interval)
	}
	if pause, err := strconv.Atoi(strings.Join(unit.value("RestartSec"), " ")); err != nil || pause < 1 || pause > 5 {
		t.Errorf("RestartSec=%v: want 1 to 5 seconds", unit.value("RestartSec"))
	}
}
