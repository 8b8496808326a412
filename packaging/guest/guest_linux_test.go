//go:build boot

package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"announcer/internal/testkit/mdnstest"
	"announcer/internal/testkit/netlab"
)

// TestMain refuses to run anywhere but in the guest: the tests install packages and stop services.
func TestMain(m *testing.M) {
	if os.Getenv(netlab.Inside) == "" || filepath.Dir(os.Args[0]) != dir {
		fmt.Fprintln(os.Stderr, "these tests are for the machine that make boot-test boots")
		os.Exit(1)
	}
	netlab.Main(m)
}

const (
	dir      = "/boot-test" // where the packages are
	unitName = "announcer.service"

	// patience is how long the emulated machine may take for what a real one does in a second.
	patience = 90 * time.Second

	// slowness is what is added to a time within which something must happen.
	slowness = 10 * time.Second

	definitions = "/etc/announcer/services/"
	configFile  = "/etc/announcer/announcer.toml"
)

// run runs a command that must succeed, and returns what it prints.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := try(command(name, args...))
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func command(name string, args ...string) *exec.Cmd { return exec.Command(name, args...) }

// try runs a command for a bounded time, and returns what it prints.
func try(cmd *exec.Cmd) (string, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()
	err := cmd.Wait()
	return out.String(), errors.Join(err, ctx.Err())
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// writeFor is write, undone when the test ends.
func writeFor(t *testing.T, path, text string) {
	t.Helper()
	before, err := os.ReadFile(path)
	t.Cleanup(func() {
		if err != nil {
			os.Remove(path)
			return
		}
		write(t, path, string(before))
	})
	write(t, path, text)
}

// group returns a definition of one service.
func group(name, kind string, port int, txt ...string) string {
	text := fmt.Sprintf("<service-group>\n<name>%s</name>\n<service>\n<type>%s</type>\n<port>%d</port>\n", name, kind, port)
	for _, record := range txt {
		text += "<txt-record>" + record + "</txt-record>\n"
	}
	return text + "</service>\n</service-group>\n"
}

var installing sync.Mutex

// install installs the package unless it is there.
func install(t *testing.T) {
	t.Helper()
	installing.Lock()
	defer installing.Unlock()
	if _, err := exec.LookPath("announcer"); err != nil {
		run(t, "dpkg", "--install", "first.deb")
	}
}

// newSite returns what a neighbour hears of this machine while the unit announces one definition.
func newSite(t *testing.T) *ear {
	t.Helper()
	install(t)
	writeFor(t, definitions+"shop.service", group("Shop", "_http._tcp", 8080))
	neighbour := newNeighbour(t)
	run(t, "systemctl", "reset-failed", unitName)
	run(t, "systemctl", "restart", unitName)
	neighbour.await(t, mdnstest.Announcement, "Shop")
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := try(command("journalctl", "--unit", unitName, "--no-pager", "--lines=60", "--output=short-precise"))
			t.Log(out)
		}
	})
	return neighbour
}

// state is what systemd knows of the unit, by property.
type state map[string]string

func unitState(t *testing.T) state {
	t.Helper()
	properties := "ActiveState,SubState,Result,NRestarts,MainPID,ExecMainStatus,ExecMainCode,MemoryMax"
	s := state{}
	for line := range strings.Lines(run(t, "systemctl", "show", "--property="+properties, unitName)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		s[key] = value
	}
	return s
}

func (s state) running() bool { return s["ActiveState"] == "active" }

// down reports whether systemd will not start the unit again by itself.
func (s state) down() bool { return s["ActiveState"] == "inactive" || s["ActiveState"] == "failed" }

// awaitState waits until systemd has the unit in a state.
func awaitState(t *testing.T, what string, is func(state) bool) state {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		s := unitState(t)
		if is(s) {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("the unit is not %s within %v: %v", what, patience, s)
		}
	}
}
