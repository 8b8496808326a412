package endurance

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"announcer/internal/testkit/netlab"
)

// A fault lasts this long, and may cost a hundredth of a processor.
const (
	faultTime = 2 * time.Second
	faultCPU  = faultTime / 100
)

// TestFaults takes from the daemon what it needs, and gives it back: it does not spin in the meantime, and then announces
// what it should.
func TestFaults(t *testing.T) {
	netlab.Need(t)
	files := newFiles(t)
	stranger := onCable(t, files)
	full := fullDisk(t)
	d := newDaemon(t, files, full)
	stranger.agree(t, "with a full disk under the socket")
	var here *netlab.Host
	for _, fault := range []struct {
		name       string
		begin, end func()
	}{
		{"a full disk under the socket", func() {}, func() {
			if err := unix.Mount("", full, "", unix.MS_REMOUNT, "nr_inodes=100"); err != nil {
				t.Fatal(err)
			}
			d.awaitSocket(t)
		}},
		{"no more files can be opened", func() {
			d.limitFiles(t, 0)
			files.write(t, "0.service")
			here.IP(t, "addr", "add", "192.0.2.3/24", "dev", "eth0")
		}, func() {
			d.limitFiles(t, 1000)
			here.IP(t, "addr", "del", "192.0.2.3/24", "dev", "eth0")
			files.write(t, "0.service")
		}},
		{"the link is down", func() { here.IP(t, "link", "set", "eth0", "down") }, func() { here.IP(t, "link", "set", "eth0", "up") }},
		{"the link has no address", func() { here.IP(t, "addr", "flush", "dev", "eth0") }, func() { here.IP(t, "addr", "add", "192.0.2.1/24", "dev", "eth0") }},
		{"the directory is gone", func() {
			if err := os.Rename(files.dir, files.dir+".away"); err != nil {
				t.Fatal(err)
			}
		}, func() {
			if err := os.Rename(files.dir+".away", files.dir); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			fault.begin()
			before := d.cpu(t)
			time.Sleep(faultTime) // for a process there is no other time than this
			spent := d.cpu(t) - before
			t.Logf("%s: %.2f %% of a processor", fault.name, 100*spent.Seconds()/faultTime.Seconds())
			if spent > faultCPU {
				t.Errorf("%s: %v of CPU within %v, want at most %v", fault.name, spent, faultTime, faultCPU)
			}
			fault.end()
			stranger.agree(t, "after this: "+fault.name)
		})
	}
	d.stop(t)
	stranger.silent(t)
}

// fullDisk makes a folder in which no file can be made.
func fullDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "nr_inodes=1"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	return dir
}

// limitFiles sets how many files the daemon may have open.
func (d *daemon) limitFiles(t *testing.T, n uint64) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Prlimit(d.cmd.Process.Pid, unix.RLIMIT_NOFILE, nil, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = n
	if err := unix.Prlimit(d.cmd.Process.Pid, unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		t.Fatal(err)
	}
}

// awaitSocket waits until the control socket is there.
func (d *daemon) awaitSocket(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(d.socket); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("there is no control socket after %v", patience)
		}
	}
}
