package source

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/disk"
	"announcer/internal/testkit/memdisk"
	"announcer/internal/wakeup"
)

// onMemory runs a source on a disk in memory.
type onMemory struct {
	*bench
	disk    *memdisk.Disk
	process *memdisk.Process
}

// memoryConfig is the configuration file of a source on a disk in memory.
const memoryConfig = "/etc/announcer.toml"

// newOnMemory returns a source that does not run yet, whose configuration names places. There is /etc/services, with one definition.
func newOnMemory(t *testing.T, request Request, places string) onMemory {
	t.Helper()
	d := memdisk.New()
	request.ConfigFile = memoryConfig
	m := onMemory{&bench{source: New(request)}, d, d.Process()}
	m.happens(t, d.MkdirAll("/etc/services"), d.Write("/etc/services/a.service", serviceFile("a")),
		d.Write(memoryConfig, "[daemon]\nservices = "+places+"\n"))
	m.source.FS, m.source.Host = m.process, func() string { return "pbx" }
	return m
}

// start runs the source.
func (m onMemory) start(t *testing.T) {
	go m.source.Run(t.Context())
	go m.gather(t.Context())
}

// end ends the process, and what it reads and watches.
func (m onMemory) end() {
	m.process.Kill()
	synctest.Wait()
}

// inMemory runs a test with a source whose configuration names /etc/services, with one definition.
func inMemory(t *testing.T, test func(t *testing.T, m onMemory)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := newOnMemory(t, Request{Waits: true}, `"services"`)
		defer m.end()
		m.start(t)
		m.expect(t, "/etc/services/a.service=a")
		test(t, m)
	})
}

// failConfig has the configuration file not be opened.
func (m onMemory) failConfig(errno syscall.Errno) {
	m.disk.SetFault(func(op, path string) error {
		if op == "open" && path == memoryConfig {
			return errno
		}
		return nil
	})
}

// hang has what is at a path hang until release is called.
func (m onMemory) hang(t *testing.T, path string) (release func()) {
	t.Helper()
	release, err := m.disk.Hang(path)
	if err != nil {
		t.Fatal(err)
	}
	return release
}

// happens lets what happened settle.
func (m onMemory) happens(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	time.Sleep(wakeup.SettleMost)
}

// TestSourceOnMemory has people change files, and the file system fail and hang, in a time that does not depend on this machine.
func TestSourceOnMemory(t *testing.T) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, m onMemory)
	}{
		{"half a file", func(t *testing.T, m onMemory) {
			text := serviceFile("b")
			m.happens(t, m.disk.Write("/etc/services/a.service", text[:len(text)/2]))
			if got := m.says(); !strings.HasPrefix(got, "/etc/services/a.service=a ") || !strings.Contains(got, "last good version") {
				t.Errorf("with half a file: %s", got)
			}
			m.happens(t, m.disk.Append("/etc/services/a.service", text[len(text)/2:]))
			m.expect(t, "/etc/services/a.service=b")
		}},
		{"a directory is replaced", func(t *testing.T, m onMemory) {
			m.happens(t, m.disk.ReplaceDir("/etc/services", map[string]string{"a.service": serviceFile("b")}))
			m.expect(t, "/etc/services/a.service=b")
			m.happens(t, m.disk.Save("/etc/services/a.service", serviceFile("c")))
			m.expect(t, "/etc/services/a.service=c")
		}},
		{"events are lost", func(t *testing.T, m onMemory) {
			var err error
			m.disk.Overflow(func() { err = m.disk.Write("/etc/services/a.service", serviceFile("b")) })
			m.happens(t, err)
			m.expect(t, "/etc/services/a.service=b")
		}},
		{"no descriptors are left", func(t *testing.T, m onMemory) {
			m.disk.SetFault(func(op, _ string) error {
				if op == "open" || op == "readdir" || op == "watch" {
					return syscall.EMFILE
				}
				return nil
			})
			m.happens(t, m.disk.Write("/etc/services/a.service", serviceFile("b")))
			if got := m.says(); !strings.Contains(got, "/etc/services/a.service=a ") || !strings.Contains(got, "too many open files") {
				t.Errorf("without descriptors: %s", got)
			}
			m.disk.SetFault(nil)
			time.Sleep(pollEvery)
			m.expect(t, "/etc/services/a.service=b")
		}},
		{"files fail for a while, and no event says that they do not any more", func(t *testing.T, m onMemory) {
			m.disk.SetFault(func(op, path string) error {
				if op == "open" && path == "/etc/services/a.service" {
					return syscall.EIO
				}
				return nil
			})
			m.happens(t, m.disk.Write("/etc/services/a.service", serviceFile("b")))
			if got := m.says(); !strings.Contains(got, "/etc/services/a.service=a ") || !strings.Contains(got, "input/output error") {
				t.Errorf("while it fails: %s", got)
			}
			m.disk.SetFault(nil)
			time.Sleep(Pulse)
			m.expect(t, "/etc/services/a.service=b")
		}},
		{"the file system hangs", func(t *testing.T, m onMemory) {
			release, err := m.disk.Hang("/etc/services")
			m.happens(t, err, m.disk.Write("/etc/services/a.service", serviceFile("b")))
			time.Sleep(silenceTime + Pulse)
			m.expect(t, "/etc/services/a.service=a silent:/etc/services")
			release()
			m.happens(t)
			m.expect(t, "/etc/services/a.service=b")
		}},
		{"a directory that is closed, and open again", func(t *testing.T, m onMemory) {
			m.happens(t, m.disk.Chmod("/etc/services", 0o700))
			if got := m.says(); !strings.Contains(got, "/etc/services/a.service=a ") || !strings.Contains(got, "permission denied for the user") {
				t.Errorf("without permission: %s", got)
			}
			m.happens(t, m.disk.Chmod("/etc/services", 0o755))
			m.expect(t, "/etc/services/a.service=a")
		}},
	} {
		t.Run(test.name, func(t *testing.T) { inMemory(t, test.run) })
	}
}

// TestLookIsDueAfterAHang has a directory hang beyond its next look. It is read once it answers: what was known before is not
// reported again first.
func TestLookIsDueAfterAHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := memdisk.New()
		process := d.Process()
		if err := errors.Join(d.MkdirAll("/etc/services"), d.Write("/etc/services/a.service", serviceFile("a"))); err != nil {
			t.Fatal(err)
		}
		defer synctest.Wait() // for what reads and watches
		defer process.Kill()
		var reports [][]Item
		go Directory(process, "/etc/services", 0).Run(t.Context(), func(items []Item) { reports = append(reports, items) })
		time.Sleep(pollEvery)
		release, err := d.Hang("/etc/services")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(Pulse) // it hangs since then
		if err := d.Write("/etc/services/a.service", serviceFile("b")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * pollAnyway)
		before := len(reports)
		release()
		synctest.Wait()
		if after := reports[before:]; len(after) == 0 || len(after[0]) != 1 || string(after[0][0].Data) != serviceFile("b") {
			t.Errorf("reported once it answers: %v; want the file as it is now", after)
		}
	})
}

// unheard is a file system whose events get lost without a word.
type unheard struct{ disk.FS }

func (unheard) Watch() (disk.Watch, error) { return silentWatch{}, nil }

type silentWatch struct{}

func (silentWatch) AddDir(string) error   { return nil }
func (silentWatch) AddFile(string) error  { return nil }
func (silentWatch) Events() <-chan string { return nil }
func (silentWatch) Close() error          { return nil }

// TestWithoutAnEvent has something happen that is no event, such as that a file system is mounted over a directory. The next pulse
// shows it, unless it changes no inode.
func TestWithoutAnEvent(t *testing.T) {
	longAgo := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	const dir, file, link = "/etc/services", "/etc/services/a.service", "/etc/services/link.service"
	for _, test := range []struct {
		name    string
		happens func(d *memdisk.Disk) error
		within  time.Duration
		want    []string // files
	}{
		{"nothing", func(*memdisk.Disk) error { return nil }, 0, nil},
		{"a file is written", func(d *memdisk.Disk) error { return d.Write(file, "b") }, Pulse, []string{"a=b", "link=a"}},
		{"a file is longer", func(d *memdisk.Disk) error { return d.Append(file, "b") }, Pulse, []string{"a=ab", "link=a"}},
		{"a file is replaced", func(d *memdisk.Disk) error { return d.Save(file, "b") }, Pulse, []string{"a=b", "link=a"}},
		{"a file comes", func(d *memdisk.Disk) error { return d.Write(dir+"/b.service", "b") }, Pulse, []string{"a=a", "b=b", "link=a"}},
		{"a file goes", func(d *memdisk.Disk) error { return d.Remove(file) }, Pulse, []string{"link=a"}},
		{"a link leads elsewhere", func(d *memdisk.Disk) error { return d.SwapLink("/srv/b", link) }, Pulse, []string{"a=a", "link=b"}},
		{"the target of a link is written", func(d *memdisk.Disk) error { return d.Write("/srv/a", "c") }, Pulse, []string{"a=a", "link=c"}},
		{"another directory takes the place", func(d *memdisk.Disk) error {
			return d.ReplaceDir(dir, map[string]string{"c.service": "c"})
		}, Pulse, []string{"c=c"}},
		{"a file can't be read any more", func(d *memdisk.Disk) error {
			d.SetFault(func(op, path string) error {
				if op == "read" && path == file {
					return syscall.EIO
				}
				return nil
			})
			return nil
		}, Pulse, []string{"a=", "link=a"}},
		{"no inode changes", func(d *memdisk.Disk) error {
			return errors.Join(d.Write(file, "b"), d.Chtimes(file, longAgo))
		}, pollAnyway, []string{"a=b", "link=a"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := memdisk.New()
				if err := errors.Join(d.MkdirAll(dir), d.MkdirAll("/srv"), d.Write("/srv/a", "a"), d.Write("/srv/b", "b"),
					d.Symlink("/srv/a", link), d.Write(file, "a"), d.Chtimes(file, longAgo)); err != nil {
					t.Fatal(err)
				}
				process := d.Process()
				defer synctest.Wait() // for what reads and watches
				defer process.Kill()
				var files []string // reported last
				var reported time.Time
				go Directory(unheard{process}, dir, 0).Run(t.Context(), func(items []Item) {
					if items == nil {
						return
					}
					files, reported = []string{}, time.Now()
					for _, item := range items {
						files = append(files, strings.TrimSuffix(item.Name, ".service")+"="+string(item.Data))
					}
				})
				time.Sleep(time.Hour + Pulse/2)
				synctest.Wait()
				files = nil
				if err := test.happens(d); err != nil {
					t.Fatal(err)
				}
				happened := time.Now()
				time.Sleep(time.Hour)
				synctest.Wait()
				if !slices.Equal(files, test.want) || files != nil && reported.Sub(happened) > test.within {
					t.Errorf("it reports %q after %v; want %q within %v", files, reported.Sub(happened), test.want, test.within)
				}
			})
		})
	}
}

// TestConfigurationIsWaitedFor has a daemon begin whose configuration can't be read: it says why, and hands over nothing before it can.
// What needs a permission first, it does not wait for, and a command waits for nothing.
func TestConfigurationIsWaitedFor(t *testing.T) {
	const hangs = "hangs"
	for _, test := range []struct {
		name  string
		fault any // of opening the file
		waits bool
		late  string // why it is waited for, "": it is not
		bad   string // what is wrong then
	}{
		{"a daemon, and it hangs", hangs, true, "it has not answered for 5s", ""},
		{"a daemon, and a disk fails", syscall.EIO, true, "it can't be opened: input/output error", ""},
		{"a daemon, and there is no descriptor", syscall.EMFILE, true, "it can't be opened: too many open files", ""},
		{"a daemon, and it is denied", syscall.EACCES, true, "", "it can't be opened: permission denied"},
		{"a daemon, and it is not there", syscall.ENOENT, true, "", "it can't be opened: no such file or directory"},
		{"a command, and it hangs", hangs, false, "", "it has not answered since"},
		{"a command, and a disk fails", syscall.EIO, false, "", "it can't be opened: input/output error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var late []string
				m := newOnMemory(t, Request{Waits: test.waits, Late: func(why error) { late = append(late, why.Error()) }}, `"services"`)
				defer m.end()
				mend := func() { m.disk.SetFault(nil) }
				if errno, fails := test.fault.(syscall.Errno); fails {
					m.failConfig(errno)
				} else {
					mend = m.hang(t, memoryConfig)
				}
				m.start(t)
				time.Sleep(time.Minute)
				synctest.Wait()
				if test.late == "" {
					if len(late) > 0 || len(m.updates) == 0 || !strings.Contains(fmt.Sprint(m.updates[0].Snapshot.Usable()), test.bad) {
						t.Errorf("late: %q, updates: %v; want one that says %q", late, m.updates, test.bad)
					}
					return
				}
				if len(m.updates) > 0 || !slices.Equal(late, []string{test.late}) {
					t.Errorf("late: %q, updates: %v; want %q alone", late, m.updates, test.late)
				}
				mend()
				time.Sleep(Pulse)
				m.expect(t, "/etc/services/a.service=a")
			})
		})
	}
}

// TestConfigurationFailsAtTheStart wants a configuration that was read once to stay in use, before the first snapshot, too.
func TestConfigurationFailsAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newOnMemory(t, Request{Waits: true, Late: func(why error) { t.Errorf("it is waited for: %v", why) }}, `["services", "slow"]`)
		defer m.end()
		m.happens(t, m.disk.MkdirAll("/etc/slow"))
		release := m.hang(t, "/etc/slow")
		m.start(t)
		time.Sleep(startTime / 2)
		m.failConfig(syscall.EIO)
		m.happens(t, m.disk.Save(memoryConfig, "[daemon]\nservices = \"slow\"\n"))
		time.Sleep(startTime)
		synctest.Wait()
		if got := m.says(); !strings.Contains(got, "/etc/services/a.service=a") {
			t.Errorf("the updates are %q", got)
		}
		release()
	})
}

// TestReloadWithoutConfiguration wants a reload that comes before the configuration is known to be answered when it is.
func TestReloadWithoutConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newOnMemory(t, Request{Waits: true}, `"services"`)
		defer m.end()
		release := m.hang(t, memoryConfig)
		m.start(t)
		m.source.Reload()
		time.Sleep(time.Minute)
		synctest.Wait()
		m.expect(t, "")
		release()
		time.Sleep(Pulse)
		synctest.Wait()
		if got := m.says(); !strings.Contains(got, "/etc/services/a.service=a") {
			t.Errorf("the updates are %q", got)
		}
	})
}
