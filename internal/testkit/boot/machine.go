//go:build linux

package boot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"announcer/internal/testkit/boot/order"
)

const (
	// patience is how long an emulated machine on a busy host may take to boot or to run a command.
	patience = 5 * time.Minute
	// machineMemory is that of a machine, in MiB.
	machineMemory = 512
)

// agentUnit runs the agent on a machine.
const agentUnit = `[Unit]
Description=Orders of the test
After=multi-user.target

[Service]
Type=exec
Environment=HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
ExecStart=` + Dir + `/agent
OOMScoreAdjust=-1000
`

// network is the configuration of the one network device of a machine.
const network = `[Match]
Name=eth0

[Network]
Address=%s
IPv6AcceptRA=no
`

// Machine is a Debian at an end of a cable that a test drives: it boots it, runs commands on it, stops its clock and cuts its
// power. Its disk lasts until the test ends.
type Machine struct {
	Name        string // of the host
	deps, dir   string
	initrd, log string
	cable       *Cable
	end         int

	emulator *exec.Cmd
	ended    chan struct{} // closed when the emulator has ended
	orders   net.Conn
	results  *json.Decoder
	number   int // of the last order
}

// MachineConfig is what distinguishes a machine.
type MachineConfig struct {
	Name  string // of the host
	Addr  string // of its network device, with the length of the prefix
	Deps  string // the directory that .ci/boot-deps made
	Logs  string // the directory for its journal, NAME.log
	Cable *Cable
	End   int // of the cable: 0 or 1
	Files []File
}

// NewMachine makes a machine, which is off until [Machine.Boot]. It skips the test if .ci/boot-deps has not made its files.
func NewMachine(t *testing.T, c MachineConfig) *Machine {
	t.Helper()
	need(t, c.Deps)
	dir, err := os.MkdirTemp("", "machine-") // shorter than t.TempDir, as a name of a socket must be
	if err != nil {
		t.Fatal(err)
	}
	m := &Machine{Name: c.Name, deps: c.Deps, dir: dir, log: filepath.Join(c.Logs, c.Name+".log"), cable: c.Cable, end: c.End}
	t.Cleanup(func() {
		m.PowerCut()
		os.RemoveAll(dir)
	})
	if out, err := exec.Command("cp", "--sparse=always", filepath.Join(c.Deps, "rootfs.ext4"), m.path("disk")).CombinedOutput(); err != nil {
		t.Fatalf("copy the disk: %v\n%s", err, out)
	}
	files := append([]File{
		{Dir + "/agent", 0o755, program(t, "agent")},
		{"etc/systemd/system/boot-agent.service", 0o644, []byte(agentUnit)},
		{"etc/systemd/network/eth0.network", 0o644, fmt.Appendf(nil, network, c.Addr)},
		{"etc/hostname", 0o644, []byte(c.Name + "\n")},
	}, c.Files...)
	m.initrd = initramfs(t, c.Deps, files)
	return m
}

func (m *Machine) path(name string) string { return filepath.Join(m.dir, name) }

// Boot switches the machine on, and waits until it runs commands.
func (m *Machine) Boot(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(m.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	args := append([]string{
		"-smp", "1", "-m", strconv.Itoa(machineMemory),
		"-drive", "file=" + m.path("disk") + ",if=virtio,format=raw,cache=unsafe",
		"-serial", "stdio", "-initrd", m.initrd,
		"-append", kernelArgs + " systemd.wants=systemd-networkd.service systemd.wants=boot-agent.service",
		"-qmp", "unix:" + m.path("qmp") + ",server=on,wait=off",
		"-chardev", "socket,id=orders,path=" + m.path("orders") + ",server=on,wait=off",
		"-device", "virtio-serial-pci", "-device", "virtserialport,chardev=orders,name=" + order.Port,
	}, m.cable.device(m.end)...)
	m.emulator = emulator(context.Background(), t, m.deps, args...)
	m.emulator.Stdout, m.emulator.Stderr = log, log
	if err := m.emulator.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	m.ended = ended
	go func() {
		_ = m.emulator.Wait() // it is killed
		close(ended)
	}()
	if m.orders, err = m.dial("orders"); err != nil {
		t.Fatalf("%s: %v", m.Name, err)
	}
	m.results = json.NewDecoder(m.orders)
	m.Run(t, "true")
}

// dial connects to a socket of the emulator, once it is there.
func (m *Machine) dial(name string) (net.Conn, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("unix", m.path(name))
		if err == nil {
			return conn, nil
		}
		if time.Now().After(deadline) {
			return nil, err
		}
		select {
		case <-m.ended:
			return nil, fmt.Errorf("the emulator has ended; see %s", m.log)
		default:
		}
	}
}

// PowerCut switches the machine off as a power cut does: what it has not written to its disk is lost. It does nothing if the
// machine is off.
func (m *Machine) PowerCut() {
	if m.emulator == nil {
		return
	}
	if m.orders != nil {
		m.orders.Close()
	}
	_ = m.emulator.Process.Kill() // it may have ended by itself
	<-m.ended
	m.emulator, m.orders = nil, nil
}

// Try runs a command on the machine, and returns what it prints, and an error if it fails.
func (m *Machine) Try(name string, args ...string) (string, error) {
	return m.order("", append([]string{name}, args...))
}

// Run runs a command on the machine that must succeed, and returns what it prints.
func (m *Machine) Run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := m.Try(name, args...)
	if err != nil {
		t.Fatalf("%s: %s %s: %v\n%s", m.Name, name, strings.Join(args, " "), err, out)
	}
	return out
}

// Write writes a file on the machine, as cp does: it truncates what is there, and then writes.
func (m *Machine) Write(t *testing.T, path, text string) {
	t.Helper()
	if out, err := m.order(text, []string{"sh", "-c", `cat >"$0"`, path}); err != nil {
		t.Fatalf("%s: write %s: %v\n%s", m.Name, path, err, out)
	}
}

func (m *Machine) order(stdin string, args []string) (string, error) {
	if m.orders == nil {
		return "", fmt.Errorf("%s is off", m.Name)
	}
	m.number++
	m.orders.SetDeadline(time.Now().Add(patience))
	if err := json.NewEncoder(m.orders).Encode(order.Order{Number: m.number, Args: args, Stdin: stdin}); err != nil {
		return "", fmt.Errorf("%s: %w; see %s", m.Name, err, m.log)
	}
	var r order.Result
	for r.Number != m.number { // one that comes too late
		if err := m.results.Decode(&r); err != nil {
			return "", fmt.Errorf("%s: no result: %w; see %s", m.Name, err, m.log)
		}
	}
	if r.Error != "" {
		return r.Out, errors.New(r.Error)
	}
	return r.Out, nil
}

// Pause stops the machine and its clocks, except the hardware clock.
func (m *Machine) Pause(t *testing.T) { t.Helper(); m.monitor(t, "stop", nil) }

// Continue lets the machine run again.
func (m *Machine) Continue(t *testing.T) { t.Helper(); m.monitor(t, "cont", nil) }

// SetHardwareClock sets the hardware clock of the machine, which may be paused. The system reads it at its start only.
func (m *Machine) SetHardwareClock(t *testing.T, to time.Time) {
	t.Helper()
	for _, w := range clockWrites(to.UTC()) {
		m.monitor(t, "human-monitor-command", map[string]string{"command-line": fmt.Sprintf("o /b 0x70 %#02x", w.register)})
		m.monitor(t, "human-monitor-command", map[string]string{"command-line": fmt.Sprintf("o /b 0x71 %#02x", w.value)})
	}
}

// clockWrite sets a register of a hardware clock (Motorola MC146818).
type clockWrite struct{ register, value int }

// clockWrites returns what sets a hardware clock: its registers, between the beginning and the end of the mode in which it stands.
func clockWrites(to time.Time) []clockWrite {
	const (
		seconds, minutes, hours, day, month, year, century = 0, 2, 4, 7, 8, 9, 0x32
		control, set, hours24                              = 0x0b, 0x80, 0x02
	)
	decimal := func(n int) int { return n/10<<4 | n%10 }
	return []clockWrite{
		{control, set | hours24},
		{seconds, decimal(to.Second())}, {minutes, decimal(to.Minute())}, {hours, decimal(to.Hour())},
		{day, decimal(to.Day())}, {month, decimal(int(to.Month()))}, {year, decimal(to.Year() % 100)}, {century, decimal(to.Year() / 100)},
		{control, hours24},
	}
}

// monitor has the emulator execute a command of its monitor (QMP), and waits until that is done.
func (m *Machine) monitor(t *testing.T, command string, arguments map[string]string) {
	t.Helper()
	conn, err := m.dial("qmp")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	replies := json.NewDecoder(conn)
	for _, step := range []request{{"qmp_capabilities", "1", nil}, {command, "2", arguments}} {
		if err := json.NewEncoder(conn).Encode(step); err != nil {
			t.Fatal(err)
		}
		if err := awaitReply(replies, step.ID); err != nil {
			t.Fatalf("%s: %s: %v", m.Name, step.Execute, err)
		}
	}
}

// request is a command of the monitor.
type request struct {
	Execute   string            `json:"execute"`
	ID        string            `json:"id"`
	Arguments map[string]string `json:"arguments,omitempty"`
}

// awaitReply reads until the reply with an id. What comes before are a greeting and events.
func awaitReply(replies *json.Decoder, id string) error {
	for {
		var reply struct {
			ID    string
			Error json.RawMessage
		}
		if err := replies.Decode(&reply); err != nil {
			return err
		}
		if reply.ID != id {
			continue
		}
		if len(bytes.TrimSpace(reply.Error)) > 0 {
			return fmt.Errorf("the emulator refuses: %s", reply.Error)
		}
		return nil
	}
}
