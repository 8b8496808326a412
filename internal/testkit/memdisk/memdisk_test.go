package memdisk_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/disk"
	"announcer/internal/testkit/memdisk"
)

// start returns a disk with a file, and a process. It runs a test in a bubble.
func start(t *testing.T, test func(t *testing.T, d *memdisk.Disk, p *memdisk.Process)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := memdisk.New()
		must(t, d.MkdirAll("/etc/services"), d.Write("/etc/services/a", "text"))
		p := d.Process()
		t.Cleanup(p.Kill)
		test(t, d, p)
	})
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// primitives are all calls that can fail, by the name that faults have.
var primitives = map[string]func(p *memdisk.Process) error{
	"stat":     func(p *memdisk.Process) error { _, err := p.Stat("/etc/services/a"); return err },
	"lstat":    func(p *memdisk.Process) error { _, err := p.Lstat("/etc/services/a"); return err },
	"readlink": func(p *memdisk.Process) error { _, err := p.Readlink("/etc/services/link"); return err },
	"readdir":  func(p *memdisk.Process) error { _, err := p.ReadDir("/etc/services"); return err },
	"open": func(p *memdisk.Process) error {
		f, err := p.Open("/etc/services/a")
		return closed(f, err)
	},
	"create": func(p *memdisk.Process) error {
		f, err := p.Create("/etc/services/new", 0o600)
		return closed(f, err)
	},
	"append": func(p *memdisk.Process) error { return closed(p.Append("/etc/services/a")) },
	"fstat":  opened(func(f disk.File) error { _, err := f.Stat(); return err }),
	"read":   opened(func(f disk.File) error { _, err := io.ReadAll(f); return err }),
	"sync":   opened(disk.File.Sync),
	"write": func(p *memdisk.Process) error {
		return disk.Replace(p, "/etc/services/x", []byte("x"), disk.Replacement{})
	},
	"rename": func(p *memdisk.Process) error {
		return disk.Replace(p, "/etc/services/x", []byte("x"), disk.Replacement{})
	},
	"remove":  func(p *memdisk.Process) error { return p.Remove("/etc/services/a") },
	"mkdir":   func(p *memdisk.Process) error { return p.MkdirAll("/etc/services/dir", 0o700) },
	"chtimes": func(p *memdisk.Process) error { return p.Chtimes("/etc/services/a", time.Time{}) },
	"syncdir": func(p *memdisk.Process) error { return p.SyncDir("/etc/services") },
	"watch":   func(p *memdisk.Process) error { return watched(p, "/etc/services") },
	"add":     func(p *memdisk.Process) error { return watched(p, "/etc/services") },
}

func closed(f disk.File, err error) error {
	if err != nil {
		return err
	}
	return f.Close()
}

func opened(call func(disk.File) error) func(*memdisk.Process) error {
	return func(p *memdisk.Process) error {
		f, err := p.Open("/etc/services/a")
		if err != nil {
			return err
		}
		return errors.Join(call(f), f.Close())
	}
}

func watched(p *memdisk.Process, path string) error {
	w, err := p.Watch()
	if err != nil {
		return err
	}
	return errors.Join(w.AddDir(path), w.Close())
}

// ready makes a disk on which all primitives succeed.
func ready(t *testing.T, d *memdisk.Disk) {
	t.Helper()
	must(t, d.Own("/etc/services"), d.Own("/etc/services/a"), d.Symlink("a", "/etc/services/link"))
}

// TestFaults has each call fail by itself.
func TestFaults(t *testing.T) {
	for op, call := range primitives {
		t.Run(op, func(t *testing.T) {
			start(t, func(t *testing.T, d *memdisk.Disk, p *memdisk.Process) {
				ready(t, d)
				must(t, call(p))
				must(t, d.RemoveAll("/etc/services/dir"), d.Write("/etc/services/a", "text"), d.Own("/etc/services/a"))
				d.SetFault(func(called, path string) error {
					if called == op && (strings.HasPrefix(path, "/etc/services") || op == "watch") {
						return syscall.EIO
					}
					return nil
				})
				if err := call(p); !errors.Is(err, syscall.EIO) {
					t.Errorf("the error is %v", err)
				}
				if n := p.Descriptors(); n != 0 {
					t.Errorf("%d descriptors are open", n)
				}
				d.SetFault(nil)
				must(t, call(p))
			})
		})
	}
}

// TestFullDisk writes half of what there is no room for.
func TestFullDisk(t *testing.T) {
	start(t, func(t *testing.T, d *memdisk.Disk, p *memdisk.Process) {
		ready(t, d)
		f, err := p.Create("/etc/services/half", 0o600)
		must(t, err)
		d.SetFault(func(op, _ string) error {
			if op == "write" {
				return syscall.ENOSPC
			}
			return nil
		})
		n, err := f.Write([]byte("12345678"))
		text, readErr := d.ReadFile("/etc/services/half")
		if n != 4 || !errors.Is(err, syscall.ENOSPC) || text != "1234" || readErr != nil {
			t.Errorf("%d bytes, %v; there are %q, %v", n, err, text, readErr)
		}
		must(t, f.Close())
	})
}

// TestHang has every call wait: until the file system goes on, or until the process is killed.
func TestHang(t *testing.T) {
	for op, call := range primitives {
		if op == "watch" {
			continue // it is of no file
		}
		for _, kill := range []bool{false, true} {
			t.Run(fmt.Sprint(op, ", killed ", kill), func(t *testing.T) {
				start(t, func(t *testing.T, d *memdisk.Disk, p *memdisk.Process) {
					ready(t, d)
					release, err := d.Hang("/etc/services")
					must(t, err)
					result := make(chan error, 1)
					go func() { result <- call(p) }()
					time.Sleep(time.Hour) // nothing else can happen, so that it waits durably
					select {
					case err := <-result:
						t.Fatalf("it did not wait: %v", err)
					default:
					}
					if kill {
						p.Kill()
					} else {
						release()
					}
					if err := <-result; (err != nil) != kill {
						t.Errorf("the error is %v", err)
					}
					release()
					if n := p.Descriptors(); n != 0 {
						t.Errorf("%d descriptors are open", n)
					}
				})
			})
		}
	}
}

// TestHangOfOpenFile has a file hang that was opened before, and one beside the directory that hangs.
func TestHangOfOpenFile(t *testing.T) {
	start(t, func(t *testing.T, d *memdisk.Disk, p *memdisk.Process) {
		must(t, d.Write("/etc/beside", "beside"), d.Symlink("services/a", "/etc/link"))
		f, err := p.Open("/etc/link")
		must(t, err)
		release, err := d.Hang("/etc/services")
		must(t, err)
		if _, _, err := disk.ReadRegular(p, "/etc/beside", 10); err != nil {
			t.Error(err)
		}
		if err := d.Append("/etc/services/a", " more"); err != nil {
			t.Error("people are kept from it: ", err)
		}
		began := time.Now()
		time.AfterFunc(time.Minute, release)
		if text, err := io.ReadAll(f); err != nil || string(text) != "text more" || time.Since(began) != time.Minute {
			t.Errorf("%q, %v, after %v", text, err, time.Since(began))
		}
		must(t, f.Close())
	})
}

// TestKill has a process with open files end: its calls fail, what it watches is over, and another one can go on.
func TestKill(t *testing.T) {
	start(t, func(t *testing.T, d *memdisk.Disk, p *memdisk.Process) {
		ready(t, d)
		f, err := p.Open("/etc/services/a")
		must(t, err)
		w, err := p.Watch()
		must(t, err, w.AddDir("/etc/services"))
		must(t, d.Write("/etc/services/b", "b"))
		if n := p.Descriptors(); n != 2 {
			t.Errorf("%d descriptors are open, want 2", n)
		}
		p.Kill()
		for range w.Events() { // it may hand over what it has taken already
		}
		_, readErr := f.Read(make([]byte, 1))
		_, statErr := p.Stat("/etc")
		for call, err := range map[string]error{"read": readErr, "stat": statErr, "close": f.Close(), "replace": disk.Replace(p, "/etc/services/x", nil, disk.Replacement{}), "watch": w.AddDir("/"), "end": w.Close()} {
			if err == nil {
				t.Error(call, " succeeds")
			}
		}
		if n := p.Descriptors(); n != 0 {
			t.Errorf("%d descriptors are open", n)
		}
		other := d.Process()
		defer other.Kill()
		if _, _, err := disk.ReadRegular(other, "/etc/services/a", 10); err != nil {
			t.Error(err)
		}
	})
}

// TestKillBetween kills a process before each call of a replacement: there is the old file or the new one, and the next process
// replaces it all the same.
func TestKillBetween(t *testing.T) {
	for before := range 8 {
		t.Run(fmt.Sprint("before call ", before), func(t *testing.T) {
			start(t, func(t *testing.T, d *memdisk.Disk, p *memdisk.Process) {
				ready(t, d)
				calls := 0
				d.SetFault(func(string, string) error {
					if calls++; calls > before {
						p.Kill()
					}
					return nil
				})
				replacement := disk.Replacement{Synced: true, Modified: time.Now()}
				err := disk.Replace(p, "/etc/services/a", []byte("more"), replacement)
				d.SetFault(nil)
				text, readErr := d.ReadFile("/etc/services/a")
				if readErr != nil || text != "text" && text != "more" || err == nil && text != "more" {
					t.Errorf("%q is there, %v; it reports %v", text, readErr, err)
				}
				next := d.Process()
				defer next.Kill()
				must(t, disk.Replace(next, "/etc/services/a", []byte("next"), replacement))
				if names, err := d.List("/etc/services"); err != nil || !slices.Equal(names, []string{"a", "link"}) {
					t.Errorf("there are %q, %v", names, err)
				}
			})
		})
	}
}

// TestLimits has a process open more than it may.
func TestLimits(t *testing.T) {
	start(t, func(t *testing.T, d *memdisk.Disk, p *memdisk.Process) {
		p.Limit(memdisk.Limits{Files: 3, Instances: 2, Watches: 1})
		first, err := p.Watch()
		must(t, err, first.AddDir("/etc"), first.AddDir("/etc"))
		if err := first.AddDir("/etc/services"); !errors.Is(err, syscall.ENOSPC) || err.Error() != "inotify_add_watch: no space left on device" {
			t.Errorf("a second directory: %v", err)
		}
		second, err := p.Watch()
		must(t, err)
		if _, err := p.Watch(); !errors.Is(err, syscall.EMFILE) || err.Error() != "inotify_init1: too many open files" {
			t.Errorf("a third watch: %v", err)
		}
		f, err := p.Open("/etc/services/a")
		must(t, err)
		if _, err := p.ReadDir("/etc"); !errors.Is(err, syscall.EMFILE) {
			t.Errorf("a fourth file: %v", err)
		}
		must(t, first.Close(), second.Close(), f.Close())
		must(t, watched(p, "/etc/services"))
	})
}

// TestOverflow has more happen than is kept.
func TestOverflow(t *testing.T) {
	for _, test := range []struct {
		name   string
		happen func(t *testing.T, d *memdisk.Disk)
		events int // before the loss
	}{
		{"too much", func(t *testing.T, d *memdisk.Disk) {
			for range 10000 {
				must(t, d.Rename("/etc/services/a", "/etc/services/b"), d.Rename("/etc/services/b", "/etc/services/a"))
			}
		}, 16384},
		{"on demand", func(t *testing.T, d *memdisk.Disk) {
			d.Overflow(func() { must(t, d.Write("/etc/services/b", "b"), d.Remove("/etc/services/b")) })
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			start(t, func(t *testing.T, d *memdisk.Disk, p *memdisk.Process) {
				w, err := p.Watch()
				must(t, err, w.AddDir("/etc/services"))
				must(t, d.Write("/etc/services/first", ""))
				synctest.Wait() // it is about to be handed over
				test.happen(t, d)
				n := -1
				for path := range w.Events() {
					if path == "" {
						break
					}
					n++
				}
				if n != test.events {
					t.Errorf("%d events before the loss, want %d", n, test.events)
				}
				must(t, w.Close())
			})
		})
	}
}

// TestMount has people and a process change what is on a server.
func TestMount(t *testing.T) {
	start(t, func(t *testing.T, d *memdisk.Disk, p *memdisk.Process) {
		ready(t, d)
		must(t, d.Mount("/etc/services", "NFS"))
		if got := []string{p.Eventless("/etc"), p.Eventless("/etc/services"), p.Eventless("/gone")}; !slices.Equal(got, []string{"", "NFS", ""}) {
			t.Errorf("the systems are %q", got)
		}
		w, err := p.Watch()
		must(t, err, w.AddDir("/etc/services"))
		must(t, d.Save("/etc/services/b", "b"), disk.Replace(p, "/etc/services/c", nil, disk.Replacement{}))
		if path := <-w.Events(); path != "/etc/services/c.new" {
			t.Errorf("the first event is of %s", path)
		}
		must(t, w.Close())
	})
}

// TestPeople has people do what is more than one call.
func TestPeople(t *testing.T) {
	for _, test := range []struct {
		name   string
		act    func(d *memdisk.Disk) error
		events string
		holds  string
	}{
		{"write", func(d *memdisk.Disk) error { return d.Write("/etc/services/a", "new") }, "services/a", "new"},
		{"save", func(d *memdisk.Disk) error { return d.Save("/etc/services/a", "new") }, "services/.a.tmp services/a", "new"},
		{"replace", func(d *memdisk.Disk) error {
			return d.ReplaceDir("/etc/services", map[string]string{"b": "", "a": "new"})
		}, "services.new services services.old services services.new services services/a services services.old", "new"},
		{"swap", func(d *memdisk.Disk) error { return d.SwapLink("/else/where", "/etc/services/a") }, "services/.a.tmp services/a", "else"},
	} {
		t.Run(test.name, func(t *testing.T) {
			start(t, func(t *testing.T, d *memdisk.Disk, p *memdisk.Process) {
				must(t, d.MkdirAll("/else"), d.Write("/else/where", "else"))
				w, err := p.Watch()
				must(t, err, w.AddDir("/etc"), w.AddDir("/etc/services"), w.AddFile("/etc/services"))
				must(t, test.act(d))
				synctest.Wait()
				must(t, d.Write("/etc/end", ""))
				var paths []string
				for path := range w.Events() {
					if path == "/etc/end" {
						break
					}
					paths = append(paths, strings.TrimPrefix(path, "/etc/"))
				}
				if got := strings.Join(slices.Compact(paths), " "); got != test.events {
					t.Errorf("the events are %q, want %q", got, test.events)
				}
				if text, err := d.ReadFile("/etc/services/a"); err != nil || text != test.holds {
					t.Errorf("it holds %q, %v; want %q", text, err, test.holds)
				}
				must(t, w.Close())
			})
		})
	}
}

// TestShortReads has each read return little.
func TestShortReads(t *testing.T) {
	start(t, func(t *testing.T, d *memdisk.Disk, p *memdisk.Process) {
		d.SetReads(3)
		f, err := p.Open("/etc/services/a")
		must(t, err)
		if n, err := f.Read(make([]byte, 100)); n != 3 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		must(t, f.Close())
		if text, _, err := disk.ReadRegular(p, "/etc/services/a", 100); err != nil || string(text) != "text" {
			t.Errorf("%q, %v", text, err)
		}
	})
}

// TestNumbers has a new file get the number of one that is gone, as on ext4: they are taken for the same.
func TestNumbers(t *testing.T) {
	start(t, func(t *testing.T, d *memdisk.Disk, p *memdisk.Process) {
		before, err := p.Stat("/etc/services/a")
		must(t, err, d.Remove("/etc/services/a"), d.Write("/etc/services/b", "b"))
		after, err := p.Stat("/etc/services/b")
		must(t, err)
		other, err := p.Stat(os.DevNull)
		must(t, err)
		if !p.SameFile(before, after) || p.SameFile(after, other) || other.Mode()&fs.ModeDevice == 0 {
			t.Errorf("%+v, %+v, %+v", before, after, other)
		}
	})
}
