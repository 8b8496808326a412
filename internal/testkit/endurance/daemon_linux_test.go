package endurance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"announcer/internal/testkit/built"
)

// daemon is a process of announcer.
type daemon struct {
	program, config, log, socket string
	cmd                          *exec.Cmd
}

// newDaemon builds announcer and starts it on the files, with its control socket in a folder.
func newDaemon(t *testing.T, f *files, socketDir string) *daemon {
	t.Helper()
	dir := t.TempDir()
	d := &daemon{
		program: built.Announcer(t, "../../.."),
		config:  filepath.Join(dir, "announcer.toml"), log: filepath.Join(dir, "log"), socket: filepath.Join(socketDir, "announcer.sock"),
	}
	f.put(t, d.config, fmt.Sprintf("[daemon]\nservices = %q\ninterfaces = \"eth0\"\nhost = \"pbx\"\nsocket = %q\n", f.dir, d.socket))
	d.start(t)
	t.Cleanup(func() {
		d.cmd.Process.Kill()
		d.cmd.Wait()
		if t.Failed() {
			log, _ := os.ReadFile(d.log)
			t.Logf("the log ends with:\n%s", log[max(0, len(log)-4000):])
		}
	})
	return d
}

func (d *daemon) start(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(d.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	d.cmd = exec.Command(d.program, "run", "--config", d.config)
	d.cmd.Stderr = log
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// restart kills the daemon without notice, and starts another.
func (d *daemon) restart(t *testing.T) {
	t.Helper()
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal("the daemon has ended by itself: ", err)
	}
	d.cmd.Wait()
	d.start(t)
}

// stop ends the daemon in good order.
func (d *daemon) stop(t *testing.T) {
	t.Helper()
	d.signal(t, syscall.SIGTERM)
	if err := d.cmd.Wait(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
}

func (d *daemon) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// holdings is what a process holds.
type holdings struct {
	descriptors, threads, goroutines int
	memory                           int // anonymous, in kB
}

func (d *daemon) holds(t *testing.T) holdings {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return holdings{len(entries), d.status(t, "Threads"), d.goroutines(t), d.status(t, "RssAnon")}
}

// goroutines asks the daemon for their number.
func (d *daemon) goroutines(t *testing.T) int {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", d.socket)
	}}}
	answer, err := client.Get("http://announcer/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^go_goroutines (\d+)$`).FindSubmatch(text)
	if found == nil {
		t.Fatalf("the metrics have no go_goroutines:\n%s", text)
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// status returns a number from /proc/PID/status.
func (d *daemon) status(t *testing.T, key string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, key+":"); ok {
			n, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("/proc/%d/status has no %s", d.cmd.Process.Pid, key)
	return 0
}

// cpu returns the time that the process has computed.
func (d *daemon) cpu(t *testing.T) time.Duration {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", d.cmd.Process.Pid))
	if err != nil || len(tasks) == 0 {
		t.Fatal("no threads: ", err)
	}
	var sum time.Duration
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // ended since
		}
		n, err := strconv.ParseInt(string(bytes.Fields(text)[0]), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(n)
	}
	return sum
}

// More than this at the end is a leak. Each phase does a thing ten times or more, so what leaks once a time is above
// slack; a question that is under way as the process is measured is below it.
const (
	slack      = 4       // descriptors, threads and goroutines
	memoryMost = 8 << 10 // kB: the collector lets the heap double
)

// check wants a process to hold what it held before, in a while: what is no longer used need not be given back at once.
func (before holdings) check(t *testing.T, d *daemon) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		now := d.holds(t)
		good := now.descriptors <= before.descriptors+slack && now.threads <= before.threads+slack && now.goroutines <= before.goroutines+slack &&
			now.memory <= before.memory+memoryMost
		if good || time.Now().After(deadline) {
			t.Logf("descriptors %d, then %d; threads %d, then %d; goroutines %d, then %d; anonymous memory %d kB, then %d kB",
				before.descriptors, now.descriptors, before.threads, now.threads, before.goroutines, now.goroutines, before.memory, now.memory)
			if !good {
				t.Error("it holds more than before")
			}
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}
