package source

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/testkit/memdisk"
	"announcer/internal/wakeup"
)

// onMemory runs a source on a disk in memory.
type onMemory struct {
	*bench
	disk    *memdisk.Disk
	process *memdisk.Process
}

// inMemory runs a test with a source whose configuration names /etc/services, with one definition.
func inMemory(t *testing.T, test func(t *testing.T, m onMemory)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := memdisk.New()
		m := onMemory{&bench{source: New(Request{ConfigFile: "/etc/announcer.toml", Waits: true})}, d, d.Process()}
		defer synctest.Wait() // for what reads and watches
		defer m.process.Kill()
		m.happens(t, d.MkdirAll("/etc/services"), d.Write("/etc/services/a.service", serviceFile("a")),
			d.Write("/etc/announcer.toml", "[daemon]\nservices = \"services\"\n"))
		m.source.FS, m.source.Host = m.process, func() string { return "pbx" }
		go m.source.Run(t.Context())
		go m.gather(t.Context())
		m.expect(t, "/etc/services/a.service=a")
		test(t, m)
	})
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
