package source

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"announcer/internal/disk"
	"announcer/internal/testkit/skip"
	"announcer/internal/wakeup"

	"golang.org/x/sys/unix"

	"announcer/internal/config"
	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/internal/testkit/hangfs"
	"announcer/internal/testkit/netlab"
)

func TestMain(m *testing.M) {
	hangfs.Main()
	netlab.Main(m)
}

// mounted returns a directory on a file system of its own, which reports changes whatever that of the machine does.
func mounted(t *testing.T) string {
	t.Helper()
	netlab.Need(t)
	dir := t.TempDir()
	if err := unix.Mount("announcer", dir, "tmpfs", 0, ""); err != nil {
		t.Fatal("mount: ", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// follower is a source at work.
type follower struct {
	*Source
	dir  string
	last Snapshot
}

// follow runs a source until the test ends.
func follow(t *testing.T, dir string, request Request) *follower {
	t.Helper()
	request.Waits = true
	f := &follower{dir: dir}
	f.Source = New(request)
	go f.Run(t.Context())
	f.last = (<-f.Updates()).Snapshot
	return f
}

// Look returns what was handed over last.
func (f *follower) Look() Snapshot { return f.last }

// settled waits until nothing has been handed over for a while.
func (f *follower) settled(t *testing.T) {
	t.Helper()
	for quiet := 10 * wakeup.Settle; ; {
		select {
		case u := <-f.Updates():
			f.last = u.Snapshot
		case <-time.After(quiet):
			return
		}
	}
}

// await waits until what is defined is as it should be.
func (f *follower) await(t *testing.T, want string) {
	t.Helper()
	for deadline := time.After(10 * time.Second); defined(f.last, f.dir) != want; {
		select {
		case u := <-f.Updates():
			f.last = u.Snapshot
		case <-deadline: // long before the next poll
			t.Fatalf("defined %s, want %s", defined(f.last, f.dir), want)
		}
	}
}

// reload returns what a reload hands over.
func (f *follower) reload(t *testing.T) Update {
	t.Helper()
	f.Reload()
	for u := range f.Updates() {
		f.last = u.Snapshot
		if u.Reload {
			return u
		}
	}
	panic("the channel of updates was closed")
}

// step is something that happens to files below a directory.
type step func(t *testing.T, dir string)

func saved(name, says string) step {
	return func(t *testing.T, dir string) { write(t, filepath.Join(dir, name), serviceFile(says)) }
}

// do returns a step that calls a function of package os with paths below the directory.
func do(f func(from, to string) error, from, to string) step {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := f(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
}

func moved(from, to string) step { return do(os.Rename, from, to) }

func removed(name string) step {
	return do(func(path, _ string) error { return os.RemoveAll(path) }, name, "")
}

func made(name string) step {
	return do(func(path, _ string) error { return os.MkdirAll(path, 0o755) }, name, "")
}

// linked makes a symbolic link, and replaces one at once, as ln -sfT and Kubernetes do.
func linked(name, target string) step {
	return func(t *testing.T, dir string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.Symlink(target, path+"~"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+"~", path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWatch has every kind of change happen to files.
func TestWatch(t *testing.T) {
	type change struct {
		step
		want string
	}
	tests := []struct {
		name   string
		before []step
		start  string
		after  []change
	}{
		{"a new file", []step{made("etc")}, "", []change{{saved("etc/a.service", "a"), "etc/a.service=a"}}},
		{"saved, and saved again at once", []step{saved("etc/a.service", "a")}, "etc/a.service=a", []change{
			{saved("etc/a.service", "b"), "etc/a.service=b"},
			{saved("etc/a.service", "c"), "etc/a.service=c"},
			{saved("etc/a.service", "d"), "etc/a.service=d"},
		}},
		{"renamed", []step{saved("etc/a.service", "a")}, "etc/a.service=a", []change{
			{moved("etc/a.service", "etc/b.service"), "etc/b.service=a"},
			{moved("etc/b.service", "etc/b.off"), ""},
			{moved("etc/b.off", "etc/c.service"), "etc/c.service=a"},
		}},
		{"replaced by another file", []step{saved("etc/a.service", "a"), saved("new", "b")}, "etc/a.service=a", []change{
			{moved("new", "etc/a.service"), "etc/a.service=b"},
		}},
		{"removed", []step{saved("etc/a.service", "a"), saved("etc/b.service", "b")}, "etc/a.service=a etc/b.service=b", []change{
			{removed("etc/a.service"), "etc/b.service=b"},
			{removed("etc/b.service"), ""},
		}},
		{"a hard link", []step{saved("a", "a"), made("etc")}, "", []change{{do(os.Link, "a", "etc/a.service"), "etc/a.service=a"}}},
		{"a symbolic link, its target, and the next", []step{saved("else/a", "a"), made("etc")}, "", []change{
			{linked("etc/a.service", "../else/a"), "etc/a.service=a"},
			{saved("else/a", "b"), "etc/a.service=b"},
			{saved("other/a", "c"), "etc/a.service=b"},
			{linked("etc/a.service", "../other/a"), "etc/a.service=c"},
			{saved("other/a", "d"), "etc/a.service=d"},
		}},
		{"a link that leads nowhere until later", []step{made("etc")}, "", []change{
			{linked("etc/a.service", "../else/sub/a"), ""},
			{saved("else/sub/a", "a"), "etc/a.service=a"},
		}},
		{"a volume of Kubernetes", []step{saved("etc/..1/a.service", "1"), linked("etc/..data", "..1"), linked("etc/a.service", "..data/a.service")}, "etc/a.service=1", []change{
			{saved("etc/..2/a.service", "2"), "etc/a.service=1"},
			{linked("etc/..data", "..2"), "etc/a.service=2"},
			{removed("etc/..1"), "etc/a.service=2"},
			{saved("etc/..3/a.service", "3"), "etc/a.service=2"},
			{linked("etc/..data", "..3"), "etc/a.service=3"},
		}},
		{"a directory behind a link", []step{saved("v1/conf/a.service", "1"), saved("v2/conf/a.service", "2"), linked("now", "v1"), linked("etc", "now/conf")}, "etc/a.service=1", []change{
			{linked("now", "v2"), "etc/a.service=2"},
			{saved("v2/conf/a.service", "3"), "etc/a.service=3"},
			{linked("etc", "v1/conf"), "etc/a.service=1"},
		}},
		{"a directory that comes later", nil, "", []change{
			{saved("etc/a.service", "a"), "etc/a.service=a"},
			{saved("etc/a.service", "b"), "etc/a.service=b"},
		}},
		{"a directory that is made again", []step{saved("etc/a.service", "a")}, "etc/a.service=a", []change{
			{removed("etc"), ""},
			{saved("etc/a.service", "b"), "etc/a.service=b"},
			{removed("etc"), ""},
			{made("etc"), ""},
			{saved("etc/a.service", "c"), "etc/a.service=c"},
		}},
		{"a directory that is replaced", []step{saved("etc/a.service", "a"), saved("new/a.service", "b")}, "etc/a.service=a", []change{
			{moved("etc", "old"), ""},
			{moved("new", "etc"), "etc/a.service=b"},
			{saved("etc/a.service", "c"), "etc/a.service=c"},
		}},
		{"precedence", []step{saved("lib/a.service", "stock"), made("etc"), made("run")}, "lib/a.service=stock", []change{
			{saved("run/a.service", "program's"), "run/a.service=program's"},
			{saved("etc/a.service", "mine"), "etc/a.service=mine"},
			{saved("lib/a.service", "newer stock"), "etc/a.service=mine"},
			{removed("etc/a.service"), "run/a.service=program's"},
			{linked("run/a.service", "/dev/null"), ""},
			{removed("run/a.service"), "lib/a.service=newer stock"},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := mounted(t)
			for _, step := range test.before {
				step(t, dir)
			}
			f := follow(t, dir, Request{Services: []string{filepath.Join(dir, "etc"), filepath.Join(dir, "run"), filepath.Join(dir, "lib")}})
			if got := defined(f.Look(), dir); got != test.start {
				t.Fatalf("defined %s at the start, want %s", got, test.start)
			}
			is := test.start
			for _, change := range test.after {
				change.step(t, dir)
				if change.want == is {
					f.settled(t)
				} else {
					f.await(t, change.want)
				}
				is = change.want
				if got := defined(f.Look(), dir); got != is {
					t.Fatalf("defined %s, want %s", got, is)
				}
			}
			if len(f.last.Remarks) > 0 {
				t.Error("the watch remarks: ", f.last.Remarks)
			}
		})
	}
}

// TestWatchAFileByItself has a file that was given come, change and go.
func TestWatchAFileByItself(t *testing.T) {
	dir := mounted(t)
	f := follow(t, dir, Request{Services: []string{filepath.Join(dir, "sub/x")}})
	saved("sub/x", "a")(t, dir)
	f.await(t, "sub/x=a")
	saved("sub/x", "b")(t, dir)
	f.await(t, "sub/x=b")
	saved("other", "c")(t, dir)
	moved("other", "sub/x")(t, dir)
	f.await(t, "sub/x=c")
	for _, says := range []string{"d", "e"} { // another file, which may have the same number, and is written then
		removed("sub/x")(t, dir)
		saved("sub/x", says)(t, dir)
		f.await(t, "sub/x="+says)
		f.settled(t)
		saved("sub/x", says+says)(t, dir)
		f.await(t, "sub/x="+says+says)
	}
	removed("sub")(t, dir)
	f.await(t, "")
}

// TestBusyNeighbours writes to files beside those that matter, of which the system must report nothing.
func TestBusyNeighbours(t *testing.T) {
	for _, test := range []struct{ name, given, busy, definition string }{
		{"beside the directory", "etc", "log", "etc/a.service"},
		{"above the directory", "sub/etc", "log", "sub/etc/a.service"},
		{"beside a file that was given", "etc/a.service", "etc/log", "etc/a.service"},
		{"beside the target of a symbolic link", "links", "etc/log", "etc/a.service"},
		{"beside the symbolic link to the directory", "link", "log", "etc/a.service"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := mounted(t)
			saved(test.definition, "a")(t, dir)
			saved(test.busy, "line")(t, dir)
			made("links")(t, dir)
			linked("links/a.service", "../etc/a.service")(t, dir)
			linked("link", "etc")(t, dir)
			d := newDirectory(disk.OS, filepath.Join(dir, test.given), false, 0)
			d.stale = true
			defer d.close()
			d.guard.begin()
			d.prepare()
			for range 3 {
				write(t, filepath.Join(dir, test.busy), "line")
			}
			write(t, filepath.Join(dir, test.definition), serviceFile("b"))
			if got, want := <-d.events.Events(), filepath.Join(dir, test.definition); got != want {
				t.Errorf("the first event is of %s, want %s", got, want)
			}
		})
	}
}

// TestIsSame has inodes of this system change, with an event and without one, and its files fail.
func TestIsSame(t *testing.T) {
	over := func(kind, from, to string, flags uintptr) step {
		return func(t *testing.T, dir string) {
			to := filepath.Join(dir, to)
			if err := unix.Mount(filepath.Join(dir, from), to, kind, flags, ""); err != nil {
				t.Fatal("mount: ", err)
			}
			t.Cleanup(func() { unix.Unmount(to, unix.MNT_DETACH) })
		}
	}
	for _, test := range []struct {
		name    string
		happens step
		want    bool
	}{
		{"nothing", func(*testing.T, string) {}, true},
		{"a file beside the directory", saved("other/b.service", "b"), true},
		{"a file is written", saved("etc/a.service", "longer"), false},
		{"the target of a link is written by another name", saved("other/name", "longer"), false},
		{"a file comes", saved("etc/b.service", "b"), false},
		{"the directory goes", removed("etc"), false},
		{"no more files may be open", func(t *testing.T, _ string) { t.Cleanup(takeFiles(t)) }, false},
		{"a file system is mounted over the directory", over("tmpfs", "", "etc", 0), false},
		{"a file is mounted over a file", over("", "other/file", "etc/a.service", unix.MS_BIND), false},
		{"a file system is mounted over the target of a link", over("tmpfs", "", "other", 0), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := mounted(t)
			saved("etc/a.service", "a")(t, dir)
			saved("other/file", "a")(t, dir)
			do(os.Link, "other/file", "other/name")(t, dir)
			linked("etc/link.service", "../other/file")(t, dir)
			d := newDirectory(disk.OS, filepath.Join(dir, "etc"), false, 0)
			defer d.close()
			d.buf = new(bytes.Buffer)
			d.guard.begin()
			d.prepare()
			d.look()
			if !d.isSame() {
				t.Error("something has changed before")
			}
			test.happens(t, dir)
			if got := d.isSame(); got != test.want {
				t.Errorf("it is the same afterwards: %v, want %v", got, test.want)
			}
		})
	}
}

// TestWatchTheConfiguration has the configuration come, name another directory, break, and go.
func TestWatchTheConfiguration(t *testing.T) {
	dir := mounted(t)
	saved("one/a.service", "a")(t, dir)
	saved("two/b.service", "b")(t, dir)
	names := func(services string) {
		write(t, filepath.Join(dir, "conf/announcer.toml"), fmt.Sprintf("[daemon]\nservices = %q\n", services))
	}
	f := follow(t, dir, Request{ConfigFile: filepath.Join(dir, "conf/announcer.toml"), Optional: true})
	names("../one")
	f.await(t, "one/a.service=a")
	saved("one/a.service", "a2")(t, dir)
	f.await(t, "one/a.service=a2")
	names("../two")
	f.await(t, "two/b.service=b")
	saved("two/b.service", "b2")(t, dir)
	f.await(t, "two/b.service=b2")

	write(t, filepath.Join(dir, "conf/announcer.toml"), "[daemno]\n")
	saved("two/b.service", "b3")(t, dir)
	f.await(t, "two/b.service=b3")
	f.settled(t)
	snap := f.Look()
	if !reflect.DeepEqual(snap.Since(snap).Refused, []string{filepath.Join(dir, "conf/announcer.toml")}) ||
		!strings.Contains(snap.Findings.Error(), "its last good version stays in use") {
		t.Errorf("with a configuration that broke: refused %v, %v", snap.Refused, snap.Findings)
	}
	if u := f.reload(t); len(u.Snapshot.BadConfig) == 0 || u.Snapshot.Usable() != nil {
		t.Errorf("a reload of a configuration that broke gives %+v", u)
	}
	removed("conf")(t, dir)
	f.settled(t)
	if snap := f.Look(); defined(snap, dir) != "two/b.service=b3" || !strings.Contains(snap.Findings.Error(), "it does not exist any more") {
		t.Errorf("without a configuration: defined %s, %v", defined(snap, dir), snap.Findings)
	}
	write(t, filepath.Join(dir, "conf/announcer.toml"), "[daemon]\n")
	f.await(t, "")
	if snap := f.Look(); len(snap.Findings) > 0 || !reflect.DeepEqual(snap.Config, config.Default()) {
		t.Errorf("with a configuration that sets nothing: %+v", snap)
	}
}

// TestHostName has the system give the host names of all kinds.
func TestHostName(t *testing.T) {
	netlab.Need(t)
	for _, test := range []struct{ name, want string }{
		{"pbx", "pbx"}, {"PBX-1", "PBX-1"}, {"pbx.example.com", "pbx"}, {"pbx_1", "pbx1"}, {"(none)", "none"},
		{"localhost", "announcer"}, {"localhost.localdomain", "announcer"}, {"", "announcer"}, {".", "announcer"},
		{strings.Repeat("a", 63), strings.Repeat("a", 63)}, {strings.Repeat("a", 64), strings.Repeat("a", 63)},
	} {
		t.Run(test.name, func(t *testing.T) {
			(*netlab.Host)(nil).Rename(t, test.name)
			if got := HostName(); got != test.want {
				t.Errorf("the host is called %q, want %q", got, test.want)
			}
		})
	}
}

// TestHostNameOfAConfinedProcess hides from the program what the unit hides, and gives the host the longest name there is.
func TestHostNameOfAConfinedProcess(t *testing.T) {
	mounted(t)
	if err := unix.Mount("announcer", "/proc/sys", "tmpfs", 0, ""); err != nil {
		t.Fatal("hide /proc/sys: ", err)
	}
	defer unix.Unmount("/proc/sys", unix.MNT_DETACH)
	(*netlab.Host)(nil).Rename(t, "pbx."+strings.Repeat("a", 60))
	if got := HostName(); got != "pbx" {
		t.Errorf("the host is called %q, want pbx", got)
	}
}

// TestWatchOfTheHost has the host get another name, and wants a snapshot with it within two seconds.
func TestWatchOfTheHost(t *testing.T) {
	here, dir := (*netlab.Host)(nil), mounted(t)
	here.Rename(t, "pbx-a")
	f := follow(t, dir, Request{Services: []string{dir}})
	here.Rename(t, "pbx-b")
	select {
	case u := <-f.Updates():
		if host := u.Snapshot.Host; host != "pbx-b" {
			t.Errorf("the host is called %s", host)
		}
	case <-time.After(2 * time.Second):
		t.Error("not told within 2 seconds")
	}
}

// TestLongHostName has the host get a name that is too long for what is named after it, and one that is not.
func TestLongHostName(t *testing.T) {
	here, dir := (*netlab.Host)(nil), mounted(t)
	file, config := filepath.Join(dir, "a.service"), filepath.Join(dir, "announcer.toml")
	wild := strings.Replace(serviceFile("File %h"), "<name>", `<name replace-wildcards="yes">`, 1)
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(file, wild)
	write(config, "[daemon]\nservices = \".\"\n[[group]]\nname = \"Group %h\"\nreplace_wildcards = true\n[[group.service]]\ntype = \"_http._tcp\"\nport = 80\n")
	names := func(snap Snapshot) string {
		var all []string
		for _, in := range mdns.Settle(publication.Desired{Host: snap.Host, Groups: snap.Publications}, nil) {
			all = append(all, fmt.Sprintf("%s %s", in.Label, in.State))
		}
		return strings.Join(all, ", ")
	}
	long := strings.Repeat("x", 60)
	s := newReader(Request{ConfigFile: config})
	for _, step := range []struct {
		name, host string
		change     func()
		want       string
		findings   []string
	}{
		{"short", "pbx-a", nil, "File pbx-a probing, Group pbx-a probing", nil},
		{"another", "pbx-b", nil, "File pbx-b probing, Group pbx-b probing", nil},
		{"too long", long, nil, "File pbx-b probing, Group pbx-b probing", []string{
			`a.service:1:46: <name>: the name "File ` + long + `" has 65 bytes, at most 63`,
			`a.service: warning: it keeps the name "File pbx-b"`,
			`announcer.toml:4:1: name: the name "Group ` + long + `" has 66 bytes, at most 63`,
			`group "Group %h": warning: it keeps the name "Group pbx-b"`,
		}},
		{"another error, too", long, func() { write(file, "<service-group>") }, "File pbx-b probing, Group pbx-b probing", []string{`it keeps the name "File pbx-b"`}},
		{"a short one while there is another error", "pbx-c", nil, "File pbx-c probing, Group pbx-c probing", nil},
		{"too long for one of them", strings.Repeat("x", 58), func() { write(file, wild) }, "File " + strings.Repeat("x", 58) + " probing, Group pbx-c probing", []string{`it keeps the name "Group pbx-c"`}},
	} {
		t.Run(step.name, func(t *testing.T) {
			here.Rename(t, step.host)
			if step.change != nil {
				step.change()
			}
			snap := s.Look()
			if got := names(snap); got != step.want {
				t.Errorf("announced %s, want %s", got, step.want)
			}
			for _, want := range step.findings {
				if !strings.Contains(snap.Findings.Error(), want) {
					t.Errorf("want %q among the findings:\n%v", want, snap.Findings)
				}
			}
		})
	}
}

// TestWatchOfTouches checks that what changes nothing is no update.
func TestWatchOfTouches(t *testing.T) {
	dir := mounted(t)
	path := filepath.Join(dir, "a.service")
	saved("a.service", "a")(t, dir)
	f := follow(t, dir, Request{Services: []string{dir}})
	before := f.Look()
	for _, touch := range []func() error{
		func() error { return os.Chtimes(path, time.Now(), time.Now()) },
		func() error { return os.Chmod(path, 0o600) },
		func() error { return os.WriteFile(path, []byte(serviceFile("a")), 0o644) },
		func() error { return os.Rename(path, path) },
		func() error { return os.WriteFile(path+"~", []byte("<"), 0o644) },
	} {
		if err := touch(); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case u := <-f.Updates():
		t.Errorf("a touch is an update: %+v", u)
	case <-time.After(10 * wakeup.Settle):
	}
	if u := f.reload(t); !reflect.DeepEqual(before, u.Snapshot) {
		t.Errorf("before %+v\nafter  %+v", before, u.Snapshot)
	}
}

// TestWatchAnOverlay has a file change in the lower layer of an overlay, of which the upper one is not notified.
func TestWatchAnOverlay(t *testing.T) {
	dir := mounted(t)
	for _, name := range []string{"upper", "work", "merged"} {
		made(name)(t, dir)
	}
	saved("lower/a.service", "a")(t, dir)
	merged := filepath.Join(dir, "merged")
	options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", dir)
	if err := unix.Mount("overlay", merged, "overlay", 0, options); err != nil {
		skip.Now(t, "no overlay file system: ", err)
	}
	t.Cleanup(func() { unix.Unmount(merged, unix.MNT_DETACH) })
	f := follow(t, dir, Request{Services: []string{merged}})
	if got, want := f.last.Remarks, "the definitions are polled every 2s: "+merged+" is on an overlay, which does not report every change"; !slices.Equal(got, []string{want}) {
		t.Errorf("the remarks are %q, want %q", got, want)
	}
	saved("lower/a.service", "b")(t, dir)
	f.await(t, "merged/a.service=b")
}

// TestPoll has a file change by another name, which the watch hears nothing of, so that it must look by itself.
func TestPoll(t *testing.T) {
	dir := mounted(t)
	saved("a", "a")(t, dir)
	made("etc")(t, dir)
	do(os.Link, "a", "etc/a.service")(t, dir)
	f := follow(t, dir, Request{Services: []string{filepath.Join(dir, "etc")}, Poll: 700 * time.Millisecond})
	saved("a", "b")(t, dir)
	f.await(t, "etc/a.service=b")
}

// TestWatchWithoutEvents makes events unavailable, so that there is polling, and a remark that names the interval.
func TestWatchWithoutEvents(t *testing.T) {
	dir := mounted(t)
	const limit = "/proc/sys/user/max_inotify_instances" // of this user namespace
	before, err := os.ReadFile(limit)
	if err != nil {
		skip.Now(t, "inotify has no limit here: ", err)
	}
	if err := os.WriteFile(limit, []byte("0"), 0o644); err != nil {
		skip.Now(t, "the limit of inotify can't be set: ", err)
	}
	defer os.WriteFile(limit, before, 0o644)
	for _, test := range []struct {
		name  string
		poll  time.Duration
		every string
	}{
		{"no interval is set", 0, "2s"},
		{"an interval is set", 700 * time.Millisecond, "700ms"},
	} {
		t.Run(test.name, func(t *testing.T) {
			saved("a.service", "a")(t, dir)
			f := follow(t, dir, Request{Services: []string{dir}, Poll: test.poll})
			saved("a.service", "b")(t, dir)
			f.await(t, "a.service=b")
			if got, want := f.last.Remarks, "the definitions are polled every "+test.every+": files cannot be watched: "; len(got) != 1 || !strings.HasPrefix(got[0], want) {
				t.Errorf("the remarks are %q, want %q", got, want)
			}
		})
	}
}

// TestWatchWithoutFreeFiles has a directory that can't be read in a moment in which a file is saved, since all files
// that may be open are.
func TestWatchWithoutFreeFiles(t *testing.T) {
	dir := mounted(t)
	d := newDirectory(disk.OS, dir, false, 0)
	defer d.close()
	d.guard.begin()
	d.prepare()
	giveBack := takeFiles(t)
	d.prepare()
	giveBack()
	if want := "a directory cannot be read: open " + dir + ": too many open files"; d.every != pollEvery || !d.ways.has(dir) || !strings.Contains(string(d.remark), want) {
		t.Errorf("it looks every %v at %v, and says %q; want %v, %s, and %q", d.every, d.ways.dirs, d.remark, pollEvery, dir, want)
	}
	d.prepare()
	if d.every != pollAnyway {
		t.Errorf("afterwards it looks every %v, want %v", d.every, pollAnyway)
	}
}

// takeFiles lets this process open no more files, until they are given back.
func takeFiles(t *testing.T) (giveBack func()) {
	t.Helper()
	lowest, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	free := lowest.Fd()
	lowest.Close()
	var before unix.Rlimit
	limit := func(soft uint64) {
		if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: soft, Max: before.Max}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		t.Fatal(err)
	}
	limit(uint64(free))
	return func() { limit(before.Cur) }
}
