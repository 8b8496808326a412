package memdisk_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"announcer/internal/disk"
	"announcer/internal/testkit/memdisk"
	"announcer/internal/testkit/netlab"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { netlab.Main(m) }

// people is what other programs do with the files below a directory.
type people interface {
	MkdirAll(path string) error
	Mkfifo(path string) error
	Truncate(path string) error
	Append(path, text string) error
	Symlink(target, path string) error
	Rename(from, to string) error
	Chmod(path string, mode fs.FileMode) error
	Remove(path string) error
	RemoveAll(path string) error
	Chtimes(path string, modified time.Time) error
}

// onDisk is people on the file system of this host.
type onDisk struct{}

func (onDisk) MkdirAll(path string) error                { return os.MkdirAll(path, 0o755) }
func (onDisk) Mkfifo(path string) error                  { return unix.Mkfifo(path, 0o644) }
func (onDisk) Symlink(target, path string) error         { return os.Symlink(target, path) }
func (onDisk) Rename(from, to string) error              { return os.Rename(from, to) }
func (onDisk) Chmod(path string, mode fs.FileMode) error { return os.Chmod(path, mode) }
func (onDisk) Remove(path string) error                  { return os.Remove(path) }
func (onDisk) Chtimes(path string, modified time.Time) error {
	return os.Chtimes(path, modified, modified)
}

// RemoveAll removes in the order of names.
func (o onDisk) RemoveAll(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var entries []fs.DirEntry
	if info.IsDir() {
		entries, err = os.ReadDir(path)
	}
	for _, e := range entries {
		err = errors.Join(err, o.RemoveAll(filepath.Join(path, e.Name())))
	}
	return errors.Join(err, os.Remove(path))
}

func (onDisk) Truncate(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	return errors.Join(err, f.Close())
}

func (onDisk) Append(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// world is a file system, with what others do there.
type world struct {
	disk.FS
	people
	dir   string
	watch disk.Watch
	log   strings.Builder
}

// at returns the path of a file of the test.
func (w *world) at(name string) string { return w.dir + "/" + name }

// says writes a line into the log, without the directory.
func (w *world) says(words ...any) {
	w.log.WriteString(strings.ReplaceAll(fmt.Sprintln(words...), w.dir, "DIR"))
}

// shows logs what is found at a path.
func (w *world) shows(name string) {
	path := w.at(name)
	for _, look := range []struct {
		call string
		stat func(string) (fs.FileInfo, error)
	}{{"stat", w.Stat}, {"lstat", w.Lstat}} {
		info, err := look.stat(path)
		if err != nil {
			w.says(look.call, err)
			continue
		}
		size := info.Size()
		if !info.Mode().IsRegular() {
			size = 0 // of a link it depends on the directory
		}
		w.says(look.call, info.Name(), size, info.Mode(), info.IsDir())
	}
	target, err := w.Readlink(path)
	w.says("readlink", target, err)
	entries, err := w.ReadDir(path)
	w.says("readdir", err)
	for _, e := range entries {
		info, err := e.Info()
		w.says(" ", e.Name(), e.Type(), info.Mode(), err)
	}
	f, info, err := disk.OpenRegular(w.FS, path)
	if err != nil {
		w.says("open", err)
		return
	}
	text, err := io.ReadAll(f)
	w.says("read", string(text), err, info.Name(), info.Size(), f.SetReadDeadline(time.Now()), f.Close(), f.Close())
}

// events logs what was reported since the last call. Paths that follow each other are one, since that depends on time.
func (w *world) events(t *testing.T) {
	t.Helper()
	w.must(t, w.people.MkdirAll(w.at("watched/end")), w.people.Remove(w.at("watched/end")))
	var paths []string
	for late := time.After(time.Minute); ; {
		select {
		case path := <-w.watch.Events():
			if path != w.at("watched/end") {
				paths = append(paths, path)
				continue
			}
		case <-late:
			t.Fatal("no event within a minute")
		}
		break
	}
	if path := <-w.watch.Events(); path != w.at("watched/end") {
		t.Fatalf("the event is of %s", path)
	}
	w.says("events", slices.Compact(paths))
}

func (w *world) must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// life is what happens to files, step by step.
var life = []struct {
	name string
	do   func(w *world) []error
	look []string
}{
	{"nothing is there", none, []string{"etc", "etc/", "", ".", "etc/a"}},
	{"a directory", func(w *world) []error { return all(w.people.MkdirAll(w.at("etc/services")), w.AddDir("etc")) }, []string{"etc", "etc/.", "etc/../etc/services"}},
	{"a watched directory", func(w *world) []error { return all(w.AddDir("etc/services"), w.AddFile("etc/services")) }, nil},
	{"a file", func(w *world) []error { return all(w.Truncate(w.at("etc/services/a"))) }, []string{"etc/services", "etc/services/a", "etc/services/a/", "etc/services/a/b"}},
	{"text", func(w *world) []error { return all(w.people.Append(w.at("etc/services/a"), "text")) }, []string{"etc/services/a"}},
	{"a watched file", func(w *world) []error { return all(w.AddFile("etc/services/a")) }, nil},
	{"more text", func(w *world) []error { return all(w.people.Append(w.at("etc/services/a"), ", more")) }, []string{"etc/services/a"}},
	{"other text", func(w *world) []error {
		return all(w.Truncate(w.at("etc/services/a")), w.people.Append(w.at("etc/services/a"), "half"))
	}, []string{"etc/services/a"}},
	{"what is there already", func(w *world) []error {
		return all(w.people.MkdirAll(w.at("etc/services")), w.people.MkdirAll(w.at("etc/services/a")), w.people.MkdirAll(w.at("etc/services/a/b")),
			w.Symlink("a", w.at("etc/services/a")), w.Mkfifo(w.at("etc/services/a")))
	}, nil},
	{"a file is replaced", func(w *world) []error {
		return all(w.Truncate(w.at("etc/new")), w.people.Append(w.at("etc/new"), "new"), w.people.Rename(w.at("etc/new"), w.at("etc/services/a")))
	}, []string{"etc/new", "etc/services", "etc/services/a"}},
	{"the one that was replaced is not watched", func(w *world) []error { return all(w.people.Append(w.at("etc/services/a"), "er")) }, nil},
	{"a name of its own", func(w *world) []error {
		return all(w.AddFile("etc/services/a"), w.people.Rename(w.at("etc/services/a"), w.at("etc/services/a")), w.people.Rename(w.at("etc/services/a"), w.at("etc/services/b")))
	}, []string{"etc/services"}},
	{"the watch follows", func(w *world) []error { return all(w.people.Append(w.at("etc/services/b"), "!")) }, []string{"etc/services/b"}},
	{"other permissions", func(w *world) []error { return all(w.Chmod(w.at("etc/services/b"), 0)) }, []string{"etc/services/b"}},
	{"a watch without permission", func(w *world) []error { return all(w.AddFile("etc/services/b")) }, nil},
	{"the old permissions", func(w *world) []error { return all(w.Chmod(w.at("etc/services/b"), 0o644)) }, []string{"etc/services/b"}},
	{"another time", func(w *world) []error {
		at := time.Date(2026, 3, 4, 5, 6, 7, 8000, time.UTC)
		err := w.people.Chtimes(w.at("etc/services/b"), at)
		info, _ := w.Stat(w.at("etc/services/b"))
		w.says(info.ModTime().UTC())
		return all(err)
	}, nil},
	{"inodes", func(w *world) []error {
		before, err := w.Inode(w.at("etc/services/b"))
		again, againErr := w.Inode(w.at("etc/services/b"))
		written := w.people.Append(w.at("etc/services/b"), "longer")
		after, afterErr := w.Inode(w.at("etc/services/b"))
		_, none := w.Inode(w.at("etc/services/none"))
		w.says(before == again, before == after, before.Number == after.Number, after.Size-before.Size, time.Unix(0, before.Modified).UTC())
		return all(err, againErr, written, afterErr, none)
	}, nil},
	{"a closed directory", func(w *world) []error { return all(w.Chmod(w.at("etc/services"), 0)) }, []string{"etc", "etc/services", "etc/services/b"}},
	{"what a closed directory holds", func(w *world) []error { return all(w.AddDir("etc/services"), w.AddFile("etc/services/b")) }, nil},
	{"a directory that can be listed", func(w *world) []error { return all(w.Chmod(w.at("etc/services"), 0o644)) }, []string{"etc/services/b"}},
	{"a directory that can't be listed", func(w *world) []error { return all(w.Chmod(w.at("etc/services"), 0o311)) }, []string{"etc/services", "etc/services/b"}},
	{"an open directory", func(w *world) []error { return all(w.Chmod(w.at("etc/services"), 0o755)) }, []string{"etc/services"}},
	{"links", func(w *world) []error {
		return all(w.Symlink("services/b", w.at("etc/link")), w.Symlink(w.at("etc/link"), w.at("etc/second")), w.Symlink("nothing", w.at("etc/broken")),
			w.Symlink("loop", w.at("etc/loop")), w.Symlink("services", w.at("etc/dir")), w.Symlink("../etc/services/..", w.at("etc/round")))
	}, []string{"etc", "etc/link", "etc/second", "etc/broken", "etc/loop", "etc/loop/x", "etc/dir", "etc/dir/", "etc/dir/b", "etc/round", "etc/round/link", "etc/link/", "etc/broken/x"}},
	{"watches of links", func(w *world) []error {
		return all(w.AddDir("etc/broken"), w.AddDir("etc/loop"), w.AddDir("etc/link"), w.AddFile("etc/second"), w.AddDir("etc/nothing"))
	}, nil},
	{"writes through links", func(w *world) []error {
		return all(w.people.Append(w.at("etc/second"), "?"), w.Truncate(w.at("etc/broken")), w.Truncate(w.at("etc/loop")))
	}, []string{"etc/nothing", "etc/services/b"}},
	{"a link is swapped", func(w *world) []error {
		return all(w.Symlink("nothing", w.at("etc/tmp")), w.people.Rename(w.at("etc/tmp"), w.at("etc/link")))
	}, []string{"etc/link", "etc/second"}},
	{"permissions through a link", func(w *world) []error { return all(w.Chmod(w.at("etc/link"), 0o666)) }, []string{"etc/nothing", "etc/link"}},
	{"a FIFO", func(w *world) []error { return all(w.Mkfifo(w.at("etc/services/fifo"))) }, []string{"etc/services/fifo"}},
	{"an open FIFO", func(w *world) []error {
		f, err := w.Open(w.at("etc/services/fifo"))
		if err != nil {
			w.gets(err)
			return nil
		}
		n, err := f.Read(make([]byte, 10))
		w.says(n, err, f.SetReadDeadline(time.Now().Add(time.Minute)))
		w.gets(f.Close())
		return nil
	}, nil},
	{"a directory is read as a file", func(w *world) []error {
		f, err := w.Open(w.at("etc"))
		if err != nil {
			w.gets(err)
			return nil
		}
		n, err := f.Read(make([]byte, 10))
		w.says(n, err)
		_, err = f.Write([]byte("x"))
		w.gets(err, f.Sync(), f.Close())
		return nil
	}, nil},
	{"a file that is open is removed", func(w *world) []error {
		errs := all(w.AddFile("etc/services/b"))
		f, err := w.Open(w.at("etc/services/b"))
		if err != nil {
			w.gets(err)
			return nil
		}
		errs = append(errs, w.people.Remove(w.at("etc/services/b")))
		info, err := f.Stat()
		text, readErr := io.ReadAll(f)
		w.says(info.Size(), info.Name(), string(text))
		w.gets(err, readErr, f.Close())
		return errs
	}, []string{"etc/services", "etc/services/b"}},
	{"no removal", func(w *world) []error {
		return all(w.people.Remove(w.at("etc")), w.people.Remove(w.at("etc/gone")), w.people.Remove(w.at("etc/gone/x")), w.people.RemoveAll(w.at("etc/gone")))
	}, nil},
	{"no renaming", func(w *world) []error {
		return all(w.people.Rename(w.at("etc"), w.at("etc/services/x")), w.people.Rename(w.at("etc/gone"), w.at("etc/x")), w.people.Rename(w.at("etc/nothing"), w.at("etc/services")),
			w.people.Rename(w.at("etc/services"), w.at("etc/nothing")), w.people.Rename(w.at("etc/nothing"), w.at("gone/x")), w.people.Rename(w.at("etc/gone"), w.at("etc/services")))
	}, []string{"etc"}},
	{"a process replaces", func(w *world) []error {
		w.gets(w.FS.MkdirAll(w.at("var/lib"), 0o700), w.AddDir("var/lib"), disk.Replace(w.FS, w.at("var/lib/said"), []byte("said"), disk.Replacement{Synced: true}),
			w.AddFile("var/lib/said"), disk.Replace(w.FS, w.at("var/lib/said"), []byte("more"), disk.Replacement{Modified: time.Unix(1e9, 0)}))
		return nil
	}, []string{"var", "var/lib", "var/lib/said"}},
	{"a process writes", func(w *world) []error {
		f, err := w.Create(w.at("var/lib/said"), 0o600)
		if err != nil {
			w.gets(err)
			return nil
		}
		_, readErr := f.Read(make([]byte, 1))
		_, err = f.Write([]byte("one"))
		_, again := f.Write([]byte(" two"))
		w.gets(err, again, readErr, f.Sync(), f.Close(), f.Sync())
		return nil
	}, []string{"var/lib/said"}},
	{"a process appends", func(w *world) []error {
		f, err := w.FS.Append(w.at("var/lib/said"))
		if err != nil {
			w.gets(err)
			return nil
		}
		_, readErr := f.Read(make([]byte, 1))
		_, err = f.Write([]byte(" three"))
		errs := all(w.people.Append(w.at("var/lib/said"), " four"))
		_, again := f.Write([]byte(" five"))
		w.gets(err, again, readErr, f.Close())
		_, err = w.FS.Append(w.at("var/lib/gone"))
		_, again = w.FS.Append(w.at("var/lib"))
		w.gets(err, again)
		return errs
	}, []string{"var/lib/said"}},
	{"a process makes through a link", func(w *world) []error {
		errs := all(w.Symlink("made", w.at("var/lib/link")))
		f, err := w.Create(w.at("var/lib/link"), 0o640)
		if err != nil {
			w.gets(err)
			return errs
		}
		w.gets(f.Close())
		return errs
	}, []string{"var/lib/link", "var/lib/made"}},
	{"a process may not", func(w *world) []error {
		errs := all(w.Chmod(w.at("var/lib"), 0o555))
		_, err := w.Create(w.at("var/lib/x"), 0o600)
		w.gets(err, w.FS.MkdirAll(w.at("var/lib/x/y"), 0o700), w.FS.Rename(w.at("var/lib/said"), w.at("var/lib/x")), w.FS.Remove(w.at("var/lib/said")))
		w.gets(w.FS.Remove(w.at("var/lib/gone")), w.FS.MkdirAll(w.at("var/lib/said/x"), 0o700), w.SyncDir(w.at("var/lib")), w.SyncDir(w.at("var/gone")))
		_, err = w.Create(w.at("var/lib"), 0o600)
		w.gets(err)
		return append(errs, w.Chmod(w.at("var/lib"), 0o755))
	}, []string{"var/lib"}},
	{"a process removes", func(w *world) []error {
		w.gets(w.FS.Rename(w.at("var/lib/said"), w.at("var/lib/x")), w.FS.Remove(w.at("var/lib/x")), w.FS.Remove(w.at("var/lib/link")), w.FS.Chtimes(w.at("var/lib/made"), time.Unix(1e9, 0)))
		return nil
	}, []string{"var/lib"}},
	{"a directory is replaced", func(w *world) []error {
		return all(w.people.MkdirAll(w.at("etc/fresh")), w.Truncate(w.at("etc/fresh/z")), w.people.Rename(w.at("etc/services"), w.at("etc/old")), w.people.Rename(w.at("etc/fresh"), w.at("etc/services")))
	}, []string{"etc/services", "etc/old"}},
	{"the watch follows the directory", func(w *world) []error { return all(w.Truncate(w.at("etc/services/y")), w.Truncate(w.at("etc/old/y"))) }, nil},
	{"an empty directory is no obstacle for one", func(w *world) []error {
		return all(w.people.MkdirAll(w.at("etc/empty")), w.AddDir("etc/empty"), w.people.Rename(w.at("etc/services"), w.at("etc/empty")))
	}, []string{"etc"}},
	{"everything goes", func(w *world) []error {
		return all(w.people.RemoveAll(w.at("etc/old")), w.people.RemoveAll(w.at("etc")))
	}, []string{"etc"}},
	{"and comes back", func(w *world) []error {
		return all(w.people.MkdirAll(w.at("etc/services")), w.Truncate(w.at("etc/services/a")), w.AddDir("etc/services"), w.Truncate(w.at("etc/services/b")))
	}, []string{"etc/services"}},
}

// cause is what is compared of an error of people.
func cause(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}

func none(*world) []error { return nil }

func all(errs ...error) []error { return errs }

// gets logs errors of a process.
func (w *world) gets(errs ...error) {
	for _, err := range errs {
		w.says("error", err)
	}
}

// AddDir has the watch report what happens in a directory of the test.
func (w *world) AddDir(name string) error {
	err := w.watch.AddDir(w.at(name))
	w.gets(err)
	return cause(err)
}

// AddFile has the watch report what happens to a file of the test.
func (w *world) AddFile(name string) error {
	err := w.watch.AddFile(w.at(name))
	w.gets(err)
	return cause(err)
}

// lives has everything happen, and returns what was seen of it.
func (w *world) lives(t *testing.T) string {
	t.Helper()
	w.must(t, w.people.MkdirAll(w.at("watched")))
	watch, err := w.Watch()
	w.must(t, err)
	w.watch = watch
	w.must(t, w.AddDir("watched"))
	for _, step := range life {
		w.says("---", step.name)
		for _, err := range step.do(w) {
			w.says("result", cause(err))
		}
		w.events(t)
		for _, name := range step.look {
			w.says("-", name)
			w.shows(name)
		}
	}
	w.must(t, watch.Close())
	for range watch.Events() { // until it is closed
		t.Error("an event after the end")
	}
	return w.log.String()
}

// TestContract has the same things happen on a disk and in memory. A process sees the same, and gets the same errors and
// events.
func TestContract(t *testing.T) {
	netlab.Need(t)
	dir := filepath.Join(t.TempDir(), "t")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var want, got string
	t.Run("on a disk", func(t *testing.T) {
		netlab.DropRights(t)
		want = (&world{FS: disk.OS, people: onDisk{}, dir: dir}).lives(t)
	})
	t.Run("in memory", func(t *testing.T) {
		d := memdisk.New()
		p := d.Process()
		if err := errors.Join(d.MkdirAll("/in/memory/t"), d.Own("/in/memory/t")); err != nil {
			t.Fatal(err)
		}
		got = (&world{FS: p, people: d, dir: "/in/memory/t"}).lives(t)
		if n := p.Descriptors(); n != 0 {
			t.Errorf("%d descriptors are open", n)
		}
	})
	if got == want {
		return
	}
	step, wanted := "", strings.Split(want, "\n")
	for i, line := range strings.Split(got, "\n") {
		if strings.HasPrefix(line, "---") {
			step = line
		}
		if i >= len(wanted) || line != wanted[i] {
			t.Fatalf("%s: line %d in memory:\n%s\non a disk:\n%s", step, i, line, wanted[min(i, len(wanted)-1)])
		}
	}
}
