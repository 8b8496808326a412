package endurance

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"announcer/internal/testkit/netlab"
)

var long = flag.Bool("endurance.long", false, "live the long life: ten minutes")

func TestMain(m *testing.M) { netlab.Main(m) }

// life is what the daemon goes through.
type life struct {
	edits, flaps, reloads, kills int
	junk                         time.Duration
	junkRate                     int // packets per second
}

const burst = 10 // edits, flaps or reloads in one round

var (
	shortLife = life{edits: 40, flaps: 10, reloads: 10, kills: 2, junk: time.Second, junkRate: 5000}
	longLife  = life{edits: 1000, flaps: 500, reloads: 200, kills: 50, junk: time.Minute, junkRate: 20000}
)

func TestEndurance(t *testing.T) {
	netlab.Need(t)
	life := shortLife
	if *long {
		life = longLife
	}
	files := newFiles(t)
	stranger := onCable(t, files)
	d := newDaemon(t, files, t.TempDir())
	stranger.agree(t, "at the start")

	before := d.holds(t)
	phase(t, "edits", life.edits, func(i int) {
		if i%burst == 0 {
			files.breakOne(t)
		} else {
			files.edit(t)
		}
		if i%burst == burst-1 {
			stranger.agree(t, fmt.Sprintf("after %d edits", i+1))
		}
	})
	phase(t, "link flaps", life.flaps, func(i int) {
		flap(t, i)
		if i%burst == burst-1 {
			stranger.agree(t, fmt.Sprintf("after %d link flaps", i+1))
		}
	})
	phase(t, "reloads", life.reloads, func(i int) {
		files.edit(t)
		d.signal(t, syscall.SIGHUP)
		if i%burst == burst-1 {
			stranger.agree(t, fmt.Sprintf("after %d reloads", i+1))
		}
	})
	cpu := d.cpu(t)
	sent := stranger.junk(t, life.junk, life.junkRate)
	t.Logf("%d junk packets in %v took %v of CPU", sent, life.junk, d.cpu(t)-cpu)
	stranger.agree(t, "after the junk")
	before.check(t, d)
	phase(t, "kills", life.kills, func(i int) {
		files.repair(t) // the last good version of a broken file does not outlive the process
		d.restart(t)
		files.edit(t)
		time.Sleep(200 * time.Millisecond)
		stranger.agree(t, fmt.Sprintf("after %d kills", i+1))
	})
	d.stop(t)
	stranger.silent(t)
}

// onCable joins this host to that of a stranger.
func onCable(t *testing.T, f *files) *stranger {
	t.Helper()
	other := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "eth0", Addrs: []string{"192.0.2.1/24"}}, netlab.End{Host: other, Name: "eth0", Addrs: []string{"192.0.2.2/24"}})
	return newStranger(t, other, f)
}

// phase does something a number of times, and logs how long that took.
func phase(t *testing.T, what string, n int, do func(i int)) {
	t.Helper()
	began := time.Now()
	for i := range n {
		do(i)
	}
	t.Logf("%d %s in %v", n, what, time.Since(began).Round(100*time.Millisecond))
}

// flap takes the link down, every second time long enough for the daemon to notice, and up again.
func flap(t *testing.T, i int) {
	t.Helper()
	var here *netlab.Host
	here.IP(t, "link", "set", "eth0", "down")
	if i%2 == 1 {
		time.Sleep(150 * time.Millisecond)
	}
	here.IP(t, "link", "set", "eth0", "up")
}

// files is a folder of definitions with what they say.
type files struct {
	dir  string
	dice *rand.Rand
	good map[string]definition // by file name: what its last good version says

	mu   sync.Mutex
	ever map[definition]bool // all that a file has ever said
}

// said reports whether a file has ever said a definition.
func (f *files) said(d definition) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ever[d]
}

// texts returns what the files say, in order.
func (f *files) texts() []string {
	var all []string
	for _, d := range f.good {
		all = append(all, fmt.Sprint(d))
	}
	slices.Sort(all)
	return all
}

// definition is what a file says, as far as the test varies it.
type definition struct {
	name, version string
	port          int
}

const fileCount = 5

func newFiles(t *testing.T) *files {
	f := &files{dir: t.TempDir(), dice: rand.New(rand.NewPCG(1, 2)), good: map[string]definition{}, ever: map[definition]bool{}}
	for i := range fileCount {
		f.write(t, fmt.Sprintf("%d.service", i))
	}
	return f
}

// edit changes a file in one of the ways in which people and programs do that.
func (f *files) edit(t *testing.T) {
	t.Helper()
	name := fmt.Sprintf("%d.service", f.dice.IntN(fileCount))
	path := filepath.Join(f.dir, name)
	switch f.dice.IntN(5) {
	case 0:
		f.remove(t, name)
	case 1: // touches it
		now := time.Now()
		if err := os.Chtimes(path, now, now); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	default:
		f.write(t, name)
	}
}

// breakOne breaks a file, whose last good version stays: the one that the daemon knows, so nothing else may have been
// edited since the wire last agreed.
func (f *files) breakOne(t *testing.T) {
	t.Helper()
	name := fmt.Sprintf("%d.service", f.dice.IntN(fileCount))
	if _, ok := f.good[name]; ok {
		f.put(t, filepath.Join(f.dir, name), "<service-group><name>broken")
	}
}

// repair writes a good version of every file that should have one.
func (f *files) repair(t *testing.T) {
	t.Helper()
	for name := range f.good {
		f.write(t, name)
	}
}

func (f *files) remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(f.dir, name)); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	delete(f.good, name)
}

// write writes a good version of a file: in place, or by a rename as most editors do.
func (f *files) write(t *testing.T, name string) {
	t.Helper()
	d := definition{name: f.good[name].name, version: fmt.Sprint("v=", f.dice.IntN(1000)), port: 5060 + f.dice.IntN(3)}
	if d.name == "" || f.dice.IntN(3) > 0 { // of one name no more than ten updates a minute are announced (RFC 6762 §8.4)
		d.name = fmt.Sprintf("PBX %s %d", name, f.dice.IntN(1000))
	}
	f.good[name] = d
	f.mu.Lock()
	f.ever[d] = true
	f.mu.Unlock()
	path := filepath.Join(f.dir, name)
	text := fmt.Sprintf(`<service-group><name>%s</name><service><type>_digiumproxy._udp</type><port>%d</port><txt-record>%s</txt-record></service></service-group>`,
		d.name, d.port, d.version)
	if f.dice.IntN(2) == 0 {
		f.put(t, path, text)
		return
	}
	f.put(t, path+".new", text)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func (f *files) put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
