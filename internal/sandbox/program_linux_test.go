package sandbox

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"announcer/internal/testkit/built"
	"announcer/internal/testkit/netlab"
	"announcer/internal/testkit/printed"
	"announcer/internal/testkit/skip"
)

// patience is how long the program may take for what it does in a moment.
const patience = 30 * time.Second

const definition = `<service-group><name>NAME</name><service><type>_digiumproxy._udp</type><port>5060</port></service></service-group>`

// process is announcer at work.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *printed.Text
	read int // of the log, up to what was awaited last
}

func begin(t *testing.T, program string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program, args...), log: new(printed.Text)}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	})
	return p
}

// await waits for a text in what comes after the one that was awaited last.
func (p *process) await(text string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if at := strings.Index(p.log.String()[p.read:], text); at >= 0 {
			p.read += at + len(text)
			return
		}
	}
	p.t.Fatalf("no %q after %q in\n%s", text, p.log.String()[:p.read], p.log.String()[p.read:])
}

// end ends the program by a signal, and wants it to succeed.
func (p *process) end(signal syscall.Signal) {
	p.t.Helper()
	if err := errors.Join(p.cmd.Process.Signal(signal), p.cmd.Wait()); err != nil {
		p.t.Errorf("%v\n%s", err, p.log)
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path+".new", []byte(text), 0o644), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
}

func service(name string) string { return strings.ReplaceAll(definition, "NAME", name) }

// program builds the program, and skips the test if the kernel can't confine it.
func program(t *testing.T) string {
	t.Helper()
	netlab.Need(t)
	if supported() == 0 {
		skip.Now(t, ErrUnsupported)
	}
	return built.Announcer(t, "../..")
}

// TestDaemon wants a daemon that is confined to follow all changes of what it was started with. What it may not read is reported,
// changes nothing, and is used after a restart.
func TestDaemon(t *testing.T) {
	announcer := program(t)
	dir := t.TempDir()
	in := func(path string) string { return filepath.Join(dir, path) }
	daemon := "[daemon]\nsocket = \"" + in("run/announcer.sock") + "\"\ninterfaces = [\"lo\"]\nlog_level = \"debug\"\nservices = "
	config, outside := in("conf/announcer.toml"), in("outside/outside.service")
	put(t, config, daemon+`["../defs/services", "../releases/now", "/etc/no-such-directory/services"]`)
	put(t, in("releases/1/release.service"), service("Release 1"))
	put(t, outside, service("Outside"))
	put(t, in("more/more.service"), service("More"))
	if err := errors.Join(os.Mkdir(in("run"), 0o755), os.Mkdir(in("defs"), 0o755), os.Symlink("1", in("releases/now"))); err != nil {
		t.Fatal(err)
	}
	first := begin(t, announcer, "run", "--config", config)
	first.await(`msg="confined by Landlock"`)
	first.await(`msg=announced service="Release 1"`)

	put(t, in("defs/services/desk.service"), service("Desk 1"))
	first.await(`msg=announced service="Desk 1"`)
	if err := os.Rename(in("defs/services"), in("defs/before")); err != nil {
		t.Fatal(err)
	}
	put(t, in("defs/services/desk.service"), service("Desk 2"))
	first.await(`msg=announced service="Desk 2"`)
	put(t, in("releases/2/release.service"), service("Release 2"))
	link(t, "2", in("releases/now"))
	first.await(`msg=announced service="Release 2"`)
	put(t, config, daemon+`["../defs/services", "../releases/2", "/etc/no-such-directory/services"]`)
	first.await("added=" + in("releases/2/release.service"))

	link(t, outside, in("defs/services/link.service"))
	first.await("since its start announcer may read only what was configured then (Landlock), and not " + outside + "; want it restarted")
	put(t, config, daemon+`["../defs/services", "../more"]`)
	first.await("it is not used: since its start announcer may read only what was configured then (Landlock), and not " + in("conf/../more"))
	out, err := exec.Command(announcer, "status", "--socket", in("run/announcer.sock")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "Release 2") || strings.Contains(string(out), "Outside") {
		t.Errorf("%v: the status is\n%s", err, out)
	}
	first.end(syscall.SIGUSR1)

	second := begin(t, announcer, "run", "--config", config)
	second.await(`msg=announced service=Outside`)
	second.await(`msg=announced service=More`)
	second.end(syscall.SIGTERM)
}

// TestCommands wants the commands that are confined to do what they do, and those that are not to say why.
func TestCommands(t *testing.T) {
	announcer := program(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "defs/desk.service")
	put(t, file, service("Desk"))
	put(t, filepath.Join(dir, "firmware/2_8_1_D40_firmware.eff"), "firmware")
	const confined = `msg="confined by Landlock" version=`
	for _, test := range []struct {
		name string
		env  string
		args string
		want []string
	}{
		{"announce a file", "", "announce " + file + " --for 3s", []string{confined, "announced Desk"}},
		{"announce by flags", "", "announce --preset dpma --server 192.0.2.20 --for 3s", []string{confined, "announced DPMA"}},
		{"announce while a command runs", "", "announce " + file + " -- head -1 /etc/passwd", []string{"not confined by Landlock", "the command would be, too", "announced Desk", "root:"}},
		{"browse", "", "browse --wait 1s", []string{confined, "TYPE"}},
		{"serve firmware", "", "firmware serve " + filepath.Join(dir, "firmware") + " --for 3s --listen 127.0.0.1:0", []string{confined, "announced Phone firmware 2_8_1"}},
		{"by request", "ANNOUNCER_LANDLOCK=off", "browse --wait 1s", []string{"not confined by Landlock", "ANNOUNCER_LANDLOCK=off"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			words := strings.Fields(test.args)
			at := max(slices.Index(words, "--"), 0)
			if at == 0 {
				at = len(words)
			}
			cmd := exec.Command(announcer, slices.Insert(words, at, "--interface", "lo", "--log-level", "debug")...)
			cmd.Env = append(os.Environ(), test.env)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			for _, want := range test.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
		})
	}
}
