package sandbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"announcer/internal/testkit/hangfs"
	"announcer/internal/testkit/netlab"
	"announcer/internal/testkit/skip"
)

// rulesEnv is set for a process that is to be confined: to its rules, as JSON.
const rulesEnv = "SANDBOX_TEST_RULES"

func TestMain(m *testing.M) {
	if rules := os.Getenv(rulesEnv); rules != "" {
		prisoner(rules)
		return
	}
	hangfs.Main()
	netlab.Main(m)
}

// prisoner is a process under rules. It makes the attempts that it reads, each a line of JSON, and prints what came of them.
func prisoner(text string) {
	var rules Rules
	if err := json.Unmarshal([]byte(text), &rules); err != nil {
		panic(err)
	}
	older := startThreads()
	if _, err := Enter(func() Rules { return rules }); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("confined")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var words []string
		if err := json.Unmarshal(lines.Bytes(), &words); err != nil {
			panic(err)
		}
		err := attempt(words[0], words[1], older)
		switch {
		case err == nil:
			fmt.Println("done")
		case errors.Is(err, fs.ErrPermission):
			fmt.Println("denied")
		default:
			fmt.Println(err)
		}
	}
}

// attempt does what a process could do with a file or an address.
func attempt(what, with string, older threads) error {
	switch what {
	case "read":
		return read(with)
	case "read by older threads":
		return older.each(func() error { return read(with) })
	case "list":
		_, err := os.ReadDir(with)
		return err
	case "replace":
		tmp := with + ".new"
		return errors.Join(os.WriteFile(tmp, []byte("x"), 0o600), os.Rename(tmp, with))
	case "remove":
		return os.Remove(with)
	case "make a directory":
		return os.Mkdir(with, 0o700)
	case "make a socket":
		l, err := net.Listen("unix", with)
		if err == nil {
			l.Close()
		}
		return err
	case "run":
		return exec.Command(with).Run()
	case "listen":
		return listen()
	case "connect":
		conn, err := net.Dial("tcp4", with)
		if err == nil {
			conn.Close()
		}
		return err
	case "check":
		if err := CheckRead(with); err != nil {
			return fs.ErrPermission
		}
		return nil
	}
	return fmt.Errorf("unknown attempt %q", what)
}

func read(path string) error {
	_, err := os.ReadFile(path)
	return err
}

// listen binds a socket of plain TCP; that of package net is one of Multipath TCP, which Landlock does not know.
func listen() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	return syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
}

// threads are threads that ran before the process was confined. Each does what it receives, and sends its error.
type threads []struct {
	do  chan func() error
	err chan error
}

func startThreads() threads {
	all := make(threads, 8)
	for i := range all {
		all[i].do, all[i].err = make(chan func() error), make(chan error)
		go func() {
			runtime.LockOSThread()
			for f := range all[i].do {
				all[i].err <- f()
			}
		}()
		all[i].do <- func() error { return nil }
		<-all[i].err
	}
	return all
}

// each has each thread do something, and returns the error of one that failed if all did.
func (t threads) each(f func() error) (err error) {
	for _, thread := range t {
		thread.do <- f
		if err = <-thread.err; err == nil {
			return nil
		}
	}
	return err
}

// confined is a process under rules.
type confined struct {
	t     *testing.T
	in    *json.Encoder
	lines *bufio.Scanner
}

func start(t *testing.T, rules Rules) confined {
	t.Helper()
	if supported() == 0 {
		skip.Now(t, ErrUnsupported)
	}
	text, err := json.Marshal(rules)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), rulesEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	stdin, inErr := cmd.StdinPipe()
	stdout, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	c := confined{t, json.NewEncoder(stdin), bufio.NewScanner(stdout)}
	if got := c.line(); got != "confined" {
		t.Fatal(got)
	}
	return c
}

// line returns the next line that the process prints.
func (c confined) line() string {
	c.t.Helper()
	if !c.lines.Scan() {
		c.t.Fatal("the process has ended: ", c.lines.Err())
	}
	return c.lines.Text()
}

// want has the process make an attempt, and compares what comes of it.
func (c confined) want(want, what, with string) {
	c.t.Helper()
	if err := c.in.Encode([]string{what, with}); err != nil {
		c.t.Fatal(err)
	}
	if got := c.line(); got != want {
		c.t.Errorf("%s %s: %s; want %s", what, with, got, want)
	}
}

// write writes a file, and the directories that it is in.
func write(t *testing.T, path string) string {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

// link makes a symbolic link, or replaces one.
func link(t *testing.T, target, path string) {
	t.Helper()
	tmp := path + ".new"
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(target, tmp), os.Rename(tmp, path)); err != nil {
		t.Fatal(err)
	}
}

// TestConfined wants a process to do what its rules are for, also after files were replaced, and nothing else.
func TestConfined(t *testing.T) {
	dir := t.TempDir()
	in := func(path string) string { return filepath.Join(dir, path) }
	secret := write(t, in("else/secret"))
	file := write(t, in("defs/services/a.service"))
	write(t, in("releases/1/a.service"))
	link(t, in("releases/1"), in("now/services"))
	config := write(t, in("conf/announcer.toml"))
	write(t, in("state/said"))

	bundle := write(t, in("bundle/ca.pem"))
	t.Setenv("SSL_CERT_FILE", bundle)
	t.Setenv("SSL_CERT_DIR", in("bundle/a")+":"+filepath.Dir(write(t, in("bundle/b/ca.pem"))))

	c := start(t, Rules{
		Read:  []string{in("defs/services"), in("now/services"), config},
		Write: []string{in("state")},
	})
	c.want("done", "read", file)
	c.want("done", "list", in("defs/services"))
	c.want("done", "read", in("now/services/a.service"))
	c.want("done", "read", config)
	c.want("done", "read", "/proc/self/status")
	c.want("done", "read", "/etc/hosts")
	c.want("done", "read", bundle)
	c.want("done", "read", in("bundle/b/ca.pem"))

	c.want("denied", "read", "/etc/passwd")
	c.want("denied", "read", secret)
	c.want("denied", "read by older threads", secret)
	c.want("denied", "list", in("else"))
	c.want("denied", "list", "/")
	c.want("denied", "replace", in("defs/services/b.service"))
	c.want("denied", "remove", file)
	c.want("denied", "make a directory", in("defs/services/sub"))
	c.want("denied", "run", secret)
	c.want("denied", "run", file)

	c.want("done", "replace", in("state/said"))
	c.want("done", "read", in("state/said"))
	c.want("done", "make a socket", in("state/socket"))
	c.want("denied", "make a socket", in("defs/services/socket"))
	c.want("done", "remove", in("state/said"))
	c.want("denied", "make a directory", in("state/sub"))

	if err := errors.Join(os.Rename(in("defs/services"), in("defs/old")), os.Rename(config, config+".old")); err != nil {
		t.Fatal(err)
	}
	write(t, file)
	c.want("done", "read", file)
	write(t, config)
	c.want("done", "read", config)
	write(t, in("releases/2/a.service"))
	link(t, in("releases/2"), in("now/services"))
	c.want("done", "read", in("now/services/a.service"))

	c.want("done", "check", in("releases/3"))
	c.want("denied", "check", secret)
	c.want("denied", "check", in("else/services"))
	link(t, in("else"), in("defs/link"))
	c.want("denied", "check", in("defs/link/secret"))
	c.want("denied", "read", in("defs/link/secret"))
}

// TestLaterPlaces wants places to be readable that appear later in directories that are not those of the system.
func TestLaterPlaces(t *testing.T) {
	dir := t.TempDir()
	c := start(t, Rules{Read: []string{filepath.Join(dir, "a/b/services"), "/etc/no-such-directory/services"}})
	c.want("done", "read", write(t, filepath.Join(dir, "a/b/services/a.service")))
	c.want("denied", "check", "/etc/no-such-directory/services")
	c.want("denied", "read", "/etc/passwd")
}

// TestReplacedPlace wants it to be known that a directory may not be read that has replaced one that is allowed.
func TestReplacedPlace(t *testing.T) {
	dir := t.TempDir()
	in := func(path string) string { return filepath.Join(dir, path) }
	file := write(t, in("services/a.service"))
	c := start(t, Rules{Read: []string{file}})
	c.want("done", "check", file)
	if err := os.Rename(in("services"), in("old")); err != nil {
		t.Fatal(err)
	}
	c.want("done", "read", in("old/a.service"))
	c.want("denied", "check", file)
	write(t, file)
	c.want("denied", "read", file)
	c.want("denied", "check", file)
	if err := errors.Join(os.RemoveAll(in("services")), os.Rename(in("old"), in("services"))); err != nil {
		t.Fatal(err)
	}
	c.want("done", "read", file)
	c.want("done", "check", file)
}

// TestTCP wants TCP for a process only as its rules have it.
func TestTCP(t *testing.T) {
	if supported() < 4 {
		skip.Now(t, "this version of Landlock does not restrict TCP")
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	words := map[bool]string{true: "done", false: "denied"}
	for _, test := range []struct {
		name            string
		listen, connect bool
	}{
		{"neither", false, false},
		{"a client", false, true},
		{"a server", true, false},
		{"both", true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := start(t, Rules{Listen: test.listen, Connect: test.connect})
			c.want(words[test.listen], "listen", "")
			c.want(words[test.connect], "connect", l.Addr().String())
		})
	}
}

// TestHangingPlace wants no attempt to confine a process if one of its places hangs: the kernel would wait for the thread.
func TestHangingPlace(t *testing.T) {
	if supported() == 0 {
		skip.Now(t, ErrUnsupported)
	}
	hanging := hangfs.Mount(t)
	hanging.Hang()
	defer hanging.GoOn()
	if _, err := Enter(func() Rules { return Rules{Read: []string{filepath.Join(hanging.Dir, "services")}} }); !errors.Is(err, errHangs) {
		t.Errorf("got %v, want %v", err, errHangs)
	}
	if err := read("/etc/passwd"); err != nil {
		t.Error("the process is confined: ", err)
	}
}

func TestGrants(t *testing.T) {
	dir := t.TempDir()
	in := func(path string) string { return filepath.Join(dir, path) }
	write(t, in("defs/services/a.service"))
	link(t, "../defs/services", in("links/services"))
	link(t, "/etc/hostname", in("links/hostname"))
	always := Rules{}.grants().read
	for _, test := range []struct{ name, path, want string }{
		{"a directory", in("defs/services"), in("defs")},
		{"a file", in("defs/services/a.service"), in("defs/services")},
		{"a link to a directory", in("links/services"), in("defs") + " " + in("links")},
		{"a file behind a link", in("links/services/a.service"), in("defs/services") + " " + in("links")},
		{"a directory that is missing", in("defs/more/services"), in("defs")},
		{"a directory of the system", "/etc", "/etc"},
		{"a directory in one of the system", "/etc/ssl", "/etc/ssl"},
		{"a file in one of the system", "/etc/hostname", "/etc/hostname"},
		{"a link to a file in one of the system", in("links/hostname"), "/etc/hostname " + in("links")},
		{"nothing in one of the system", "/etc/no-such-directory/services", ""},
		{"a device", "/dev/null", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := slices.DeleteFunc(Rules{Read: []string{test.path}}.grants().read, func(path string) bool { return slices.Contains(always, path) })
			if strings.Join(got, " ") != test.want {
				t.Errorf("%q is allowed; want %q", got, test.want)
			}
		})
	}
}

// TestEmptyPaths wants a path that is empty, as is a variable that is not set, to allow nothing. It is not the working directory.
func TestEmptyPaths(t *testing.T) {
	t.Setenv("SSL_CERT_FILE", "")
	for _, test := range []struct {
		name  string
		rules Rules
	}{
		{"of the environment", Rules{}},
		{"to read", Rules{Read: []string{""}}},
		{"to write", Rules{Write: []string{""}}},
	} {
		t.Run(test.name, func(t *testing.T) { start(t, test.rules).want("denied", "read", "sandbox.go") })
	}
}
