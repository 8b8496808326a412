//go:build linux

package bench

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// watchdog is what the unit of the packages says: the daemon must give a sign of life within this time.
const watchdog = 50 * time.Second

// quiet leaves the responders alone.
func (r *tables) quiet(t *testing.T) {
	environment, signs := manager(t)
	var labs []*lab
	for _, name := range []string{"avahi", "zeroconf", "brutella", "announcer"} {
		l := newLab(t, name, 1)
		l.environment = environment
		labs = append(labs, l)
	}
	r.startAll(t, labs)
	wakes := r.row("a quiet link, with a watchdog: wake-ups in 100 s", 1, "", most(30))
	switches := r.row("a quiet link: context switches of all threads in 100 s", 1, "", none)
	cpu := r.row("a quiet link: CPU a minute", 1, "ms", most(1))
	time.Sleep(r.scale.idle)
	before, beside := signs.Load(), make(chan rest, len(labs))
	for _, l := range labs {
		go func() { beside <- l.rest(r.scale.quiet) }()
	}
	for range labs {
		seen := <-beside
		per := r.scale.quiet.Seconds()
		wakes.set(seen.name, float64(seen.wakes)*100/per)
		switches.set(seen.name, float64(seen.switches)*100/per)
		cpu.set(seen.name, milliseconds(seen.cpu)*60/per)
	}
	if n, want := signs.Load()-before, int64(2*r.scale.quiet/watchdog)-1; n < want {
		t.Errorf("%d signs of life in %v, want %d", n, r.scale.quiet, want)
	}
}

// manager returns the environment of what is started by a service manager with a watchdog, and the number of signs of life.
func manager(t *testing.T) (environment []string, signs *atomic.Int64) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	signs = new(atomic.Int64)
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			signs.Add(int64(strings.Count(string(buf[:n]), "WATCHDOG=1")))
		}
	}()
	return []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=" + strconv.FormatInt(watchdog.Microseconds(), 10)}, signs
}

// rest is what a responder does that has nothing to do.
type rest struct {
	name     string
	wakes    int // periods of 10 ms in which any thread ran
	switches int // of threads that waited
	cpu      time.Duration
}

// rest observes a responder for a time.
func (l *lab) rest(d time.Duration) rest {
	const period = 10 * time.Millisecond
	r := rest{name: l.name}
	cpu, first := l.process.cpu(), l.process.switches()
	for last, end := first, time.Now().Add(d); time.Now().Before(end); time.Sleep(period) {
		now := l.process.switches()
		if now != last {
			r.wakes++
		}
		last, r.switches = now, now-first
	}
	r.cpu = l.process.cpu() - cpu
	return r
}

// switches returns how often the threads of a process have waited.
func (p *process) switches() (n int) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", p.cmd.Process.Pid))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		_, rest, _ := strings.Cut(string(text), "\nvoluntary_ctxt_switches:\t")
		count, _, _ := strings.Cut(rest, "\n")
		i, _ := strconv.Atoi(count)
		n += i
	}
	return n
}
