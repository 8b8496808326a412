//go:build linux

package world

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"announcer/internal/daemon"
	"announcer/internal/mdns/link"
	"announcer/internal/testkit/memdisk"
	"announcer/internal/testkit/memlink"
)

const (
	watchdog    = 50 * time.Second // as in the unit
	restartTime = 3 * time.Second  // likewise
	mostUnheard = 3                // messages to the service manager: they are repeated every five seconds
)

// host is a machine: its kernel, its disk, its service manager and the process that it runs.
type host struct {
	number     int
	net        *memlink.Host
	kernel     *kernel
	disk       *memdisk.Disk
	release    func()    // ends that the directory of definitions hangs; nil: it does not
	fault      diskFault // of what is done there
	settings   settings  // how the configuration file is read
	unwritable diskFault // of what the daemon writes
	unwatched  diskFault // of what reports changes
	unseen     time.Time // when that began
	short      bool      // reads return some bytes only
	dice       *rand.Rand
	throws     *rand.Rand // of the checks
	log        journal
	truth      *truth

	gate    gate // of the process
	sockets sockets
	lastPID int
	running map[*process]bool

	mu      sync.Mutex
	name    string
	process *process            // nil: none runs
	sign    time.Time           // the last sign of life
	deaf    int                 // messages that the service manager will not hear
	isReady bool                // it has heard that a process is ready
	jam     *jam                // why something is not sent; nil: all is
	gone    bool                // the directory of definitions is not there
	locked  map[string]*service // what files say that the daemon must not read
	half    *half               // nil: no file is half written
	held    bool                // port 5353 is held by another program
	asleep  bool

	provision   *provision
	places      map[string]*place // by file
	cluster     *cluster
	following   following
	serverFails error
	step        time.Duration // that the clock on the wall was set forward
}

// Files of a host.
const (
	configFile  = "/etc/announcer/announcer.toml"
	definitions = "/etc/announcer/services"
	authorities = "/etc/announcer/ca.pem"
	state       = "/var/lib/announcer"
)

// newDisk returns the disk of a host, as a package leaves it.
func (h *host) newDisk(config string) *memdisk.Disk {
	d := memdisk.New()
	h.must(d.MkdirAll(definitions))
	h.must(d.MkdirAll(state))
	h.must(d.Own(state))
	h.must(d.Write(configFile, config))
	h.must(d.Write(authorities, trusted()))
	h.must(d.Write(passwordFile, "secret\n"))
	d.SetFault(h.failCall)
	return d
}

// fail notes what was not as it must be.
func (h *host) fail(format string, args ...any) { h.truth.world.fail(format, args...) }

// must is for what a person does on the disk.
func (h *host) must(err error) {
	if err != nil {
		h.fail("%s: %v", h.net.Name, err)
	}
}

// reaches returns the interface by which the host is to announce on a segment, nil if it can't.
func (h *host) reaches(s *segment) *nic {
	for _, n := range h.kernel.interfaces {
		if n.segment == s && n.works() && !h.held && !h.jam.closes(n) {
			return n
		}
	}
	return nil
}

// reachesAll reports whether the host can say something on all segments.
func (h *host) reachesAll() bool {
	return h.process != nil && !h.kernel.isBlind() && !slices.ContainsFunc(h.truth.world.segments, func(s *segment) bool { return h.reaches(s) == nil })
}

// hostName returns the name of the host.
func (h *host) hostName() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.name
}

// nextSeed returns the seed of a process.
func (h *host) nextSeed() [2]uint64 { return [2]uint64{h.dice.Uint64(), h.dice.Uint64()} }

// throw returns a random time below n.
func (h *host) throw(n time.Duration) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Duration(h.throws.Int64N(int64(n)))
}

// clocks reads the clocks of the host.
func (h *host) clocks() (run, wall time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Duration(time.Now().UnixNano())
	return now, now + h.step
}

// sendFault is why a packet of a batch is not sent, nil if it is.
func (h *host) sendFault(at int, p *link.Packet) error {
	h.mu.Lock()
	held, jam := h.held, h.jam
	h.mu.Unlock()
	if held {
		return link.ErrNoSocket
	}
	return jam.refuses(h, at, p)
}

// alive takes a sign of life of the process.
func (h *host) alive() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sign = time.Now()
}

// hear takes a message for the service manager, if it can.
func (h *host) hear(message string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.deaf > 0 {
		h.deaf--
		return syscall.EAGAIN
	}
	h.sign = time.Now()
	h.isReady = h.isReady || strings.HasPrefix(message, "READY=1\n")
	return nil
}

// deafen has the service manager not hear some messages of a process that runs or starts. It must hear later that the process is ready,
// and that it is alive.
func (h *host) deafen(w *World, dice *rand.Rand) {
	if h.process == nil {
		return
	}
	starts := dice.IntN(2) == 0
	if starts {
		h.stop(daemon.ErrRestart)
		w.rest(time.Millisecond)
	}
	h.mu.Lock()
	h.deaf, h.isReady = 1+dice.IntN(mostUnheard), h.isReady && !starts
	h.mu.Unlock()
	h.boot()
	p := h.process
	w.rest(watchdog)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.process != p || !h.isReady {
		h.fail("the service manager of %s did not hear some messages: it has ended the process is %v, it knows that it is ready is %v", h.net.Name, h.process != p, h.isReady)
	}
}

// boot starts the process, unless it runs.
func (h *host) boot() {
	if h.process != nil {
		return
	}
	if h.kernel.hangs != nil {
		h.kernel.hang() // with links that have never been read, there is nothing to compare
	}
	if h.jam.isTotal() {
		h.setJam(nil) // without a socket it does not start
	}
	h.alive()
	h.adopt(h.start())
}

// adopt has a process that has just begun be the one of the host.
func (h *host) adopt(p *process) {
	h.forget()
	h.truth.booted(h)
	for _, s := range h.truth.world.segments {
		s.said = nil
		delete(s.traffic, h.net) // each process announces all
	}
	h.process = p
}

// crash ends the process without a word.
func (h *host) crash() {
	if h.process == nil {
		return
	}
	h.truth.silenced(h)
	h.process.kill()
	h.process = nil
}

// stop ends the process in order, for a cause.
func (h *host) stop(cause error) {
	if h.process == nil {
		return
	}
	h.gate.open()
	h.process.end(cause)
	h.exited()
}

// watch is what the service manager does: it ends a process that gives no sign of life, and starts it again.
func (h *host) watch() {
	h.mu.Lock()
	silent := time.Since(h.sign) > watchdog
	h.mu.Unlock()
	if h.process == nil || h.asleep {
		return
	}
	if h.process.isOver() {
		h.exited()
		return
	}
	if silent {
		h.crash()
		h.boot()
	}
}

func prefix(format string, args ...any) netip.Prefix {
	return netip.MustParsePrefix(fmt.Sprintf(format, args...))
}
