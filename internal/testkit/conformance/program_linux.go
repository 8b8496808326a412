package conformance

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"announcer/internal/mdns/link"
	"announcer/internal/publication"
)

// Program is a responder that runs as a process. It reads again what it is to publish on SIGHUP, and ends in good order
// on SIGTERM.
type Program interface {
	// Write puts what is to be published into a folder.
	Write(dir string, s Setup) error
	// Command returns the command that publishes what is in the folder on [Interface].
	Command(dir string) *exec.Cmd
}

// Restarter is a [Program] that a service manager ends by another signal than SIGTERM where it starts it again.
type Restarter interface {
	RestartSignal() syscall.Signal
}

// RunProgram runs checks by both IP versions on a program, as many at a time as there are cables, and returns the results
// in the order of the checks, those by IPv4 first. Those that fail are run again, when all are done and the
// machine has less to do, and fail for good in the last of the rounds.
func RunProgram(t testing.TB, p Program, checks []Check, cables []*Cable, rounds int) []Result {
	t.Helper()
	var results []Result
	for _, v := range publication.IPVersions() {
		for _, check := range checks {
			results = append(results, Result{Check: check, Version: v})
		}
	}
	todo := longestFirst(results)
	for range rounds {
		runAll(p, t.TempDir(), cables, todo)
		todo = slices.DeleteFunc(todo, func(r *Result) bool { return r.Verdict != Fail })
	}
	return results
}

// runAll works on results. The program finds what to publish in folders of dir.
func runAll(p Program, dir string, cables []*Cable, todo []*Result) {
	work := make(chan *Result)
	var workers sync.WaitGroup
	for i, c := range cables {
		workers.Go(func() {
			for r := range work {
				*r = c.run(p, filepath.Join(dir, strconv.Itoa(i)), r.Check, r.Version)
			}
		})
	}
	for _, r := range todo {
		work <- r
	}
	close(work)
	workers.Wait()
}

// longestFirst returns results in the order in which to work on them, so that no long check is waited for at the end. How
// long one takes is known from a simulation.
func longestFirst(results []Result) []*Result {
	took := map[*Result]time.Duration{}
	var order []*Result
	for i := range results {
		r, lab := &results[i], NewSimLab(0)
		start := lab.Now()
		r.Check.Run(lab, r.Version)
		took[r] = lab.Now().Sub(start)
		order = append(order, r)
	}
	slices.SortStableFunc(order, func(a, b *Result) int { return cmp.Compare(took[b], took[a]) })
	return order
}

func (c *Cable) run(p Program, dir string, check Check, v publication.IPVersion) Result {
	lab := &programLab{cable: c, program: p, dir: dir, plugged: now()}
	result := check.Run(lab, v)
	said := lab.close()
	if result.Verdict == Fail && said != "" {
		result.Saw += "; it said: " + said
	}
	return result
}

// programLab is a [Lab] with a program on a cable.
type programLab struct {
	cable   *Cable
	program Program
	dir     string
	plugged time.Time // what came before was for others
	process *exec.Cmd
	output  bytes.Buffer
	early   *Heard // heard before it was asked for
	changed bool   // the addresses or the host's name were
}

// reading is how long a packet that has come may take to be read.
const reading = 10 * time.Millisecond

// close ends the program where it still runs, and returns the end of what it has said.
func (l *programLab) close() string {
	defer l.restore()
	if l.process == nil {
		return ""
	}
	l.process.Process.Kill()
	l.process.Wait() // it was killed, or has ended before
	said := bytes.TrimSpace(l.output.Bytes())
	return string(said[max(0, len(said)-2000):])
}

// restore restores what the machine had. A cable on which that fails is unusable to the checks that come after.
func (l *programLab) restore() {
	if !l.changed {
		return
	}
	if err := errors.Join(l.cable.setAddresses(ownAddresses...), l.cable.setHostName(hostLabel)); err != nil {
		panic(fmt.Sprintf("conformance: the machine can't be restored: %v", err))
	}
}

// now returns the time without a monotonic clock, as packets have it.
func now() time.Time { return time.Now().Round(0) }

// Facts implements [Lab].
func (l *programLab) Facts() Facts { return l.cable.facts }

// Now implements [Lab].
func (l *programLab) Now() time.Time { return now() }

// Start implements [Lab].
func (l *programLab) Start(s Setup) error {
	if err := os.RemoveAll(l.dir); err != nil {
		return err
	}
	if err := os.Mkdir(l.dir, 0o755); err != nil {
		return err
	}
	if err := l.program.Write(l.dir, s); err != nil {
		return err
	}
	return l.launch()
}

// launch starts the program on what was written.
func (l *programLab) launch() error {
	cmd := l.program.Command(l.dir)
	cmd.Stdout, cmd.Stderr = &l.output, &l.output
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := l.cable.server.Start(cmd); err != nil {
		return err
	}
	l.process = cmd
	return nil
}

// Apply implements [Lab].
func (l *programLab) Apply(s Setup) error {
	if err := l.program.Write(l.dir, s); err != nil {
		return err
	}
	return l.process.Process.Signal(syscall.SIGHUP)
}

// Stop implements [Lab].
func (l *programLab) Stop() error { return l.process.Process.Signal(syscall.SIGTERM) }

// Suspend implements [Lab].
func (l *programLab) Suspend() error { return l.process.Process.Signal(syscall.SIGSTOP) }

// Resume implements [Lab].
func (l *programLab) Resume() error { return l.process.Process.Signal(syscall.SIGCONT) }

// Restart implements [Lab].
func (l *programLab) Restart() error {
	signal := syscall.SIGTERM
	if r, ok := l.program.(Restarter); ok {
		signal = r.RestartSignal()
	}
	if err := l.process.Process.Signal(signal); err != nil {
		return err
	}
	_ = l.process.Wait() // however it ends, it is started again
	return l.launch()
}

// SetAddresses implements [Lab].
func (l *programLab) SetAddresses(addrs ...netip.Prefix) error {
	l.changed = true
	return l.cable.setAddresses(addrs...)
}

// SetHostName implements [Lab].
func (l *programLab) SetHostName(name string) error {
	l.changed = true
	return l.cable.setHostName(name)
}

// Send implements [Lab].
func (l *programLab) Send(p link.Packet) error {
	for _, s := range l.cable.sockets {
		if s.port == p.From.Port() && (s.v4 != nil) == p.From.Addr().Is4() {
			return s.send(p, l.cable.index)
		}
	}
	return fmt.Errorf("the suite has no socket to send from %v", p.From)
}

// Next implements [Lab].
func (l *programLab) Next(until time.Time) (Heard, bool) {
	if l.early != nil {
		return l.take(*l.early, until)
	}
	timer := time.NewTimer(max(0, time.Until(until)) + reading)
	defer timer.Stop()
	for {
		select {
		case h := <-l.cable.heard:
			if h.At.After(l.plugged) {
				return l.take(h, until)
			}
		case <-timer.C:
			return Heard{}, false
		}
	}
}

// take returns a packet if it came before that, and keeps it otherwise.
func (l *programLab) take(h Heard, until time.Time) (Heard, bool) {
	l.early = nil
	if h.At.After(until) {
		l.early = &h
		return Heard{}, false
	}
	return h, true
}
