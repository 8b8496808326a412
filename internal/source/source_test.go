package source

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/diag"
	"announcer/internal/disk"
	"announcer/internal/publication"
)

// serviceFile returns a service file that publishes one service under a name.
func serviceFile(name string) string {
	return fmt.Sprintf("<service-group><name>%s</name><service><type>_http._tcp</type><port>80</port></service></service-group>", name)
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// reader reads everything when it is asked to, and remembers what was good.
type reader struct {
	request Request
	memory  Memory
}

func newReader(request Request) *reader { return &reader{request: request} }

// Look returns what is defined now.
func (r *reader) Look() Snapshot {
	in := Input{Request: r.request, Now: time.Now(), Host: HostName()}
	if r.request.ConfigFile != "" {
		in.Config = placeAt(r.request.ConfigFile, true)
	}
	r.memory = r.memory.configure(in)
	for _, path := range r.memory.inUse(r.request).Services {
		in.Places = append(in.Places, placeAt(path, false))
	}
	var snap Snapshot
	snap, r.memory = Merge(in, r.memory)
	return snap
}

// Load returns what is defined now, and an error if the configuration file cannot be used.
func (r *reader) Load() (Snapshot, error) {
	snap := r.Look()
	if len(snap.BadConfig) > 0 {
		return snap, snap.BadConfig
	}
	return snap, nil
}

// placeAt returns what is at a path.
func placeAt(path string, isFile bool) Place {
	d := newDirectory(disk.OS, path, isFile, 0)
	d.buf = new(bytes.Buffer)
	d.guard.begin()
	d.find()
	return Place{Path: path, Items: d.look()}
}

// load returns what [defined] says of everything, and the findings.
func load(t *testing.T, s *reader, dir string) (is string, findings diag.Findings) {
	t.Helper()
	snap, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	return defined(snap, dir), snap.Findings
}

// defined returns the IDs (relative to dir) and names of what is defined.
func defined(snap Snapshot, dir string) string {
	var all []string
	for _, p := range snap.Publications {
		all = append(all, strings.TrimPrefix(p.ID, dir+"/")+"="+p.Group.Name)
	}
	return strings.Join(all, " ")
}

func TestLoad(t *testing.T) {
	tests := []struct {
		name    string
		files   map[string]string
		prepare func(t *testing.T, dir string)
		want    string
		finding string // the end of the only one
	}{
		{"in byte order", map[string]string{"etc/b.service": serviceFile("b"), "etc/a.service": serviceFile("a"), "etc/B.service": serviceFile("B")}, nil,
			"etc/B.service=B etc/a.service=a etc/b.service=b", ""},
		{"only what ends in .service and has no dot in front", map[string]string{
			"etc/a.service": serviceFile("a"), "etc/.b.service": "", "etc/c.service~": "", "etc/d.SERVICE": "", "etc/sub/e.service": "", "etc/.service": ""}, nil,
			"etc/a.service=a", ""},
		{"the first directory wins", map[string]string{"etc/a.service": serviceFile("mine"), "lib/a.service": serviceFile("stock"), "lib/b.service": serviceFile("b")}, nil,
			"etc/a.service=mine lib/b.service=b", ""},
		{"a bad file is left out", map[string]string{"etc/a.service": "<service-group>", "etc/b.service": serviceFile("b")}, nil,
			"etc/b.service=b", "a.service:1:"},
		{"a directory with the name of a file", map[string]string{"etc/a.service/x": "", "etc/b.service": serviceFile("b")}, nil,
			"etc/b.service=b", "a.service: it is a directory; want a regular file"},
		{"a FIFO is not waited for", map[string]string{"etc/b.service": serviceFile("b")}, func(t *testing.T, dir string) {
			if err := mkfifo(filepath.Join(dir, "etc/a.service"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "etc/b.service=b", "a.service: it is a FIFO; want a regular file"},
		{"a device is not read", map[string]string{"etc/b.service": serviceFile("b")}, func(t *testing.T, dir string) {
			if err := os.Symlink("/dev/zero", filepath.Join(dir, "etc/a.service")); err != nil {
				t.Fatal(err)
			}
		}, "etc/b.service=b", "a.service: it is a device; want a regular file"},
		{"a link to nowhere", map[string]string{"etc/b.service": serviceFile("b")}, func(t *testing.T, dir string) {
			if err := os.Symlink("nowhere", filepath.Join(dir, "etc/a.service")); err != nil {
				t.Fatal(err)
			}
		}, "etc/b.service=b", `etc/nowhere" does not exist`},
		{"a link to a file", map[string]string{"else/x": serviceFile("x"), "etc/b.service": serviceFile("b")}, func(t *testing.T, dir string) {
			if err := os.Symlink("../else/x", filepath.Join(dir, "etc/a.service")); err != nil {
				t.Fatal(err)
			}
		}, "etc/a.service=x etc/b.service=b", ""},
		{"a name that is masked", map[string]string{"lib/a.service": serviceFile("stock"), "lib/b.service": serviceFile("b")}, func(t *testing.T, dir string) {
			if err := os.MkdirAll(filepath.Join(dir, "etc"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("/dev/null", filepath.Join(dir, "etc/a.service")); err != nil {
				t.Fatal(err)
			}
		}, "lib/b.service=b", ""},
		{"an empty file is an error, no mask", map[string]string{"etc/a.service": "", "lib/a.service": serviceFile("stock"), "lib/b.service": serviceFile("b")}, nil,
			"lib/b.service=b", "etc/a.service"},
		{"too large", map[string]string{"etc/a.service": strings.Repeat(" ", MaxFile+1), "etc/b.service": serviceFile("b")}, nil,
			"etc/b.service=b", "a.service: it has more than 1048576 bytes; a definition has a few hundred"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range test.files {
				write(t, filepath.Join(dir, name), content)
			}
			if test.prepare != nil {
				test.prepare(t, dir)
			}
			dirs := []string{filepath.Join(dir, "etc")}
			if _, err := os.Stat(filepath.Join(dir, "lib")); err == nil {
				dirs = append(dirs, filepath.Join(dir, "lib"))
			}
			got, findings := load(t, newReader(Request{Services: dirs}), dir)
			if got != test.want {
				t.Errorf("defined %s, want %s", got, test.want)
			}
			switch {
			case test.finding == "" && len(findings) > 0:
				t.Errorf("findings: %v", findings)
			case test.finding != "" && (len(findings) != 1 || !strings.Contains(findings[0].String(), test.finding)):
				t.Errorf("findings: %v, want one with %q", findings, test.finding)
			}
		})
	}
}

func TestLoadFilesByThemselves(t *testing.T) {
	dir := t.TempDir()
	a := write(t, filepath.Join(dir, "1/x.service"), serviceFile("a"))
	b := write(t, filepath.Join(dir, "2/x.service"), serviceFile("b"))
	other := write(t, filepath.Join(dir, "other"), serviceFile("other"))
	if got, findings := load(t, newReader(Request{Services: []string{a, b, other, a}}), dir); got != "other=other 1/x.service=a 2/x.service=b" || len(findings) > 0 {
		t.Errorf("defined %s, findings %v", got, findings)
	}
}

func TestLoadKeepsTheLastGoodVersion(t *testing.T) {
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "a.service"), serviceFile("a"))
	s := newReader(Request{Services: []string{dir}})
	load(t, s, dir)

	write(t, path, "<service-group><nme>b</nme></service-group>")
	for range 2 { // also when it is read a second time
		got, findings := load(t, s, dir)
		if got != "a.service=a" || findings.Err() == nil || !strings.Contains(findings.Error(), "its last good version stays announced") {
			t.Fatalf("after a bad edit: defined %s, findings %v", got, findings)
		}
	}
	write(t, path, serviceFile("b"))
	if got, findings := load(t, s, dir); got != "a.service=b" || len(findings) > 0 {
		t.Errorf("after a good edit: defined %s, findings %v", got, findings)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got, _ := load(t, s, dir); got != "" {
		t.Errorf("after it was removed: defined %s", got)
	}
	write(t, path, "<service-group>")
	if got, _ := load(t, s, dir); got != "" {
		t.Errorf("a bad file in the place of a removed one: defined %s", got)
	}
}

func TestLoadWithConfiguration(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "s/a.service"), serviceFile("%h a"))
	cfg := write(t, filepath.Join(dir, "announcer.toml"), fmt.Sprintf(`
[daemon]
services = [%q]
[[rule]]
match = "a.service"
interfaces = ["vlan20"]
[[group]]
name = "from TOML"
[[group.service]]
type = "_http._tcp"
port = 80
`, filepath.Join(dir, "s")))
	snap, err := newReader(Request{ConfigFile: cfg}).Load()
	if err != nil || len(snap.Publications) != 2 {
		t.Fatalf("error %v, publications %v", err, snap.Publications)
	}
	file, toml := snap.Publications[0], snap.Publications[1]
	if fmt.Sprint(file.Interfaces) != "[vlan20]" || toml.Group.Name != "from TOML" {
		t.Errorf("got %+v and %+v", file, toml)
	}
	for name, content := range map[string]string{"unreadable": "", "bad": "[daemon]\nservice = 1\n"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name+".toml")
			if content != "" {
				write(t, path, content)
			}
			if _, err := newReader(Request{ConfigFile: path}).Load(); err == nil || !strings.HasPrefix(err.Error(), path) {
				t.Errorf("error %v, want one that names it", err)
			}
		})
	}
}

// TestLoadWithCheck has a rule with a check that the file is fit for, and then no more.
func TestLoadWithCheck(t *testing.T) {
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "s/a.service"), serviceFile("a"))
	text := fmt.Sprintf("[daemon]\nservices = [%q]\n[[rule]]\nmatch = 'a.service'\ncheck = %%q\n", filepath.Join(dir, "s"))
	cfg := write(t, filepath.Join(dir, "announcer.toml"), fmt.Sprintf(text, "tcp"))
	s := newReader(Request{ConfigFile: cfg})
	snap, err := s.Load()
	if err != nil || len(snap.Publications) != 1 || snap.Publications[0].Check != publication.CheckTCP || len(snap.Findings) > 0 {
		t.Fatalf("%v, %+v", err, snap)
	}

	write(t, path, strings.Replace(serviceFile("b"), "<port>80</port>", "", 1))
	snap, err = s.Load()
	want := path + `: check: "tcp" can't be done for _http._tcp: it has no port; want one`
	if err != nil || len(snap.Publications) != 1 || snap.Publications[0].Group.Name != "a" || len(snap.Refused) != 1 || snap.Findings.Err().Error() != want {
		t.Errorf("a file that can't be checked: %v, %+v", err, snap)
	}

	write(t, path, serviceFile("a"))
	write(t, cfg, fmt.Sprintf(text, "off"))
	if snap, err = s.Load(); err != nil || len(snap.Publications) != 1 || snap.Publications[0].Check != publication.NoCheck {
		t.Errorf("switched off: %v, %+v", err, snap)
	}
}

// TestLoadKeepsWhatABrokenFileWouldHide has a file break that never was good itself, but hides one that is.
func TestLoadKeepsWhatABrokenFileWouldHide(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "etc/b.service"), serviceFile("b"))
	write(t, filepath.Join(dir, "lib/a.service"), serviceFile("stock"))
	s := newReader(Request{Services: []string{filepath.Join(dir, "etc"), filepath.Join(dir, "lib")}})
	load(t, s, dir)
	write(t, filepath.Join(dir, "etc/a.service"), "<service-group>")
	got, findings := load(t, s, dir)
	if want := "what " + dir + "/lib/a.service said stays announced"; got != "lib/a.service=stock etc/b.service=b" || !strings.Contains(findings.Error(), want) {
		t.Errorf("defined %s, findings %v, want one with %q", got, findings, want)
	}
}

// TestLoadKeepsTheFilesOfAnUnreadableDirectory has a directory fail, which is no reason to withdraw what was in it.
func TestLoadKeepsTheFilesOfAnUnreadableDirectory(t *testing.T) {
	dir := t.TempDir()
	etc := filepath.Join(dir, "etc")
	write(t, filepath.Join(etc, "a.service"), serviceFile("a"))
	write(t, filepath.Join(etc, "b.service"), serviceFile("b"))
	write(t, filepath.Join(dir, "lib/a.service"), serviceFile("stock"))
	s := newReader(Request{Services: []string{etc, filepath.Join(dir, "lib")}})
	load(t, s, dir)
	if err := os.RemoveAll(etc); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("etc", etc); err != nil { // to itself
		t.Fatal(err)
	}
	for range 2 {
		got, findings := load(t, s, dir)
		if want := etc + ": it can't be read: too many levels of symbolic links"; got != "etc/a.service=a etc/b.service=b" || !strings.Contains(findings.Error(), want) {
			t.Errorf("defined %s, findings %v, want one with %q", got, findings, want)
		}
	}
}

// A directory that does not exist is an error or not, which depends on who wants it.
func TestLoadWithoutTheDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	const text = "it does not exist; want a file, or a directory with files"
	cfg := write(t, filepath.Join(t.TempDir(), "announcer.toml"), fmt.Sprintf("[daemon]\nservices = %q\n", dir))
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("/nowhere", link); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		request Request
		want    string
	}{
		{"given", Request{Services: []string{dir}}, dir + ": " + text},
		{"given and waited for", Request{Services: []string{dir}, Waits: true}, dir + ": warning: it does not exist; it is waited for"},
		{"configured", Request{ConfigFile: cfg}, dir + ": warning: " + text},
		{"default", Request{ConfigFile: filepath.Join(dir, "announcer.toml"), Optional: true}, ""},
		{"a link to nowhere", Request{Services: []string{link}}, link + `: it is a symbolic link to "/nowhere", which does not exist; want a file, or a directory with files`},
		{"the default is a link to nowhere", Request{ConfigFile: link, Optional: true}, link + `: warning: it is a symbolic link to "/nowhere", which does not exist; the defaults are in use`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, findings := load(t, newReader(test.request), dir); findings.Error() != test.want {
				t.Errorf("findings %v, want %s", findings, test.want)
			}
		})
	}
}

// setting is a configuration that says something.
const setting = "[daemon]\nservices = []\ninterfaces = [\"vlan20\"]\n[[group]]\nname = \"PBX\"\n[[group.service]]\ntype = \"_http._tcp\"\nport = 80\n"

// TestLookKeepsTheLastGoodConfiguration has the configuration file become something that says nothing, or can't be read:
// all that it said stays, and it is known since when.
func TestLookKeepsTheLastGoodConfiguration(t *testing.T) {
	replace := func(content string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(content), 0o644) }
	}
	tests := []struct {
		name  string
		spoil func(path string) error
		want  string // what is wrong; "": nothing, and the last good version is not in use any more
	}{
		{"empty", replace(""), "it is empty"},
		{"white space", replace(" \t\r\n\n"), "only comments and white space"},
		{"comments", replace("# all of it was\n  # commented out"), "only comments and white space"},
		{"a byte order mark", replace("\ufeff"), "only comments and white space"},
		{"zeros", replace(strings.Repeat("\x00", 4096)), "this is not TOML"},
		{"zeros at the end", replace(setting[:40] + strings.Repeat("\x00", 4096)), "this is not TOML"},
		{"cut off", replace(setting[:len(setting)-3]), "this is not TOML"},
		{"not UTF-8", replace("\xff\xfe[\x00"), "this is not TOML"},
		{"gone", os.Remove, "it does not exist any more"},
		{"a directory", func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o755)) }, "it is a directory"},
		{"a FIFO", func(path string) error { return errors.Join(os.Remove(path), mkfifo(path, 0o644)) }, "it is a FIFO"},
		{"a link to nowhere", func(path string) error { return errors.Join(os.Remove(path), os.Symlink("nowhere", path)) }, `it is a symbolic link to "nowhere", and`},
		{"a link to itself", func(path string) error { return errors.Join(os.Remove(path), os.Symlink(path, path)) }, "too many levels of symbolic links"},
		{"too large", replace(strings.Repeat("#", MaxFile+1)), "it has more than"},
		{"nothing on purpose", replace("[daemon]\n"), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				path := write(t, filepath.Join(dir, "announcer.toml"), setting)
				s := newReader(Request{ConfigFile: path, Optional: true})
				before, err := s.Load()
				if err != nil {
					t.Fatal(err)
				}
				good := time.Now()
				time.Sleep(time.Hour)
				if err := test.spoil(path); err != nil {
					t.Fatal(err)
				}
				since := time.Now()
				for range 3 {
					snap := s.Look()
					if test.want == "" {
						if len(snap.Refused) > 0 || len(snap.Publications) > 0 {
							t.Errorf("refused %v, defined %s", snap.Refused, defined(snap, dir))
						}
						return
					}
					want := []Refusal{{File: path, Since: since, Good: good, Config: true}}
					if !reflect.DeepEqual(snap.Config, before.Config) || !reflect.DeepEqual(snap.Publications, before.Publications) || !reflect.DeepEqual(snap.Refused, want) {
						t.Errorf("defined %s, refused %+v, want all that was there and %+v", defined(snap, dir), snap.Refused, want)
					}
					if text := snap.BadConfig.Error(); !strings.Contains(text, test.want) || !strings.HasPrefix(text, path) {
						t.Errorf("it says %q, want %q", text, test.want)
					}
					time.Sleep(time.Minute)
				}
				if _, err := s.Load(); err == nil {
					t.Error("a load has no error")
				}
				if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, []byte(setting), 0o644)); err != nil {
					t.Fatal(err)
				}
				if snap := s.Look(); len(snap.Refused) > 0 || len(snap.Findings) > 0 || !reflect.DeepEqual(snap.Publications, before.Publications) {
					t.Errorf("mended: refused %v, %v", snap.Refused, snap.Findings)
				}
			})
		})
	}
}

// TestLoadOfAConfigurationThatSaysNothing is about the start, if there is no last good version.
func TestLoadOfAConfigurationThatSaysNothing(t *testing.T) {
	for _, test := range []struct{ name, content, want string }{
		{"comments", "# put .service files into /etc/announcer/services\n\n", ""},
		{"white space", "\n", ""},
		{"a table", "[daemon]\n", ""},
		{"empty", "", "it is empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, filepath.Join(t.TempDir(), "announcer.toml"), test.content)
			s := newReader(Request{ConfigFile: path, Optional: true})
			_, err := s.Load()
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want %q", err, test.want)
			}
			if err != nil {
				return
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if snap := s.Look(); len(snap.Refused) > 0 {
				t.Errorf("it said nothing, and that it is gone is refused: %v", snap.Findings)
			}
		})
	}
}

// TestLoadKeepsTheLastGoodFile has a definition file become something else.
func TestLoadKeepsTheLastGoodFile(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(path string) error
	}{
		{"empty", func(path string) error { return os.Truncate(path, 0) }},
		{"white space", func(path string) error { return os.WriteFile(path, []byte(" \n"), 0o644) }},
		{"zeros", func(path string) error { return os.WriteFile(path, make([]byte, 512), 0o644) }},
		{"half of it", func(path string) error { return os.Truncate(path, int64(len(serviceFile("a"))/2)) }},
		{"a directory", func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o755)) }},
		{"a link to nowhere", func(path string) error { return errors.Join(os.Remove(path), os.Symlink("nowhere", path)) }},
		{"a port that is a word", func(path string) error {
			return os.WriteFile(path, []byte(strings.Replace(serviceFile("b"), ">80<", ">eighty<", 1)), 0o644)
		}},
	} {
		for _, where := range []string{"in a directory", "by itself"} {
			t.Run(test.name+", "+where, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					dir := t.TempDir()
					path := write(t, filepath.Join(dir, "a.service"), serviceFile("a"))
					given := map[string]string{"in a directory": dir, "by itself": path}[where]
					if where == "by itself" && test.name == "a link to nowhere" {
						return // the file is gone then, and that withdraws what it says
					}
					s := newReader(Request{Services: []string{given}, Waits: true})
					load(t, s, dir)
					good := time.Now()
					time.Sleep(time.Hour)
					if err := test.spoil(path); err != nil {
						t.Fatal(err)
					}
					want := []Refusal{{File: path, Since: time.Now(), Good: good}}
					for range 2 {
						snap := s.Look()
						if got := defined(snap, dir); got != "a.service=a" || !reflect.DeepEqual(snap.Refused, want) {
							t.Errorf("defined %s, refused %+v, want %+v", got, snap.Refused, want)
						}
						time.Sleep(time.Minute)
					}
				})
			})
		}
	}
}

// TestLoadOfDirectories has directories be no directories, at the start and later.
func TestLoadOfDirectories(t *testing.T) {
	loop := func(path string) error { return os.Symlink(path, path) }
	nowhere := func(path string) error { return os.Symlink("/nowhere", path) }
	for _, test := range []struct {
		name     string
		before   bool // there is a file in the directory first
		spoil    func(path string) error
		want     string // what is defined
		severity diag.Severity
		text     string
	}{
		{"unreadable at the start", false, loop, "", diag.Error, "it can't be read: too many levels of symbolic links"},
		{"unreadable later", true, loop, "etc/a.service=a", diag.Error, "it can't be read: too many levels of symbolic links"},
		{"a file later", true, func(path string) error { return os.WriteFile(path, []byte("x"), 0o644) }, "etc/a.service=a", diag.Error, "it is not a directory any more; want one, as before"},
		{"missing at the start", false, func(string) error { return nil }, "", diag.Danger, "it does not exist; it is waited for"},
		{"a link to nowhere at the start", false, nowhere, "", diag.Danger, `it is a symbolic link to "/nowhere", which does not exist; it is waited for`},
		{"a link to nowhere later", true, nowhere, "", diag.Danger, `it is a symbolic link to "/nowhere", which does not exist: what its files defined is withdrawn`},
		{"gone", true, func(string) error { return nil }, "", diag.Danger, "the directory does not exist any more, and what its files defined is withdrawn"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			etc := filepath.Join(dir, "etc")
			s := newReader(Request{Services: []string{etc}, Waits: true})
			if test.before {
				write(t, filepath.Join(etc, "a.service"), serviceFile("a"))
				load(t, s, dir)
			}
			if err := errors.Join(os.RemoveAll(etc), test.spoil(etc)); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				snap := s.Look()
				want := diag.Findings{{File: etc, Severity: test.severity, Text: test.text}}
				if got := defined(snap, dir); got != test.want || !reflect.DeepEqual(snap.Findings, want) {
					t.Errorf("defined %s, %v; want %s, %v", got, snap.Findings, test.want, want)
				}
				if refused := len(snap.Refused) == 1 && snap.Refused[0].File == etc; refused != (test.severity == diag.Error) {
					t.Errorf("refused %v", snap.Refused)
				}
			}
		})
	}
}
